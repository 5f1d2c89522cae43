//! How many addresses the node should have: for those who are here, and in reserve. The knobs mean what they mean to the
//! agent we replace, counted on addresses that can really be handed out: a resting address is no reserve.

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

impl WarmTargets {
    /// Neither WARM_IP_TARGET nor MINIMUM_IP_TARGET is set: WARM_ENI_TARGET counts.
    pub(crate) fn whole_enis(&self) -> bool {
        self.addresses.is_none() && self.addresses_min.is_none()
    }

    /// How many addresses the ENIs should carry, when `used` of them are leased, resting or pinned, and one ENI carries at
    /// most `per_eni` (0 while unknown).
    ///
    /// With WARM_IP_TARGET or MINIMUM_IP_TARGET: max(used + W, M). Otherwise whole ENIs: used + E × N, rounded up to whole
    /// ENIs, so that not every pod costs a call; with E = 0 one more ENI's worth once nothing is free.
    pub(crate) fn wanted(&self, used: u32, free: u32, per_eni: u32) -> u32 {
        if self.whole_enis() {
            return match self.enis {
                0 if free == 0 => used.saturating_add(per_eni),
                0 => used.saturating_add(free),
                enis => whole(used.saturating_add(per_eni.saturating_mul(enis)), per_eni),
            };
        }
        let reserve = self.addresses.unwrap_or(0);
        used.saturating_add(reserve).max(self.addresses_min.unwrap_or(0))
    }
}

/// `addresses`, rounded up to whole ENIs; as they are while it is unknown how many an ENI carries.
fn whole(addresses: u32, per_eni: u32) -> u32 {
    addresses.checked_next_multiple_of(per_eni).unwrap_or(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (W, M, total, assigned, short): the vectors of the agent we replace, with nothing resting.
    #[test]
    fn warm_address_targets_fall_short_by_what_the_agent_we_replace_falls_short() {
        for (warm, minimum, total, assigned, short) in [
            (5, 0, 0, 0, 5),
            (5, 0, 2, 0, 3),
            (5, 0, 9, 4, 0),
            (5, 0, 9, 8, 4),
            (2, 12, 9, 3, 3),
            (2, 12, 20, 3, 0),
            (0, 10, 10, 10, 0),
            (1, 1, 49, 0, 0),
        ] {
            let targets = WarmTargets { enis: 1, addresses: Some(warm), addresses_min: Some(minimum) };
            let wanted = targets.wanted(assigned, total - assigned, 14);
            assert_eq!(
                wanted.saturating_sub(total),
                short,
                "W={warm} M={minimum} total={total} assigned={assigned}"
            );
        }
    }

    /// (N, E, total, used, too low?)
    #[test]
    fn whole_enis_are_wanted_when_less_than_that_is_free() {
        for (per_eni, enis, total, used, low) in [
            (14, 1, 0, 0, true),
            (14, 0, 0, 0, true),
            (3, 1, 3, 0, false),
            (3, 1, 3, 1, true),
            (3, 0, 3, 1, false),
            (3, 0, 3, 3, true),
        ] {
            let targets = WarmTargets { enis, addresses: None, addresses_min: None };
            let wanted = targets.wanted(used, total - used, per_eni);
            assert_eq!(wanted > total, low, "N={per_eni} E={enis} total={total} used={used}");
        }
    }

    /// An m5.large carries 9 pods on an ENI: the second ENI is wanted with the first pod, and the third with the tenth.
    #[test]
    fn the_reserve_grows_by_whole_enis() {
        let targets = WarmTargets { enis: 1, addresses: None, addresses_min: None };
        for (used, wanted) in [(0, 9), (1, 18), (9, 18), (10, 27), (18, 27), (19, 36)] {
            assert_eq!(targets.wanted(used, 0, 9), wanted, "used={used}");
        }
        assert_eq!(targets.wanted(5, 0, 0), 5);
    }
}
