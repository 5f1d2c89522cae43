//! The EC2 port over the region: the same calls with the same parameters as the SDK driver makes, the same classifier, and one
//! timeout per call.

mod answers;

use contract::causes::Cause;
use contract::model::{AttachmentId, EniId, InstanceId, InstanceType, SubnetId, VpcId};
use contract::ports::ec2::{
    Ec2, Ec2Error, EniDescription, EniOrder, InstanceLimits, SubnetDescription, classify, known_to_ec2,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use region::{QueryReply, QueryRequest};
use std::future::pending;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::sleep;

use crate::arrival::{Broken, arrive};
use crate::shared::SharedWorld;
use crate::weather::{Fate, Journey, Part};

/// As the driver is made with by default.
const TIMEOUT_SECONDS: u64 = 10;

/// EC2 and the metadata service answer within this.
pub const AWS_TIMEOUT: Duration = Duration::from_secs(TIMEOUT_SECONDS);

/// The EC2 port.
#[derive(Clone)]
pub struct FakeEc2 {
    world: SharedWorld,
}

impl FakeEc2 {
    /// Over the region of this world, as its node asks.
    #[must_use]
    pub fn new(world: SharedWorld) -> Self {
        Self { world }
    }

    fn call<T: Send + 'static>(
        &self,
        action: &'static str,
        subnet: Option<SubnetId>,
        request: QueryRequest,
        read: impl FnOnce(&str) -> Result<T, String> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Cause>> {
        let (world, journey) = (self.world.clone(), self.world.journey(Part::Ec2));
        async move {
            let limit = Duration::from_secs(TIMEOUT_SECONDS);
            let asked = tokio::time::timeout(limit, travel(world, journey, request)).await;
            let body = asked.unwrap_or(Err(Ec2Error::Timeout { seconds: TIMEOUT_SECONDS }));
            body.and_then(|body| read(&body).map_err(Ec2Error::Malformed))
                .map_err(|error| classify(action, subnet.as_ref(), error))
        }
        .boxed()
    }
}

/// There, and back: the body of a good answer.
async fn travel(world: SharedWorld, journey: Journey, request: QueryRequest) -> Result<String, Ec2Error> {
    let broken = |when: &str| Ec2Error::Transport(format!("connection reset {when}"));
    sleep(journey.there).await;
    match journey.fate {
        Fate::LostBefore => return Err(broken("before the request was sent")),
        Fate::Hangs => return pending().await,
        Fate::Refused => {
            return Err(Ec2Error::Service {
                status: 503,
                code: "RequestLimitExceeded".to_owned(),
                message: "Request limit exceeded.".to_owned(),
            });
        }
        Fate::Works | Fate::LostAfter => {}
    }
    let now = world.now();
    let QueryReply { http_status, body, delay, delivery, .. } = world.with(|world| {
        world.advance(now);
        let request = request.by(&world.instance);
        let mut reply = world.region.handle(request, now);
        world.follow(std::mem::take(&mut reply.effects));
        world.troubles.append(&mut reply.violations);
        reply
    });
    sleep(delay + journey.back).await;
    if journey.fate == Fate::LostAfter {
        return Err(broken("before an answer came"));
    }
    arrive(delivery, body.len()).await.map_err(|when| match when {
        Broken::Before => broken("before an answer came"),
        Broken::Within => Ec2Error::Malformed("the connection was reset within it".to_owned()),
    })?;
    if http_status == 200 { Ok(body) } else { Err(answers::error(http_status, &body)) }
}

impl Ec2 for FakeEc2 {
    fn attached_interfaces(
        &self,
        instance: InstanceId,
    ) -> BoxFuture<'static, Result<Vec<EniDescription>, Cause>> {
        let request = filtered("DescribeNetworkInterfaces", &[("attachment.instance-id", instance.as_str())]);
        self.call("DescribeNetworkInterfaces", None, request, answers::interfaces)
    }

    fn assign_addresses(
        &self,
        eni: EniId,
        subnet: SubnetId,
        count: u32,
    ) -> BoxFuture<'static, Result<Vec<Ipv4Addr>, Cause>> {
        let request = QueryRequest::new("AssignPrivateIpAddresses")
            .with("NetworkInterfaceId", eni.as_str())
            .with("SecondaryPrivateIpAddressCount", count);
        self.call("AssignPrivateIpAddresses", Some(subnet), request, answers::assigned)
    }

    fn unassign_addresses(
        &self,
        eni: EniId,
        addresses: Vec<Ipv4Addr>,
    ) -> BoxFuture<'static, Result<(), Cause>> {
        let request =
            QueryRequest::new("UnassignPrivateIpAddresses").with("NetworkInterfaceId", eni.as_str());
        let request = listed(request, "PrivateIpAddress", &addresses);
        self.call("UnassignPrivateIpAddresses", None, request, answers::done)
    }

    fn interface(&self, eni: EniId) -> BoxFuture<'static, Result<Option<EniDescription>, Cause>> {
        let request =
            QueryRequest::new("DescribeNetworkInterfaces").with("NetworkInterfaceId.1", eni.as_str());
        let one = |body: &str| answers::interfaces(body)?.pop().ok_or("it says nothing".to_owned());
        self.call("DescribeNetworkInterfaces", None, request, one).map(known_to_ec2).boxed()
    }

    fn create_interface(&self, order: EniOrder) -> BoxFuture<'static, Result<EniDescription, Cause>> {
        self.call("CreateNetworkInterface", Some(order.subnet.clone()), create(&order), answers::created)
    }

    fn attach_interface(
        &self,
        eni: EniId,
        instance: InstanceId,
        card: u32,
        device: u32,
    ) -> BoxFuture<'static, Result<AttachmentId, Cause>> {
        let request = QueryRequest::new("AttachNetworkInterface")
            .with("NetworkInterfaceId", eni.as_str())
            .with("InstanceId", instance.as_str())
            .with("DeviceIndex", device)
            .with("NetworkCardIndex", card);
        self.call("AttachNetworkInterface", None, request, answers::attachment)
    }

    fn delete_on_termination(
        &self,
        eni: EniId,
        attachment: AttachmentId,
    ) -> BoxFuture<'static, Result<(), Cause>> {
        let request = QueryRequest::new("ModifyNetworkInterfaceAttribute")
            .with("NetworkInterfaceId", eni.as_str())
            .with("Attachment.AttachmentId", attachment.as_str())
            .with("Attachment.DeleteOnTermination", true);
        self.call("ModifyNetworkInterfaceAttribute", None, request, answers::done)
    }

    fn detach_interface(&self, attachment: AttachmentId) -> BoxFuture<'static, Result<(), Cause>> {
        let request = QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment.as_str());
        self.call("DetachNetworkInterface", None, request, answers::done)
    }

    fn delete_interface(&self, eni: EniId) -> BoxFuture<'static, Result<(), Cause>> {
        let request = QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", eni.as_str());
        let deleted = self.call("DeleteNetworkInterface", None, request, answers::done);
        deleted.map(|result| known_to_ec2(result).map(|_| ())).boxed()
    }

    fn subnets(&self, vpc: VpcId, zone: String) -> BoxFuture<'static, Result<Vec<SubnetDescription>, Cause>> {
        let request = filtered("DescribeSubnets", &[("vpc-id", vpc.as_str()), ("availability-zone", &zone)]);
        self.call("DescribeSubnets", None, request, answers::subnets)
    }

    fn instance_limits(
        &self,
        instance_type: InstanceType,
    ) -> BoxFuture<'static, Result<InstanceLimits, Cause>> {
        let request =
            QueryRequest::new("DescribeInstanceTypes").with("InstanceType.1", instance_type.as_str());
        self.call("DescribeInstanceTypes", None, request, answers::limits)
    }
}

