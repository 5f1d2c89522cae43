//! HealthServer as an actor: mail in, actions out, and the hands that carry them out. Nothing is decided here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::mail::health_server::HealthMail;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use kernel::{Broken, Core, Event, Performer, Plan};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::board::HealthBoard;
use crate::http::{Probe, serve};
use crate::plan::{Change, Picture, changes};
use crate::state::{HealthAction, HealthOutcome, HealthServer};

/// Binding answers at once; the picture is only hung up.
const AT_ONCE: Duration = Duration::from_secs(5);

impl Core for HealthServer {
    type Mail = HealthMail;
    type Action = HealthAction;
    type Outcome = HealthOutcome;

    fn apply(&mut self, event: Event<HealthMail, HealthOutcome>, now: Duration) {
        match event {
            Event::Mail(mail) => self.hear(mail),
            Event::Outcome(outcome) => self.learn(outcome, now),
            Event::Wake => {}
        }
    }

    fn plan(&mut self, now: Duration) -> Plan<HealthAction> {
        let (actions, wake_at) = self.turn(now);
        Plan { actions, wake_at, ..Plan::default() }
    }

    fn audit(&self) -> Vec<String> {
        self.violations()
    }
}

/// The hands of HealthServer. The HTTP server they start ends when they are dropped, or start another.
pub struct HealthPerformer {
    board: HealthBoard,
    alive: Probe,
    /// The number of the server that may run.
    server: watch::Sender<u64>,
    /// Changes go to the log.
    tells: bool,
}

impl HealthPerformer {
    /// Shows on `board`; `/livez` answers what `alive` says, which must not block.
    #[must_use]
    pub fn new(board: HealthBoard, alive: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        Self { board, alive, server: watch::Sender::new(0), tells: false }
    }

    /// Writes to the log what begins and what is over. One of several that show the same facts does.
    #[must_use]
    pub fn that_tells(self) -> Self {
        Self { tells: true, ..self }
    }

    fn show(&self, picture: Picture) {
        let picture = Arc::new(picture);
        let before = self.board.show(Arc::clone(&picture));
        if self.tells {
            changes(&before, &picture).into_iter().for_each(tell);
        }
    }

    fn serve(&self, bind: SocketAddr) -> BoxFuture<'static, Result<Option<HealthOutcome>, Broken>> {
        self.server.send_modify(|number| *number = number.wrapping_add(1));
        let ended = self.server.subscribe();
        let (pictures, alive) = (self.board.pictures(), Arc::clone(&self.alive));
        async move {
            let result = match TcpListener::bind(bind).await {
                Ok(listener) => {
                    tokio::spawn(serve(listener, pictures, alive, ended));
                    Ok(())
                }
                Err(error) => {
                    tracing::warn!(%bind, %error, "HTTP cannot be served");
                    Err(error.to_string())
                }
            };
            Ok(Some(HealthOutcome::Served(result)))
        }
        .boxed()
    }
}

impl Performer<HealthServer> for HealthPerformer {
    fn timeout(&self, _: &HealthAction) -> Duration {
        AT_ONCE
    }

    fn perform_now(&self, action: HealthAction) -> Option<HealthAction> {
        match action {
            HealthAction::Show(picture) => {
                self.show(*picture);
                None
            }
            HealthAction::Serve(_) => Some(action),
        }
    }

    fn perform(&self, action: HealthAction) -> BoxFuture<'static, Result<Option<HealthOutcome>, Broken>> {
        match self.perform_now(action) {
            Some(HealthAction::Serve(bind)) => self.serve(bind),
            Some(HealthAction::Show(_)) | None => ready(Ok(None)).boxed(),
        }
    }
}

fn tell(change: Change) {
    match change {
        Change::Ready => tracing::info!("ready"),
        Change::NotReady(why) => {
            tracing::warn!(room = why.room, cause = why.label, text = why.text, "not ready")
        }
        Change::Degraded(why) => {
            tracing::warn!(room = why.room, cause = why.label, text = why.text, "degraded")
        }
        Change::Over(what) => tracing::info!(room = what.room, cause = what.label, "over"),
    }
}

#[cfg(test)]
mod tests;
