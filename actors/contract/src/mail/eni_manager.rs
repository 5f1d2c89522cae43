//! To EniManager: how many addresses are wanted, and where there is room. It speaks to EC2; nobody else changes anything there.

use crate::model::SubnetView;

/// What WarmPool wants, published whole: a level, not an order, so that hearing it twice buys nothing twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Addresses that waiting ADDs need beyond what is free.
    pub waiting: u32,
    /// Addresses wanted in reserve beyond what is free, by the warm targets.
    pub reserve: u32,
    /// The most pods this node can run, which no reserve needs to pass; 0 if unknown.
    pub pods_max: u32,
}

/// Mail for EniManager.
#[derive(Debug)]
pub enum EniMail {
    /// WarmPool's newest demand.
    Demand(Demand),
    /// SubnetScout's newest view.
    Subnets(SubnetView),
}
