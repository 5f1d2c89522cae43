//! To EniManager: how many addresses are wanted, and where there is room. It speaks to EC2; nobody else changes anything there.

use crate::model::SubnetView;

/// How many secondary addresses WarmPool wants on the node's ENIs, published whole. Totals, not increments: once the ENIs
/// carry that many, hearing it again buys nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// To serve every lease, resting or pinned address and waiting ADD.
    pub needed: u32,
    /// The same with the reserve that the warm targets ask for; at least `needed`.
    pub wanted: u32,
    /// ADDs in the waiting line: somebody waits for `needed`.
    pub waiting: u32,
}

/// Mail for EniManager.
#[derive(Debug)]
pub enum EniMail {
    /// WarmPool's newest demand.
    Demand(Demand),
    /// SubnetScout's newest view.
    Subnets(SubnetView),
}
