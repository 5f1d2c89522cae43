//! The leases and the line as one value, and what each event does to it. Pure: what is to be done about it is `plan.rs`.

use contract::causes::Cause;
use contract::mail::eni_manager::Demand;
use contract::mail::warm_pool::{LeaseGrant, LeaseRequest, PoolMail, StreamId};
use contract::model::{AttachmentKey, EniView, Growth, Lease, LeasePhase, LeaseView};
use contract::{Boottime, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::disk::Disk;
use crate::leaving::Departures;
use crate::line::{Line, Waiter};
use crate::targets::WarmTargets;
use crate::usage::Usage;

/// What the pool is told by the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// An address rests this long after use (IP_COOLDOWN_PERIOD).
    pub cooldown: Duration,
    /// ADDs that may stand in line.
    pub line_bound: u32,
    /// Demand of new waiters is gathered this long, so that one EC2 call serves a burst.
    pub gather: Duration,
    /// A lease that is not assigned and has no shim is undone after this.
    pub undo_after: Duration,
    /// The same right after a restart of the daemon: its shims need a moment to come back.
    pub undo_after_restart: Duration,
    /// What failed is tried again after this.
    pub retry_after: Duration,
    /// The reserve.
    pub targets: WarmTargets,
}

/// An answer that is ready to go.
#[derive(Debug)]
pub enum Answer {
    /// To `PoolMail::Lease`.
    Lease(Reply<Result<LeaseGrant, Cause>>, Result<LeaseGrant, Cause>),
    /// To `PoolMail::Wired` and `PoolMail::Assign`.
    Step(Reply<Result<(), Cause>>, Result<(), Cause>),
    /// To `PoolMail::Release`.
    Release(Reply<Result<Option<Ipv4Addr>, Cause>>, Result<Option<Ipv4Addr>, Cause>),
}

impl Answer {
    /// The refusal in its place. A release stands all the same: it is safe in memory, and every later write carries it.
    pub(crate) fn but(self, cause: &Cause) -> Self {
        match self {
            Self::Lease(reply, _) => Self::Lease(reply, Err(cause.clone())),
            Self::Step(reply, _) => Self::Step(reply, Err(cause.clone())),
            released @ Self::Release(..) => released,
        }
    }

    pub(crate) fn is_step(&self) -> bool {
        matches!(self, Self::Step(..))
    }

    pub(crate) fn is_release(&self) -> bool {
        matches!(self, Self::Release(..))
    }
}

/// A lease and what hangs on it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    /// The shim that works on it, if one does.
    pub(crate) stream: Option<StreamId>,
    /// Without a shim and not assigned: undone at.
    pub(crate) undo_at: Option<Boottime>,
    /// The change that reserved or assigned it; 0 for what was read from disk.
    pub(crate) changed_by: u64,
    /// Releasing: the host side is being taken down, or will be at `unwire_at`.
    pub(crate) unwiring: bool,
    /// Releasing: a step of its ADD came all the same, and may have put the host side up again.
    pub(crate) overtaken: bool,
    /// Releasing: the next attempt, after one that failed.
    pub(crate) unwire_at: Boottime,
    /// DELs that wait for the release.
    pub(crate) released: Vec<Reply<Result<Option<Ipv4Addr>, Cause>>>,
}

/// The state of WarmPool.
#[derive(Debug)]
pub struct Pool {
    pub(crate) config: PoolConfig,
    pub(crate) enis: EniView,
    pub(crate) leases: BTreeMap<AttachmentKey, Held>,
    pub(crate) taken: BTreeSet<Ipv4Addr>,
    pub(crate) cooling: BTreeMap<Ipv4Addr, Boottime>,
    /// Whose the resting addresses were last.
    pub(crate) last_of: BTreeMap<AttachmentKey, Ipv4Addr>,
    /// Resting addresses whose host side somebody may have put up after it was taken down.
    pub(crate) strays: BTreeSet<Ipv4Addr>,
    /// In use by the kernel's word, by link, and nobody's lease.
    pub(crate) pinned: BTreeMap<Ipv4Addr, u32>,
    pub(crate) usage: Usage,
    pub(crate) departures: Departures,
    pub(crate) line: Line,
    pub(crate) disk: Disk,
    /// Answers that wait for nothing.
    pub(crate) ready: Vec<Answer>,
    pub(crate) published: Option<LeaseView>,
    pub(crate) demanded: Option<Demand>,
    /// The demand has grown for waiters; it goes out then.
    pub(crate) gather_until: Option<Boottime>,
}

