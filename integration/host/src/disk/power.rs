//! The power goes away: of all states that are allowed then, one is chosen.

use super::{Content, Disk};

impl Disk {
    /// Leaves one of the states that a loss of power may leave, and forgets the others. `choose` answers each choice among so
    /// many, 0 being "as the program saw it": for each name any file it stood for since the directory was synced, each by
    /// itself, so renames are lost and reordered among each other and against data; for each file with content that was not
    /// synced any length of it, the rest missing, zero or garbage. A fault is over.
    pub fn power_loss(&mut self, mut choose: impl FnMut(usize) -> usize) {
        for name in self.names.values_mut() {
            let earlier = choose(name.earlier.len() + 1).checked_sub(1);
            if let Some(earlier) = earlier.and_then(|at| name.earlier.get(at)) {
                name.now = *earlier;
            }
            name.earlier.clear();
            name.given_up = 0;
        }
        self.forget_the_unnamed();
        for content in self.files.values_mut() {
            content.lose(&mut choose);
        }
        self.fault = None;
    }
}

impl Content {
    fn lose(&mut self, choose: &mut impl FnMut(usize) -> usize) {
        if self.bytes != self.durable {
            let unsynced = self.bytes.len().saturating_sub(self.durable.len());
            let cut = self.bytes.len().saturating_sub(choose(unsynced + 1));
            match choose(3) {
                0 => self.bytes.truncate(cut),
                1 => self.bytes.iter_mut().skip(cut).for_each(|byte| *byte = 0),
                _ => self.bytes.iter_mut().skip(cut).for_each(|byte| *byte ^= 0x5a),
            }
            self.changes += 1;
        }
        self.durable.clone_from(&self.bytes);
        self.given_up = false;
    }
}
