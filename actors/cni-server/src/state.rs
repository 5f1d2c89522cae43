//! What CniServer knows of itself: its socket, the spool, its numbers; and what it does next. Pure.

mod announcement;

use contract::Boottime;
use contract::causes::Cause;
use contract::mail::cni_server::CniMail;
use contract::mail::health_server::FrontView;
use kernel::Plan;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::actor::{CniAction, CniOutcome};
use announcement::Announcement;

/// The spool is looked at this often for DELs that a shim could not bring.
const SPOOL_EVERY: Duration = Duration::from_secs(30);

/// A socket that could not be opened is tried again after this.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// The state of CniServer.
#[derive(Debug, Default)]
pub struct CniServer {
    socket: Socket,
    spooling: bool,
    spool_at: Boottime,
    /// The spool was looked at once: the socket may open.
    spool_seen: bool,
    adds_in_flight: u64,
    answers: BTreeMap<(&'static str, &'static str), u64>,
    spool_worked_off: u64,
    trouble: Option<Cause>,
    announcement: Announcement,
    published: Option<FrontView>,
}

#[derive(Debug, Default)]
enum Socket {
    #[default]
    Closed,
    ClosedUntil(Boottime),
    Opening,
    Open,
}

impl CniServer {
    pub(crate) fn hear(&mut self, mail: CniMail, now: Boottime) {
        match mail {
            CniMail::AddBegan => self.adds_in_flight += 1,
            CniMail::Answered { verb, outcome, ends_add } => {
                *self.answers.entry((verb, outcome)).or_default() += 1;
                if ends_add {
                    self.adds_in_flight = self.adds_in_flight.saturating_sub(1);
                }
            }
            CniMail::ServerEnded { reason } => self.closed(reason, now),
            CniMail::Enis(view) => self.announcement.hear_enis(&view),
            CniMail::Host(view) => self.announcement.hear_host(&view),
            CniMail::Demand(demand) => self.announcement.hear_demand(demand),
        }
    }

    pub(crate) fn learn(&mut self, outcome: CniOutcome, now: Boottime) {
        match outcome {
            CniOutcome::Served(Ok(())) => {
                self.socket = Socket::Open;
                self.trouble = None;
            }
            CniOutcome::Served(Err(reason)) => self.closed(reason, now),
            CniOutcome::Announced(result) => self.announcement.ended(result, now),
            CniOutcome::SpoolRead { worked_off } => {
                self.spooling = false;
                self.spool_seen = true;
                self.spool_at = now + SPOOL_EVERY;
                self.spool_worked_off += worked_off;
            }
        }
    }

    fn closed(&mut self, detail: String, now: Boottime) {
        self.socket = Socket::ClosedUntil(now + BIND_AGAIN);
        self.trouble = Some(Cause::RoomUnavailable { room: "cni-server", detail });
    }

    pub(crate) fn plan_at(&mut self, now: Boottime) -> Plan<CniAction> {
        let mut actions = Vec::new();
        if !self.spooling && self.spool_at <= now {
            self.spooling = true;
            actions.push(CniAction::WorkOffSpool);
        }
        let may_open = match self.socket {
            Socket::Closed => true,
            Socket::ClosedUntil(at) => at <= now,
            Socket::Opening | Socket::Open => false,
        };
        if self.spool_seen && may_open {
            self.socket = Socket::Opening;
            actions.push(CniAction::Serve);
        }
        let listening = matches!(self.socket, Socket::Open);
        actions.extend(self.announcement.plan(listening, now).map(CniAction::Announce));
        let view = self.view();
        if self.published.as_ref() != Some(&view) {
            self.published = Some(view.clone());
            actions.push(CniAction::Publish(view));
        }
        let reopen = match self.socket {
            Socket::ClosedUntil(at) => Some(at),
            _ => None,
        };
        let respool = (!self.spooling).then_some(self.spool_at);
        Plan {
            actions,
            wake_at: [reopen, respool, self.announcement.wake_at()].into_iter().flatten().min(),
            restart: None,
        }
    }