impl Pool {
    /// Takes in one message.
    pub(crate) fn hear(&mut self, mail: PoolMail, now: Boottime) {
        match mail {
            PoolMail::Lease { request, reply } => self.ask_for_lease(request, reply),
            PoolMail::Wired { key, stream, reply } => self.step(&key, stream, LeasePhase::Wired, reply, now),
            PoolMail::Assign { key, stream, reply } => {
                self.step(&key, stream, LeasePhase::Assigned, reply, now)
            }
            PoolMail::StreamClosed { key, stream } => self.hang_up(&key, stream, now),
            PoolMail::Release { key, reply } => self.release(&key, reply, now),
            PoolMail::Enis(view) => self.enis = view,
        }
    }

    /// Every ADD stands in line, also one that has its address already: its ENI may not be known again yet.
    fn ask_for_lease(&mut self, request: LeaseRequest, reply: Reply<Result<LeaseGrant, Cause>>) {
        if let Some(held) = self.leases.get_mut(&request.key) {
            if held.lease.phase == LeasePhase::Releasing {
                let cause = Cause::Superseded { by: "a DEL that is under way for this attachment" };
                self.ready.push(Answer::Lease(reply, Err(cause)));
                return;
            }
            held.stream = Some(request.stream);
            held.undo_at = None;
        }
        let in_hand =
            self.leases.get(&request.key).is_some_and(|held| self.grant_of(held.lease.address).is_some());
        if let Some(older) = self.line.leave(&request.key) {
            let cause = Cause::Superseded { by: "a newer ADD for this attachment" };
            self.ready.push(Answer::Lease(older.reply, Err(cause)));
        } else if !in_hand && self.line.len() >= self.config.line_bound as usize {
            let cause = Cause::LineFull { bound: self.config.line_bound };
            self.ready.push(Answer::Lease(reply, Err(cause)));
            return;
        }
        self.line.join(Waiter { request, reply });
    }

    /// Reserves the granted address for a waiter who has left the line; one who has a lease already keeps it.
    pub(crate) fn serve(&mut self, waiter: Waiter, grant: LeaseGrant, now: Boottime) {
        let Waiter { request, reply } = waiter;
        if !self.leases.contains_key(&request.key) {
            let lease = Lease {
                key: request.key.clone(),
                pod: request.pod,
                address: grant.address,
                phase: LeasePhase::Reserved,
                allocated_unix_nanoseconds: request.unix_nanoseconds,
            };
            self.taken.insert(grant.address);
            self.disk.revision += 1;
            let held = Held::new(lease, Some(request.stream), self.disk.revision);
            self.leases.insert(request.key.clone(), held);
        }
        self.grant_when_durable(&request.key, Answer::Lease(reply, Ok(grant)), request.deadline, now);
    }

    fn step(
        &mut self,
        key: &AttachmentKey,
        stream: StreamId,
        to: LeasePhase,
        reply: Reply<Result<(), Cause>>,
        now: Boottime,
    ) {
        let name = if to == LeasePhase::Wired { "mark wired" } else { "assign" };
        let refusal = match self.leases.get_mut(key) {
            None => {
                // Its DEL overtook it: what it has wired since nobody else would take down.
                self.strays.extend(self.last_of.get(key));
                Some(Cause::NoLease { step: name, key: key.to_string() })
            }
            Some(held) if held.lease.phase == LeasePhase::Releasing => {
                held.overtaken = true;
                Some(Cause::Superseded { by: "a DEL for this attachment" })
            }
            Some(held) if held.stream.is_some_and(|owner| owner != stream) => {
                Some(Cause::Superseded { by: "a newer ADD for this attachment" })
            }
            Some(held) => {
                held.stream = Some(stream);
                held.undo_at = None;
                if held.lease.phase < to {
                    held.lease.phase = to;
                    if to == LeasePhase::Assigned {
                        self.disk.revision += 1;
                        held.changed_by = self.disk.revision;
                    }
                }
                None
            }
        };
        match refusal {
            Some(cause) => self.ready.push(Answer::Step(reply, Err(cause))),
            None if to == LeasePhase::Assigned => {
                self.confirm_when_durable(key, Answer::Step(reply, Ok(())), now)
            }
            // To the disk it is a reservation still: after a crash both are undone in the same way. The next write takes it along.
            None => self.confirm_when_held(key, Answer::Step(reply, Ok(())), now),
        }
    }

