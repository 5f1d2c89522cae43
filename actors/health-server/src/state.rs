//! What HealthServer knows: the newest snapshot of everybody, what is shown now, and whether HTTP is served. No clock, no I/O.

use std::net::SocketAddr;
use std::time::Duration;

use contract::mail::health_server::HealthMail;

use crate::plan::{Facts, Picture, picture};

/// Numbers are shown at most this often: snapshots come by the dozen in a burst of pods, scrapes every some seconds.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// After a start, what was shown before stays until everybody was heard, at most this long: a restart of this room alone is
/// no reason to call the node unready.
const HEAR_WITHIN: Duration = Duration::from_secs(5);

/// The first pause after the HTTP address could not be bound, doubled each time. Short, because the socket of the incarnation
/// before may be closing.
const BIND_AGAIN_FIRST: Duration = Duration::from_millis(200);

/// The longest such pause.
const BIND_AGAIN_MOST: Duration = Duration::from_secs(5);

/// What the settings decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthConfig {
    /// Where HTTP is served.
    pub bind: SocketAddr,
    /// The version of this build, for `awscni_build_info`.
    pub version: String,
    /// What the settings ask for and this version does not do, one sentence each.
    pub gaps: Vec<String>,
}

/// What HealthServer has done for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthAction {
    /// Serve HTTP there.
    Serve(SocketAddr),
    /// Show this from now on.
    Show(Box<Picture>),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthOutcome {
    /// HTTP is served, or why not.
    Served(Result<(), String>),
}

/// Whether HTTP is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Http {
    Down { again_at: Duration, failures: u32 },
    Binding { failures: u32 },
    Served,
}

/// The state of the room.
pub struct HealthServer {
    pub(crate) config: HealthConfig,
    pub(crate) facts: Facts,
    pub(crate) http: Http,
    /// The facts have changed since they were shown.
    pub(crate) changed: bool,
    /// What is shown; `None` before the first time.
    pub(crate) shown: Option<Picture>,
    pub(crate) shown_at: Duration,
    /// When the first turn was.
    pub(crate) began_at: Option<Duration>,
}

impl HealthServer {
    /// Mail arrives.
    pub(crate) fn hear(&mut self, mail: HealthMail) {
        match mail {
            HealthMail::Enis(view) => self.facts.enis = Some(view),
            HealthMail::Leases(view) => self.facts.leases = Some(view),
            HealthMail::Subnets(view) => self.facts.subnets = Some(view),
            HealthMail::Host(view) => self.facts.host = Some(view),
            HealthMail::Front(view) => self.facts.front = Some(view),
            HealthMail::Children(view) => self.facts.children = Some(view),
        }
        self.changed = true;
    }

    /// Something that was under way ended.
    pub(crate) fn learn(&mut self, outcome: HealthOutcome, now: Duration) {
        let HealthOutcome::Served(result) = outcome;
        let Err(error) = result else {
            self.http = Http::Served;
            self.changed |= self.facts.http_trouble.take().is_some();
            return;
        };
        let failures = match self.http {
            Http::Binding { failures } | Http::Down { failures, .. } => failures,
            Http::Served => 0,
        };
        let failures = failures.saturating_add(1);
        let pause = BIND_AGAIN_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
        self.http = Http::Down { again_at: now + pause.min(BIND_AGAIN_MOST), failures };
        let bind = self.config.bind;
        self.facts.http_trouble = Some(format!("HTTP on {bind} cannot be served: {error}"));
        self.changed = true;
    }

    /// The actions that are due, and when to be asked again if nothing happens.
    pub(crate) fn turn(&mut self, now: Duration) -> (Vec<HealthAction>, Option<Duration>) {
        let mut actions = Vec::new();
        let mut wake_at = None;
        if let Http::Down { again_at, failures } = self.http {
            if again_at <= now {
                self.http = Http::Binding { failures };
                actions.push(HealthAction::Serve(self.config.bind));
            } else {
                wake_at = Some(again_at);
            }
        }
        match self.show(now) {
            Ok(picture) => actions.extend(picture.map(|picture| HealthAction::Show(Box::new(picture)))),
            Err(later) => wake_at = Some(wake_at.map_or(later, |at| later.min(at))),
        }
        (actions, wake_at)
    }

    /// A new picture if one is due, or when it will be. A change of ready is shown at once.
    fn show(&mut self, now: Duration) -> Result<Option<Picture>, Duration> {
        let began_at = *self.began_at.get_or_insert(now);
        if !self.changed {
            return Ok(None);
        }
        let heard_by = began_at + HEAR_WITHIN;
        if self.shown.is_none() && !self.facts.suffice() && now < heard_by {
            return Err(heard_by);
        }
        let mut new = picture(&self.facts, &self.config.version, now);
        if let Some(old) = self.shown.as_ref().filter(|old| old.ready == new.ready) {
            new.since = old.since;
            let due_at = self.shown_at + SHOW_EVERY;
            if now < due_at {
                return Err(due_at);
            }
        }
        self.changed = false;
        self.shown_at = now;
        if self.shown.as_ref() == Some(&new) {
            return Ok(None);
        }
        self.shown = Some(new.clone());
        Ok(Some(new))
    }

    /// What must hold after every step.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.shown.as_ref().is_some_and(|shown| shown.ready != shown.reasons.is_empty()) {
            found.push("ready is shown with reasons against it, or unready without".to_owned());
        }
        if matches!(self.http, Http::Served) && self.facts.http_trouble.is_some() {
            found.push("HTTP is served and called in trouble".to_owned());
        }
        found
    }
}

#[cfg(test)]
mod tests;
