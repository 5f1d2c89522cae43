//! WarmPool as an actor: mail in, actions out, and the hands that carry them out. Nothing is decided here.

use contract::causes::Cause;
use contract::mail::eni_manager::{Demand, EniMail, Gone};
use contract::mail::route_programmer::RouteMail;
use contract::mail::warm_pool::PoolMail;
use contract::model::{AttachmentKey, EniId, LeaseView, Leaving};
use contract::ports::checkpoint::{Checkpoint, CheckpointImage};
use contract::ports::host::{Host, HostError, HostSnapshot};
use contract::{Boottime, Reply};
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{AskError, Broken, Core, Event, Link, Performer, Plan, Publisher};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::leaving::{Fate, LET_GO_DEADLINE};
use crate::recover::{Facts, recover};
use crate::state::{Answer, Pool, PoolConfig};
use crate::usage::unreadable;

/// RouteProgrammer has this long to take one host side down.
const UNWIRE_DEADLINE: Duration = Duration::from_secs(10);

/// Ports answer by their own timeouts, at most this.
const PORT_TIMEOUT: Duration = Duration::from_secs(15);

/// What WarmPool has done for it.
#[derive(Debug)]
pub enum PoolAction {
    /// Make the image durable.
    Write {
        /// Its number.
        revision: u64,
        /// All leases, what rests and what leaves.
        image: CheckpointImage,
    },
    /// Have the host side of an address taken down.
    Unwire {
        /// Whose it was.
        key: AttachmentKey,
        /// The address.
        address: Ipv4Addr,
    },
    /// Have what is left of the host side of a resting address taken down.
    Sweep {
        /// The address.
        address: Ipv4Addr,
    },
    /// Have EniManager give back to EC2 what is written down as leaving.
    LetGo {
        /// What.
        leaving: Leaving,
    },
    /// Read the kernel: is what is pinned still in use, and what has rested, or could be let go, by nobody?
    ReadUse,
    /// Answer a question.
    Answer(Answer),
    /// Tell everybody.
    PublishLeases(LeaseView),
    /// Tell EniManager.
    PublishDemand(Demand),
}

/// What came back.
#[derive(Debug)]
pub enum PoolOutcome {
    /// A write ended.
    Written {
        /// Its number.
        revision: u64,
        /// How.
        result: Result<(), Cause>,
    },
    /// A host side is down, or not.
    Unwired {
        /// Whose it was.
        key: AttachmentKey,
        /// How.
        result: Result<(), Cause>,
    },
    /// What was let go is gone, or not.
    LetGo {
        /// On which ENI.
        eni: EniId,
        /// What became of it.
        fate: Fate,
    },
    /// The kernel as it is, or why it could not be read.
    Use(Result<HostSnapshot, Cause>),
}

impl Core for Pool {
    type Mail = PoolMail;
    type Action = PoolAction;
    type Outcome = PoolOutcome;

    fn apply(&mut self, event: Event<PoolMail, PoolOutcome>, now: Boottime) {
        match event {
            Event::Mail(mail) => self.hear(mail, now),
            Event::Outcome(PoolOutcome::Written { revision, result }) => self.written(revision, result, now),
            Event::Outcome(PoolOutcome::Unwired { key, result }) => self.unwired(&key, result, now),
            Event::Outcome(PoolOutcome::LetGo { eni, fate }) => self.fate_heard(&eni, fate, now),
            Event::Outcome(PoolOutcome::Use(snapshot)) => self.use_read(snapshot, now),
            Event::Wake => {}
        }
    }

    fn plan(&mut self, now: Boottime) -> Plan<PoolAction> {
        self.plan_at(now)
    }

    fn audit(&self) -> Vec<String> {
        self.violations()
    }
}

/// Where WarmPool's snapshots go.
#[derive(Clone)]
pub struct PoolPublishers {
    /// The leases, for everybody.
    pub leases: Publisher<LeaseView>,
    /// The demand, for EniManager.
    pub demand: Publisher<Demand>,
}

/// The hands of WarmPool.
pub struct PoolPerformer {
    /// The disk.
    pub checkpoint: Arc<dyn Checkpoint>,
    /// The kernel, read only.
    pub host: Arc<dyn Host>,
    /// Who takes host sides down.
    pub routes: Link<RouteMail>,
    /// Who gives back to EC2 what is let go.
    pub enis: Link<EniMail>,
    /// Who is told.
    pub publish: PoolPublishers,
}

impl Performer<Pool> for PoolPerformer {
    fn timeout(&self, action: &PoolAction) -> Duration {
        match action {
            PoolAction::Unwire { .. } | PoolAction::Sweep { .. } => UNWIRE_DEADLINE,
            PoolAction::LetGo { .. } => LET_GO_DEADLINE,
            PoolAction::Write { .. } | PoolAction::ReadUse => PORT_TIMEOUT,
            PoolAction::Answer(_) | PoolAction::PublishLeases(_) | PoolAction::PublishDemand(_) => {
                Duration::from_secs(1)
            }
        }
    }

