//! What the kernel tells unasked. It is folded into the reading in hand, so that what somebody took away is missed at once; but
//! acted on is only what a reading confirms. While the kernel cannot be listened to, it is looked at more often.

use std::time::Duration;

use contract::causes::Cause;
use contract::ports::host::{HostError, HostEvent};

use super::{RouteAction, RouteProgrammer};
use crate::plan::{News, fold};

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
                self.reads.missed = self.reads.begun;
            }
        }
    }

    fn take(&mut self, event: HostEvent) {
        match event {
            HostEvent::Lost => {
                self.reads.missed = self.reads.begun;
                self.table.look_again();
            }
            HostEvent::NftTable => self.table.look_again(),
            told => {
                let news = News::Heard(told);
                self.survey_stale |= fold(&mut self.host, &news);
                self.reads.note(news);
            }
        }
    }
}
