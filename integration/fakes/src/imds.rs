//! The metadata port over the region's copy: the same keys in the same order as the SDK driver reads, one after the other, so
//! that what changes in between is seen half.

use contract::causes::Cause;
use contract::model::{EniId, InstanceId, InstanceType, Mac, NodeFacts, SubnetId, VpcId};
use contract::ports::imds::{Imds, ImdsInterface, ImdsInterfaces};
use futures::FutureExt;
use futures::future::BoxFuture;
use region::{ImdsReply, ImdsRequest, TOKEN_TTL_SECONDS_MAX};
use std::future::{Future, pending};
use std::str::FromStr;
use std::time::Duration;
use tokio::time::sleep;

use crate::arrival::arrive;
use crate::shared::{Shared, SharedWorld};
use crate::weather::{Fate, Part};

/// As the driver is made with.
const TIMEOUT: Duration = Duration::from_secs(5);

const MACS: &str = "network/interfaces/macs";

/// The metadata port.
#[derive(Clone)]
pub struct FakeImds {
    world: SharedWorld,
    /// The token of the session, once there is one.
    session: Shared<Option<String>>,
}

/// What a walk cannot go on after.
struct Away(String);

impl FakeImds {
    /// Over the metadata service of this world's node.
    #[must_use]
    pub fn new(world: SharedWorld) -> Self {
        Self { world, session: Shared::default() }
    }

    fn walk<T, F>(&self, walk: impl FnOnce(Self) -> F) -> BoxFuture<'static, Result<T, Cause>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Away>> + Send + 'static,
    {
        let walking = walk(self.clone());
        async move {
            let late = || Err(Away(format!("no answer within {} s", TIMEOUT.as_secs())));
            let walked = tokio::time::timeout(TIMEOUT, walking).await.unwrap_or_else(|_| late());
            walked.map_err(|Away(detail)| Cause::ImdsUnavailable { detail })
        }
        .boxed()
    }

    /// One key; `None` if it is not there.
    async fn key(&self, path: &str) -> Result<Option<String>, Away> {
        let journey = self.world.journey(Part::Imds);
        sleep(journey.there).await;
        match journey.fate {
            Fate::Works => {}
            Fate::Hangs => return pending().await,
            Fate::Refused => return Err(Away(format!("{path}: 503"))),
            Fate::LostBefore | Fate::LostAfter => return Err(Away(format!("{path}: connection reset"))),
        }
        let mut reply = self.read(path).await?;
        if reply.status == 401 {
            // A new session, once, as the driver opens it.
            self.session.with(|token| *token = None);
            reply = self.read(path).await?;
        }
        sleep(journey.back).await;
        match reply.status {
            200 => Ok(Some(reply.body)),
            404 => Ok(None),
            other => Err(Away(format!("{path}: {other}"))),
        }
    }

    async fn read(&self, path: &str) -> Result<ImdsReply, Away> {
        let token = match self.session.with(|token| token.clone()) {
            Some(token) => token,
            None => self.open_session().await?,
        };
        self.ask(ImdsRequest::Read { path: format!("/latest/{path}"), token: Some(token) }).await
    }

    async fn open_session(&self) -> Result<String, Away> {
        let reply = self.ask(ImdsRequest::Token { ttl_seconds: Some(TOKEN_TTL_SECONDS_MAX) }).await?;
        if reply.status != 200 {
            return Err(Away(format!("no token: {}", reply.status)));
        }
        self.session.with(|token| *token = Some(reply.body.clone()));
        Ok(reply.body)
    }

    /// One request, rules and all.
    async fn ask(&self, request: ImdsRequest) -> Result<ImdsReply, Away> {
        let now = self.world.now();
        let answer = self.world.with(|world| {
            world.advance(now);
            world.region.handle_imds(&world.instance, &request, now)
        });
        if !answer.delay.is_zero() {
            sleep(answer.delay).await;
        }
        let arrived = arrive(answer.delivery, answer.reply.body.len()).await;
        arrived.map_err(|when| Away(format!("the connection broke: {when:?}")))?;
        Ok(answer.reply)
    }

    async fn value<T: FromStr>(&self, path: &str) -> Result<Option<T>, Away> {
        let text = self.key(&format!("meta-data/{path}")).await?;
        text.map(|text| text.trim().parse().map_err(|_| Away(format!("{path}: `{text}`")))).transpose()
    }

    async fn needed<T: FromStr>(&self, path: &str) -> Result<T, Away> {
        self.value(path).await?.ok_or_else(|| Away(format!("{path}: not found")))
    }

    async fn list<T: FromStr>(&self, path: &str) -> Result<Vec<T>, Away> {
        let text = self.key(&format!("meta-data/{path}")).await?.unwrap_or_default();
        let value =
            |line: &str| line.trim_end_matches('/').parse().map_err(|_| Away(format!("{path}: `{line}`")));
        text.lines().map(value).collect()
    }

    async fn interface(&self, mac: Mac) -> Result<Option<ImdsInterface>, Away> {
        let below = format!("{MACS}/{mac}");
        let Some(id) = self.value::<String>(&format!("{below}/interface-id")).await? else { return Ok(None) };
        let Some(device) = self.value(&format!("{below}/device-number")).await? else { return Ok(None) };
        let Some(subnet) = self.value::<String>(&format!("{below}/subnet-id")).await? else {
            return Ok(None);
        };
        let cidr = self.value(&format!("{below}/subnet-ipv4-cidr-block")).await?;
        let Some(subnet_cidr) = cidr else { return Ok(None) };
        let mut addresses = self.list(&format!("{below}/local-ipv4s")).await?.into_iter();
        let Some(primary_address) = addresses.next() else { return Ok(None) };
        let card = self.value(&format!("{below}/network-card")).await?.unwrap_or(0);
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
}

impl Imds for FakeImds {
    fn node(&self) -> BoxFuture<'static, Result<NodeFacts, Cause>> {
        self.walk(|imds| async move {
            let primary_mac: Mac = imds.needed("mac").await?;
            let below = format!("{MACS}/{primary_mac}");
            Ok(NodeFacts {
                instance: InstanceId::new(imds.needed::<String>("instance-id").await?),
                instance_type: InstanceType::new(imds.needed::<String>("instance-type").await?),
                region: imds.world.with(|world| world.region.spec().name.clone()),
                availability_zone: imds.needed("placement/availability-zone").await?,
                vpc: VpcId::new(imds.needed::<String>(&format!("{below}/vpc-id")).await?),
                subnet: SubnetId::new(imds.needed::<String>(&format!("{below}/subnet-id")).await?),
                primary_mac,
                primary_address: imds.needed("local-ipv4").await?,
            })
        })
    }

    fn interfaces(&self) -> BoxFuture<'static, Result<ImdsInterfaces, Cause>> {
        self.walk(|imds| async move {
            let (mut interfaces, mut partial) = (Vec::new(), Vec::new());
            for mac in imds.list::<Mac>(&format!("{MACS}/")).await? {
                match imds.interface(mac).await? {
                    Some(interface) => interfaces.push(interface),
                    None => partial.push(mac),
                }
            }
            interfaces.sort_by_key(|interface| (interface.card, interface.device, interface.mac));
            let primary: Mac = imds.needed("mac").await?;
            let vpc_cidrs = imds.list(&format!("{MACS}/{primary}/vpc-ipv4-cidr-blocks")).await?;
            Ok(ImdsInterfaces { interfaces, partial, vpc_cidrs })
        })
    }
}
