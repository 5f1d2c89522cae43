//! One life of the daemon: the very tree of production over the fakes, on the one paused runtime.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use config::Settings;
use contract::model::VethPrefix;
use contract::ports::checkpoint::Checkpoint;
use contract::ports::host::Host;
use fakes::{FakeCheckpoint, FakeEc2, FakeHost, FakeImds, FakeIntents};
use household::{Children, Household, Views, World};
use kernel::{Clock, Ended, Publisher, Strategy, Subscription, Tree, TreeConfig, Vitals};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::plant::Plant;
use crate::stage::Stage;
use crate::watched::{Sabotage, watched};

/// A stop in order takes at most this long in any weather: each of six rooms drains for five seconds.
const STOP: Duration = Duration::from_secs(60);

/// A running daemon.
pub(crate) struct Life {
    stop: oneshot::Sender<()>,
    tree: JoinHandle<Ended>,
    pub(crate) views: Views,
    pub(crate) vitals: Subscription<Vec<Vitals>>,
}

impl Life {
    /// Starts it. `seed` spreads its pauses.
    pub(crate) fn begin(stage: &Stage, settings: Arc<Settings>, seed: u64) -> Option<Self> {
        let clock = Clock::new(stage.boottime());
        let (vitals, pulse) = (Publisher::new(), Arc::<AtomicU64>::default());
        let house = Household {
            settings,
            gaps: Vec::new(),
            veth_prefix: VethPrefix::new("eni").ok()?,
            world: world(stage),
            doors: Arc::new(stage.porch.clone()),
            vitals: vitals.clone(),
            alive: Arc::new(|| true),
            clock,
            seed,
        };
        let mut tree = Tree::new(TreeConfig {
            strategy: Strategy::OneRuntime,
            io: Handle::current(),
            clock,
            seed,
            vitals: vitals.clone(),
            pulse,
        });
        let children = Children::of(&house);
        let views = children.views.clone();
        live(children, &mut tree, stage);
        let (stop, stopped) = oneshot::channel::<()>();
        let tree = tokio::task::spawn_local(tree.run(async {
            if stopped.await.is_err() {
                // Nobody tells it to stop: it runs until it is killed.
                std::future::pending::<()>().await;
            }
        }));
        Some(Self { stop, tree, views, vitals: vitals.subscribe() })
    }

    /// SIGKILL: nothing of it starts any more.
    pub(crate) async fn kill(self, stage: &Stage) {
        self.tree.abort();
        let _ = self.tree.await;
        stage.world.with(fakes::World::process_dies);
    }

    /// SIGTERM; whether it ended by itself.
    pub(crate) async fn stop(self, stage: &Stage) -> bool {
        let _ = self.stop.send(());
        let mut tree = self.tree;
        let ended = tokio::time::timeout(STOP, &mut tree).await.is_ok();
        tree.abort();
        stage.world.with(fakes::World::process_dies);
        ended
    }

    /// Why it ended by itself, if it has.
    pub(crate) fn has_ended(&self) -> bool {
        self.tree.is_finished()
    }
}

fn live(children: Children, tree: &mut Tree, stage: &Stage) {
    let judge = || stage.judge.clone();
    tree.add(watched(children.health, "health-server", judge(), Sabotage::none()));
    tree.add(watched(children.route_programmer, "route-programmer", judge(), Sabotage::none()));
    tree.add(watched(children.warm_pool, "warm-pool", judge(), Plant::in_pool(stage.plant)));
    tree.add(watched(children.subnet_scout, "subnet-scout", judge(), Sabotage::none()));
    tree.add(watched(children.eni_manager, "eni-manager", judge(), Sabotage::none()));
    tree.add(watched(children.cni_server, "cni-server", judge(), Sabotage::none()));
}

fn world(stage: &Stage) -> World {
    let of = stage.world.clone();
    let checkpoint: Arc<dyn Checkpoint> = Arc::new(FakeCheckpoint::new(of.clone()));
    let plant = stage.plant;
    World {
        ec2: Arc::new(FakeEc2::new(of.clone())),
        imds: Arc::new(FakeImds::new(of.clone())),
        aws_timeout: fakes::AWS_TIMEOUT,
        checkpoint: Plant::in_checkpoint(plant, checkpoint),
        intents: Plant::in_intents(plant, Arc::new(FakeIntents::new(of.clone()))),
        connect_host: Arc::new(move || {
            let host: Arc<dyn Host> = Arc::new(FakeHost::connect(of.clone()));
            Ok(Plant::in_host(plant, host))
        }),
        wall: || 1_767_225_600_000_000_000,
    }
}
