//! The desk of a test: it holds EniManager, the calls it has asked for and not yet got, and the clock. After every event it
//! checks what must hold whatever happened: one call of a kind at a time, nothing bought during a read-back, nothing new to do
//! at the same moment, no wake in the past.

use contract::causes::Cause;
use contract::mail::eni_manager::{Demand, EniMail};
use contract::mail::subnet_scout::Place;
use contract::model::{
    AttachmentId, EniId, EniView, InstanceId, InstanceType, Mac, NodeFacts, SecurityGroupId, Subnet,
    SubnetId, SubnetMark, SubnetView, VpcId,
};
use contract::ports::ec2::{AttachmentState, EniAttachment, EniDescription, EniOrder};
use contract::ports::imds::{ImdsInterface, ImdsInterfaces};
use contract::ports::intents::{Intent, IntentImage, LoadedIntents};
use eni_manager::{Born, EniAction, EniConfig, EniManager, EniOutcome};
use kernel::{Core, Event};
use std::net::Ipv4Addr;
use std::time::Duration;

/// m5.large: 10 addresses on an ENI, one of which is its own.
pub(crate) const PER_ENI: u32 = 9;

pub(crate) fn node(instance_type: &str) -> NodeFacts {
    NodeFacts {
        instance: InstanceId::new("i-1"),
        instance_type: InstanceType::new(instance_type),
        region: "eu-west-1".into(),
        availability_zone: "eu-west-1a".into(),
        vpc: VpcId::new("vpc-1"),
        subnet: subnet(0),
        primary_mac: Mac([2, 0, 0, 0, 0, 0]),
        primary_address: Ipv4Addr::new(10, 0, 0, 200),
    }
}

pub(crate) fn eni(n: u8) -> EniId {
    EniId::new(format!("eni-{n}"))
}

pub(crate) fn subnet(n: u8) -> SubnetId {
    SubnetId::new(format!("subnet-{n}"))
}

/// Address `host` of subnet `n`.
pub(crate) fn at(n: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, n, host)
}

/// `count` addresses of subnet `n`, from its tenth on.
pub(crate) fn some(n: u8, count: u8) -> Vec<Ipv4Addr> {
    (10..10 + count).map(|host| at(n, host)).collect()
}

/// ENI `n`, at device `n`, in subnet `n`.
pub(crate) fn described(n: u8, addresses: Vec<Ipv4Addr>) -> EniDescription {
    EniDescription {
        id: eni(n),
        mac: Mac([2, 0, 0, 0, 0, n]),
        subnet: subnet(n),
        primary_address: at(n, 200),
        secondary_addresses: addresses,
        groups: vec![SecurityGroupId::new("sg-1")],
        attachment: Some(attachment(n)),
        tags: Vec::new(),
    }
}

pub(crate) fn attachment(n: u8) -> EniAttachment {
    EniAttachment {
        id: AttachmentId::new(format!("eni-attach-{n}")),
        instance: InstanceId::new("i-1"),
        card: 0,
        device: n.into(),
        state: AttachmentState::Attached,
        delete_on_termination: true,
    }
}

pub(crate) fn seen(n: u8, addresses: Vec<Ipv4Addr>) -> ImdsInterface {
    ImdsInterface {
        mac: Mac([2, 0, 0, 0, 0, n]),
        id: eni(n),
        card: 0,
        device: n.into(),
        subnet: subnet(n),
        subnet_cidr: format!("10.0.{n}.0/24").parse().unwrap(),
        primary_address: at(n, 200),
        secondary_addresses: addresses,
    }
}

pub(crate) fn metadata(interfaces: Vec<ImdsInterface>) -> ImdsInterfaces {
    ImdsInterfaces { interfaces, partial: Vec::new(), vpc_cidrs: vec!["10.0.0.0/16".parse().unwrap()] }
}

pub(crate) fn marked(n: u8, until: Duration) -> SubnetView {
    let mark = SubnetMark { cause: exhausted(n), until, failures: 1 };
    SubnetView {
        complete: true,
        subnets: vec![Subnet { id: subnet(n), cidr: None, free_addresses: None, mark: Some(mark) }],
        trouble: None,
    }
}

