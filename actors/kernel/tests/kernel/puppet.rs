//! A core that does what its mail says, and writes down what happens to it.

use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{Broken, Core, Event, Fence, Link, Performer, Plan};
use std::sync::mpsc as blocking;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What an effect does.
pub(crate) type Work = Box<dyn FnOnce() -> BoxFuture<'static, Result<Option<Fruit>, Broken>> + Send>;

/// What is done at once.
pub(crate) type Deed = Box<dyn FnOnce() + Send>;

/// A puppet's answer: which life gave it, and how much mail that life had taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) incarnation: u64,
    pub(crate) mail: u64,
}

pub(crate) type Reply = oneshot::Sender<Answer>;

/// What a puppet may be told.
pub(crate) enum Say {
    /// Answer.
    Hello(Reply),
    /// Write it down.
    Note(u64),
    /// Write it down, and answer.
    Numbered(u64, Reply),
    /// Panic.
    Poison,
    /// Panic while a question is in hand.
    PoisonedQuestion(Reply),
    /// Panic with a payload that panics when it is dropped.
    NastyPoison,
    /// Keep the question and never answer.
    Hoard(Reply),
    /// Drop the question.
    Ignore(Reply),
    /// Ask for a fresh life.
    GiveUp(&'static str),
    /// Start an effect: by its port's own timeout, at the latest, it answers.
    Run { timeout: Duration, work: Work },
    /// Do these at once, in order, the last of them after an effect was handed on.
    Now(Vec<Deed>),
    /// Hand this effect on, then panic.
    RunThenPanic(Work),
    /// Ask to be woken.
    WakeAt(Duration),
    /// Ask to be woken then, and for a fresh life in the same turn.
    WakeAtAndGiveUp(Duration),
    /// Block the thread until the other end speaks or is gone; act afterwards.
    Block(blocking::Receiver<()>, Deed),
    /// In the first life: say this to oneself again, without pause.
    Flood(Link<Say>),
}

/// What came of an effect.
#[derive(Debug)]
pub(crate) enum Fruit {
    Value(u64),
    Poison,
}

/// What the performer gets.
pub(crate) enum Do {
    Reply(Reply, Answer),
    Now(Deed),
    Later(Duration, Work),
}

/// Drops with a panic.
struct Nasty;

impl Drop for Nasty {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a payload that panics when it is dropped");
        }
    }
}

/// Panics with a payload that panics when it is dropped.
pub(crate) fn panic_nastily() -> ! {
    std::panic::panic_any(Nasty)
}

/// What happened, and when: (time since boot, in words).
pub(crate) type Line = (Duration, String);

pub(crate) struct Puppet {
    pub(crate) fence: Fence,
    pub(crate) journal: mpsc::UnboundedSender<Line>,
    pub(crate) mail: u64,
    pub(crate) todo: Vec<Do>,
    pub(crate) wake_at: Option<Duration>,
    pub(crate) give_up: Option<String>,
    pub(crate) poison_plan: bool,
}

impl Puppet {
    pub(crate) fn new(fence: Fence, journal: mpsc::UnboundedSender<Line>) -> Self {
        Self { fence, journal, mail: 0, todo: Vec::new(), wake_at: None, give_up: None, poison_plan: false }
    }

    fn write(&self, now: Duration, words: &str) {
        let line = format!("{}: {words}", self.fence.incarnation());
        // The test may be over.
        let _ = self.journal.send((now, line));
    }

    fn answer(&mut self, reply: Reply) {
        let answer = Answer { incarnation: self.fence.incarnation(), mail: self.mail };
        self.todo.push(Do::Reply(reply, answer));
    }

