//! Snapshots: published whole, the latest wins, and who starts late still reads the newest. A level, never an edge.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::level::{Reader, Writer};

/// Where the owner of a fact puts its newest snapshot.
#[derive(Debug, Clone)]
pub struct Publisher<T> {
    /// The newest, and how many there were.
    value: Writer<(u64, Option<T>)>,
}

impl<T: Clone + Send + Sync + 'static> Publisher<T> {
    /// Nothing published yet.
    #[must_use]
    pub fn new() -> Self {
        Self { value: Writer::new((0, None)) }
    }

    /// Replaces the snapshot. Never blocks and never fails; without readers it is kept for who comes later.
    pub fn publish(&self, snapshot: T) {
        self.value.set_if(|(number, newest)| {
            *number += 1;
            *newest = Some(snapshot);
            true
        });
    }

    /// A reader of its own.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<T> {
        Subscription { value: self.value.reader() }
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
    value: Reader<(u64, Option<T>)>,
}

impl<T: Clone + Send + Sync + 'static> Subscription<T> {
    /// The newest snapshot, if there is one.
    #[must_use]
    pub fn latest(&self) -> Option<T> {
        self.value.read().1.clone()
    }

    /// The newest snapshot, once there is one, and marks it seen. `None`: the publisher is gone.
    pub async fn next(&mut self) -> Option<T> {
        self.next_numbered().await.map(|(_, snapshot)| snapshot)
    }

    /// The same, and which it is.
    pub(crate) async fn next_numbered(&mut self) -> Option<(u64, T)> {
        loop {
            if let (number, Some(snapshot)) = self.value.see().clone() {
                return Some((number, snapshot));
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

/// A snapshot that lives died over: known across lives, or it would be the death of each.
#[derive(Debug, Default)]
pub(crate) struct Suspect {
    number: AtomicU64,
    deaths: AtomicU64,
}

/// Lives that one snapshot may cost.
const DEATHS_PER_SNAPSHOT: u64 = 2;

impl Suspect {
    pub(crate) fn is_poison(&self, number: u64) -> bool {
        self.number.load(Ordering::Acquire) == number
            && self.deaths.load(Ordering::Acquire) >= DEATHS_PER_SNAPSHOT
    }

    /// A life died over the snapshot of this number. One life at a time does.
    pub(crate) fn blame(&self, number: u64) {
        if self.number.swap(number, Ordering::AcqRel) == number {
            self.deaths.fetch_add(1, Ordering::AcqRel);
        } else {
            self.deaths.store(1, Ordering::Release);
        }
    }
}
