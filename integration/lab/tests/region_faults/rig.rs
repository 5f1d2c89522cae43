//! A region behind the lab's own servers on loopback: one VPC, three subnets, one m5.large. Time passes when a test says so.

use std::net::SocketAddr;
use std::time::Duration;

use lab::server::{serve_ec2, serve_imds};
use lab::{Desk, RegionHandle};
use region::{
    EniId, Fault, FaultRule, ImdsFault, ImdsFaultRule, InstanceId, InstanceSpec, Knobs, QueryRequest, Region,
    RegionSpec, SubnetId, VpcId, When,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Answer, PATIENCE, Seen, once};

/// The region's time when a test begins: so far ahead of the machine's that it moves only when a test says so.
const BEGIN: Duration = Duration::from_secs(100);

/// A region, and how it is asked.
pub(crate) struct Rig {
    region: RegionHandle,
    pub(crate) ec2: SocketAddr,
    pub(crate) imds: SocketAddr,
    pub(crate) vpc: VpcId,
    /// A /24.
    pub(crate) subnet: SubnetId,
    /// A /28.
    pub(crate) small: SubnetId,
    /// A /26.
    pub(crate) medium: SubnetId,
    pub(crate) node: InstanceId,
    pub(crate) primary: EniId,
    passed: Duration,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::of("m5.large", Knobs::default()).await
    }

    pub(crate) async fn with(knobs: Knobs) -> Self {
        Self::of("m5.large", knobs).await
    }

    pub(crate) async fn of(instance_type: &str, knobs: Knobs) -> Self {
        let mut region = Region::new(RegionSpec::default());
        region.set_knobs(knobs).unwrap();
        let vpc = region.add_vpc(&["10.0.0.0/16".parse().unwrap()]).unwrap();
        let subnet = region.add_subnet(&vpc, "10.0.1.0/24".parse().unwrap(), "a").unwrap();
        let small = region.add_subnet(&vpc, "10.0.2.0/28".parse().unwrap(), "a").unwrap();
        let medium = region.add_subnet(&vpc, "10.0.3.0/26".parse().unwrap(), "a").unwrap();
        let launch =
            region.launch_instance(InstanceSpec::new(instance_type, &subnet), Duration::ZERO).unwrap();
        let (node, primary) = (launch.instance, launch.enis[0].clone());
        let (region, task) = RegionHandle::start_alone(region);
        let (ec2, imds) = (listener().await, listener().await);
        let addresses = (ec2.local_addr().unwrap(), imds.local_addr().unwrap());
        let tasks =
            vec![task, serve_ec2(ec2, region.clone()), serve_imds(imds, region.clone(), node.clone())];
        let mut rig = Self {
            region,
            ec2: addresses.0,
            imds: addresses.1,
            vpc,
            subnet,
            small,
            medium,
            node,
            primary,
            passed: BEGIN,
            tasks,
        };
        rig.pass(0).await;
        rig
    }

    /// Looks at the region, or changes it by hand.
    pub(crate) async fn region<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Region) -> T + Send + 'static,
    ) -> T {
        self.region.ask(move |desk: &mut Desk| look(&mut desk.region)).await.unwrap()
    }

    /// The time of changes made by hand.
    pub(crate) fn now(&self) -> Duration {
        self.passed
    }

    /// Lets time pass in the region.
    pub(crate) async fn pass(&mut self, seconds: u64) {
        self.passed += Duration::from_secs(seconds);
        let passed = self.passed;
        self.region(move |region| region.advance(passed)).await;
    }

    pub(crate) async fn knobs(&self, change: impl FnOnce(&mut Knobs) + Send + 'static) {
        self.region(move |region| {
            let mut knobs = region.knobs().clone();
            change(&mut knobs);
            region.set_knobs(knobs).unwrap();
        })
        .await;
    }

    pub(crate) async fn fault(&self, action: &str, when: When, fault: Fault) {
        let rule = FaultRule::new(action, when, fault);
        self.region(move |region| region.add_fault(rule)).await.unwrap();
    }

    pub(crate) async fn imds_fault(&self, path: &str, when: When, fault: ImdsFault) {
        let rule = ImdsFaultRule::new(path, when, fault);
        self.region(move |region| region.add_imds_fault(rule)).await.unwrap();
    }

    pub(crate) async fn clear_faults(&self) {
        self.region(Region::clear_faults).await;
    }
}

// === impl Rig: EC2 ===

impl Rig {
    /// One call on a connection of its own.
    pub(crate) async fn call(&self, request: QueryRequest) -> Seen {
        once(self.ec2, &post(&request, &[]), PATIENCE).await
    }

    /// One call that EC2 answers.
    pub(crate) async fn ask(&self, request: QueryRequest) -> Answer {
        self.call(request).await.answer()
    }

