//! The checkpoint port over the disk.

use contract::causes::Cause;
use contract::ports::checkpoint::{Checkpoint, CheckpointImage, Loaded};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::disk::{Disk, Keeper};
use crate::shared::SharedWorld;

/// The checkpoint port of one process.
#[derive(Clone)]
pub struct FakeCheckpoint(Keeper<CheckpointImage>);

impl FakeCheckpoint {
    /// Over the disk of this world.
    #[must_use]
    pub fn new(world: SharedWorld) -> Self {
        let written = |disk: &mut Disk| disk.boot_of_leases = disk.boot;
        Self(Keeper::new(world, |disk| &mut disk.leases, written))
    }
}

impl Checkpoint for FakeCheckpoint {
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>> {
        let loading = self.0.clone().load(self.0.journey(), |disk| {
            let Disk { leases, boot, boot_of_leases, .. } = disk;
            let earlier_boot = boot != boot_of_leases;
            Loaded { image: leases.durable.clone(), set_aside: Vec::new(), earlier_boot }
        });
        loading.map(|read| read.map_err(|why| Cause::CheckpointRead { detail: why.to_owned() })).boxed()
    }

    fn write(&self, image: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>> {
        let writing = self.0.clone().write(self.0.journey(), image);
        writing.map(|done| done.map_err(|why| Cause::CheckpointWrite { detail: why.to_owned() })).boxed()
    }
}
