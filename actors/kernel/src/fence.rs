//! The fence of one incarnation: alive, condemned with a cause, or revoked. No effect starts behind a revoked fence; what is
//! under way is dropped at its next await; what cannot be dropped is held, and drained before the next incarnation starts.

use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;

use crate::level::Writer;
use crate::verdict::Death;

/// One incarnation's right to act. Clones are the same fence.
#[derive(Debug, Clone)]
pub struct Fence {
    incarnation: u64,
    standing: Writer<Standing>,
    holds: watch::Sender<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Alive,
    /// Its death is certain and its cause known; the kernel has not taken it down yet.
    Condemned(Death),
    Revoked,
}

/// The incarnation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("incarnation {0} is over")]
pub struct Revoked(pub u64);

/// An effect that cannot be dropped half-way; the next incarnation waits for it, bounded.
#[derive(Debug)]
pub struct Hold {
    holds: watch::Sender<usize>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.send_modify(|held| *held = held.saturating_sub(1));
    }
}

impl Fence {
    pub(crate) fn new(incarnation: u64) -> Self {
        Self { incarnation, standing: Writer::new(Standing::Alive), holds: watch::Sender::new(0) }
    }

    /// Which life this is, from 1.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// To be asked right before an effect that the outside sees. It may be over a moment later: what must not be overtaken takes
    /// [`hold`](Self::hold).
    ///
    /// # Errors
    /// When the incarnation is over.
    pub fn check(&self) -> Result<(), Revoked> {
        if self.is_over() { Err(Revoked(self.incarnation)) } else { Ok(()) }
    }

    /// Holds the next incarnation back until the effect has ended (an fsync, a child process).
    ///
    /// # Errors
    /// When the incarnation is over: then the effect must not start.
    pub fn hold(&self) -> Result<Hold, Revoked> {
        // Counted first, checked then: whoever revokes in between sees the hold.
        self.holds.send_modify(|held| *held += 1);
        let hold = Hold { holds: self.holds.clone() };
        self.check().map(|()| hold)
    }

    /// Resolves when the incarnation is over.
    pub async fn revoked(&self) {
        let mut standing = self.standing.reader();
        // The writer is this fence: it outlives the wait.
        while *standing.see() == Standing::Alive && standing.changed().await {}
    }

    /// Runs `work` until it ends or the incarnation does; nothing of it starts after that.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.revoked() => None,
            done = work => Some(done),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.standing.read() != Standing::Alive
    }

    /// The first cause wins.
    pub(crate) fn condemn(&self, death: Death) {
        self.standing.set_if(|standing| {
            let first = *standing == Standing::Alive;
            if first {
                *standing = Standing::Condemned(death);
            }
            first
        });
    }

    pub(crate) fn revoke(&self) {
        self.standing.set(Standing::Revoked);
    }

    /// The cause, once it is condemned; `None` once it is revoked.
    pub(crate) async fn verdict(&self) -> Option<Death> {
        self.revoked().await;
        match &*self.standing.read() {
            Standing::Condemned(death) => Some(death.clone()),
            Standing::Alive | Standing::Revoked => None,
        }
    }

    /// Waits for what is held, at most this long; whether all of it ended.
    pub(crate) async fn drained(&self, at_most: Duration) -> bool {
        let mut holds = self.holds.subscribe();
        tokio::time::timeout(at_most, holds.wait_for(|held| *held == 0)).await.is_ok()
    }
}
