//! A bench for tests: the room on a small model of the kernel, turned by hand. Time moves only when a test says so.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use contract::causes::Cause;
use contract::mail::route_programmer::{HostView, RouteMail};
use contract::model::{HostSide, PodWiring, WiringPlan};
use contract::ports::host::{HostChange, HostError, HostEvent, HostSnapshot, Link};
use host::{Linux, NamespaceId};
use tokio::sync::oneshot;

use crate::state::{Answer, RouteAction, RouteConfig, RouteOutcome, RouteProgrammer};

mod node;

pub(crate) use node::*;

/// After so long the room has looked at a host that tells nothing.
pub(crate) const A_LOOK: Duration = Duration::from_secs(301);

/// What a test makes the kernel do to a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Refuse,
    /// It is done, and no answer comes.
    SilentlyDone,
    /// It is not done, and no answer comes.
    SilentlyLost,
}

/// Asked for each change.
type Faults = Box<dyn FnMut(&HostChange) -> Option<Fault>>;

/// The room, its kernel, and what it said.
pub(crate) struct Bench {
    pub(crate) room: RouteProgrammer,
    /// What the next incarnation is made with.
    pub(crate) config: RouteConfig,
    pub(crate) host: HostSnapshot,
    pub(crate) now: Duration,
    pub(crate) wake_at: Option<Duration>,
    /// Actions not yet performed, when the bench is stepped by hand.
    pub(crate) held: Vec<RouteAction>,
    /// Every change that was made.
    pub(crate) made: Vec<HostChange>,
    pub(crate) reads: u32,
    pub(crate) view: Option<HostView>,
    /// Asked for each change; by default nothing fails.
    pub(crate) fault: Faults,
    /// So many readings fail from now on.
    pub(crate) blind: u32,
    pub(crate) log: Vec<String>,
    /// The kernel's nft tables.
    pub(crate) nft: Linux,
    pub(crate) nft_place: NamespaceId,
    /// The nft command cannot be started.
    pub(crate) nft_gone: bool,
    /// The room waits for what the kernel tells.
    pub(crate) listening: bool,
    /// A line that is read with every table.
    pub(crate) nft_says: Option<String>,
}

impl Bench {
    pub(crate) fn new(host: HostSnapshot) -> Self {
        Self::with(config(), host)
    }

    pub(crate) fn with(config: RouteConfig, host: HostSnapshot) -> Self {
        let mut nft = Linux::new(0);
        let nft_place = nft.add_namespace();
        Self {
            room: RouteProgrammer::recover(config.clone(), host.clone()),
            config,
            host,
            now: Duration::from_secs(100),
            wake_at: None,
            held: Vec::new(),
            made: Vec::new(),
            reads: 0,
            view: None,
            fault: Box::new(|_| None),
            blind: 0,
            log: Vec::new(),
            nft,
            nft_place,
            nft_gone: false,
            listening: false,
            nft_says: None,
        }
    }

    /// The same host under a new incarnation.
    pub(crate) fn restart(&mut self) {
        self.room = RouteProgrammer::recover(self.config.clone(), self.host.clone());
        self.held.clear();
        self.made.clear();
        self.wake_at = None;
        self.listening = false;
    }

    /// The kernel tells this.
    pub(crate) fn hear(&mut self, told: Result<Vec<HostEvent>, HostError>) {
        assert!(std::mem::take(&mut self.listening), "nobody listens");
        self.room.learn(RouteOutcome::Heard(told), self.now);
        self.settle();
    }

    pub(crate) fn tell(&mut self, mail: RouteMail) {
        self.room.hear(mail, self.now);
        self.turn();
    }

    pub(crate) fn turn(&mut self) {
        let (actions, wake_at) = self.room.turn(self.now);
        self.wake_at = wake_at;
        self.held.extend(actions);
        assert_eq!(self.room.violations(), Vec::<String>::new());
    }

