//! What must hold of the pool after every step; a violation is a bug here, in words.

use contract::model::LeasePhase;

use crate::state::Pool;

impl Pool {
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.leases.len() != self.taken.len() {
            found.push(format!("{} leases hold {} addresses", self.leases.len(), self.taken.len()));
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
            let on_its_way = matches!(held.lease.phase, LeasePhase::Reserved | LeasePhase::Wired);
            if on_its_way && held.stream.is_none() && held.undo_at.is_none() {
                found.push(format!("{address} is on its way to nobody, and is not undone"));
            }
            if held.lease.phase != LeasePhase::Releasing && !held.released.is_empty() {
                found.push(format!("a DEL waits for {address}, which is not being released"));
            }
        }
        for eni in &self.enis.enis {
            let leaves = |address: &&std::net::Ipv4Addr| self.departures.takes(&eni.id, address);
            let carried = || eni.addresses.iter().map(|on| &on.address).filter(leaves);
            found.extend(
                carried().filter(|on| self.taken.contains(on)).map(|on| format!("{on} is leased and leaves")),
            );
        }
        if self.line.len() > self.config.line_bound as usize {
            found.push(format!("{} stand in a line of {}", self.line.len(), self.config.line_bound));
        }
        if self.disk.answers.iter().any(|pending| pending.needs <= self.disk.durable) {
            found.push("an answer waits for what is durable already".to_owned());
        }
        if self.disk.durable > self.disk.revision {
            found.push("more is durable than was ever changed".to_owned());
        }
        found
    }
}