pub(crate) fn exhausted(n: u8) -> Cause {
    Cause::SubnetExhausted { subnet: subnet(n), detail: "no free addresses".into() }
}

const ASSIGN: &str = "AssignPrivateIpAddresses";

pub(crate) fn throttled() -> Cause {
    Cause::Throttled { action: ASSIGN }
}

pub(crate) fn timeout() -> Cause {
    Cause::Ec2Timeout { action: ASSIGN, timeout_seconds: 10 }
}

pub(crate) fn unavailable() -> Cause {
    Cause::Ec2Unavailable { action: ASSIGN, detail: "connection reset".into() }
}

pub(crate) fn unauthorized() -> Cause {
    Cause::Unauthorized { action: ASSIGN, detail: "no".into() }
}

pub(crate) fn refused() -> Cause {
    Cause::Ec2Refused {
        action: ASSIGN,
        code: "PrivateIpAddressLimitExceeded".into(),
        detail: "too many".into(),
    }
}

pub(crate) struct Desk {
    pub(crate) manager: EniManager,
    pub(crate) now: Duration,
    pub(crate) node_asked: bool,
    pub(crate) interfaces_asked: bool,
    pub(crate) describe_asked: bool,
    pub(crate) limits_asked: Option<InstanceType>,
    /// Calls for whole ENIs under way.
    pub(crate) creates: Vec<EniOrder>,
    pub(crate) attaches: Vec<(String, EniId, u32)>,
    pub(crate) binds: Vec<(String, EniId)>,
    pub(crate) looks: Vec<EniId>,
    pub(crate) unassigns: Vec<(EniId, Vec<Ipv4Addr>)>,
    pub(crate) detaches: Vec<EniId>,
    pub(crate) deletes: Vec<EniId>,
    /// What the disk has, and a write to it that is under way.
    pub(crate) disk: Option<IntentImage>,
    pub(crate) writing: Option<IntentImage>,
    pub(crate) reading_disk: bool,
    /// Writes end well, at once.
    pub(crate) disk_works: bool,
    /// Assigns under way.
    pub(crate) assigns: Vec<(EniId, SubnetId, u32)>,
    pub(crate) describes_seen: u32,
    pub(crate) interfaces_seen: u32,
    pub(crate) assigns_seen: u32,
    pub(crate) places: Vec<Place>,
    pub(crate) no_room: Vec<SubnetId>,
    pub(crate) room: Vec<SubnetId>,
    pub(crate) view: Option<EniView>,
    pub(crate) wake_at: Option<Duration>,
}

impl Desk {
    /// Just begun, with as many ENIs as an m5.large may have.
    pub(crate) fn new() -> Self {
        Self::recovered(None, Ok(LoadedIntents::default()))
    }

    /// Begun with at most so many ENIs, and what the disk had to say.
    pub(crate) fn recovered(max_enis: Option<u32>, loaded: Result<LoadedIntents, Cause>) -> Self {
        Self::recovered_at(Duration::from_secs(1000), max_enis, loaded)
    }

    /// The same, so long after the boot.
    pub(crate) fn recovered_at(
        now: Duration,
        max_enis: Option<u32>,
        loaded: Result<LoadedIntents, Cause>,
    ) -> Self {
        let config = EniConfig { seed: 7, max_enis, cluster_name: None, additional_tags: Vec::new() };
        let disk = loaded.as_ref().ok().and_then(|loaded| loaded.image.clone());
        let born = Born { at: now, unix_nanoseconds: 0 };
        let mut desk = Self {
            manager: EniManager::recover(config, born, loaded),
            now,
            creates: Vec::new(),
            attaches: Vec::new(),
            binds: Vec::new(),
            looks: Vec::new(),
            unassigns: Vec::new(),
            detaches: Vec::new(),
            deletes: Vec::new(),
            disk,
            writing: None,
            reading_disk: false,
            disk_works: true,
            node_asked: false,
            interfaces_asked: false,
            describe_asked: false,
            limits_asked: None,
            assigns: Vec::new(),
            describes_seen: 0,
            interfaces_seen: 0,
            assigns_seen: 0,
            places: Vec::new(),
            no_room: Vec::new(),
            room: Vec::new(),
            view: None,
            wake_at: None,
        };
        desk.plan();
        desk
    }

