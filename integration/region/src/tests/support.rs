//! A small world to test in, and how its answers are read. It asserts nothing.

use std::time::Duration;

use crate::{
    EniId, InstanceId, InstanceSpec, Knobs, QueryReply, QueryRequest, Region, RegionSpec, SecurityGroupId,
    SubnetId, VpcId,
};

/// A region with one VPC, a /24 and a /28 in zone a, a /24 in zone b, and one m5.large in the first.
pub(super) struct World {
    pub(super) region: Region,
    pub(super) vpc: VpcId,
    pub(super) group: SecurityGroupId,
    pub(super) subnet: SubnetId,
    pub(super) small: SubnetId,
    pub(super) elsewhere: SubnetId,
    pub(super) node: InstanceId,
    pub(super) primary: EniId,
    /// The time of the next call.
    pub(super) now: Duration,
}

pub(super) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl World {
    pub(super) fn new() -> Self {
        Self::of("m5.large")
    }

    pub(super) fn of(instance_type: &str) -> Self {
        let mut region = Region::new(RegionSpec::default());
        let vpc =
            region.add_vpc(&["10.0.0.0/16".parse().unwrap(), "100.64.0.0/16".parse().unwrap()]).unwrap();
        let group = region.vpc(&vpc).unwrap().default_group.clone();
        let subnet = region.add_subnet(&vpc, "10.0.1.0/24".parse().unwrap(), "a").unwrap();
        let small = region.add_subnet(&vpc, "10.0.2.0/28".parse().unwrap(), "a").unwrap();
        let elsewhere = region.add_subnet(&vpc, "10.0.3.0/24".parse().unwrap(), "b").unwrap();
        let launch =
            region.launch_instance(InstanceSpec::new(instance_type, &subnet), Duration::ZERO).unwrap();
        let (node, primary) = (launch.instance, launch.enis[0].clone());
        Self { region, vpc, group, subnet, small, elsewhere, node, primary, now: Duration::ZERO }
    }

    pub(super) fn knobs(&mut self, change: impl FnOnce(&mut Knobs)) {
        let mut knobs = self.region.knobs().clone();
        change(&mut knobs);
        self.region.set_knobs(knobs).unwrap();
    }

    /// One call at the world's time; whatever it was, nothing may be broken after it.
    pub(super) fn ask(&mut self, request: QueryRequest) -> QueryReply {
        let reply = self.region.handle(request.by(&self.node), self.now);
        assert_eq!(reply.violations, Vec::<String>::new());
        assert_eq!(self.region.audit(), Vec::<String>::new());
        reply
    }

    /// One call that must succeed.
    pub(super) fn done(&mut self, request: QueryRequest) -> QueryReply {
        let reply = self.ask(request);
        assert_eq!(reply.http_status, 200, "{}", reply.body);
        reply
    }

    /// One call that must be refused: its code and message.
    pub(super) fn refused(&mut self, request: QueryRequest) -> (String, String) {
        let reply = self.ask(request);
        assert_ne!(reply.http_status, 200, "{}", reply.body);
        assert_eq!(reply.effects, Vec::new());
        (text(&reply.body, "Code"), text(&reply.body, "Message"))
    }

    /// A new ENI in a subnet, attached to nothing.
    pub(super) fn create(&mut self, subnet: &SubnetId) -> EniId {
        let reply = self.done(QueryRequest::new("CreateNetworkInterface").with("SubnetId", subnet));
        EniId::parse(&text(&reply.body, "networkInterfaceId")).unwrap()
    }

    pub(super) fn attach_request(&self, eni: &EniId, device_index: u32) -> QueryRequest {
        QueryRequest::new("AttachNetworkInterface")
            .with("NetworkInterfaceId", eni)
            .with("InstanceId", &self.node)
            .with("DeviceIndex", device_index)
            .with("NetworkCardIndex", 0)
    }

    /// Attaches an ENI to the node; its attachment's id.
    pub(super) fn attach(&mut self, eni: &EniId, device_index: u32) -> String {
        let reply = self.done(self.attach_request(eni, device_index));
        text(&reply.body, "attachmentId")
    }

    pub(super) fn assign_request(&self, eni: &EniId, count: u32) -> QueryRequest {
        QueryRequest::new("AssignPrivateIpAddresses")
            .with("NetworkInterfaceId", eni)
            .with("SecondaryPrivateIpAddressCount", count)
    }

    /// The answer with readable names for ids, and one element per line.
    pub(super) fn readable(&self, reply: &QueryReply, names: &[(&str, &str)]) -> String {
        let mac = |eni: &EniId| self.region.eni(eni).map(|eni| eni.mac.to_string()).unwrap_or_default();
        let mut body = reply.body.replace(&reply.request_id, "REQUEST");
        for (id, name) in names {
            body = body.replace(id, name);
        }
        for (id, name) in [
            (self.vpc.as_str(), "VPC"),
            (self.group.as_str(), "GROUP"),
            (self.subnet.as_str(), "SUBNET"),
            (self.small.as_str(), "SMALL"),
            (self.node.as_str(), "NODE"),
            (&self.node.as_str().replacen("i-", "r-", 1), "RESERVATION"),
            (self.primary.as_str(), "PRIMARY"),
            (&mac(&self.primary), "PRIMARY-MAC"),
        ] {
            body = body.replace(id, name);
        }
        body.replace("><", ">\n<")
    }
}

/// The text of the first element with this name; empty if there is none.
pub(super) fn text(body: &str, element: &str) -> String {
    texts(body, element).into_iter().next().unwrap_or_default()
}

/// The texts of every element with this name.
pub(super) fn texts(body: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let pieces = body.split(&open).skip(1);
    pieces.filter_map(|piece| piece.split_once(&close)).map(|(text, _)| text.to_owned()).collect()
}

/// A golden text without the indentation it has in the source.
pub(super) fn golden(text: &str) -> String {
    text.trim().lines().map(str::trim).collect::<Vec<_>>().join("\n")
}
