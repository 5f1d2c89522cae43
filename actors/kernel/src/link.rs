//! The way to a child, whichever incarnation it is in. Made before the child exists, and good for as long as the process.

use actix::Recipient;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::board::Suspect;
use crate::fence::Fence;
use crate::level::{Reader, Writer};
use crate::verdict::Death;

/// Times that mail which no handler has begun is sent again; each needs a new incarnation.
const RESENDS_MAX: u32 = 16;

/// A piece of mail on its way.
pub(crate) struct Envelope<M> {
    pub(crate) mail: M,
    /// Set when its handler begins: from then on its effects are unknown if the actor dies.
    pub(crate) begun: Arc<AtomicBool>,
    /// Who wants to know what became of its handler.
    pub(crate) sender: Sender,
    /// Its place in the mailbox, free again once its handler begins; none for what the kernel itself delivers.
    pub(crate) slot: Option<OwnedSemaphorePermit>,
}

/// Who sent a piece of mail, and hears what became of its handler. Questions and snapshots are not sent a third time, so a
/// panic over one counts to nobody's intensity.
pub(crate) enum Sender {
    /// Nobody waits.
    Hint,
    /// Told once the handler has returned; dropped if it never does.
    Question(oneshot::Sender<()>),
    /// The snapshot of this number.
    Snapshot(Arc<Suspect>, u64),
}

impl Sender {
    /// What a panic over this mail is.
    pub(crate) fn death(&self) -> fn(String) -> Death {
        match self {
            Self::Hint => Death::Panic,
            Self::Question(_) | Self::Snapshot(..) => Death::Poison,
        }
    }

    pub(crate) fn handler_returned(self) {
        if let Self::Question(waiting) = self {
            // Whoever waited may have gone.
            let _ = waiting.send(());
        }
    }

    pub(crate) fn handler_panicked(self) {
        if let Self::Snapshot(suspect, number) = self {
            suspect.blame(number);
        }
    }
}

impl<M: Send + 'static> actix::Message for Envelope<M> {
    type Result = ();
}

/// What is behind the link now.
pub(crate) enum Door<M: Send + 'static> {
    /// Nobody yet, or between two lives.
    Closed,
    /// A living incarnation.
    Open(Way<M>),
    /// Nobody for a while: parked or stopped.
    Shut,
}

/// The way into one incarnation.
pub(crate) struct Way<M: Send + 'static> {
    pub(crate) mailbox: Recipient<Envelope<M>>,
    pub(crate) fence: Fence,
    /// Bounds the mail that waits. actix's own bound does not: each clone of an address may put one message beyond it.
    pub(crate) slots: Arc<Semaphore>,
}

/// Why mail was not put into a mailbox.
enum Refused {
    Full,
    Gone,
}

impl<M: Send + 'static> Way<M> {
    fn put(&self, mail: M, begun: Arc<AtomicBool>, sender: Sender) -> Result<(), Refused> {
        if self.fence.is_over() {
            return Err(Refused::Gone);
        }
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| Refused::Full)?;
        let slot = Some(slot);
        let envelope = Envelope { mail, begun, sender, slot };
        // The mailbox itself takes all that has a slot: it refuses only when it is closed.
        self.mailbox.try_send(envelope).map_err(|_| Refused::Gone)
    }
}

impl<M: Send + 'static> Clone for Way<M> {
    fn clone(&self) -> Self {
        Self { mailbox: self.mailbox.clone(), fence: self.fence.clone(), slots: self.slots.clone() }
    }
}

impl<M: Send + 'static> Clone for Door<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Closed => Self::Closed,
            Self::Open(way) => Self::Open(way.clone()),
            Self::Shut => Self::Shut,
        }
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No answer by the deadline; whether it was handled is unknown.
    #[error("no answer by the deadline")]
    Deadline,
    /// The mailbox is full: no living incarnation handles it.
    #[error("the mailbox is full")]
    Overloaded,
    /// The actor died twice after it had begun to handle it: it is not sent a third time.
    #[error("the actor died twice while it handled this")]
    Poisoned,
    /// The child is parked or stopped, or dies too often to take it: no living incarnation handles it. One that died may have
    /// begun to.
    #[error("the actor is parked or stopped")]
    Unavailable,
    /// The actor lives and has dropped the question unanswered.
    #[error("the question was dropped unanswered")]
    Unanswered,
}

/// Why a hint was not delivered. Such a loss is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Overloaded,
    /// Nobody is there now, or the one who is there is dying.
    #[error("the actor is between two lives, parked or stopped")]
    Unavailable,
}

/// The sending side. Clones lead to the same child.
pub struct Link<M: Send + 'static> {
    name: &'static str,
    door: Reader<Door<M>>,
    dropped: Arc<AtomicU64>,
}

/// The receiving side, for the child's spec.
pub struct Inbox<M: Send + 'static> {
    pub(crate) door: Writer<Door<M>>,
    pub(crate) dropped: Arc<AtomicU64>,
}

