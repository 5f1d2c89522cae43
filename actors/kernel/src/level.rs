//! A value that many watch: read at once, and waited for in the order of waiting. It decides nothing about what it holds.
//!
//! tokio's `watch` wakes its waiters in an order drawn by lot, so that the same seed would give another trace each time. Here it
//! keeps the value, and a `Notify` wakes.

use futures::FutureExt;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// The writing side. Clones write the same value.
#[derive(Debug)]
pub(crate) struct Writer<T> {
    // Dropped before the bell: who is woken by the last bell finds the value without a writer.
    value: watch::Sender<T>,
    bell: Arc<Bell>,
}

/// The reading side.
#[derive(Debug)]
pub(crate) struct Reader<T> {
    value: watch::Receiver<T>,
    rung: Arc<Notify>,
}

/// Rings for the last time when its last writer is gone.
#[derive(Debug)]
struct Bell {
    rung: Arc<Notify>,
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.rung.notify_waiters();
    }
}

impl<T> Writer<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: watch::Sender::new(value), bell: Arc::new(Bell { rung: Arc::default() }) }
    }

    pub(crate) fn set(&self, value: T) {
        self.value.send_replace(value);
        self.bell.rung.notify_waiters();
    }

    /// Changes it if `change` says that it did.
    pub(crate) fn set_if(&self, change: impl FnOnce(&mut T) -> bool) {
        if self.value.send_if_modified(change) {
            self.bell.rung.notify_waiters();
        }
    }

    pub(crate) fn read(&self) -> watch::Ref<'_, T> {
        self.value.borrow()
    }

    pub(crate) fn reader(&self) -> Reader<T> {
        Reader { value: self.value.subscribe(), rung: self.bell.rung.clone() }
    }
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), bell: self.bell.clone() }
    }
}

impl<T> Reader<T> {
    pub(crate) fn read(&self) -> watch::Ref<'_, T> {
        self.value.borrow()
    }

    /// And marks it seen.
    pub(crate) fn see(&mut self) -> watch::Ref<'_, T> {
        self.value.borrow_and_update()
    }

    /// Waits until it is another than the last seen, and marks it seen. `false`: no writer is left.
    pub(crate) async fn changed(&mut self) -> bool {
        loop {
            // Made first, looked then: it hears of every change from its making on.
            let rung = self.rung.notified();
            if let Some(changed) = self.value.changed().now_or_never() {
                return changed.is_ok();
            }
            rung.await;
        }
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), rung: self.rung.clone() }
    }
}
