//! Bugs that are planted to see whether they are found: each stands between a room and its world, where the real one would act.

use std::sync::Arc;
use std::time::Duration;

use contract::causes::Cause;
use contract::mail::warm_pool::PoolMail;
use contract::model::{AttachmentId, EniId, InstanceId, InstanceType, SubnetId, VpcId};
use contract::ports::checkpoint::{Checkpoint, CheckpointImage, Loaded};
use contract::ports::ec2::{Ec2, EniDescription, EniOrder, InstanceLimits, SubnetDescription};
use contract::ports::host::{
    Host, HostChange, HostError, HostSnapshot, NftTable, RouteAnswer, RouteQuestion,
};
use fakes::SharedWorld;
use futures::FutureExt;
use futures::future::BoxFuture;
use region::QueryRequest;
use std::net::Ipv4Addr;
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
    /// An ENI is created with every call for addresses, and never attached: by the plant itself, since nothing creates ENIs yet.
    LeakedEni,
    /// A write goes on after its incarnation is dead.
    EffectOfTheDead,
}

impl Plant {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::ReplyBeforeDurable,
        Self::ForgottenAtRestart,
        Self::LostWaiter,
        Self::LeakedEni,
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
            _ => real,
        }
    }

    pub(crate) fn in_host(plant: Option<Self>, real: Arc<dyn Host>) -> Arc<dyn Host> {
        match plant {
            Some(Self::ForgottenAtRestart) => Arc::new(Blind(real)),
            _ => real,
        }
    }

    pub(crate) fn in_ec2(plant: Option<Self>, real: Arc<dyn Ec2>, world: SharedWorld) -> Arc<dyn Ec2> {
        match plant {
            Some(Self::LeakedEni) => Arc::new(Wasteful { real, world }),
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

/// Creates an ENI with every Assign, and forgets it.
struct Wasteful {
    real: Arc<dyn Ec2>,
    world: SharedWorld,
}

impl Ec2 for Wasteful {
    fn attached_interfaces(
        &self,
        instance: InstanceId,
    ) -> BoxFuture<'static, Result<Vec<EniDescription>, Cause>> {
        self.real.attached_interfaces(instance)
    }

    fn assign_addresses(
        &self,
        eni: EniId,
        subnet: SubnetId,
        count: u32,
    ) -> BoxFuture<'static, Result<Vec<Ipv4Addr>, Cause>> {
        let now = self.world.now();
        let request = QueryRequest::new("CreateNetworkInterface").with("SubnetId", subnet.as_str());
        self.world.with(|world| world.region.handle(request, now));
        self.real.assign_addresses(eni, subnet, count)
    }

    fn unassign_addresses(
        &self,
        eni: EniId,
        addresses: Vec<Ipv4Addr>,
    ) -> BoxFuture<'static, Result<(), Cause>> {
        self.real.unassign_addresses(eni, addresses)
    }

    fn interface(&self, eni: EniId) -> BoxFuture<'static, Result<Option<EniDescription>, Cause>> {
        self.real.interface(eni)
    }

    fn create_interface(&self, order: EniOrder) -> BoxFuture<'static, Result<EniDescription, Cause>> {
        self.real.create_interface(order)
    }

    fn attach_interface(
        &self,
        eni: EniId,
        instance: InstanceId,
        card: u32,
        device: u32,
    ) -> BoxFuture<'static, Result<AttachmentId, Cause>> {
        self.real.attach_interface(eni, instance, card, device)
    }

    fn delete_on_termination(
        &self,
        eni: EniId,
        attachment: AttachmentId,
    ) -> BoxFuture<'static, Result<(), Cause>> {
        self.real.delete_on_termination(eni, attachment)
    }

    fn detach_interface(&self, attachment: AttachmentId) -> BoxFuture<'static, Result<(), Cause>> {
        self.real.detach_interface(attachment)
    }

    fn delete_interface(&self, eni: EniId) -> BoxFuture<'static, Result<(), Cause>> {
        self.real.delete_interface(eni)
    }

    fn subnets(&self, vpc: VpcId, zone: String) -> BoxFuture<'static, Result<Vec<SubnetDescription>, Cause>> {
        self.real.subnets(vpc, zone)
    }

    fn instance_limits(
        &self,
        instance_type: InstanceType,
    ) -> BoxFuture<'static, Result<InstanceLimits, Cause>> {
        self.real.instance_limits(instance_type)
    }
}
