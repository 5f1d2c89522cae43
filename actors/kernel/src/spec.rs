//! A child as data: its name, how it is started, how it is watched, and what follows its deaths.

use futures::FutureExt;
use futures::future::BoxFuture;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::Recipient;

use crate::board::{Subscription, Suspect};
use crate::clock::Clock;
use crate::core::{Core, Performer};
use crate::fence::Fence;
use crate::link::{Envelope, Inbox, Sender};

/// What follows when a child has died more often than its intensity allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// It is parked: reported, and tried again each minute. The others serve on.
    Park,
    /// The process ends, so that a clean one starts. For the few without whom nothing is served. A failing *start* parks
    /// all the same.
    EndProcess,
}

/// How a child is watched and restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The second restart in a window waits this long; the first none at all.
    pub backoff_first: Duration,
    /// No restart waits longer, unless parked.
    pub backoff_max: Duration,
    /// Deaths that count, within the window, before it is past its intensity.
    pub intensity: u32,
    /// The window.
    pub window: Duration,
    /// What then.
    pub past: Past,
    /// A parked child is tried again after this.
    pub parked: Duration,
    /// Its thread is asked this often whether it turns.
    pub pulse: Duration,
    /// Pulses that may go unanswered.
    pub missed_max: u32,
    /// It starts within this, or has failed to. Waiting for what the last incarnation holds comes before and is `drain`'s.
    pub start_deadline: Duration,
    /// An action's own timeout and this, and it is stalled.
    pub grace: Duration,
    /// The next incarnation waits this long for effects of the last that cannot be dropped.
    pub drain: Duration,
    /// Mail that may wait, of all senders together. Outcomes, snapshots and pulses do not count: they are bounded by what is
    /// under way.
    pub mailbox: usize,
}

impl Default for Policy {
    /// Five deaths in a minute; pulse 1 s, three missed; a start within 10 s.
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_millis(50),
            backoff_max: Duration::from_secs(10),
            intensity: 5,
            window: Duration::from_secs(60),
            past: Past::Park,
            parked: Duration::from_secs(60),
            pulse: Duration::from_secs(1),
            missed_max: 3,
            start_deadline: Duration::from_secs(10),
            grace: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            mailbox: 1024,
        }
    }
}

impl Policy {
    /// Silence after which its thread is lost: the pulse that is due, and those it may miss.
    pub(crate) fn silence_max(&self) -> Duration {
        self.pulse.saturating_mul(self.missed_max.saturating_add(1))
    }
}

/// What a starting incarnation gets.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Its right to act. Tasks of its own run `within` it.
    pub fence: Fence,
    /// Time.
    pub clock: Clock,
}

/// Why a child could not start: something local is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

type Made<C> = Result<(C, Arc<dyn Performer<C>>), StartError>;
type Follow<M> = Box<dyn Fn(Recipient<Envelope<M>>) -> BoxFuture<'static, ()> + Send + Sync>;

/// A child as data.
pub struct Spec<C: Core> {
    pub(crate) name: &'static str,
    pub(crate) policy: Policy,
    pub(crate) inbox: Inbox<C::Mail>,
    pub(crate) start: Arc<dyn Fn(Seat) -> BoxFuture<'static, Made<C>> + Send + Sync>,
    pub(crate) follows: Vec<Follow<C::Mail>>,
}

impl<C: Core> Spec<C> {
    /// A child that `start` makes: it reads what is local and recovers from that, on the I/O runtime. It is called for every
    /// incarnation.
    pub fn new<F>(
        name: &'static str,
        policy: Policy,
        inbox: Inbox<C::Mail>,
        start: impl Fn(Seat) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Made<C>> + Send + 'static,
    {
        let start = Arc::new(move |seat| start(seat).boxed());
        Self { name, policy, inbox, start, follows: Vec::new() }
    }

    /// Each newest snapshot becomes mail, one at a time; what was replaced before it could be delivered is skipped. Every
    /// incarnation begins with the newest, ahead of all other mail, unless two died over it: then it waits for a newer one.
    /// A `to_mail` that panics is a panic of the child.
    #[must_use]
    pub fn follow<T: Clone + Send + Sync + 'static>(
        mut self,
        subscription: Subscription<T>,
        to_mail: impl Fn(T) -> C::Mail + Send + Sync + 'static,
    ) -> Self {
        let to_mail = Arc::new(to_mail);
        let suspect = Arc::new(Suspect::default());
        self.follows.push(Box::new(move |mailbox| {
            let (subscription, to_mail) = (subscription.clone(), to_mail.clone());
            deliver(subscription, to_mail, suspect.clone(), mailbox).boxed()
        }));
        self
    }

    /// The same child around another core that hears the same mail: each incarnation is made as before, and then dressed by
    /// `dress`. So a test watches a core, or stands in its way, without the core knowing.
    #[must_use]
    pub fn dressed<W: Core<Mail = C::Mail>>(
        self,
        dress: impl Fn(C, Arc<dyn Performer<C>>) -> (W, Arc<dyn Performer<W>>) + Send + Sync + 'static,
    ) -> Spec<W> {
        let Self { name, policy, inbox, start, follows } = self;
        let dress = Arc::new(dress);
        let start = Arc::new(move |seat| {
            let (made, dress) = (start(seat), dress.clone());
            async move { made.await.map(|(core, performer)| dress(core, performer)) }.boxed()
        });
        Spec { name, policy, inbox, start, follows }
    }
}

async fn deliver<T, M>(
    mut subscription: Subscription<T>,
    to_mail: Arc<dyn Fn(T) -> M + Send + Sync>,
    suspect: Arc<Suspect>,
    mailbox: Recipient<Envelope<M>>,
) where
    T: Clone + Send + Sync + 'static,
    M: Send + 'static,
{
    while let Some((number, snapshot)) = subscription.next_numbered().await {
        if !suspect.is_poison(number) {
            let envelope = Envelope {
                mail: to_mail(snapshot),
                begun: Arc::default(),
                sender: Sender::Snapshot(suspect.clone(), number),
                slot: None,
            };
            if mailbox.send(envelope).await.is_err() {
                return;
            }
        }
        if !subscription.changed().await {
            return;
        }
    }
}
