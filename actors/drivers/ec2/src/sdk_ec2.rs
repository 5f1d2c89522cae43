//! The EC2 port. One attempt and one timeout per call, whatever happens inside; retries, backoff and what to do about an
//! error are the caller's.

use aws_config::Region;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::ProvideRegion as _;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;
use contract::causes::Cause;
use contract::model::{AttachmentId, EniId, InstanceId, InstanceType, SubnetId, VpcId};
use contract::ports::ec2::{
    Ec2, Ec2Error, EniDescription, EniOrder, InstanceLimits, SubnetDescription, classify, known_to_ec2,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::future::Future;
use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{OnceCell, watch};

use crate::ec2_answers;
use crate::ec2_client;
use crate::ec2_errors::{Timeouts, of_panic, of_request};
use crate::eni_calls;
use crate::settings::{AwsSettings, seconds};

/// The largest page EC2 gives: fewest calls.
const PAGE_ITEMS: i32 = 1000;

/// Pages of one call. 10,000 ENIs or subnets are more than a node or a VPC can have, so a list that goes on is none.
const PAGES_MAX: usize = 10;

/// EC2 by the AWS SDK.
#[derive(Debug, Clone)]
pub struct SdkEc2(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: AwsSettings,
    timeouts: Timeouts,
    /// What the metadata service said, if it has.
    region: watch::Receiver<Option<String>>,
    /// Made by the first call that knows the Region. A failed or abandoned attempt leaves it empty.
    client: OnceCell<Client>,
}

/// One page of a list, and where the next begins.
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl SdkEc2 {
    /// A port that takes the Region from the settings, from the environment, or from what `region` will tell.
    #[must_use]
    pub fn new(settings: AwsSettings, region: watch::Receiver<Option<String>>) -> Self {
        let timeouts = Timeouts::from(&settings);
        Self(Arc::new(Inner { settings, timeouts, region, client: OnceCell::new() }))
    }

    /// Runs one call of the port: within its timeout, and so that a panic in the SDK is an answer.
    fn call<T: Send + 'static>(
        &self,
        action: &'static str,
        subnet: Option<SubnetId>,
        work: impl AsyncWork<T>,
    ) -> BoxFuture<'static, Result<T, Cause>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let timeout = inner.settings.ec2_timeout;
            let work = async {
                let client = inner.client().await?;
                work.run(client.clone(), inner.timeouts).await
            };
            let guarded = AssertUnwindSafe(work).catch_unwind();
            let outcome = match tokio::time::timeout(timeout, guarded).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => Err(Ec2Error::Transport(of_panic(panic.as_ref()))),
                Err(_) => Err(Ec2Error::Timeout { seconds: seconds(timeout) }),
            };
            outcome.map_err(|error| classify(action, subnet.as_ref(), error))
        })
    }
}

/// The part of a call that needs the client.
pub(crate) trait AsyncWork<T>: Send + 'static {
    fn run(self, client: Client, timeouts: Timeouts) -> BoxFuture<'static, Result<T, Ec2Error>>;
}

impl<T, W, F> AsyncWork<T> for W
where
    W: FnOnce(Client, Timeouts) -> F + Send + 'static,
    F: Future<Output = Result<T, Ec2Error>> + Send + 'static,
{
    fn run(self, client: Client, timeouts: Timeouts) -> BoxFuture<'static, Result<T, Ec2Error>> {
        Box::pin(self(client, timeouts))
    }
}