    fn hang_up(&mut self, key: &AttachmentKey, stream: StreamId, now: Boottime) {
        drop(self.line.hang_up(key, stream));
        let owns = |held: &Held| held.stream == Some(stream);
        if self.leases.get(key).is_some_and(owns) {
            let by = "the end of its stream";
            self.retract(key, &Cause::Superseded { by });
            self.unassign(key);
        }
        if let Some(held) = self.leases.get_mut(key)
            && held.stream == Some(stream)
        {
            held.stream = None;
            if matches!(held.lease.phase, LeasePhase::Reserved | LeasePhase::Wired) {
                held.undo_at = Some(now + self.config.undo_after);
            }
        }
    }

    fn release(&mut self, key: &AttachmentKey, reply: Reply<Result<Option<Ipv4Addr>, Cause>>, now: Boottime) {
        let cause = Cause::Superseded { by: "a DEL for this attachment" };
        self.retract(key, &cause);
        if let Some(waiter) = self.line.leave(key) {
            self.ready.push(Answer::Lease(waiter.reply, Err(cause)));
        }
        match self.leases.get_mut(key) {
            None => self.ready.push(Answer::Release(reply, Ok(None))),
            Some(held) => {
                held.released.push(reply);
                self.begin_release(key, now);
            }
        }
    }

    /// The host side is to be taken down, at once; for DEL and undo alike.
    pub(crate) fn begin_release(&mut self, key: &AttachmentKey, now: Boottime) {
        if let Some(held) = self.leases.get_mut(key) {
            if held.lease.phase != LeasePhase::Releasing {
                held.lease.phase = LeasePhase::Releasing;
                held.undo_at = None;
                self.disk.revision += 1;
            }
            held.unwire_at = now;
        }
    }

    /// The host side of a lease is down, or could not be taken down.
    pub(crate) fn unwired(&mut self, key: &AttachmentKey, result: Result<(), Cause>, now: Boottime) {
        let Some(held) = self.leases.get_mut(key) else {
            return;
        };
        if !std::mem::take(&mut held.unwiring) {
            return;
        }
        let waiting = std::mem::take(&mut held.released);
        match result {
            Err(cause) => {
                held.unwire_at = now + self.config.retry_after;
                let answers = waiting.into_iter().map(|reply| Answer::Release(reply, Err(cause.clone())));
                self.ready.extend(answers);
            }
            Ok(()) => {
                let address = held.lease.address;
                if std::mem::take(&mut held.overtaken) {
                    self.strays.insert(address);
                }
                self.leases.remove(key);
                self.taken.remove(&address);
                self.last_of.insert(key.clone(), address);
                self.cooling.insert(address, now + self.config.cooldown);
                self.disk.revision += 1;
                for reply in waiting {
                    self.confirm_when_durable(key, Answer::Release(reply, Ok(Some(address))), now);
                }
            }
        }
    }

    /// Why nobody in line is served.
    pub(crate) fn why_waiting(&self) -> Cause {
        if let Some(cause) = self.usage.trouble.as_ref().filter(|_| !self.cooling.is_empty()) {
            return cause.clone();
        }
        match &self.enis.growth {
            Growth::Held(cause) | Growth::AtLimit(cause) => cause.clone(),
            Growth::Possible | Growth::UnderWay => self.enis.trouble.clone().unwrap_or(Cause::PoolEmpty),
        }
    }
}

impl Held {
    pub(crate) fn new(lease: Lease, stream: Option<StreamId>, changed_by: u64) -> Self {
        Self {
            lease,
            stream,
            undo_at: None,
            changed_by,
            unwiring: false,
            overtaken: false,
            unwire_at: Duration::ZERO,
            released: Vec::new(),
        }
    }
}
