//! Bugs that are planted to see whether they are found: each stands between a room and its world, where the real one would act.

use std::sync::Arc;
use std::time::Duration;

use contract::causes::Cause;
use contract::mail::warm_pool::PoolMail;
use contract::ports::checkpoint::{Checkpoint, CheckpointImage, Loaded};
use contract::ports::host::{
    Host, HostChange, HostError, HostEvent, HostSnapshot, Link, NftTable, RouteAnswer, RouteQuestion,
};
use contract::ports::intents::{IntentImage, Intents, LoadedIntents};
use futures::FutureExt;
use futures::future::BoxFuture;
use warm_pool::{Pool, PoolAction};

use crate::watched::Sabotage;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// A write is answered before it is durable.
    ReplyBeforeDurable,
    /// After a restart neither the disk nor the kernel shows a pod.
    ForgottenAtRestart,
    /// Questions of those who wait are lost when the actor dies.
    LostWaiter,
    /// After a restart nobody knows which ENIs were being made or taken away.
    LeakedEni,
    /// After a restart nobody knows which addresses were being given back.
    ForgottenLeaving,
    /// A write goes on after its incarnation is dead.
    EffectOfTheDead,
}

impl Plant {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::ReplyBeforeDurable,
        Self::ForgottenAtRestart,
        Self::LostWaiter,
        Self::LeakedEni,
        Self::ForgottenLeaving,
        Self::EffectOfTheDead,
    ];

    pub(crate) fn in_pool(plant: Option<Self>) -> Sabotage<Pool> {
        match plant {
            Some(Self::LostWaiter) => {
                Sabotage { swallows: |mail| matches!(mail, PoolMail::Lease { .. }), ..Sabotage::none() }
            }
            Some(Self::EffectOfTheDead) => {
                Sabotage { detaches: |action| matches!(action, PoolAction::Write { .. }), ..Sabotage::none() }
            }
            _ => Sabotage::none(),
        }
    }

    pub(crate) fn in_checkpoint(plant: Option<Self>, real: Arc<dyn Checkpoint>) -> Arc<dyn Checkpoint> {
        match plant {
            Some(Self::ReplyBeforeDurable) => Arc::new(Hasty(real)),
            Some(Self::ForgottenAtRestart) => Arc::new(Blank(real)),
            Some(Self::ForgottenLeaving) => Arc::new(Careless(real)),
            _ => real,
        }
    }

    pub(crate) fn in_host(plant: Option<Self>, real: Arc<dyn Host>) -> Arc<dyn Host> {
        match plant {
            Some(Self::ForgottenAtRestart) => Arc::new(Blind(real)),
            _ => real,
        }
    }

    pub(crate) fn in_intents(plant: Option<Self>, real: Arc<dyn Intents>) -> Arc<dyn Intents> {
        match plant {
            Some(Self::LeakedEni) => Arc::new(Forgetful(real)),
            _ => real,
        }
    }
}

/// Answers at once, and writes some time later.
struct Hasty(Arc<dyn Checkpoint>);

impl Checkpoint for Hasty {
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>> {
        self.0.load()
    }

    fn write(&self, image: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>> {
        let real = self.0.clone();
        async move {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                real.write(image).await
            });
            Ok(())
        }
        .boxed()
    }
}

/// Reads nothing back.
struct Blank(Arc<dyn Checkpoint>);

impl Checkpoint for Blank {
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>> {
        let loaded = self.0.load();
        async move { loaded.await.map(|_| Loaded::default()) }.boxed()
    }

    fn write(&self, image: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>> {
        self.0.write(image)
    }
}

/// Sees no pod behind any link.
struct Blind(Arc<dyn Host>);

impl Host for Blind {
    fn snapshot(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        let read = self.0.snapshot();
        async move {
            let mut snapshot = read.await?;
            for link in &mut snapshot.links {
                link.behind = link.behind.take().map(|_| Vec::new());
            }
            Ok(snapshot)
        }
        .boxed()
    }

    fn overview(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        self.0.overview()
    }

    fn link(&self, ifindex: u32) -> BoxFuture<'static, Result<Option<Link>, HostError>> {
        self.0.link(ifindex)
    }

    fn news(
        &self,
        table: &'static str,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Vec<HostEvent>, HostError>> {
        self.0.news(table, patience)
    }

    fn apply(&self, changes: Vec<HostChange>) -> BoxFuture<'static, (usize, Option<HostError>)> {
        self.0.apply(changes)
    }

    fn route(&self, question: RouteQuestion) -> BoxFuture<'static, Result<Option<RouteAnswer>, HostError>> {
        self.0.route(question)
    }

    fn replace_nft_table(&self, table: NftTable) -> BoxFuture<'static, Result<(), HostError>> {
        self.0.replace_nft_table(table)
    }

    fn read_nft_table(
        &self,
        family: &'static str,
        name: &'static str,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, HostError>> {
        self.0.read_nft_table(family, name)
    }
}

/// Reads back nothing of what EniManager was about to do.
struct Forgetful(Arc<dyn Intents>);

impl Intents for Forgetful {
    fn load(&self) -> BoxFuture<'static, Result<LoadedIntents, Cause>> {
        let loaded = self.0.load();
        async move { loaded.await.map(|_| LoadedIntents::default()) }.boxed()
    }

    fn write(&self, image: IntentImage) -> BoxFuture<'static, Result<(), Cause>> {
        self.0.write(image)
    }
}

/// Writes down nothing of what leaves.
struct Careless(Arc<dyn Checkpoint>);

impl Checkpoint for Careless {
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>> {
        self.0.load()
    }

    fn write(&self, image: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>> {
        self.0.write(CheckpointImage { leaving: Vec::new(), ..image })
    }
}
