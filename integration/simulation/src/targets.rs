//! What the settings ask of the pool, by the words of their documentation: when the node has too few addresses, when too many,
//! and which of its ENIs it should not have. Written again from there: it shares nothing with the node's own sums.

/// The settings, and what the instance type allows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Targets {
    /// Addresses of pods on one ENI.
    pub(crate) per_eni: u32,
    /// ENIs the node may have.
    pub(crate) enis_max: u32,
    /// `WARM_IP_TARGET`; 0 is unset.
    pub(crate) warm_ip: u32,
    /// `MINIMUM_IP_TARGET`; 0 is unset.
    pub(crate) minimum_ip: u32,
    /// `WARM_ENI_TARGET`.
    pub(crate) warm_eni: u32,
}

/// One ENI at rest: nothing on it cools or leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bearer {
    pub(crate) primary: bool,
    /// Its secondary addresses.
    pub(crate) total: u32,
    /// Of these, in use.
    pub(crate) used: u32,
}

impl Bearer {
    fn free(&self) -> u32 {
        self.total.saturating_sub(self.used)
    }
}

impl Targets {
    /// Addresses the node could have at most.
    pub(crate) fn capacity(&self) -> u32 {
        self.enis_max.saturating_mul(self.per_eni)
    }

    fn counts_addresses(&self) -> bool {
        self.warm_ip > 0 || self.minimum_ip > 0
    }

    /// What is to be free where whole ENIs count.
    fn reserve(&self) -> u32 {
        self.warm_eni.saturating_mul(self.per_eni).max(1)
    }

    /// The most addresses that are of any use when so many are wanted by pods or rest after them.
    pub(crate) fn useful(&self, wanted: u32) -> u32 {
        if self.counts_addresses() {
            return wanted.saturating_add(self.warm_ip).max(self.minimum_ip);
        }
        let enough = wanted.saturating_add(self.reserve());
        enough.checked_next_multiple_of(self.per_eni).unwrap_or(enough)
    }

    /// What is wrong with a node at rest that has these ENIs.
    pub(crate) fn complaint(&self, bearers: &[Bearer]) -> Option<String> {
        let total: u32 = bearers.iter().map(|bearer| bearer.total).sum();
        let free: u32 = bearers.iter().map(Bearer::free).sum();
        let short = match self.counts_addresses() {
            true => self.warm_ip.saturating_sub(free).max(self.minimum_ip.saturating_sub(total)),
            false => self.reserve().saturating_sub(free),
        };
        if short > 0 && total < self.capacity() {
            return Some(format!("{short} addresses are missing: {self:?} {bearers:?}"));
        }
        let over = free.saturating_sub(self.warm_ip).min(total.saturating_sub(self.minimum_ip));
        if self.counts_addresses() && over > 0 {
            return Some(format!("{over} addresses are too many: {self:?} {bearers:?}"));
        }
        let spare = |bearer: &Bearer| {
            let (others, others_free) = (total - bearer.total, free - bearer.free());
            !bearer.primary
                && bearer.used == 0
                && match self.counts_addresses() {
                    true => others_free >= self.warm_ip && others >= self.minimum_ip,
                    false => {
                        let one_more = self.warm_eni.saturating_add(1).saturating_mul(self.per_eni);
                        free >= one_more && others_free >= self.reserve()
                    }
                }
        };
        let spare = bearers.iter().any(spare);
        spare.then(|| format!("an ENI could go: {self:?} {bearers:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENIS: Targets = Targets { per_eni: 9, enis_max: 3, warm_ip: 0, minimum_ip: 0, warm_eni: 1 };
    const ADDRESSES: Targets = Targets { warm_ip: 2, minimum_ip: 10, ..ENIS };

    fn node(enis: &[(u32, u32)]) -> Vec<Bearer> {
        let bearer = |(at, (total, used)): (usize, &(u32, u32))| Bearer {
            primary: at == 0,
            total: *total,
            used: *used,
        };
        enis.iter().enumerate().map(bearer).collect()
    }

    #[test]
    fn a_node_is_complained_of_when_it_has_too_few_or_too_many() {
        for (targets, enis, complaint) in [
            (ENIS, &[(9, 0)][..], None),
            (ENIS, &[(9, 1)], Some("1 addresses are missing")),
            (ENIS, &[(9, 1), (9, 0)], None),
            (ENIS, &[(9, 0), (9, 0)], Some("an ENI could go")),
            (ENIS, &[(9, 9), (9, 9), (9, 9)], None),
            (ADDRESSES, &[(9, 0), (1, 0)], None),
            (ADDRESSES, &[(9, 0), (2, 0)], Some("1 addresses are too many")),
            (ADDRESSES, &[(9, 9), (1, 0)], Some("1 addresses are missing")),
            (ADDRESSES, &[(9, 8), (9, 8), (0, 0)], Some("an ENI could go")),
        ] {
            let told = targets.complaint(&node(enis));
            let same = match (&told, complaint) {
                (None, None) => true,
                (Some(told), Some(complaint)) => told.starts_with(complaint),
                _ => false,
            };
            assert!(same, "{enis:?}: {told:?}");
        }
    }
}
