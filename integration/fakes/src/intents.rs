//! The intents port over the disk.

use contract::causes::Cause;
use contract::ports::intents::{IntentImage, Intents, LoadedIntents};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::disk::Keeper;
use crate::shared::SharedWorld;

/// The intents port of one process.
#[derive(Clone)]
pub struct FakeIntents(Keeper<Option<IntentImage>>);

impl FakeIntents {
    /// Over the disk of this world.
    #[must_use]
    pub fn new(world: SharedWorld) -> Self {
        Self(Keeper::new(world, |disk| &mut disk.intents, |_| ()))
    }
}

impl Intents for FakeIntents {
    fn load(&self) -> BoxFuture<'static, Result<LoadedIntents, Cause>> {
        let loading = self.0.clone().load(self.0.journey(), |disk| LoadedIntents {
            image: disk.intents.durable.clone(),
            set_aside: None,
        });
        loading.map(|read| read.map_err(failed)).boxed()
    }

    fn write(&self, image: IntentImage) -> BoxFuture<'static, Result<(), Cause>> {
        self.0.clone().write(self.0.journey(), Some(image)).map(|done| done.map_err(failed)).boxed()
    }
}

fn failed(why: &str) -> Cause {
    Cause::IntentDisk { detail: why.to_owned() }
}