    fn listen(&mut self, say: Say, now: Duration) {
        match say {
            Say::Hello(reply) => {
                self.write(now, "hello");
                self.answer(reply);
            }
            Say::Note(number) => self.write(now, &format!("note {number}")),
            Say::Numbered(number, reply) => {
                self.write(now, &format!("number {number}"));
                self.answer(reply);
            }
            Say::Poison => panic!("poison"),
            Say::PoisonedQuestion(_reply) => {
                self.write(now, "poison");
                panic!("poison in a question");
            }
            Say::NastyPoison => panic_nastily(),
            Say::Hoard(reply) => {
                self.write(now, "hoard");
                self.todo.push(Do::Later(
                    Duration::from_secs(3600),
                    Box::new(move || {
                        async move {
                            let _kept = reply;
                            std::future::pending().await
                        }
                        .boxed()
                    }),
                ));
            }
            Say::Ignore(reply) => {
                self.write(now, "ignore");
                drop(reply);
            }
            Say::GiveUp(why) => self.give_up = Some(why.to_owned()),
            Say::Run { timeout, work } => self.todo.push(Do::Later(timeout, work)),
            Say::Now(deeds) => self.todo.extend(deeds.into_iter().map(Do::Now)),
            Say::RunThenPanic(work) => {
                self.todo.push(Do::Later(Duration::from_secs(1), work));
                self.todo.push(Do::Now(Box::new(|| panic!("in perform_now"))));
            }
            Say::WakeAt(at) => self.wake_at = Some(at),
            Say::WakeAtAndGiveUp(at) => {
                self.wake_at = Some(at);
                self.give_up = Some("woken no more".to_owned());
            }
            Say::Block(until, deed) => {
                self.write(now, "blocks");
                // A test that is over lets go.
                let _ = until.recv();
                self.write(now, "goes on");
                self.todo.push(Do::Now(deed));
            }
            Say::Flood(link) if self.fence.incarnation() == 1 => {
                self.todo.push(Do::Now(Box::new(move || {
                    let _ = link.tell(Say::Flood(link.clone()));
                })));
            }
            Say::Flood(_) => self.write(now, "no flood"),
        }
    }
}

impl Core for Puppet {
    type Mail = Say;
    type Action = Do;
    type Outcome = Fruit;

    fn apply(&mut self, event: Event<Say, Fruit>, now: Duration) {
        match event {
            Event::Mail(say) => {
                self.mail += 1;
                self.listen(say, now);
            }
            Event::Outcome(Fruit::Value(value)) => self.write(now, &format!("outcome {value}")),
            Event::Outcome(Fruit::Poison) => panic!("poison in an outcome"),
            Event::Wake => {
                self.wake_at = None;
                self.write(now, "wakes");
            }
        }
    }

    fn plan(&mut self, _: Duration) -> Plan<Do> {
        assert!(!self.poison_plan, "poison in a plan");
        Plan { actions: std::mem::take(&mut self.todo), wake_at: self.wake_at, restart: self.give_up.take() }
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.write(Duration::ZERO, "is gone");
    }
}

/// Does what puppets want done.
pub(crate) struct Hands;

impl Performer<Puppet> for Hands {
    fn timeout(&self, action: &Do) -> Duration {
        match action {
            Do::Later(timeout, _) => *timeout,
            Do::Reply(..) | Do::Now(_) => Duration::ZERO,
        }
    }

    fn perform_now(&self, action: Do) -> Option<Do> {
        match action {
            Do::Reply(reply, answer) => {
                // Whoever asked may have gone.
                let _ = reply.send(answer);
                None
            }
            Do::Now(deed) => {
                deed();
                None
            }
            later @ Do::Later(..) => Some(later),
        }
    }

    fn perform(&self, action: Do) -> BoxFuture<'static, Result<Option<Fruit>, Broken>> {
        match action {
            Do::Later(_, work) => work(),
            Do::Reply(..) | Do::Now(_) => async { Ok(None) }.boxed(),
        }
    }
}

/// An effect of a future.
pub(crate) fn work<F>(future: impl FnOnce() -> F + Send + 'static) -> Work
where
    F: Future<Output = Result<Option<Fruit>, Broken>> + Send + 'static,
{
    Box::new(move || future().boxed())
}
