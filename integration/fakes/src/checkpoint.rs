//! The checkpoint port over a disk that knows one thing: which image is durable, and which are on their way. Files, their order
//! and what a power loss makes of them are the checkpoint driver's own tests.

use contract::causes::Cause;
use contract::ports::checkpoint::{Checkpoint, CheckpointImage, Loaded};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::shared::SharedWorld;
use crate::weather::{Fate, Journey};
use crate::world::World;

/// As the driver is made with.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A write that hung for longer than its caller waited ends this much later.
const HUNG: Duration = Duration::from_secs(2);

/// How often a load looks whether earlier writes have ended.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What is on the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    durable: CheckpointImage,
    /// On their way, by number.
    writing: BTreeMap<u64, CheckpointImage>,
    begun: u64,
    /// Boots so far, and the one that the image is of.
    boot: u64,
    boot_of_image: u64,
}

impl Disk {
    fn begin(&mut self, image: CheckpointImage) -> u64 {
        self.begun += 1;
        self.writing.insert(self.begun, image);
        self.begun
    }

    /// A write comes to its end, if the process that asked for it still lives.
    fn end(&mut self, number: u64, done: bool) {
        if let Some(image) = self.writing.remove(&number).filter(|_| done) {
            self.durable = image;
            self.boot_of_image = self.boot;
        }
    }
}

impl World {
    /// What would be read now.
    #[must_use]
    pub fn durable(&self) -> &CheckpointImage {
        &self.disk.durable
    }

    /// The process is gone: each write on its way has come to the disk or has not.
    pub fn process_dies(&mut self) {
        let Self { disk, dice, .. } = self;
        let numbers: Vec<u64> = disk.writing.keys().copied().collect();
        for number in numbers {
            let arrived = dice.per_mille(500);
            disk.end(number, arrived);
        }
    }

    /// The power goes and comes back: pods, routes and rules are gone, the ENIs are there again. State is in memory on most
    /// nodes and goes too; where it is on a disk it stays, of an earlier boot.
    pub fn power_loss(&mut self, state_stays: bool) {
        self.process_dies();
        self.disk.boot += 1;
        if !state_stays {
            self.disk.durable = CheckpointImage::default();
            self.disk.boot_of_image = self.disk.boot;
        }
        self.replug();
    }
}

/// The checkpoint port of one process: one writer, which works off what it is asked in order.
#[derive(Clone)]
pub struct FakeCheckpoint {
    world: SharedWorld,
    writer: Arc<Semaphore>,
}

impl FakeCheckpoint {
    /// Over the disk of this world.
    #[must_use]
    pub fn new(world: SharedWorld) -> Self {
        Self { world, writer: Arc::new(Semaphore::new(1)) }
    }

    fn journey(&self) -> Journey {
        self.world.journey(|weather| weather.disk)
    }
}

impl Checkpoint for FakeCheckpoint {
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>> {
        let (world, journey) = (self.world.clone(), self.journey());
        async move {
            sleep(journey.there).await;
            if matches!(journey.fate, Fate::Refused | Fate::Hangs) {
                return Err(Cause::CheckpointRead { detail: "Input/output error (os error 5)".to_owned() });
            }
            let until = world.now() + TIMEOUT;
            while world.with(|world| !world.disk.writing.is_empty()) {
                if world.now() >= until {
                    let detail = "the disk did not answer within 10 s".to_owned();
                    return Err(Cause::CheckpointRead { detail });
                }
                sleep(LOOK_EVERY).await;
            }
            sleep(journey.back).await;
            Ok(world.with(|world| {
                let Disk { durable, boot, boot_of_image, .. } = &world.disk;
                Loaded { image: durable.clone(), set_aside: Vec::new(), earlier_boot: boot != boot_of_image }
            }))
        }
        .boxed()
    }

    fn write(&self, image: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>> {
        let (world, writer, journey) = (self.world.clone(), self.writer.clone(), self.journey());
        let failed = |detail: &str| Cause::CheckpointWrite { detail: detail.to_owned() };
        async move {
            let number = world.with(|world| world.disk.begin(image));
            // The writer ends what it has begun, whether or not somebody still waits.
            let writing = tokio::spawn(async move {
                // Never closed: an error is a process that is gone.
                let _turn = writer.acquire().await;
                write(world, journey, number).await
            });
            match tokio::time::timeout(TIMEOUT, writing).await {
                Ok(Ok(true)) => Ok(()),
                Ok(_) => Err(failed("Input/output error (os error 5)")),
                Err(_) => Err(failed("the disk did not answer within 10 s")),
            }
        }
        .boxed()
    }
}

/// Does a write, and says whether it was well.
async fn write(world: SharedWorld, journey: Journey, number: u64) -> bool {
    sleep(journey.there).await;
    if journey.fate == Fate::Hangs {
        sleep(TIMEOUT + HUNG).await;
    }
    let done = !matches!(journey.fate, Fate::Refused | Fate::LostBefore);
    world.with(|world| world.disk.end(number, done));
    sleep(journey.back).await;
    journey.fate == Fate::Works
}
