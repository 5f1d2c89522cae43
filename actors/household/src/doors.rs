//! How the outside comes in: the shims through CniServer, kubelet and Prometheus through HealthServer.

use std::sync::Arc;

use cni_server::{Announcer, CniPerformer, CniServer, Front};
use contract::mail::health_server::FrontView;
use health_server::{HealthBoard, HealthPerformer, HealthServer};
use kernel::{Fence, Performer, Publisher};

/// The hands of the two rooms that serve somebody outside.
pub trait Doors: Send + Sync {
    /// Those of one incarnation of CniServer, whose door `front` serves for as long as `fence` stands; `announcer` tells the
    /// runtime of it.
    fn cni(
        &self,
        front: Arc<Front>,
        announcer: Arc<Announcer>,
        fence: Fence,
        publish: Publisher<FrontView>,
    ) -> Arc<dyn Performer<CniServer>>;

    /// Those of one incarnation of HealthServer. Of several that show the same facts one `tells`: it writes the log.
    fn health(
        &self,
        board: HealthBoard,
        alive: Arc<dyn Fn() -> bool + Send + Sync>,
        tells: bool,
    ) -> Arc<dyn Performer<HealthServer>>;
}

/// Real sockets.
#[derive(Debug, Clone, Copy)]
pub struct Sockets;

impl Doors for Sockets {
    fn cni(
        &self,
        front: Arc<Front>,
        announcer: Arc<Announcer>,
        fence: Fence,
        publish: Publisher<FrontView>,
    ) -> Arc<dyn Performer<CniServer>> {
        Arc::new(CniPerformer { front, announcer, fence, publish })
    }

    fn health(
        &self,
        board: HealthBoard,
        alive: Arc<dyn Fn() -> bool + Send + Sync>,
        tells: bool,
    ) -> Arc<dyn Performer<HealthServer>> {
        let performer = HealthPerformer::new(board, alive);
        Arc::new(if tells { performer.that_tells() } else { performer })
    }
}
