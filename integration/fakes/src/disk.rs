//! The disk, which knows one thing: of what is kept there, which image is durable, and which are on their way. Files, their order and
//! what a power loss makes of them are the checkpoint driver's own tests.

use contract::ports::checkpoint::CheckpointImage;
use contract::ports::intents::IntentImage;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::shared::SharedWorld;
use crate::slot::Slot;
use crate::weather::{Fate, Journey, Part};
use crate::world::World;

/// As the drivers are made with.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A write that hung for longer than its caller waited ends this much later.
const HUNG: Duration = Duration::from_secs(2);

/// How often a load looks whether earlier writes have ended.
const LOOK_EVERY: Duration = Duration::from_millis(1);

const FAILED: &str = "Input/output error (os error 5)";
const SILENT: &str = "the disk did not answer within 10 s";

/// What is on the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) leases: Slot<CheckpointImage>,
    pub(crate) intents: Slot<Option<IntentImage>>,
    /// Boots so far, and the one that the leases are of.
    pub(crate) boot: u64,
    pub(crate) boot_of_leases: u64,
}

impl World {
    /// The leases that would be read now.
    #[must_use]
    pub fn durable(&self) -> &CheckpointImage {
        &self.disk.leases.durable
    }

    /// The intents that would be read now.
    #[must_use]
    pub fn intents(&self) -> Option<&IntentImage> {
        self.disk.intents.durable.as_ref()
    }

    /// The process is gone: each write on its way has come to the disk or has not.
    pub fn process_dies(&mut self) {
        let Self { disk, dice, .. } = self;
        let dice = dice.of(Part::Disk);
        if disk.leases.process_dies(dice) {
            disk.boot_of_leases = disk.boot;
        }
        disk.intents.process_dies(dice);
    }

    /// The power goes and comes back: pods, routes and rules are gone, the ENIs are there again. State is in memory on most
    /// nodes and goes too; where it is on a disk it stays, of an earlier boot. Intents are on a disk everywhere.
    pub fn power_loss(&mut self, state_stays: bool) {
        self.process_dies();
        self.disk.boot += 1;
        if !state_stays {
            self.disk.leases.durable = CheckpointImage::default();
            self.disk.boot_of_leases = self.disk.boot;
        }
        self.replug();
    }
}

/// One process's way to one kept thing: one writer, which works off what it is asked in order.
#[derive(Clone)]
pub(crate) struct Keeper<T> {
    pub(crate) world: SharedWorld,
    slot: fn(&mut Disk) -> &mut Slot<T>,
    /// After a write has come to the disk.
    written: fn(&mut Disk),
    writer: Arc<Semaphore>,
}

impl<T: Send + 'static> Keeper<T> {
    pub(crate) fn new(
        world: SharedWorld,
        slot: fn(&mut Disk) -> &mut Slot<T>,
        written: fn(&mut Disk),
    ) -> Self {
        Self { world, slot, written, writer: Arc::new(Semaphore::new(1)) }
    }

    pub(crate) fn journey(&self) -> Journey {
        self.world.journey(Part::Disk)
    }

    /// Reads, after what is on its way has come to its end; or why not.
    pub(crate) async fn load<L>(
        self,
        journey: Journey,
        read: impl FnOnce(&Disk) -> L,
    ) -> Result<L, &'static str> {
        sleep(journey.there).await;
        if matches!(journey.fate, Fate::Refused | Fate::Hangs) {
            return Err(FAILED);
        }
        let until = self.world.now() + TIMEOUT;
        while self.world.with(|world| !(self.slot)(&mut world.disk).is_quiet()) {
            if self.world.now() >= until {
                return Err(SILENT);
            }
            sleep(LOOK_EVERY).await;
        }
        sleep(journey.back).await;
        Ok(self.world.with(|world| read(&world.disk)))
    }

    /// Makes it durable; or why not.
    pub(crate) async fn write(self, journey: Journey, image: T) -> Result<(), &'static str> {
        let number = self.world.with(|world| (self.slot)(&mut world.disk).begin(image));
        // The writer ends what it has begun, whether or not somebody still waits.
        let writing = tokio::spawn(async move {
            // Never closed: an error is a process that is gone.
            let _turn = self.writer.acquire().await;
            self.work_off(journey, number).await
        });
        match tokio::time::timeout(TIMEOUT, writing).await {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => Err(FAILED),
            Err(_) => Err(SILENT),
        }
    }

    /// Does a write, and says whether it was well.
    async fn work_off(&self, journey: Journey, number: u64) -> bool {
        sleep(journey.there).await;
        if journey.fate == Fate::Hangs {
            sleep(TIMEOUT + HUNG).await;
        }
        let done = !matches!(journey.fate, Fate::Refused | Fate::LostBefore);
        self.world.with(|world| {
            if (self.slot)(&mut world.disk).end(number, done) {
                (self.written)(&mut world.disk);
            }
        });
        sleep(journey.back).await;
        journey.fate == Fate::Works
    }
}
