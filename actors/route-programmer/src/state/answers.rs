//! Shapes of refusals that this room gives.

use contract::causes::Cause;
use contract::ports::host::{HostChange, HostError};

use super::JOBS_MAX;
use crate::plan::in_words;

/// More is waiting than any node can need: something upstream repeats itself.
pub(super) fn overrun() -> Cause {
    Cause::RoomUnavailable { room: "route-programmer", detail: format!("{JOBS_MAX} requests are waiting") }
}

/// A reading failed.
pub(super) fn unread(error: &HostError) -> Cause {
    Cause::HostWiring { step: "read the host".to_owned(), detail: error.to_string() }
}

/// A reading came to an end and is not whole.
pub(super) fn incomplete() -> Cause {
    Cause::HostWiring {
        step: "read the host".to_owned(),
        detail: "it changed faster than it could be read".to_owned(),
    }
}

/// A change failed: which one, and what the kernel said.
pub(super) fn stopped_at(change: Option<&HostChange>, error: &HostError) -> Cause {
    let step = change.map_or_else(|| "change the host".to_owned(), in_words);
    Cause::HostWiring { step, detail: error.to_string() }
}
