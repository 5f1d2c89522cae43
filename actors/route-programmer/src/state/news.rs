//! What the kernel tells unasked. It is folded into the reading in hand, so that what somebody took away is missed at once, and a
//! reading confirms it before anything is done about it. While the kernel cannot be listened to, it is looked at more often.

use std::time::Duration;

use contract::causes::Cause;
use contract::model::TableId;
use contract::ports::host::{HostChange, HostError, HostEvent};

use super::{RouteAction, RouteProgrammer};
use crate::plan::{Difference, TABLES, hear};

/// The longest silence that is waited for: shorter than what tells a call that never answers.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The host is read this often though the kernel tells of changes: addresses behind a link change without its telling.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// And this often while it cannot be listened to.
const LOOK_EVERY_DEAF: Duration = Duration::from_secs(30);

/// Pause after listening failed.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);

/// Whether the kernel is listened to.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    under_way: bool,
    again_at: Duration,
    /// Why it is not.
    pub(crate) trouble: Option<Cause>,
}

impl Listening {
    /// How often the host is to be looked at though nobody asks for it.
    pub(crate) fn look_every(&self) -> Duration {
        if self.trouble.is_some() { LOOK_EVERY_DEAF } else { LOOK_EVERY }
    }
}

impl RouteProgrammer {
    /// Listens, unless it does; when to try again.
    pub(crate) fn turn_news(&mut self, now: Duration) -> Option<Duration> {
        if self.listening.under_way {
            return None;
        }
        if self.listening.again_at > now {
            return Some(self.listening.again_at);
        }
        self.listening.under_way = true;
        self.outbox.push(RouteAction::Listen);
        None
    }

    /// The kernel told something, or was silent for long.
    pub(crate) fn heard(&mut self, result: Result<Vec<HostEvent>, HostError>, now: Duration) {
        self.listening.under_way = false;
        match result {
            Ok(events) => {
                self.listening.trouble = None;
                events.into_iter().for_each(|event| self.take(event));
            }
            Err(error) => {
                let step = "listen to the kernel".to_owned();
                self.listening.trouble = Some(Cause::HostWiring { step, detail: error.to_string() });
                self.listening.again_at = now + LISTEN_AGAIN;
                self.reads.miss();
            }
        }
    }

    fn take(&mut self, event: HostEvent) {
        match event {
            HostEvent::Lost => {
                self.reads.miss();
                self.table.look_again();
            }
            HostEvent::NftTable => self.table.look_again(),
            HostEvent::Route(route) if !is_ours_to_watch(route.table, route.via.is_some()) => {}
            told => {
                self.doubted |= self.under_way.values().flatten().any(|change| undoes(&told, change));
                let difference = hear(&mut self.host, &told);
                self.survey_stale |= difference != Difference::None;
                // A reading under way may have passed the place already; what is told may be older than it. It is not folded in.
                if difference == Difference::Less && self.reads.under_way() {
                    self.reads.miss();
                }
            }
        }
    }
}

/// Routes that say anything about pods and ENIs: a node may have a hundred thousand others.
fn is_ours_to_watch(table: TableId, has_gateway: bool) -> bool {
    if table == TableId::MAIN { !has_gateway } else { TABLES.contains(&table.0) }
}

/// Whether this change, whose end is not heard of yet, was undone already, so that it must not be counted as made.
fn undoes(event: &HostEvent, change: &HostChange) -> bool {
    match (event, change) {
        (HostEvent::RuleGone(gone), HostChange::AddRule(rule)) => gone == rule,
        (HostEvent::RouteGone(gone), HostChange::PutRoute(route)) => gone == route,
        (HostEvent::RoutesReplaced { table, to, prefix_length }, HostChange::PutRoute(route)) => {
            (*table, *to, *prefix_length) == (route.table, route.to, route.prefix_length)
        }
        (HostEvent::LinkGone(gone), HostChange::PutRoute(route)) => *gone == route.ifindex,
        _ => false,
    }
}
