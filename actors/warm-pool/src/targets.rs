//! How many addresses the node should have: for those who are here, and in reserve. The knobs mean what they mean to the agent
//! we replace, counted on addresses that can really be handed out.
//!
//! With all that is used or free at hand the formulas are the same. What differs: to that agent a resting address is in
//! reserve; here it is used, until it can be handed out. So it is neither surplus nor a reason to have fewer, and it counts
//! for MINIMUM_IP_TARGET, which is about what the ENIs carry. Pinned addresses count like resting ones. What is being given
//! back to EC2 counts nowhere.

/// The warm targets that are set; an absent one has no effect of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WarmTargets {
    /// WARM_ENI_TARGET: whole ENIs in reserve. Ignored when one of the next two is set.
    pub enis: u32,
    /// WARM_IP_TARGET: addresses in reserve.
    pub addresses: Option<u32>,
    /// MINIMUM_IP_TARGET: addresses the node has at least.
    pub addresses_min: Option<u32>,
}

/// What the targets look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stock {
    /// Secondary addresses on the ENIs, without those that leave.
    pub(crate) total: u32,
    /// Of these, leased, resting or pinned; ADDs that wait for an address count, too.
    pub(crate) used: u32,
}

impl Stock {
    /// What can be handed out at once.
    fn free(self) -> u32 {
        self.total.saturating_sub(self.used)
    }
}

impl WarmTargets {
    /// Neither WARM_IP_TARGET nor MINIMUM_IP_TARGET is set: WARM_ENI_TARGET counts.
    pub(crate) fn whole_enis(&self) -> bool {
        self.addresses.is_none() && self.addresses_min.is_none()
    }

    /// The least that must be free, when ENIs count: with E = 0 the agent we replace buys as soon as nothing is.
    fn reserve(&self, per_eni: u32) -> u32 {
        self.enis.saturating_mul(per_eni).max(1)
    }

    /// How many addresses the ENIs should carry, of which each carries at most `per_eni` (0 while unknown).
    ///
    /// With WARM_IP_TARGET or MINIMUM_IP_TARGET: max(used + W, M). Otherwise used + E × N, and as long as that is not met, so
    /// many whole ENIs. It never counts a surplus: less of that is no reason to buy.
    pub(crate) fn wanted(&self, stock: Stock, per_eni: u32) -> u32 {
        if !self.whole_enis() {
            let reserve = self.addresses.unwrap_or(0);
            return stock.used.saturating_add(reserve).max(self.addresses_min.unwrap_or(0));
        }
        if per_eni == 0 {
            return stock.used;
        }
        let enough = stock.used.saturating_add(self.reserve(per_eni));
        match stock.total >= enough {
            true => enough,
            false => enough.checked_next_multiple_of(per_eni).unwrap_or(enough),
        }
    }

    /// How many single addresses are too many: max(min(free − W, total − M), 0). Where ENIs count, only whole ones are.
    pub(crate) fn over(&self, stock: Stock) -> u32 {
        if self.whole_enis() {
            return 0;
        }
        let beyond_reserve = stock.free().saturating_sub(self.addresses.unwrap_or(0));
        beyond_reserve.min(stock.total.saturating_sub(self.addresses_min.unwrap_or(0)))
    }