    fn view(&self) -> FrontView {
        FrontView {
            listening: matches!(self.socket, Socket::Open),
            adds_in_flight: self.adds_in_flight,
            answers: self.answers.iter().map(|(of, count)| (*of, *count)).collect(),
            spool_worked_off: self.spool_worked_off,
            trouble: self.trouble.clone(),
            announced: self.announcement.announced,
            unannounced: self.announcement.trouble.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(plan: &Plan<CniAction>) -> Vec<&'static str> {
        plan.actions
            .iter()
            .map(|action| match action {
                CniAction::WorkOffSpool => "spool",
                CniAction::Serve => "serve",
                CniAction::Announce(_) => "announce",
                CniAction::Publish(_) => "publish",
            })
            .collect()
    }

    #[test]
    fn the_spool_is_worked_off_before_the_socket_opens() {
        let mut server = CniServer::default();
        assert_eq!(kinds(&server.plan_at(Duration::ZERO)), ["spool", "publish"]);
        assert_eq!(kinds(&server.plan_at(Duration::ZERO)), [""; 0]);
        server.learn(CniOutcome::SpoolRead { worked_off: 2 }, Duration::ZERO);
        assert_eq!(kinds(&server.plan_at(Duration::ZERO)), ["serve", "publish"]);
        assert_eq!(server.view().spool_worked_off, 2);
    }

    #[test]
    fn a_socket_that_does_not_open_is_tried_again_and_says_why() {
        let mut server = CniServer { spool_seen: true, spool_at: Duration::MAX, ..CniServer::default() };
        assert_eq!(kinds(&server.plan_at(Duration::ZERO)), ["serve", "publish"]);
        server.learn(CniOutcome::Served(Err("in use".into())), Duration::ZERO);
        let plan = server.plan_at(Duration::ZERO);
        assert_eq!((kinds(&plan), plan.wake_at), (vec!["publish"], Some(BIND_AGAIN)));
        assert!(server.view().trouble.is_some_and(|cause| cause.to_string().contains("in use")));
        assert_eq!(kinds(&server.plan_at(BIND_AGAIN)), ["serve"]);
        server.learn(CniOutcome::Served(Ok(())), BIND_AGAIN);
        assert!(server.view().listening && server.view().trouble.is_none());
    }

    #[test]
    fn a_server_that_ended_is_opened_again() {
        let mut server = CniServer { spool_seen: true, spool_at: Duration::MAX, ..CniServer::default() };
        server.plan_at(Duration::ZERO);
        server.learn(CniOutcome::Served(Ok(())), Duration::ZERO);
        server.hear(CniMail::ServerEnded { reason: "gone".into() }, Duration::ZERO);
        server.plan_at(Duration::ZERO);
        assert_eq!(kinds(&server.plan_at(BIND_AGAIN)), ["serve"]);
    }

    #[test]
    fn the_spool_is_looked_at_again_a_while_after_each_look_and_never_twice_at_once() {
        let mut server = CniServer::default();
        server.plan_at(Duration::ZERO);
        let later = SPOOL_EVERY * 3;
        assert_eq!(kinds(&server.plan_at(later)), [""; 0]);
        server.learn(CniOutcome::SpoolRead { worked_off: 0 }, later);
        let plan = server.plan_at(later);
        assert_eq!((kinds(&plan), plan.wake_at), (vec!["serve"], Some(later + SPOOL_EVERY)));
        assert_eq!(kinds(&server.plan_at(later + SPOOL_EVERY)), ["spool"]);
    }

    #[test]
    fn an_answer_to_an_add_of_an_earlier_life_counts_without_going_below_zero() {
        let mut server = CniServer::default();
        let answered = |ends_add| CniMail::Answered { verb: "ADD", outcome: "ok", ends_add };
        server.hear(answered(true), Duration::ZERO);
        server.hear(CniMail::AddBegan, Duration::ZERO);
        server.hear(answered(false), Duration::ZERO);
        let view = server.view();
        assert_eq!((view.adds_in_flight, view.answers), (1, vec![(("ADD", "ok"), 2)]));
    }
}