    /// All is known: an m5.large with these ENIs, which may have no more.
    pub(crate) fn with(enis: Vec<EniDescription>) -> Self {
        let max_enis = u32::try_from(enis.len()).ok();
        Self::recovered(max_enis, Ok(LoadedIntents::default())).knowing(enis)
    }

    /// The node, and its ENIs by everybody's word.
    pub(crate) fn knowing(self, enis: Vec<EniDescription>) -> Self {
        let mut desk = self;
        desk.node_is(Ok(node("m5.large")));
        let list = enis.iter().zip(0..).map(|(known, n)| seen(n, known.secondary_addresses.clone()));
        desk.interfaces_are(Ok(metadata(list.collect())));
        desk.described_are(Ok(enis));
        desk
    }

    pub(crate) fn event(&mut self, event: Event<EniMail, EniOutcome>) {
        self.manager.apply(event, self.now);
        self.plan();
    }

    fn plan(&mut self) {
        let plan = self.manager.plan(self.now);
        for action in plan.actions {
            self.take(action);
        }
        let again = self.manager.plan(self.now);
        assert!(again.actions.is_empty(), "a second plan at the same time: {:?}", again.actions);
        assert_eq!(again.wake_at, plan.wake_at);
        assert!(plan.wake_at.is_none_or(|at| at > self.now), "a wake in the past");
        assert!(!self.describe_asked || self.assigns.is_empty(), "bought while EC2 is read back");
        self.wake_at = plan.wake_at;
        if self.disk_works && self.writing.is_some() {
            self.disk_ends(Ok(()));
        }
    }

    /// The write that is under way comes to its end.
    pub(crate) fn disk_ends(&mut self, result: Result<(), Cause>) {
        let image = self.writing.take().expect("a write is under way");
        if result.is_ok() {
            self.disk = Some(image.clone());
        }
        self.outcome(EniOutcome::IntentsWritten { image, result });
    }

    fn take(&mut self, action: EniAction) {
        let begins = |asked: &mut bool| assert!(!std::mem::replace(asked, true), "two of a kind at a time");
        match action {
            EniAction::ReadNode => begins(&mut self.node_asked),
            EniAction::ReadInterfaces => {
                begins(&mut self.interfaces_asked);
                self.interfaces_seen += 1;
            }
            EniAction::Describe { instance } => {
                assert_eq!(instance.as_str(), "i-1");
                begins(&mut self.describe_asked);
                self.describes_seen += 1;
            }
            EniAction::AskLimits { instance_type } => {
                assert_eq!(self.limits_asked.replace(instance_type), None);
            }
            EniAction::Assign { eni, subnet, count } => {
                assert!(count > 0, "nothing was bought");
                assert!(self.assigns.iter().all(|(other, ..)| *other != eni), "two on one ENI");
                self.assigns_seen += 1;
                self.assigns.push((eni, subnet, count));
            }
            EniAction::ReadIntents => begins(&mut self.reading_disk),
            EniAction::WriteIntents(image) => {
                assert!(!self.reading_disk && self.writing.replace(image).is_none(), "two at the disk");
            }
            EniAction::Create(order) => {
                assert!(self.noted(&order), "made before it was written down: {order:?}");
                assert!(!self.creates.contains(&order), "two of one order");
                self.creates.push(order);
            }
            EniAction::Attach { token, eni, device, .. } => {
                assert!(self.attaches.iter().all(|(other, ..)| *other != token));
                self.attaches.push((token, eni, device));
            }
            EniAction::Bind { token, eni, .. } => self.binds.push((token, eni)),
            EniAction::Look { eni } => {
                assert!(!self.looks.contains(&eni));
                self.looks.push(eni);
            }
            EniAction::Unassign { eni, addresses } => {
                assert!(
                    self.assigns.iter().all(|(buying, ..)| *buying != eni),
                    "taken from what is bought for"
                );
                self.unassigns.push((eni, addresses));
            }
            EniAction::Detach { eni, .. } => self.detaches.push(eni),
            EniAction::Delete { eni } => self.deletes.push(eni),
            EniAction::Answer { reply, result } => drop(reply.send(result)),
            EniAction::PublishPlace(place) => self.places.push(place),
            EniAction::TellNoRoom { subnet, .. } => self.no_room.push(subnet),
            EniAction::TellRoom { subnet } => self.room.push(subnet),
            EniAction::Publish(view) => self.view = Some(view),
        }
    }

