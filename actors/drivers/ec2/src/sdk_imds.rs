//! The metadata port: which keys are read, in which order, and what their absence means. A key that is not there yet makes
//! its interface partial; anything else that is wrong is told with the path of the key.

use contract::causes::Cause;
use contract::model::{EniId, InstanceId, InstanceType, Mac, NodeFacts, SubnetId, VpcId};
use contract::ports::imds::{Imds, ImdsInterface, ImdsInterfaces};
use futures::future::{BoxFuture, try_join_all};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use ipnet::Ipv4Net;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;

use crate::imds_answers::{address, block, lines, mac, number, region, word};
use crate::imds_client::{ImdsClient, ImdsProblem};
use crate::settings::{AwsSettings, seconds};

const META: &str = "/latest/meta-data";
const IDENTITY: &str = "/latest/dynamic/instance-identity/document";

/// Interfaces read at once. The service allows 1,024 packets a second per ENI, which pods on the node need too.
const INTERFACES_AT_ONCE: usize = 4;

/// The metadata service by the AWS SDK.
#[derive(Debug, Clone)]
pub struct SdkImds(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: AwsSettings,
    client: ImdsClient,
    region: watch::Sender<Option<String>>,
}

impl SdkImds {
    /// A port that has not asked anything yet.
    #[must_use]
    pub fn new(settings: AwsSettings) -> Self {
        let client = ImdsClient::new(settings.clone());
        Self(Arc::new(Inner { settings, client, region: watch::Sender::new(None) }))
    }

    /// The Region, once [`Imds::node`] has been answered.
    #[must_use]
    pub fn region(&self) -> watch::Receiver<Option<String>> {
        self.0.region.subscribe()
    }

    /// Runs one call of the port within its timeout.
    fn call<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> BoxFuture<'static, Result<T, Cause>>
    where
        F: Future<Output = Result<T, ImdsProblem>> + Send + 'static,
    {
        let timeout = self.0.settings.imds_timeout;
        let work = work(Arc::clone(&self.0));
        Box::pin(async move {
            let outcome = tokio::time::timeout(timeout, work).await;
            let late = |_| ImdsProblem::Deadline { seconds: seconds(timeout) };
            Ok(outcome.map_err(late)??)
        })
    }
}

impl Imds for SdkImds {
    fn node(&self) -> BoxFuture<'static, Result<NodeFacts, Cause>> {
        self.call(|inner| async move {
            let facts = inner.node().await?;
            inner.region.send_replace(Some(facts.region.clone()));
            Ok(facts)
        })
    }

    fn interfaces(&self) -> BoxFuture<'static, Result<ImdsInterfaces, Cause>> {
        self.call(|inner| async move { inner.interfaces().await })
    }
}

impl Inner {
    async fn node(&self) -> Result<NodeFacts, ImdsProblem> {
        let keys = ["instance-id", "instance-type", "placement/availability-zone"];
        let words = try_join_all(keys.map(|key| self.needed(format!("{META}/{key}"), word)));
        let (words, primary_mac, primary_address, region) = futures::try_join!(
            words,
            self.needed(format!("{META}/mac"), mac),
            self.needed(format!("{META}/local-ipv4"), address),
            self.needed(IDENTITY.to_owned(), region),
        )?;
        let below = below(primary_mac);
        let (vpc, subnet) = futures::try_join!(
            self.needed(format!("{below}/vpc-id"), word),
            self.needed(format!("{below}/subnet-id"), word),
        )?;
        let mut words = words.into_iter();
        let mut next = || words.next().unwrap_or_default();
        Ok(NodeFacts {
            instance: InstanceId::new(next()),
            instance_type: InstanceType::new(next()),
            availability_zone: next(),
            region,
            vpc: VpcId::new(vpc),
            subnet: SubnetId::new(subnet),
            primary_mac,
            primary_address,
        })
    }

    async fn interfaces(&self) -> Result<ImdsInterfaces, ImdsProblem> {
        let macs = self.needed(format!("{META}/network/interfaces/macs/"), |text| lines(text, mac)).await?;
        let walked: Vec<_> = stream::iter(macs)
            .map(|mac| async move { Ok::<_, ImdsProblem>((mac, self.interface(mac).await?)) })
            .buffer_unordered(INTERFACES_AT_ONCE)
            .try_collect()
            .await?;
        let mut interfaces = Vec::new();
        let mut partial = Vec::new();
        for (mac, interface) in walked {
            match interface {
                Some(interface) => interfaces.push(interface),
                None => partial.push(mac),
            }
        }
        interfaces.sort_by_key(|interface| (interface.card, interface.device, interface.mac));
        partial.sort();
        Ok(ImdsInterfaces { interfaces, partial, vpc_cidrs: self.vpc_cidrs().await? })
    }

    /// One interface; `None` if a key is missing that every interface has once it is wholly there.
    async fn interface(&self, mac: Mac) -> Result<Option<ImdsInterface>, ImdsProblem> {
        let below = below(mac);
        // In the order in which they appear; the first that is missing ends the walk.
        let Some(id) = self.key(format!("{below}/interface-id"), word).await? else {
            return Ok(None);
        };
        let Some(device) = self.key(format!("{below}/device-number"), number).await? else {
            return Ok(None);
        };
        let Some(subnet) = self.key(format!("{below}/subnet-id"), word).await? else {
            return Ok(None);
        };
        let cidr = self.key(format!("{below}/subnet-ipv4-cidr-block"), block).await?;
        let Some(subnet_cidr) = cidr else { return Ok(None) };
        let addresses = self.key(format!("{below}/local-ipv4s"), |text| lines(text, address)).await?;
        // The first is the interface's own. An interface without any is not there yet, or is one without IPv4.
        let mut addresses = addresses.unwrap_or_default().into_iter();
        let Some(primary_address) = addresses.next() else {
            return Ok(None);
        };
        // Not listed where the instance type has one card.
        let card = self.key(format!("{below}/network-card"), number).await?.unwrap_or(0);
        Ok(Some(ImdsInterface {
            mac,
            id: EniId::new(id),
            card,
            device,
            subnet: SubnetId::new(subnet),
            subnet_cidr,
            primary_address,
            secondary_addresses: addresses.collect(),
        }))
    }

    /// Empty if the service does not tell.
    async fn vpc_cidrs(&self) -> Result<Vec<Ipv4Net>, ImdsProblem> {
        let primary = self.needed(format!("{META}/mac"), mac).await?;
        let path = format!("{}/vpc-ipv4-cidr-blocks", below(primary));
        Ok(self.key(path, |text| lines(text, block)).await?.unwrap_or_default())
    }

    /// A key that every instance has.
    async fn needed<T>(&self, path: String, value: fn(&str) -> Result<T, String>) -> Result<T, ImdsProblem> {
        self.key(path.clone(), value).await?.ok_or(ImdsProblem::NotFound { path })
    }

    async fn key<T>(
        &self,
        path: String,
        value: fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ImdsProblem> {
        let Some(text) = self.client.get(&path).await? else {
            return Ok(None);
        };
        value(&text).map(Some).map_err(|problem| ImdsProblem::Malformed { path, problem })
    }
}

fn below(mac: Mac) -> String {
    format!("{META}/network/interfaces/macs/{mac}")
}
