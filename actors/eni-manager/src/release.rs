//! Addresses on their way out, of an ENI that stays: taken, and shown gone by EC2 itself before whoever let them go is told; then
//! the metadata service is waited for, so that its lagging copy cannot bring them back after a restart. Pure.

use contract::causes::Cause;
use contract::ports::ec2::EniDescription;
use contract::{Boottime, Reply};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::call::{Call, Failure, Looks};
use crate::state::{Done, LAG, strange};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// To be taken.
    Take,
    /// EC2 must say what is so.
    Look,
    /// Gone by EC2's word, at that time.
    Fade(Boottime),
}

/// Addresses of one ENI on their way out.
#[derive(Debug)]
pub(crate) struct Release {
    /// Those that are still to go.
    pub(crate) addresses: BTreeSet<Ipv4Addr>,
    /// Those that EC2 took and has given again since, until that is told.
    pub(crate) given_again: BTreeSet<Ipv4Addr>,
    /// Whoever waits for it.
    pub(crate) reply: Option<Reply<Done>>,
    pub(crate) step: Step,
    pub(crate) call: Call,
    /// EC2 said that it has taken them.
    taken_at: Option<Boottime>,
    /// EC2 refused to.
    refused: Option<Cause>,
    looks: Looks,
}

/// What an answer comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It goes on.
    On,
    /// The ENI carries these no more.
    Gone(BTreeSet<Ipv4Addr>),
    /// The ENI carries these no more, and keeps the others; whoever let them go is told why.
    Stay(BTreeSet<Ipv4Addr>, Cause),
}

impl Release {
    pub(crate) fn of(addresses: BTreeSet<Ipv4Addr>, reply: Reply<Done>) -> Self {
        Self {
            addresses,
            given_again: BTreeSet::new(),
            reply: Some(reply),
            step: Step::Take,
            call: Call::default(),
            taken_at: None,
            refused: None,
            looks: Looks::default(),
        }
    }

    /// Since when only the metadata service is waited for.
    pub(crate) fn fades_since(&self) -> Option<Boottime> {
        match self.step {
            Step::Fade(since) => Some(since),
            Step::Take | Step::Look => None,
        }
    }

    fn step(&mut self, step: Step) {
        self.step = step;
        self.call = Call::default();
    }

    /// The answer to an Unassign. Only a reading tells what became of it.
    pub(crate) fn taken(&mut self, result: Result<(), Cause>, now: Boottime, seed: u64) {
        self.call.under_way = false;
        match result {
            Ok(()) => {
                self.taken_at = Some(now);
                self.step(Step::Look);
            }
            Err(cause) => match Failure::of(&cause) {
                Failure::NotYet => self.call.failed(cause, now, seed),
                Failure::Refused => {
                    self.step(Step::Look);
                    self.refused = Some(cause);
                }
                // Asked again, it takes what is left, or is refused.
                Failure::Unknown => {
                    self.step = Step::Look;
                    self.call.failed(cause, now, seed);
                }
            },
        }
    }

    /// What EC2 says of the ENI; `None`: it does not know it, or it is not here.
    pub(crate) fn looked(
        &mut self,
        result: Result<Option<EniDescription>, Cause>,
        now: Boottime,
        seed: u64,
    ) -> Turn {
        if self.step != Step::Look {
            return Turn::On;
        }
        self.call.under_way = false;
        let carried: BTreeSet<Ipv4Addr> = match result {
            Err(cause) => {
                self.call.failed(cause, now, seed);
                return Turn::On;
            }
            Ok(None) => BTreeSet::new(),
            Ok(Some(eni)) => eni.secondary_addresses.into_iter().collect(),
        };
        let (still, gone): (BTreeSet<_>, BTreeSet<_>) =
            self.addresses.iter().copied().partition(|address| carried.contains(address));
        if still.is_empty() {
            self.step(Step::Fade(now));
            return Turn::Gone(gone);
        }
        match (self.taken_at, self.refused.take()) {
            // EC2 has taken them, and its reading lags.
            (Some(at), _) if now.saturating_sub(at) < LAG => self.look_soon(now),
            (Some(_), _) => {
                let detail = format!("{still:?} are still there a minute after they were taken");
                return Turn::Stay(gone, strange("UnassignPrivateIpAddresses", detail));
            }
            // All or nothing: what was gone already may have been why.
            (None, Some(_)) if !gone.is_empty() => {
                self.addresses = still;
                self.step(Step::Take);
                return Turn::Gone(gone);
            }
            (None, Some(cause)) => return Turn::Stay(gone, cause),
            (None, None) => self.step(Step::Take),
        }
        Turn::On
    }

    fn look_soon(&mut self, now: Boottime) {
        const LONGEST: Duration = Duration::from_secs(10);
        self.call.backoff.not_before_at(now + self.looks.next_pause(LONGEST));
    }
}