impl Ec2 for SdkEc2 {
    fn attached_interfaces(
        &self,
        instance: InstanceId,
    ) -> BoxFuture<'static, Result<Vec<EniDescription>, Cause>> {
        self.call("DescribeNetworkInterfaces", None, move |client: Client, timeouts| async move {
            let request = client
                .describe_network_interfaces()
                .filters(filter("attachment.instance-id", instance.as_str()))
                .max_results(PAGE_ITEMS);
            let found = all_pages(|token| {
                let request = request.clone().set_next_token(token);
                async move {
                    let page = request.send().await.map_err(|error| of_request(error, timeouts))?;
                    Ok(Page { next: page.next_token, items: page.network_interfaces.unwrap_or_default() })
                }
            })
            .await?;
            let mut enis = Vec::new();
            for eni in &found {
                enis.extend(ec2_answers::eni(eni).map_err(Ec2Error::Malformed)?);
            }
            Ok(enis)
        })
    }

    fn assign_addresses(
        &self,
        eni: EniId,
        subnet: SubnetId,
        count: u32,
    ) -> BoxFuture<'static, Result<Vec<Ipv4Addr>, Cause>> {
        if count == 0 {
            return Box::pin(std::future::ready(Ok(Vec::new())));
        }
        self.call("AssignPrivateIpAddresses", Some(subnet), move |client: Client, timeouts| async move {
            let answer = client
                .assign_private_ip_addresses()
                .network_interface_id(eni.as_str())
                .secondary_private_ip_address_count(i32::try_from(count).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(|error| of_request(error, timeouts))?;
            // Whatever is wrong here, addresses may have been assigned: the caller reads the ENI back, as after a timeout.
            if answer.network_interface_id().is_some_and(|other| other != eni.as_str()) {
                return Err(Ec2Error::Malformed(format!("it is not about {eni}")));
            }
            let assigned = answer.assigned_private_ip_addresses();
            let texts = assigned.iter().map(|entry| entry.private_ip_address());
            let addresses = texts
                .map(|text| ec2_answers::required("privateIpAddress", text).and_then(ec2_answers::address))
                .collect::<Result<Vec<_>, _>>()
                .map_err(Ec2Error::Malformed)?;
            if addresses.is_empty() {
                return Err(Ec2Error::Malformed("it assigns nothing".to_owned()));
            }
            Ok(addresses)
        })
    }

    fn unassign_addresses(
        &self,
        eni: EniId,
        addresses: Vec<Ipv4Addr>,
    ) -> BoxFuture<'static, Result<(), Cause>> {
        self.call("UnassignPrivateIpAddresses", None, eni_calls::unassign(eni, addresses))
    }

    fn interface(&self, eni: EniId) -> BoxFuture<'static, Result<Option<EniDescription>, Cause>> {
        let found = self.call("DescribeNetworkInterfaces", None, eni_calls::describe(eni));
        found.map(known_to_ec2).boxed()
    }

    fn create_interface(&self, order: EniOrder) -> BoxFuture<'static, Result<EniDescription, Cause>> {
        let subnet = order.subnet.clone();
        self.call("CreateNetworkInterface", Some(subnet), eni_calls::create(order))
    }

    fn attach_interface(
        &self,
        eni: EniId,
        instance: InstanceId,
        card: u32,
        device: u32,
    ) -> BoxFuture<'static, Result<AttachmentId, Cause>> {
        self.call("AttachNetworkInterface", None, eni_calls::attach(eni, instance, card, device))
    }

    fn delete_on_termination(
        &self,
        eni: EniId,
        attachment: AttachmentId,
    ) -> BoxFuture<'static, Result<(), Cause>> {
        let work = eni_calls::delete_on_termination(eni, attachment);
        self.call("ModifyNetworkInterfaceAttribute", None, work)
    }

    fn detach_interface(&self, attachment: AttachmentId) -> BoxFuture<'static, Result<(), Cause>> {
        self.call("DetachNetworkInterface", None, eni_calls::detach(attachment))
    }

    fn delete_interface(&self, eni: EniId) -> BoxFuture<'static, Result<(), Cause>> {
        let deleted = self.call("DeleteNetworkInterface", None, eni_calls::delete(eni));
        deleted.map(|result| known_to_ec2(result).map(|_| ())).boxed()
    }

    fn subnets(&self, vpc: VpcId, zone: String) -> BoxFuture<'static, Result<Vec<SubnetDescription>, Cause>> {
        self.call("DescribeSubnets", None, move |client: Client, timeouts| async move {
            let request = client
                .describe_subnets()
                .filters(filter("vpc-id", vpc.as_str()))
                .filters(filter("availability-zone", &zone))
                .max_results(PAGE_ITEMS);
            let found = all_pages(|token| {
                let request = request.clone().set_next_token(token);
                async move {
                    let page = request.send().await.map_err(|error| of_request(error, timeouts))?;
                    Ok(Page { next: page.next_token, items: page.subnets.unwrap_or_default() })
                }
            })
            .await?;
            let mut subnets = Vec::new();
            for subnet in &found {
                match ec2_answers::subnet(subnet) {
                    Ok(subnet) => subnets.extend(subnet),
                    Err(problem) => tracing::warn!(%problem, "a described subnet is left out"),
                }
            }
            Ok(subnets)
        })
    }

    fn instance_limits(
        &self,
        instance_type: InstanceType,
    ) -> BoxFuture<'static, Result<InstanceLimits, Cause>> {
        self.call("DescribeInstanceTypes", None, move |client: Client, timeouts| async move {
            let answer = client
                .describe_instance_types()
                .instance_types(instance_type.as_str().into())
                .send()
                .await
                .map_err(|error| of_request(error, timeouts))?;
            let named = |found: &&aws_sdk_ec2::types::InstanceTypeInfo| {
                found.instance_type().is_some_and(|name| name.as_str() == instance_type.as_str())
            };
            let Some(found) = answer.instance_types().iter().find(named) else {
                return Err(Ec2Error::Malformed(format!("it says nothing about {instance_type}")));
            };
            ec2_answers::limits(found).map_err(Ec2Error::Malformed)
        })
    }
}

impl Inner {
    async fn client(&self) -> Result<&Client, Ec2Error> {
        self.client
            .get_or_try_init(|| async {
                let region = self.known_region().await?;
                Ok(ec2_client::make(&self.settings, region).await)
            })
            .await
    }

    async fn known_region(&self) -> Result<Region, Ec2Error> {
        if let Some(region) = &self.settings.region {
            return Ok(Region::new(region.clone()));
        }
        if let Some(region) = EnvironmentVariableRegionProvider::new().region().await {
            return Ok(region);
        }
        let told = self.region.borrow().clone();
        told.map(Region::new).ok_or_else(|| {
            Ec2Error::Transport("the Region is not known: instance metadata has not told it yet".to_owned())
        })
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Reads a list to its end. An empty page is not the end: only the missing token is.
async fn all_pages<T, F>(page: impl Fn(Option<String>) -> F) -> Result<Vec<T>, Ec2Error>
where
    F: Future<Output = Result<Page<T>, Ec2Error>>,
{
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut found = page(token.clone()).await?;
        items.append(&mut found.items);
        let next = found.next.filter(|next| !next.is_empty());
        if next.is_none() {
            return Ok(items);
        }
        if next == token {
            return Err(Ec2Error::Malformed("its next page is the same page again".to_owned()));
        }
        token = next;
    }
    Err(Ec2Error::Malformed(format!("it does not end after {PAGES_MAX} pages of {PAGE_ITEMS}")))
}