    /// Performs the held action at `position`.
    pub(crate) fn perform(&mut self, position: usize) {
        let outcome = match self.held.remove(position) {
            RouteAction::Read { number, pods } => {
                self.reads += 1;
                self.log.push(if pods { "read pods" } else { "read" }.into());
                let mut read = self.host.clone();
                read.links.iter_mut().filter(|_| !pods).for_each(|link| link.behind = None);
                let result = if self.blind > 0 { Err(refused("dump")) } else { Ok(read) };
                self.blind = self.blind.saturating_sub(1);
                RouteOutcome::Read { number, result }
            }
            RouteAction::Listen => return self.listening = true,
            RouteAction::ReadLink { job, ifindex } => {
                let link = self.host.links.iter().find(|link| link.ifindex == ifindex).cloned();
                let alone = |link| Link { addresses: Vec::new(), behind: None, ..link };
                RouteOutcome::LinkRead { job, result: Ok(link.map(alone)) }
            }
            RouteAction::Program { target, changes, questions } => {
                let (done, stopped) = self.apply(&changes);
                let ask = |question| Ok(lead(&self.host, question));
                let answers =
                    if stopped.is_some() { Vec::new() } else { questions.iter().map(ask).collect() };
                RouteOutcome::Programmed { target, done, stopped, answers }
            }
            RouteAction::ReadTable => {
                let mut read = self.nft.nft_table(self.nft_place, "ip", "enid");
                if let Some(lines) = &mut read {
                    lines.extend(self.nft_says.clone());
                }
                RouteOutcome::TableRead(self.nft_answer(read))
            }
            RouteAction::ReplaceTable(table) => {
                self.log.push("replace the table".into());
                self.nft.replace_nft_table(self.nft_place, &table).unwrap();
                RouteOutcome::TableReplaced(self.nft_answer(()))
            }
            RouteAction::Answer(Answer::Plan(reply, result)) => return drop(reply.send(result)),
            RouteAction::Answer(Answer::Step(reply, result)) => return drop(reply.send(result)),
            RouteAction::Answer(Answer::Check(reply, result)) => return drop(reply.send(result)),
            RouteAction::Answer(Answer::Carried(reply, result)) => return drop(reply.send(result)),
            RouteAction::Publish(view) => return self.view = Some(view),
        };
        self.room.learn(outcome, self.now);
        self.turn();
    }

    /// Without the nft command nothing is answered.
    fn nft_answer<T>(&self, fine: T) -> Result<T, HostError> {
        if self.nft_gone { Err(HostError::Nft { detail: "cannot start nft".into() }) } else { Ok(fine) }
    }

    fn apply(&mut self, changes: &[HostChange]) -> (usize, Option<HostError>) {
        for (position, change) in changes.iter().enumerate() {
            let fault = (self.fault)(change);
            if matches!(fault, None | Some(Fault::SilentlyDone)) {
                make(&mut self.host, change);
                self.made.push(change.clone());
                self.log.push(crate::plan::in_words(change));
            }
            match fault {
                None => {}
                Some(Fault::Refuse) => return (position, Some(refused("change"))),
                Some(_) => {
                    return (
                        position,
                        Some(HostError::Timeout { what: "change".into(), milliseconds: 5000 }),
                    );
                }
            }
        }
        (changes.len(), None)
    }

    /// Performs until nothing is left to be done now.
    pub(crate) fn settle(&mut self) {
        self.turn();
        for _ in 0..10_000 {
            if self.held.is_empty() {
                return;
            }
            self.perform(0);
        }
        panic!("the room never comes to rest: {:?}", self.log.iter().rev().take(10).collect::<Vec<_>>());
    }

    /// Lets time pass, waking the room whenever it asked for it.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        self.settle();
        for _ in 0..100_000 {
            match self.wake_at {
                Some(at) if at <= until => self.now = at.max(self.now),
                _ => break,
            }
            self.settle();
        }
        self.now = until;
        self.settle();
    }

    pub(crate) fn plan(&mut self, wiring: &PodWiring) -> oneshot::Receiver<Result<WiringPlan, Cause>> {
        let (reply, answer) = oneshot::channel();
        self.tell(RouteMail::Plan { wiring: wiring.clone(), reply });
        answer
    }

    pub(crate) fn wire(&mut self, wiring: &PodWiring, ifindex: u32) -> oneshot::Receiver<Result<(), Cause>> {
        let (reply, answer) = oneshot::channel();
        let host = HostSide { ifindex, mac: wiring.host_mac };
        self.tell(RouteMail::Wire { wiring: wiring.clone(), host, reply });
        answer
    }

    pub(crate) fn unwire(&mut self, address: Ipv4Addr) -> oneshot::Receiver<Result<(), Cause>> {
        let (reply, answer) = oneshot::channel();
        self.tell(RouteMail::Unwire { address, reply });
        answer
    }

    /// The rules and routes of an address, as a person reads them.
    pub(crate) fn of(&self, address: Ipv4Addr) -> BTreeMap<String, u32> {
        let rules = self
            .host
            .rules
            .iter()
            .filter(|rule| rule.from == Some(address) || rule.to == Some(address.into()));
        let routes = self.host.routes.iter().filter(|route| route.to == address);
        let mut found = BTreeMap::new();
        for text in rules
            .map(|rule| crate::plan::in_words(&HostChange::AddRule(*rule)))
            .chain(routes.map(|route| crate::plan::in_words(&HostChange::PutRoute(*route))))
        {
            *found.entry(text).or_default() += 1;
        }
        found
    }
}

pub(crate) fn refused(what: &str) -> HostError {
    HostError::Refused { what: what.into(), error: "Operation not permitted (os error 1)".into(), errno: 1 }
}

/// Runs a future that is ready at once, or waits for nothing but itself.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