    /// An ENI that nobody needs can go: `rest` is what the others have.
    ///
    /// With WARM_IP_TARGET or MINIMUM_IP_TARGET: free ≥ W and total ≥ M without it. Otherwise there are E + 1 ENIs' worth of
    /// free addresses with it, and without it still no reason to buy: the agent we replace asks only the first, and with E = 0
    /// and all else in use lets an ENI go to make one at once.
    pub(crate) fn spares(&self, stock: Stock, rest: Stock, per_eni: u32) -> bool {
        if !self.whole_enis() {
            return rest.free() >= self.addresses.unwrap_or(0)
                && rest.total >= self.addresses_min.unwrap_or(0);
        }
        let enough = self.enis.saturating_add(1).saturating_mul(per_eni);
        per_eni > 0 && stock.free() >= enough && rest.free() >= self.reserve(per_eni)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(warm: u32, minimum: u32) -> WarmTargets {
        WarmTargets { enis: 1, addresses: Some(warm), addresses_min: Some(minimum) }
    }

    fn enis(enis: u32) -> WarmTargets {
        WarmTargets { enis, ..WarmTargets::default() }
    }

    fn stock(total: u32, used: u32) -> Stock {
        Stock { total, used }
    }

    /// (W, M, total, assigned, short, over): the vectors of the agent we replace, with nothing resting.
    #[test]
    fn warm_address_targets_are_short_and_over_where_those_of_the_agent_we_replace_are() {
        for (warm, minimum, total, assigned, short, over) in [
            (5, 0, 0, 0, 5, 0),
            (5, 0, 2, 0, 3, 0),
            (5, 0, 9, 4, 0, 0),
            (5, 0, 9, 8, 4, 0),
            (2, 12, 9, 3, 3, 0),
            (2, 12, 20, 3, 0, 8),
            (0, 10, 10, 10, 0, 0),
            (1, 1, 49, 0, 0, 48),
        ] {
            let (targets, stock) = (addresses(warm, minimum), stock(total, assigned));
            let told = (targets.wanted(stock, 14).saturating_sub(total), targets.over(stock));
            assert_eq!(told, (short, over), "W={warm} M={minimum} total={total} assigned={assigned}");
        }
    }

    /// (N, E, total, used, too low?)
    #[test]
    fn whole_enis_are_wanted_when_less_than_that_is_free() {
        for (per_eni, reserve, total, used, low) in [
            (14, 1, 0, 0, true),
            (14, 0, 0, 0, true),
            (3, 1, 3, 0, false),
            (3, 1, 3, 1, true),
            (3, 0, 3, 1, false),
            (3, 0, 3, 3, true),
        ] {
            let wanted = enis(reserve).wanted(stock(total, used), per_eni);
            assert_eq!(wanted > total, low, "N={per_eni} E={reserve} total={total} used={used}");
        }
    }

    /// An m5.large carries 9 pods on an ENI: the second ENI is wanted with the first pod, and the third with the tenth.
    #[test]
    fn the_reserve_grows_by_whole_enis() {
        for (total, used, wanted) in [(0, 0, 9), (9, 1, 18), (18, 9, 18), (18, 10, 27), (27, 19, 36)] {
            assert_eq!(enis(1).wanted(stock(total, used), 9), wanted, "total={total} used={used}");
        }
        assert_eq!(enis(1).wanted(stock(5, 5), 0), 5);
        assert_eq!(enis(0).wanted(stock(0, 4), 9), 9);
    }

    /// (E, total, used, carried by the ENI in question, can it go?), N = 9.
    #[test]
    fn an_eni_is_spared_when_one_more_than_the_reserve_is_free() {
        for (reserve, total, used, carried, spared) in [
            (1, 27, 0, 9, true),
            (1, 27, 9, 9, true),
            (1, 27, 10, 9, false),
            (1, 18, 0, 9, true),
            (1, 18, 1, 9, false),
            (0, 18, 0, 9, true),
            (0, 18, 8, 9, true),
            (0, 18, 9, 9, false),
            (1, 20, 0, 2, true),
        ] {
            let (all, rest) = (stock(total, used), stock(total - carried, used));
            let told = enis(reserve).spares(all, rest, 9);
            assert_eq!(told, spared, "E={reserve} total={total} used={used} carried={carried}");
        }
        assert!(!enis(0).spares(stock(18, 0), stock(9, 0), 0));
    }

    /// (W, M, total of the others, used on them, can it go?)
    #[test]
    fn an_eni_is_spared_when_the_others_meet_both_address_targets() {
        for (warm, minimum, total, used, spared) in [
            (2, 0, 9, 7, true),
            (2, 0, 9, 8, false),
            (0, 9, 9, 9, true),
            (0, 10, 9, 3, false),
            (2, 9, 9, 7, true),
        ] {
            let (all, rest) = (stock(total + 4, used), stock(total, used));
            let told = addresses(warm, minimum).spares(all, rest, 9);
            assert_eq!(told, spared, "W={warm} M={minimum} total={total} used={used}");
        }
    }

    /// Whatever is let go is not bought again, and whatever is bought is not too much.
    #[test]
    fn what_is_surplus_is_never_wanted() {
        for (warm, minimum, reserve, total, used) in (0..5_u32.pow(5)).map(|n| {
            let digit = |place: u32| n / 5_u32.pow(place) % 5;
            (digit(0), digit(1) * 2, digit(2), digit(3) * 4, digit(4) * 4)
        }) {
            let used = used.min(total);
            let (all, targets) = (stock(total, used), addresses(warm, minimum));
            let rest = stock(total - targets.over(all), used);
            assert!(targets.wanted(all, 4) <= rest.total || targets.over(all) == 0);
            assert_eq!(targets.over(rest), 0);
            let bought = stock(targets.wanted(all, 4).max(used), used);
            assert_eq!(targets.over(bought), 0, "{targets:?} {all:?}");
            let targets = enis(reserve);
            let rest = stock(total.saturating_sub(4), used.min(total.saturating_sub(4)));
            if targets.spares(all, rest, 4) {
                assert!(targets.wanted(all, 4) <= rest.total && targets.wanted(rest, 4) <= rest.total);
            }
            let bought = stock(targets.wanted(all, 4), used);
            let rest = stock(bought.total.saturating_sub(4), used);
            assert!(total > bought.total || !targets.spares(bought, rest, 4), "{targets:?} {all:?}");
        }
    }
}