    fn perform_now(&self, action: PoolAction) -> Option<PoolAction> {
        match action {
            PoolAction::Answer(answer) => say(answer),
            PoolAction::PublishLeases(view) => self.publish.leases.publish(view),
            PoolAction::PublishDemand(demand) => self.publish.demand.publish(demand),
            later => return Some(later),
        }
        None
    }

    fn perform(&self, action: PoolAction) -> BoxFuture<'static, Result<Option<PoolOutcome>, Broken>> {
        match action {
            PoolAction::Write { revision, image } => {
                let write = self.checkpoint.write(image);
                async move { Ok(Some(PoolOutcome::Written { revision, result: write.await })) }.boxed()
            }
            PoolAction::Unwire { key, address } => unwire(self.routes.clone(), key, address).boxed(),
            PoolAction::Sweep { address } => sweep(self.routes.clone(), address).boxed(),
            PoolAction::LetGo { leaving } => let_go(self.enis.clone(), leaving).boxed(),
            PoolAction::ReadUse => {
                let read = self.host.snapshot();
                async move {
                    match read.await {
                        Err(HostError::ConnectionLost { detail }) => Err(Broken { reason: detail }),
                        read => Ok(Some(PoolOutcome::Use(read.map_err(unreadable)))),
                    }
                }
                .boxed()
            }
            // Done by `perform_now`.
            PoolAction::Answer(_) | PoolAction::PublishLeases(_) | PoolAction::PublishDemand(_) => {
                futures::future::ready(Ok(None)).boxed()
            }
        }
    }
}

async fn unwire(
    routes: Link<RouteMail>,
    key: AttachmentKey,
    address: Ipv4Addr,
) -> Result<Option<PoolOutcome>, Broken> {
    let asked = routes.ask(UNWIRE_DEADLINE, |reply| RouteMail::Unwire { address, reply }).await;
    let result = asked.unwrap_or_else(|error| {
        Err(match error {
            AskError::Poisoned => Cause::Poisoned { room: "route-programmer" },
            other => Cause::RoomUnavailable { room: "route-programmer", detail: other.to_string() },
        })
    });
    Ok(Some(PoolOutcome::Unwired { key, result }))
}

/// One attempt: a rule that stays leads an address that rests to a link that is gone.
async fn sweep(routes: Link<RouteMail>, address: Ipv4Addr) -> Result<Option<PoolOutcome>, Broken> {
    let asked = routes.ask(UNWIRE_DEADLINE, |reply| RouteMail::Unwire { address, reply }).await;
    match asked {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => tracing::warn!(%address, %cause, "what is left of its host side stays"),
        Err(error) => tracing::warn!(%address, %error, "what is left of its host side stays"),
    }
    Ok(None)
}

async fn let_go(enis: Link<EniMail>, leaving: Leaving) -> Result<Option<PoolOutcome>, Broken> {
    let eni = leaving.eni.clone();
    let mail = |reply| EniMail::LetGo { leaving: leaving.clone(), reply };
    let fate = match enis.ask(LET_GO_DEADLINE, mail).await {
        Ok(Ok(Gone::Wholly)) => Fate::Gone,
        Ok(Ok(Gone::GivenAgain(addresses))) => Fate::GivenAgain(addresses),
        Ok(Err(cause)) => {
            tracing::warn!(%eni, %cause, "EC2 keeps what was let go");
            Fate::Stays(cause)
        }
        Err(error) => {
            tracing::warn!(%eni, %error, "whether what was let go is gone is not known yet");
            Fate::Unknown
        }
    };
    Ok(Some(PoolOutcome::LetGo { eni, fate }))
}

/// An asker who has gone away does not hear the answer; what was answered stands, and is undone by its own path.
fn say(answer: Answer) {
    fn send<T>(reply: Reply<T>, value: T) {
        drop(reply.send(value));
    }
    match answer {
        Answer::Lease(reply, value) => send(reply, value),
        Answer::Step(reply, value) => send(reply, value),
        Answer::Release(reply, value) => send(reply, value),
    }
}

/// Reads the disk and the kernel and makes the pool of them.
///
/// # Errors
/// When the checkpoint or the kernel cannot be read: without them nobody knows which addresses are in use.
pub async fn recover_from_world(
    config: PoolConfig,
    checkpoint: &dyn Checkpoint,
    host: &dyn Host,
    now: Boottime,
) -> Result<Pool, Cause> {
    let loaded = checkpoint.load().await?;
    let host = host.snapshot().await.map_err(unreadable)?;
    if !host.complete {
        return Err(unreadable("it changed faster than it could be read"));
    }
    let (pool, notes) = recover(config, Facts { loaded, host, now });
    for note in notes {
        tracing::warn!(note, "recovered");
    }
    Ok(pool)
}
