//! The way to a child, whichever incarnation it is in. Made before the child exists, and good for as long as the process.

use actix::Recipient;
use actix::dev::SendError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::fence::Fence;

/// How long a dropped answer may be ahead of the news that its actor died: the mail of a panicking handler is dropped while
/// the stack unwinds, before anybody can say so.
const NEWS_OF_DEATH: Duration = Duration::from_millis(100);

/// Times that mail which no handler has begun is sent again; each needs a new incarnation.
const RESENDS_MAX: u32 = 16;

/// A piece of mail on its way.
pub(crate) struct Envelope<M> {
    pub(crate) mail: M,
    /// Set when its handler begins: from then on its effects are unknown if the actor dies.
    pub(crate) begun: Arc<AtomicBool>,
}

impl<M: Send + 'static> actix::Message for Envelope<M> {
    type Result = ();
}

/// What is behind the link now.
pub(crate) enum Door<M: Send + 'static> {
    /// Nobody yet, or between two lives.
    Closed,
    /// A living incarnation.
    Open {
        mailbox: Recipient<Envelope<M>>,
        fence: Fence,
    },
    /// Nobody for a while: parked or stopped.
    Shut,
}

impl<M: Send + 'static> Clone for Door<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Closed => Self::Closed,
            Self::Open { mailbox, fence } => Self::Open {
                mailbox: mailbox.clone(),
                fence: fence.clone(),
            },
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
    /// The mailbox is full: not handled.
    #[error("the mailbox is full")]
    Overloaded,
    /// The actor died twice after it had begun to handle it: it is not sent a third time.
    #[error("the actor died twice while it handled this")]
    Poisoned,
    /// The child is parked or stopped: not handled.
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
    /// Nobody is there now.
    #[error("the actor is between two lives, parked or stopped")]
    Unavailable,
}

/// The sending side. Clones lead to the same child.
pub struct Link<M: Send + 'static> {
    name: &'static str,
    door: watch::Receiver<Door<M>>,
    dropped: Arc<AtomicU64>,
}

/// The receiving side, for the child's spec.
pub struct Inbox<M: Send + 'static> {
    pub(crate) door: watch::Sender<Door<M>>,
    pub(crate) dropped: Arc<AtomicU64>,
}

/// A link and its receiving side, before the child exists.
#[must_use]
pub fn link<M: Send + 'static>(name: &'static str) -> (Link<M>, Inbox<M>) {
    let (sender, receiver) = watch::channel(Door::Closed);
    let dropped = Arc::new(AtomicU64::new(0));
    (
        Link {
            name,
            door: receiver,
            dropped: dropped.clone(),
        },
        Inbox {
            door: sender,
            dropped,
        },
    )
}

impl<M: Send + 'static> Clone for Link<M> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            door: self.door.clone(),
            dropped: self.dropped.clone(),
        }
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
        match tokio::time::timeout_at(Instant::now() + deadline, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::Deadline),
        }
    }

    async fn ask_until_answered<T: Send + 'static>(
        &self,
        make: impl Fn(oneshot::Sender<T>) -> M + Send + Sync,
    ) -> Result<T, AskError> {
        let mut door = self.door.clone();
        let mut deaths_after_begun = 0;
        for _ in 0..RESENDS_MAX {
            let (mailbox, fence) = living(&mut door).await?;
            let (sender, receiver) = oneshot::channel();
            match attempt(&mailbox, &fence, make(sender), receiver).await {
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

    /// Drops a hint. Never waits.
    ///
    /// # Errors
    /// When it was not delivered; the loss is counted in the child's vitals.
    pub fn tell(&self, mail: M) -> Result<(), TellError> {
        let Door::Open { mailbox, .. } = self.door.borrow().clone() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(TellError::Unavailable);
        };
        mailbox
            .try_send(Envelope {
                mail,
                begun: Arc::default(),
            })
            .map_err(|error| {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                match error {
                    SendError::Full(_) => TellError::Overloaded,
                    SendError::Closed(_) => TellError::Unavailable,
                }
            })
    }
}

/// Waits for an incarnation that lives.
async fn living<M: Send + 'static>(
    door: &mut watch::Receiver<Door<M>>,
) -> Result<(Recipient<Envelope<M>>, Fence), AskError> {
    loop {
        match door.borrow_and_update().clone() {
            Door::Open { mailbox, fence } if !fence.is_over() => return Ok((mailbox, fence)),
            Door::Shut => return Err(AskError::Unavailable),
            Door::Open { .. } | Door::Closed => {}
        }
        if door.changed().await.is_err() {
            return Err(AskError::Unavailable);
        }
    }
}

async fn attempt<M: Send + 'static, T>(
    mailbox: &Recipient<Envelope<M>>,
    fence: &Fence,
    mail: M,
    answer: oneshot::Receiver<T>,
) -> Attempt<T> {
    let begun = Arc::new(AtomicBool::new(false));
    match mailbox.try_send(Envelope {
        mail,
        begun: begun.clone(),
    }) {
        Ok(()) => {}
        Err(SendError::Full(_)) => return Attempt::Failed(AskError::Overloaded),
        Err(SendError::Closed(_)) => {
            fence.revoked().await;
            return Attempt::Died { begun: false };
        }
    }
    let died = || Attempt::Died {
        begun: begun.load(Ordering::Acquire),
    };
    tokio::select! {
        biased;
        answered = answer => match answered {
            Ok(answer) => Attempt::Answered(answer),
            Err(_) => match tokio::time::timeout(NEWS_OF_DEATH, fence.revoked()).await {
                Ok(()) => died(),
                Err(_) => Attempt::Failed(AskError::Unanswered),
            },
        },
        () = fence.revoked() => died(),
    }
}
