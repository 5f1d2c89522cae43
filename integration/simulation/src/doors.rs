//! The doors of the simulated node: shims come in by the front itself instead of a socket, DELs that nobody took lie in a
//! spool in memory, and the picture is kept instead of served.

use std::sync::Arc;
use std::time::Duration;

use cni_server::{Announcer, CniAction, CniOutcome, CniServer, Front, serve_del};
use contract::mail::health_server::FrontView;
use fakes::Shared;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use health_server::{HealthAction, HealthBoard, HealthOutcome, HealthServer};
use household::Doors;
use kernel::{Broken, Fence, Performer, Publisher};
use protocol::DelRequest;

/// As the real hands have it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An open front door.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) front: Arc<Front>,
    pub(crate) fence: Fence,
}

/// Where shims come in, and what they leave if nobody is there.
#[derive(Clone, Default)]
pub(crate) struct Porch {
    door: Shared<Option<Door>>,
    spool: Shared<Vec<DelRequest>>,
    ready: Shared<bool>,
}

impl Porch {
    /// The door, if somebody is behind it.
    pub(crate) fn door(&self) -> Option<Door> {
        self.door.with(|door| door.clone()).filter(|door| door.fence.check().is_ok())
    }

    pub(crate) fn spool(&self, request: DelRequest) {
        self.spool.with(|spool| spool.push(request));
    }

    /// A DEL that still waits is of an earlier life of this attachment, and must not end this one.
    pub(crate) fn forget_spooled(&self, request: &DelRequest) {
        self.spool.with(|spool| spool.retain(|spooled| spooled != request));
    }

    pub(crate) fn spooled(&self) -> usize {
        self.spool.with(|spool| spool.len())
    }

    /// What `/readyz` said last.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.with(|ready| *ready)
    }
}

impl Doors for Porch {
    fn cni(
        &self,
        front: Arc<Front>,
        _announcer: Arc<Announcer>,
        fence: Fence,
        publish: Publisher<FrontView>,
    ) -> Arc<dyn Performer<CniServer>> {
        Arc::new(CniHands { door: Door { front, fence }, porch: self.clone(), publish })
    }

    fn health(
        &self,
        _board: HealthBoard,
        _alive: Arc<dyn Fn() -> bool + Send + Sync>,
        _tells: bool,
    ) -> Arc<dyn Performer<HealthServer>> {
        Arc::new(HealthHands { porch: self.clone() })
    }
}

struct CniHands {
    door: Door,
    porch: Porch,
    publish: Publisher<FrontView>,
}

impl Performer<CniServer> for CniHands {
    fn timeout(&self, _: &CniAction) -> Duration {
        TIMEOUT
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
        match action {
            CniAction::WorkOffSpool => work_off(self.door.clone(), self.porch.clone()).boxed(),
            CniAction::Serve => {
                self.porch.door.with(|door| *door = Some(self.door.clone()));
                ready(Ok(Some(CniOutcome::Served(Ok(()))))).boxed()
            }
            // The simulated runtime knows where to ask.
            CniAction::Announce(programs) => ready(Ok(Some(CniOutcome::Announced(Ok(programs))))).boxed(),
            CniAction::Publish(_) => ready(Ok(None)).boxed(),
        }
    }
}

async fn work_off(door: Door, porch: Porch) -> Result<Option<CniOutcome>, Broken> {
    let waiting = porch.spool.with(|spool| spool.clone());
    let mut worked_off = 0;
    for request in waiting {
        if serve_del(&door.front, request.clone()).await.is_ok() {
            porch.forget_spooled(&request);
            worked_off += 1;
        }
    }
    Ok(Some(CniOutcome::SpoolRead { worked_off }))
}

struct HealthHands {
    porch: Porch,
}

impl Performer<HealthServer> for HealthHands {
    fn timeout(&self, _: &HealthAction) -> Duration {
        TIMEOUT
    }

    fn perform_now(&self, action: HealthAction) -> Option<HealthAction> {
        match action {
            HealthAction::Show(picture) => {
                self.porch.ready.with(|ready| *ready = picture.ready);
                None
            }
            serve => Some(serve),
        }
    }

    fn perform(&self, _: HealthAction) -> BoxFuture<'static, Result<Option<HealthOutcome>, Broken>> {
        ready(Ok(Some(HealthOutcome::Served(Ok(()))))).boxed()
    }
}
