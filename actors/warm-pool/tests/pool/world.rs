//! Start-up reads the disk and the kernel; without either it does not guess.

use crate::desk::*;
use contract::causes::Cause;
use contract::model::LeasePhase;
use contract::ports::checkpoint::{Checkpoint, CheckpointImage, Loaded};
use contract::ports::host::{
    Host, HostChange, HostError, HostEvent, HostSnapshot, Link, NftTable, RouteAnswer, RouteQuestion,
};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use kernel::Core;
use std::time::Duration;
use warm_pool::{PoolAction, recover_from_world};

struct Disk(Result<Loaded, Cause>);

impl Checkpoint for Disk {
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>> {
        ready(self.0.clone()).boxed()
    }

    fn write(&self, _: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>> {
        ready(Err(disk_failed())).boxed()
    }
}

struct Kernel(Result<HostSnapshot, HostError>);

fn not_asked<T: Send + 'static>() -> BoxFuture<'static, Result<T, HostError>> {
    let detail = "start-up only reads".into();
    ready(Err(HostError::Nft { detail })).boxed()
}

impl Host for Kernel {
    fn snapshot(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        ready(self.0.clone()).boxed()
    }

    fn overview(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        not_asked()
    }

    fn link(&self, _: u32) -> BoxFuture<'static, Result<Option<Link>, HostError>> {
        not_asked()
    }

    fn news(&self, _: &'static str, _: Duration) -> BoxFuture<'static, Result<Vec<HostEvent>, HostError>> {
        not_asked()
    }

    fn apply(&self, _: Vec<HostChange>) -> BoxFuture<'static, (usize, Option<HostError>)> {
        ready((0, None)).boxed()
    }

    fn route(&self, _: RouteQuestion) -> BoxFuture<'static, Result<Option<RouteAnswer>, HostError>> {
        not_asked()
    }

    fn replace_nft_table(&self, _: NftTable) -> BoxFuture<'static, Result<(), HostError>> {
        not_asked()
    }

    fn read_nft_table(
        &self,
        _: &'static str,
        _: &'static str,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, HostError>> {
        not_asked()
    }
}

async fn start(disk: Result<Loaded, Cause>, kernel: Result<HostSnapshot, HostError>) -> Result<usize, Cause> {
    let now = Duration::from_secs(5);
    let mut pool = recover_from_world(config(), &Disk(disk), &Kernel(kernel), now).await?;
    let actions = pool.plan(now).actions;
    Ok(actions
        .iter()
        .map(|action| match action {
            PoolAction::PublishLeases(view) => view.leases.len(),
            _ => 0,
        })
        .sum())
}

fn one_lease() -> Loaded {
    let mut loaded = Loaded::default();
    loaded.image.leases = vec![on_disk(1, 1, LeasePhase::Assigned)];
    loaded
}

#[tokio::test]
async fn the_pool_is_what_the_disk_and_the_kernel_say() {
    assert_eq!(start(Ok(one_lease()), Ok(kernel_with([at(1)]))).await, Ok(1));
}

#[tokio::test]
async fn a_disk_or_a_kernel_that_cannot_be_read_is_told_and_nothing_is_guessed() {
    let unreadable = Cause::CheckpointRead { detail: "input/output error".into() };
    let told = start(Err(unreadable.clone()), Ok(kernel_with([at(1)]))).await;
    assert_eq!(told, Err(unreadable));
    let partial = start(Ok(one_lease()), Ok(HostSnapshot::default())).await;
    assert_eq!(partial.unwrap_err().label(), "HostWiring");
    let lost = HostError::ConnectionLost { detail: "closed".into() };
    assert_eq!(start(Ok(one_lease()), Err(lost)).await.unwrap_err().label(), "HostWiring");
}
