//! RouteProgrammer as an actor: mail in, actions out, and the hands that carry them out. Nothing is decided here.

use std::sync::Arc;
use std::time::Duration;

use contract::Reply;
use contract::mail::route_programmer::{HostView, RouteMail};
use contract::ports::host::{Host, HostChange, HostError, RouteQuestion};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use kernel::{Broken, Core, Event, Performer, Plan};

use crate::plan::{FAMILY, NAME};
use crate::state::{Answer, PATIENCE, RouteAction, RouteOutcome, RouteProgrammer, Target};

/// The host port answers by its own timeouts, change by change; this is for a whole reading or batch.
const PORT_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers and views go out without waiting.
const AT_ONCE: Duration = Duration::from_secs(1);

impl Core for RouteProgrammer {
    type Mail = RouteMail;
    type Action = RouteAction;
    type Outcome = RouteOutcome;

    fn apply(&mut self, event: Event<RouteMail, RouteOutcome>, now: Duration) {
        match event {
            Event::Mail(mail) => self.hear(mail, now),
            Event::Outcome(outcome) => self.learn(outcome, now),
            Event::Wake => {}
        }
    }

    fn plan(&mut self, now: Duration) -> Plan<RouteAction> {
        let (actions, wake_at) = self.turn(now);
        Plan { actions, wake_at, ..Plan::default() }
    }

    fn audit(&self) -> Vec<String> {
        self.violations()
    }
}

/// The hands of RouteProgrammer.
#[derive(Clone)]
pub struct RoutePerformer {
    host: Arc<dyn Host>,
    publish: Arc<dyn Fn(HostView) + Send + Sync>,
}

impl RoutePerformer {
    /// Acts on `host`, and gives each new view to `publish`, which must not block.
    #[must_use]
    pub fn new(host: Arc<dyn Host>, publish: Arc<dyn Fn(HostView) + Send + Sync>) -> Self {
        Self { host, publish }
    }
}

impl Performer<RouteProgrammer> for RoutePerformer {
    fn timeout(&self, action: &RouteAction) -> Duration {
        match action {
            RouteAction::Read { .. }
            | RouteAction::Listen
            | RouteAction::ReadLink { .. }
            | RouteAction::Program { .. }
            | RouteAction::ReadTable
            | RouteAction::ReplaceTable(_) => PORT_TIMEOUT,
            RouteAction::Answer(_) | RouteAction::Publish(_) => AT_ONCE,
        }
    }

    fn perform_now(&self, action: RouteAction) -> Option<RouteAction> {
        match action {
            RouteAction::Answer(answer) => {
                say(answer);
                None
            }
            RouteAction::Publish(view) => {
                (self.publish)(view);
                None
            }
            RouteAction::Read { .. }
            | RouteAction::Listen
            | RouteAction::ReadLink { .. }
            | RouteAction::Program { .. }
            | RouteAction::ReadTable
            | RouteAction::ReplaceTable(_) => Some(action),
        }
    }

    fn perform(&self, action: RouteAction) -> BoxFuture<'static, Result<Option<RouteOutcome>, Broken>> {
        match self.perform_now(action) {
            Some(RouteAction::Read { number, pods }) => {
                let read = if pods { self.host.snapshot() } else { self.host.overview() };
                async move {
                    let result = unbroken(read.await)?;
                    Ok(Some(RouteOutcome::Read { number, result }))
                }
                .boxed()
            }
            Some(RouteAction::Listen) => {
                let news = self.host.news(NAME, PATIENCE);
                async move { Ok(Some(RouteOutcome::Heard(unbroken(news.await)?))) }.boxed()
            }
            Some(RouteAction::ReadLink { job, ifindex }) => {
                let read = self.host.link(ifindex);
                async move { Ok(Some(RouteOutcome::LinkRead { job, result: unbroken(read.await)? })) }.boxed()
            }
            Some(RouteAction::Program { target, changes, questions }) => {
                program(Arc::clone(&self.host), target, changes, questions).boxed()
            }
            Some(RouteAction::ReadTable) => {
                let read = self.host.read_nft_table(FAMILY, NAME);
                async move { Ok(Some(RouteOutcome::TableRead(unbroken(read.await)?))) }.boxed()
            }
            Some(RouteAction::ReplaceTable(table)) => {
                let replaced = self.host.replace_nft_table(table);
                async move { Ok(Some(RouteOutcome::TableReplaced(unbroken(replaced.await)?))) }.boxed()
            }
            Some(RouteAction::Answer(_) | RouteAction::Publish(_)) | None => ready(Ok(None)).boxed(),
        }
    }
}

async fn program(
    host: Arc<dyn Host>,
    target: Target,
    changes: Vec<HostChange>,
    questions: Vec<RouteQuestion>,
) -> Result<Option<RouteOutcome>, Broken> {
    let mut answers = Vec::new();
    let (mut done, mut stopped) = (0, None);
    if !changes.is_empty() {
        (done, stopped) = host.apply(changes).await;
    }
    if let Some(error) = stopped.take() {
        stopped = unbroken(Err::<(), _>(error))?.err();
    } else {
        for question in questions {
            answers.push(unbroken(host.route(question).await)?);
        }
    }
    Ok(Some(RouteOutcome::Programmed { target, done, stopped, answers }))
}

/// A lost connection is nobody's outcome: only a new incarnation gets a new one.
fn unbroken<T>(result: Result<T, HostError>) -> Result<Result<T, HostError>, Broken> {
    match result {
        Err(HostError::ConnectionLost { detail }) => Err(Broken { reason: detail }),
        other => Ok(other),
    }
}

/// An asker who has gone away does not hear the answer; what was done stands, and is undone by its own path.
fn say(answer: Answer) {
    fn send<T>(reply: Reply<T>, value: T) {
        drop(reply.send(value));
    }
    match answer {
        Answer::Plan(reply, result) => send(reply, result),
        Answer::Step(reply, result) => send(reply, result),
        Answer::Check(reply, result) => send(reply, result),
        Answer::Carried(reply, result) => send(reply, result),
    }
}

#[cfg(test)]
mod tests;
