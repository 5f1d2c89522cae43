//! Snapshots: published whole, the latest wins, and who starts late still reads the newest. A level, never an edge.

use crate::level::{Reader, Writer};

/// Where the owner of a fact puts its newest snapshot.
#[derive(Debug, Clone)]
pub struct Publisher<T> {
    value: Writer<Option<T>>,
}

impl<T: Clone + Send + Sync + 'static> Publisher<T> {
    /// Nothing published yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            value: Writer::new(None),
        }
    }

    /// Replaces the snapshot. Never blocks and never fails; without readers it is kept for who comes later.
    pub fn publish(&self, snapshot: T) {
        self.value.set(Some(snapshot));
    }

    /// A reader of its own.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<T> {
        Subscription {
            value: self.value.reader(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Default for Publisher<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A reader of snapshots.
#[derive(Debug, Clone)]
pub struct Subscription<T> {
    value: Reader<Option<T>>,
}

impl<T: Clone + Send + Sync + 'static> Subscription<T> {
    /// The newest snapshot, if there is one.
    #[must_use]
    pub fn latest(&self) -> Option<T> {
        self.value.read().clone()
    }

    /// The newest snapshot, once there is one, and marks it seen. `None`: the publisher is gone.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            if let Some(snapshot) = self.value.see().clone() {
                return Some(snapshot);
            }
            if !self.value.changed().await {
                return None;
            }
        }
    }

    /// Waits until there is one newer than the last seen. `false`: the publisher is gone.
    pub async fn changed(&mut self) -> bool {
        self.value.changed().await
    }
}