    /// One call that succeeds; what it says.
    pub(crate) async fn done(&self, request: QueryRequest) -> String {
        let answer = self.ask(request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("text/xml;charset=UTF-8"));
        answer.body
    }

    /// One call that is refused: status, code, message.
    pub(crate) async fn refused(&self, request: QueryRequest) -> (u16, String, String) {
        let answer = self.ask(request).await;
        assert_ne!(answer.status, 200, "{}", answer.body);
        assert!(answer.header("x-amzn-requestid").is_some());
        (answer.status, text(&answer.body, "Code"), text(&answer.body, "Message"))
    }

    pub(crate) async fn create(&self, subnet: &SubnetId) -> EniId {
        let body = self.done(QueryRequest::new("CreateNetworkInterface").with("SubnetId", subnet)).await;
        EniId::parse(&text(&body, "networkInterfaceId")).unwrap()
    }

    /// Attaches an ENI to the node; its attachment's id.
    pub(crate) async fn attach(&self, eni: &EniId, device_index: u32) -> String {
        text(&self.done(self.attach_request(eni, device_index)).await, "attachmentId")
    }

    pub(crate) fn attach_request(&self, eni: &EniId, device_index: u32) -> QueryRequest {
        QueryRequest::new("AttachNetworkInterface")
            .with("NetworkInterfaceId", eni)
            .with("InstanceId", &self.node)
            .with("DeviceIndex", device_index)
            .with("NetworkCardIndex", 0)
    }

    /// Secondary addresses and prefixes that the region itself has on an ENI.
    pub(crate) async fn slots(&self, eni: &EniId) -> u32 {
        let eni = eni.clone();
        self.region(move |region| region.eni(&eni).map_or(0, region::Eni::slots)).await
    }
}

// === impl Rig: the metadata service ===

impl Rig {
    pub(crate) async fn token(&self) -> Seen {
        once(self.imds, &put_token(21_600), PATIENCE).await
    }

    /// GETs a path with a fresh token.
    pub(crate) async fn read(&self, path: &str) -> Answer {
        let token = self.token().await.answer();
        assert_eq!(token.status, 200);
        once(self.imds, &get(path, &token.body), PATIENCE).await.answer()
    }

    /// The MACs that the metadata service lists.
    pub(crate) async fn macs(&self) -> Vec<String> {
        let answer = self.read("/latest/meta-data/network/interfaces/macs/").await;
        assert_eq!(answer.status, 200);
        answer.body.lines().map(|line| line.trim_end_matches('/').to_owned()).collect()
    }

    /// One key of an ENI.
    pub(crate) async fn key(&self, mac: &str, key: &str) -> Answer {
        self.read(&format!("/latest/meta-data/network/interfaces/macs/{mac}/{key}")).await
    }

    pub(crate) async fn mac_of(&self, eni: &EniId) -> String {
        let eni = eni.clone();
        self.region(move |region| region.eni(&eni).unwrap().mac.to_string()).await
    }
}

pub(crate) fn assign(eni: &EniId, count: u32) -> QueryRequest {
    QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", eni)
        .with("SecondaryPrivateIpAddressCount", count)
}

pub(crate) fn assign_prefixes(eni: &EniId, count: u32) -> QueryRequest {
    QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", eni)
        .with("Ipv4PrefixCount", count)
}

pub(crate) fn describe(eni: &EniId) -> QueryRequest {
    QueryRequest::new("DescribeNetworkInterfaces").with("NetworkInterfaceId.1", eni)
}

/// The bytes of a call.
pub(crate) fn post(request: &QueryRequest, headers: &[(&str, String)]) -> String {
    let pairs: Vec<String> =
        request.params.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    let body = pairs.join("&");
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST / HTTP/1.1\r\nhost: ec2\r\n{more}content-length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn put_token(ttl_seconds: u32) -> String {
    format!(
        "PUT /latest/api/token HTTP/1.1\r\nhost: imds\r\nx-aws-ec2-metadata-token-ttl-seconds: {ttl_seconds}\r\ncontent-length: 0\r\n\r\n"
    )
}

pub(crate) fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: imds\r\nx-aws-ec2-metadata-token: {token}\r\n\r\n")
}

/// The text of the first element with this name; empty if there is none.
pub(crate) fn text(body: &str, element: &str) -> String {
    texts(body, element).into_iter().next().unwrap_or_default()
}

/// The texts of every element with this name.
pub(crate) fn texts(body: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let pieces = body.split(&open).skip(1);
    pieces.filter_map(|piece| piece.split_once(&close)).map(|(text, _)| text.to_owned()).collect()
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// A listener whose port was asked for by number: one that the kernel chose would be lost when it stops listening.
async fn listener() -> TcpListener {
    loop {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        if let Ok(listener) = TcpListener::bind(free).await {
            return listener;
        }
    }
}