fn create(order: &EniOrder) -> QueryRequest {
    let mut request = QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", order.subnet.as_str())
        .with("Description", order.description.as_str())
        .with("ClientToken", order.token.as_str())
        .with("TagSpecification.1.ResourceType", "network-interface");
    if order.secondary_addresses > 0 {
        request = request.with("SecondaryPrivateIpAddressCount", order.secondary_addresses);
    }
    request = listed(request, "SecurityGroupId", &order.groups);
    order.tags.iter().zip(1..).fold(request, |request, ((key, value), number)| {
        let tag = format!("TagSpecification.1.Tag.{number}");
        request.with(format!("{tag}.Key"), key).with(format!("{tag}.Value"), value)
    })
}

fn listed<T: ToString>(request: QueryRequest, name: &str, values: &[T]) -> QueryRequest {
    values
        .iter()
        .zip(1..)
        .fold(request, |request, (value, number)| request.with(format!("{name}.{number}"), value.to_string()))
}

fn filtered(action: &str, filters: &[(&str, &str)]) -> QueryRequest {
    let request = QueryRequest::new(action).with("MaxResults", 1000);
    filters.iter().zip(1..).fold(request, |request, ((name, value), number)| {
        request.with(format!("Filter.{number}.Name"), name).with(format!("Filter.{number}.Value.1"), value)
    })
}