/// A link and its receiving side, before the child exists.
#[must_use]
pub fn link<M: Send + 'static>(name: &'static str) -> (Link<M>, Inbox<M>) {
    let door = Writer::new(Door::Closed);
    let dropped = Arc::new(AtomicU64::new(0));
    (Link { name, door: door.reader(), dropped: dropped.clone() }, Inbox { door, dropped })
}

impl<M: Send + 'static> Clone for Link<M> {
    fn clone(&self) -> Self {
        Self { name: self.name, door: self.door.clone(), dropped: self.dropped.clone() }
    }
}

impl<M: Send + 'static> fmt::Debug for Link<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.name)
    }
}

/// How one attempt ended.
enum Attempt<T> {
    Answered(T),
    Failed(AskError),
    /// That incarnation is over; had the handler begun?
    Died {
        begun: bool,
    },
}

impl<M: Send + 'static> Link<M> {
    /// Asks, and waits for the answer at most `deadline` long. `make` builds the mail around the place for its answer; it is
    /// called again when the mail must be sent again, which happens only to a new incarnation: freely (bounded) while no
    /// handler had begun, and once if one had.
    ///
    /// # Errors
    /// See [`AskError`]. It always answers or errs by the deadline.
    pub async fn ask<T: Send + 'static>(
        &self,
        deadline: Duration,
        make: impl Fn(oneshot::Sender<T>) -> M + Send + Sync,
    ) -> Result<T, AskError> {
        let asked = self.ask_until_answered(make);
        tokio::time::timeout(deadline, asked).await.unwrap_or(Err(AskError::Deadline))
    }

    async fn ask_until_answered<T: Send + 'static>(
        &self,
        make: impl Fn(oneshot::Sender<T>) -> M + Send + Sync,
    ) -> Result<T, AskError> {
        let mut door = self.door.clone();
        let mut deaths_after_begun = 0;
        for _ in 0..RESENDS_MAX {
            let way = living(&mut door).await?;
            let (sender, receiver) = oneshot::channel();
            match attempt(&way, make(sender), receiver).await {
                Attempt::Answered(answer) => return Ok(answer),
                Attempt::Failed(error) => return Err(error),
                Attempt::Died { begun: false } => {}
                Attempt::Died { begun: true } => {
                    deaths_after_begun += 1;
                    if deaths_after_begun == 2 {
                        return Err(AskError::Poisoned);
                    }
                }
            }
        }
        Err(AskError::Unavailable)
    }

    /// Drops a hint. Never waits. What is delivered is still lost if its receiver dies before its handler begins.
    ///
    /// # Errors
    /// When it was not delivered; the loss is counted in the child's vitals.
    pub fn tell(&self, mail: M) -> Result<(), TellError> {
        let door = self.door.read().clone();
        let put = match door {
            Door::Open(way) => way.put(mail, Arc::default(), Sender::Hint),
            Door::Closed | Door::Shut => Err(Refused::Gone),
        };
        put.map_err(|refused| {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            match refused {
                Refused::Full => TellError::Overloaded,
                Refused::Gone => TellError::Unavailable,
            }
        })
    }
}

/// Waits for an incarnation that lives.
async fn living<M: Send + 'static>(door: &mut Reader<Door<M>>) -> Result<Way<M>, AskError> {
    loop {
        match door.see().clone() {
            Door::Open(way) if !way.fence.is_over() => return Ok(way),
            Door::Shut => return Err(AskError::Unavailable),
            Door::Open(_) | Door::Closed => {}
        }
        if !door.changed().await {
            return Err(AskError::Unavailable);
        }
    }
}

async fn attempt<M: Send + 'static, T>(way: &Way<M>, mail: M, answer: oneshot::Receiver<T>) -> Attempt<T> {
    let fence = &way.fence;
    let begun = Arc::new(AtomicBool::new(false));
    let (handled, returned) = oneshot::channel();
    match way.put(mail, begun.clone(), Sender::Question(handled)) {
        Ok(()) => {}
        Err(Refused::Full) => return Attempt::Failed(AskError::Overloaded),
        Err(Refused::Gone) => {
            fence.revoked().await;
            return Attempt::Died { begun: false };
        }
    }
    let died = || Attempt::Died { begun: begun.load(Ordering::Acquire) };
    tokio::select! {
        biased;
        answered = answer => match answered {
            Ok(answer) => Attempt::Answered(answer),
            // The mail of a panicking handler is dropped while the stack unwinds, before anybody can say so: what became of
            // the handler says whether this is a death.
            Err(_) => tokio::select! {
                biased;
                () = fence.revoked() => died(),
                handler = returned => match handler {
                    Ok(()) if !fence.is_over() => Attempt::Failed(AskError::Unanswered),
                    _ => died(),
                },
            },
        },
        () = fence.revoked() => died(),
    }
}
