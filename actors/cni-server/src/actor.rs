//! CniServer as an actor: mail in, actions out, and the hands that open the socket and read the spool. Nothing is decided here.

use contract::Boottime;
use contract::mail::cni_server::CniMail;
use contract::mail::health_server::FrontView;
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{Broken, Core, Event, Fence, Performer, Plan, Publisher};
use std::sync::Arc;
use std::time::Duration;

use crate::announce::{ANNOUNCE_MAX, Announcer, Programs};
use crate::front::Front;
use crate::state::CniServer;
use crate::{serve, spool};

/// Opening a socket is local.
const SERVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A look at the list ends by itself; this is for its outcome to arrive.
const ANNOUNCE_TIMEOUT: Duration = ANNOUNCE_MAX.saturating_add(Duration::from_secs(5));

/// A look at the spool ends by itself; this is for its outcome to arrive.
const SPOOL_TIMEOUT: Duration = spool::WORK_OFF_MAX.saturating_add(Duration::from_secs(5));

/// What CniServer has done for it.
#[derive(Debug)]
pub enum CniAction {
    /// Release what the spool says.
    WorkOffSpool,
    /// Open the socket and serve it.
    Serve,
    /// Put the list of plugins and the mark of this boot in place; the programs of the list as they were last asked.
    Announce(Programs),
    /// Tell everybody.
    Publish(FrontView),
}

/// What came back.
#[derive(Debug)]
pub enum CniOutcome {
    /// The spool was read, and this many DELs are done. Those that could not be done lie there still.
    SpoolRead {
        /// DELs.
        worked_off: u64,
    },
    /// The socket is open, or why not.
    Served(Result<(), String>),
    /// List and mark are in place, and what its programs say; or why not.
    Announced(Result<Programs, String>),
}

impl Core for CniServer {
    type Mail = CniMail;
    type Action = CniAction;
    type Outcome = CniOutcome;

    fn apply(&mut self, event: Event<CniMail, CniOutcome>, now: Boottime) {
        match event {
            Event::Mail(mail) => self.hear(mail, now),
            Event::Outcome(outcome) => self.learn(outcome, now),
            Event::Wake => {}
        }
    }

    fn plan(&mut self, now: Boottime) -> Plan<CniAction> {
        self.plan_at(now)
    }
}

/// The hands of CniServer.
pub struct CniPerformer {
    /// What serves the verbs.
    pub front: Arc<Front>,
    /// What tells the runtime.
    pub announcer: Arc<Announcer>,
    /// The server lives as long as this incarnation.
    pub fence: Fence,
    /// Who is told.
    pub publish: Publisher<FrontView>,
}

impl Performer<CniServer> for CniPerformer {
    fn timeout(&self, action: &CniAction) -> Duration {
        match action {
            CniAction::WorkOffSpool => SPOOL_TIMEOUT,
            CniAction::Announce(_) => ANNOUNCE_TIMEOUT,
            CniAction::Serve | CniAction::Publish(_) => SERVE_TIMEOUT,
        }
    }

    fn perform_now(&self, action: CniAction) -> Option<CniAction> {
        match action {
            CniAction::Publish(view) => {
                self.publish.publish(view);
                None
            }
            later => Some(later),
        }
    }

    fn perform(&self, action: CniAction) -> BoxFuture<'static, Result<Option<CniOutcome>, Broken>> {
        let front = self.front.clone();
        match action {
            CniAction::WorkOffSpool => async move {
                let worked_off = spool::work_off(front).await;
                Ok(Some(CniOutcome::SpoolRead { worked_off }))
            }
            .boxed(),
            CniAction::Serve => {
                let fence = self.fence.clone();
                async move { Ok(Some(CniOutcome::Served(serve::open(front, fence).await))) }.boxed()
            }
            CniAction::Announce(programs) => {
                let announcer = self.announcer.clone();
                async move { Ok(Some(CniOutcome::Announced(announcer.announce(programs).await))) }.boxed()
            }
            // Done by `perform_now`.
            CniAction::Publish(_) => futures::future::ready(Ok(None)).boxed(),
        }
    }
}
