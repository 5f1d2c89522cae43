//! The waiting line: who stands there, in the order in which their shims began. Bounded; a waiter leaves it when it is
//! served, superseded, gone or too late, and never without an answer unless nobody is there to hear one.

use contract::mail::warm_pool::{LeaseGrant, LeaseRequest, StreamId};
use contract::model::AttachmentKey;
use contract::{Boottime, Reply, causes::Cause};
use std::collections::BTreeMap;

/// One ADD in line.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// What it asked.
    pub(crate) request: LeaseRequest,
    /// Where its answer goes.
    pub(crate) reply: Reply<Result<LeaseGrant, Cause>>,
}

/// The line. Places are (arrival, tie-break), so that mail sent again keeps its place.
#[derive(Debug, Default)]
pub(crate) struct Line {
    places: BTreeMap<(Boottime, AttachmentKey), Waiter>,
}

impl Line {
    /// How many stand in line.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Nobody does.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// When the first of them began.
    pub(crate) fn oldest(&self) -> Option<Boottime> {
        self.places.keys().next().map(|(arrived_at, _)| *arrived_at)
    }

    /// The earliest deadline in line.
    pub(crate) fn next_deadline(&self) -> Option<Boottime> {
        self.places.values().map(|waiter| waiter.request.deadline).min()
    }

    /// Takes a place.
    pub(crate) fn join(&mut self, waiter: Waiter) {
        let place = (waiter.request.arrived_at, waiter.request.key.clone());
        self.places.insert(place, waiter);
    }

    /// The waiter of this attachment leaves.
    pub(crate) fn leave(&mut self, key: &AttachmentKey) -> Option<Waiter> {
        let place = self.places.keys().find(|(_, waiting)| waiting == key)?.clone();
        self.places.remove(&place)
    }

    /// The waiter of this life line leaves; another one's stays.
    pub(crate) fn hang_up(&mut self, key: &AttachmentKey, stream: StreamId) -> Option<Waiter> {
        let place = self
            .places
            .iter()
            .find(|((_, waiting), waiter)| waiting == key && waiter.request.stream == stream)?
            .0
            .clone();
        self.places.remove(&place)
    }

    /// Those whose deadline has come leave.
    pub(crate) fn too_late(&mut self, now: Boottime) -> Vec<Waiter> {
        self.places
            .extract_if(.., |_, waiter| waiter.request.deadline <= now)
            .map(|(_, waiter)| waiter)
            .collect()
    }

    /// The attachments in line.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &AttachmentKey> {
        self.places.keys().map(|(_, key)| key)
    }
}
