//! What is asked of a subnet and what it gave, in either family. Data only.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What is asked of a subnet. Named addresses and prefixes come first, then counted prefixes, then counted addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want<A = Ipv4Addr, P = Ipv4Net> {
    pub(crate) addresses: Vec<A>,
    pub(crate) address_count: u32,
    pub(crate) prefixes: Vec<P>,
    pub(crate) prefix_count: u32,
}

/// What a subnet gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted<A = Ipv4Addr, P = Ipv4Net> {
    pub(crate) addresses: Vec<A>,
    pub(crate) prefixes: Vec<P>,
}

/// What is asked in IPv6.
pub(crate) type Want6 = Want<Ipv6Addr, Ipv6Net>;
/// What was given in IPv6.
pub(crate) type Granted6 = Granted<Ipv6Addr, Ipv6Net>;

// === impl Want ===

impl<A, P> Want<A, P> {
    /// Slots of an ENI this would fill: a prefix fills one.
    pub(crate) fn slots(&self) -> u32 {
        let named = u32::try_from(self.addresses.len() + self.prefixes.len()).unwrap_or(u32::MAX);
        named.saturating_add(self.address_count).saturating_add(self.prefix_count)
    }

    /// In how many of the four ways something is asked for.
    pub(crate) fn ways(&self) -> usize {
        [!self.addresses.is_empty(), self.address_count > 0, !self.prefixes.is_empty(), self.prefix_count > 0]
            .into_iter()
            .filter(|asked| *asked)
            .count()
    }
}

// Not derived: nothing of the default needs a default address.
impl<A, P> Default for Want<A, P> {
    fn default() -> Self {
        Self { addresses: Vec::new(), address_count: 0, prefixes: Vec::new(), prefix_count: 0 }
    }
}

// === impl Granted ===

impl<A, P> Default for Granted<A, P> {
    fn default() -> Self {
        Self { addresses: Vec::new(), prefixes: Vec::new() }
    }
}
