//! The pure heart of an actor and the hands that act for it. A core decides and never does; a performer does and never
//! decides.

use futures::future::BoxFuture;
use std::time::Duration;

/// The pure heart of an actor: state, what events do to it, and what is to be done next.
///
/// `now` is time since boot. Nothing here may read a clock, roll dice, look at the environment or do I/O. What is under way
/// is state that `plan` counts.
pub trait Core: Send + Sized + Unpin + 'static {
    /// What others say. A question carries the `oneshot::Sender` of its answer.
    type Mail: Send + 'static;
    /// What must be done.
    type Action: Send + 'static;
    /// What came back.
    type Outcome: Send + 'static;

    /// Takes in one event.
    fn apply(&mut self, event: Event<Self::Mail, Self::Outcome>, now: Duration);

    /// What to do now, and when to look again. Called after every `apply`.
    fn plan(&mut self, now: Duration) -> Plan<Self::Action>;

    /// Broken invariants, in words. Empty is well.
    fn audit(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Everything that can happen to a core.
#[derive(Debug)]
pub enum Event<M, O> {
    /// Somebody said something.
    Mail(M),
    /// An action came to an end.
    Outcome(O),
    /// The time that `plan` asked for has come.
    Wake,
}

/// What a core wants done.
#[derive(Debug)]
pub struct Plan<A> {
    /// To be done now. They run beside one another, in no order; those that [`Performer::perform_now`] takes are done at once
    /// and in order.
    pub actions: Vec<A>,
    /// Look again then, if nothing happens before.
    pub wake_at: Option<Duration>,
    /// The core gives itself up: start a fresh one. In words. Of this plan's actions those that need no waiting are still done;
    /// the others are not.
    pub restart: Option<String>,
}

impl<A> Default for Plan<A> {
    fn default() -> Self {
        Self { actions: Vec::new(), wake_at: None, restart: None }
    }
}

/// Carries out the actions of a core, on the shared I/O runtime.
pub trait Performer<C: Core>: Send + Sync + 'static {
    /// By when the action's own port answers, at the latest. No outcome by then and a grace is a stalled call, which costs the
    /// actor a restart.
    fn timeout(&self, action: &C::Action) -> Duration;

    /// Does what needs no waiting (an answer, a snapshot), at once and in order; gives back what it does not do. It runs on the
    /// actor's own thread: if it blocks, it may come to after its incarnation is over.
    fn perform_now(&self, action: C::Action) -> Option<C::Action> {
        Some(action)
    }

    /// Does the rest. `Ok(None)`: nothing comes back.
    fn perform(&self, action: C::Action) -> BoxFuture<'static, Result<Option<C::Outcome>, Broken>>;
}

/// A connection is gone for good: its owner is started afresh, which counts to nobody's intensity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Broken {
    /// In words.
    pub reason: String,
}
