//! What the node can do without: which ENI, or which single addresses, are given back to EC2 next. Pure, and only a proposal:
//! it is let go once a reading of the kernel that began later shows that nobody carries it.

use contract::Boottime;
use contract::model::{Eni, Leaving};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::plan::count;
use crate::state::Pool;
use crate::targets::Stock;

/// An ENI stays at least so long: what was too much a moment ago may be wanted again in the next.
const ENI_STAYS: Duration = Duration::from_secs(60);

/// What may go, and when to look again if nothing happens before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Surplus {
    pub(crate) leaving: Vec<Leaving>,
    pub(crate) look_at: Option<Boottime>,
}

/// One ENI, as far as letting go is concerned.
struct Bearer<'a> {
    eni: &'a Eni,
    /// Can be handed out, and is ours by EC2's own word; ascending.
    free: Vec<Ipv4Addr>,
    /// Leased or pinned.
    held: usize,
    /// Leased, pinned or resting.
    used: usize,
}

impl Bearer<'_> {
    fn whole(&self) -> Leaving {
        let addresses = self.eni.addresses.iter().map(|on| on.address).collect();
        Leaving { eni: self.eni.id.clone(), addresses, whole: true }
    }

    /// Its `many` highest free addresses: the lowest are handed out first.
    fn some(&self, many: usize) -> Leaving {
        let addresses = self.free.iter().skip(self.free.len() - many).copied().collect();
        Leaving { eni: self.eni.id.clone(), addresses, whole: false }
    }
}

impl Pool {
    /// What is too much. Nothing while somebody waits, while EC2 has not confirmed what is attached, or while the last that
    /// was let go has not gone.
    pub(crate) fn surplus(&self, now: Boottime) -> Surplus {
        if !self.enis.complete || !self.line.is_empty() || !self.departures.is_empty() {
            return Surplus::default();
        }
        let mut bearers: Vec<Bearer<'_>> =
            self.enis.enis.iter().filter(|eni| !eni.leaving).map(|eni| self.bearer(eni)).collect();
        let stock = self.stock();
        let kept = bearers.iter().filter_map(|bearer| self.departures.kept_until(&bearer.eni.id, now)).min();
        bearers.retain(|bearer| self.departures.kept_until(&bearer.eni.id, now).is_none());
        let surplus =
            self.spare_eni(&bearers, stock, now).or_else(|| self.spare_addresses(bearers, stock, now));
        let mut surplus = surplus.unwrap_or_default();
        surplus.look_at = surplus.look_at.into_iter().chain(kept).min();
        surplus
    }

    /// What is leased or pinned and on no ENI by EC2's word. That may be wrong, or late: an ENI in whose subnet it lies stays.
    fn homeless(&self) -> Vec<Ipv4Addr> {
        let all = self.enis.enis.iter().flat_map(|eni| &eni.addresses);
        let shown: BTreeSet<Ipv4Addr> = all.map(|on| on.address).collect();
        self.taken.iter().chain(self.pinned.keys()).filter(|on| !shown.contains(on)).copied().collect()
    }

    fn bearer<'a>(&self, eni: &'a Eni) -> Bearer<'a> {
        let of_pool = |on: &Ipv4Addr| self.taken.contains(on) || self.pinned.contains_key(on);
        let all = || eni.addresses.iter().map(|on| on.address);
        let mut free: Vec<_> =
            eni.addresses.iter().filter(|on| on.confirmed && self.can_hand_out(eni, on.address)).collect();
        free.sort_unstable();
        Bearer {
            eni,
            free: free.into_iter().map(|on| on.address).collect(),
            held: all().filter(of_pool).count(),
            used: all().filter(|on| !self.can_hand_out(eni, *on)).count(),
        }
    }

    /// An ENI that the others do not need, if there is one: that with the most to give. Its single addresses stay on it until
    /// it goes as a whole, in one step.
    fn spare_eni(&self, bearers: &[Bearer<'_>], stock: Stock, now: Boottime) -> Option<Surplus> {
        let per_eni = self.addresses_per_eni();
        let spared = |bearer: &&Bearer<'_>| {
            let rest = Stock {
                total: stock.total.saturating_sub(count(bearer.eni.addresses.len())),
                used: stock.used.saturating_sub(count(bearer.used)),
            };
            bearer.held == 0 && !bearer.eni.is_primary() && self.config.targets.spares(stock, rest, per_eni)
        };
        let mut spared: Vec<_> = bearers.iter().filter(spared).collect();
        if !spared.is_empty() {
            let homeless = self.homeless();
            spared.retain(|bearer| !homeless.iter().any(|on| bearer.eni.subnet_cidr.contains(on)));
        }
        let stays_until = |bearer: &Bearer<'_>| bearer.eni.since + ENI_STAYS;
        let unused = spared.iter().filter(|bearer| bearer.free.len() == bearer.eni.addresses.len());
        let next = unused
            .clone()
            .filter(|bearer| stays_until(bearer) <= now)
            .max_by_key(|bearer| (bearer.free.len(), bearer.eni.device));
        let leaving: Vec<_> = next.into_iter().map(|bearer| bearer.whole()).collect();
        let look_at = unused.map(|bearer| stays_until(bearer)).filter(|at| *at > now).min();
        (!spared.is_empty()).then_some(Surplus { leaving, look_at })
    }

    /// Single addresses: of the ENIs that could be empty one day first, and of these the emptiest.
    fn spare_addresses(&self, mut bearers: Vec<Bearer<'_>>, stock: Stock, now: Boottime) -> Option<Surplus> {
        let mut over = self.config.targets.over(stock) as usize;
        if over == 0 {
            return None;
        }
        let not_before = self.departures.not_before();
        if not_before > now {
            return Some(Surplus { leaving: Vec::new(), look_at: Some(not_before) });
        }
        bearers.sort_by_key(|bearer| (bearer.eni.is_primary(), bearer.used, Reverse(bearer.eni.device)));
        let mut leaving = Vec::new();
        for bearer in bearers {
            let many = bearer.free.len().min(over);
            over -= many;
            if many > 0 {
                leaving.push(bearer.some(many));
            }
        }
        Some(Surplus { leaving, look_at: None })
    }
}
