//! What must hold of the pool after every step; a violation is a bug here, in words.

use crate::state::Pool;

impl Pool {
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.leases.len() != self.taken.len() {
            found.push(format!(
                "{} leases hold {} addresses",
                self.leases.len(),
                self.taken.len()
            ));
        }
        for held in self.leases.values() {
            let address = held.lease.address;
            if !self.taken.contains(&address) {
                found.push(format!("{address} is leased and not taken"));
            }
            if self.cooling.contains_key(&address) {
                found.push(format!("{address} is leased and rests"));
            }
            if self.pinned.contains_key(&address) {
                found.push(format!("{address} is leased and pinned"));
            }
        }
        if self.line.len() > self.config.line_bound as usize {
            found.push(format!(
                "{} stand in a line of {}",
                self.line.len(),
                self.config.line_bound
            ));
        }
        if self.disk.durable > self.disk.revision {
            found.push("more is durable than was ever changed".to_owned());
        }
        found
    }
}
