//! To EniManager: how many addresses are wanted, and where there is room. It speaks to EC2; nobody else changes anything there.

use crate::Reply;
use crate::causes::Cause;
use crate::model::{Leaving, SubnetView};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

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
    /// The reserve counts whole ENIs: one that is made for it is made as large as the instance type allows. Otherwise it
    /// carries what is short.
    pub whole_enis: bool,
}

/// What became of something that was let go, and that EC2 took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// It is gone.
    Wholly,
    /// EC2 has given the ENI these of it again since: they are as good as any other. The rest is on its way still, and is to be
    /// asked for again.
    GivenAgain(BTreeSet<Ipv4Addr>),
}

/// Mail for EniManager.
#[derive(Debug)]
pub enum EniMail {
    /// WarmPool's newest demand.
    Demand(Demand),
    /// SubnetScout's newest view.
    Subnets(SubnetView),
    /// WarmPool lets go what nobody uses, and has written down that it hands none of it out any more. Asking again is
    /// harmless. Answered once EC2 itself has shown that it is gone, or, with the reason, that it stays; an asker who hears
    /// nothing knows nothing, and asks again.
    LetGo {
        /// What.
        leaving: Leaving,
        /// Gone, or why it stays.
        reply: Reply<Result<Gone, Cause>>,
    },
}