    /// The disk has this order, once.
    fn noted(&self, order: &EniOrder) -> bool {
        let intents = self.disk.iter().flat_map(|image| &image.intents);
        let same = |intent: &&Intent| matches!(intent, Intent::Coming { order: known, .. } if known == order);
        intents.filter(same).count() == 1
    }

    pub(crate) fn outcome(&mut self, outcome: EniOutcome) {
        self.event(Event::Outcome(outcome));
    }

    pub(crate) fn node_is(&mut self, result: Result<NodeFacts, Cause>) {
        assert!(std::mem::take(&mut self.node_asked));
        self.outcome(EniOutcome::Node(result));
    }

    pub(crate) fn interfaces_are(&mut self, result: Result<ImdsInterfaces, Cause>) {
        assert!(std::mem::take(&mut self.interfaces_asked));
        self.outcome(EniOutcome::Interfaces(result));
    }

    pub(crate) fn described_are(&mut self, result: Result<Vec<EniDescription>, Cause>) {
        assert!(std::mem::take(&mut self.describe_asked));
        let asked_for = InstanceId::new("i-1");
        self.outcome(EniOutcome::Described { asked_for, result });
    }

    pub(crate) fn limits_are(&mut self, result: Result<contract::ports::ec2::InstanceLimits, Cause>) {
        assert!(self.limits_asked.take().is_some());
        self.outcome(EniOutcome::Limits(result));
    }

    /// The Assign on ENI `n` ends.
    pub(crate) fn assigned(&mut self, n: u8, result: Result<Vec<Ipv4Addr>, Cause>) {
        let place = self.assigns.iter().position(|(asked, ..)| *asked == eni(n));
        let (eni, subnet, _) = self.assigns.remove(place.expect("an Assign is under way there"));
        self.outcome(EniOutcome::Assigned { eni, subnet, result });
    }

    pub(crate) fn want(&mut self, wanted: u32) {
        let demand = Demand { needed: wanted, wanted, waiting: 0, whole_enis: false };
        self.event(Event::Mail(EniMail::Demand(demand)));
    }

    pub(crate) fn subnets_are(&mut self, view: SubnetView) {
        self.event(Event::Mail(EniMail::Subnets(view)));
    }

    /// Time passes, with a wake whenever one was asked for. The metadata service shows nothing new.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = at;
            self.event(Event::Wake);
        }
        self.now = until;
    }

    /// What is bought now, as (ENI, count).
    pub(crate) fn buying(&self) -> Vec<(String, u32)> {
        let enis = self.assigns.iter().map(|(eni, _, count)| (eni.to_string(), *count));
        enis.collect()
    }

    pub(crate) fn seen(&self) -> &EniView {
        self.view.as_ref().unwrap()
    }

    /// The published addresses, of all ENIs.
    pub(crate) fn addresses(&self) -> Vec<Ipv4Addr> {
        let enis = self.seen().enis.iter();
        enis.flat_map(|eni| &eni.addresses).map(|on| on.address).collect()
    }
}

pub(crate) fn on(n: u8, count: u32) -> (String, u32) {
    (eni(n).to_string(), count)
}
