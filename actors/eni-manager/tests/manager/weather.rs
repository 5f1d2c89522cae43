//! EniManager against a small EC2 in any weather: calls end in any order, are refused, or are done and their answers lost; what is let
//! go comes and goes, and lives end in the middle. No order is made twice, no ENI is forgotten, none is attached beyond the limit,
//! nothing is taken that was not let go, and once the weather is fair the demand is met and nothing is under way.

use crate::calls::*;
use crate::desk::*;
use contract::causes::Cause;
use contract::mail::eni_manager::Gone;
use contract::model::EniId;
use contract::ports::ec2::{AttachmentState, EniDescription};
use contract::ports::intents::LoadedIntents;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::oneshot;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Works,
    Throttled,
    Refused,
    /// Done or not, and nobody is told.
    Lost {
        done: bool,
    },
}

#[derive(Debug, Clone)]
enum Step {
    Want(u32, bool),
    /// One of the calls under way comes to its end.
    Ends(usize, Fate),
    Time(u64),
    /// This ENI, or its first addresses, are let go.
    LetGo(u8, bool),
    /// A life ends, and the next begins: a write that was under way is on disk, or is not.
    Restart(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![
        5 => Just(Fate::Works),
        1 => Just(Fate::Throttled),
        1 => Just(Fate::Refused),
        2 => any::<bool>().prop_map(|done| Fate::Lost { done }),
    ];
    let step = prop_oneof![
        3 => (0..30_u32, any::<bool>()).prop_map(|(wanted, whole)| Step::Want(wanted, whole)),
        14 => (0..8_usize, fate).prop_map(|(which, fate)| Step::Ends(which, fate)),
        5 => (0..60_000_u64).prop_map(|ms| Step::Time(ms * ms / 60_000)),
        1 => (0..6_u8, any::<bool>()).prop_map(|(n, whole)| Step::LetGo(n, whole)),
        1 => any::<bool>().prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..150)
}

/// What EC2 has.
#[derive(Default)]
struct Aws {
    enis: BTreeMap<EniId, EniDescription>,
    by_token: BTreeMap<String, EniId>,
    made: u8,
    next_host: u32,
}

impl Aws {
    fn addresses(&mut self, count: u32) -> Vec<Ipv4Addr> {
        let first = self.next_host + 1;
        self.next_host += count;
        (first..=self.next_host).map(|host| Ipv4Addr::from(0x0a01_0000 + host)).collect()
    }

    fn create(&mut self, token: &str, count: u32) -> EniDescription {
        let known = self.by_token.get(token).and_then(|eni| self.enis.get(eni));
        if let Some(known) = known {
            return known.clone();
        }
        self.made += 1;
        let addresses = self.addresses(count);
        let eni = EniDescription { secondary_addresses: addresses, ..born(self.made, 0) };
        self.by_token.insert(token.to_owned(), eni.id.clone());
        self.enis.insert(eni.id.clone(), eni.clone());
        eni
    }

    fn attach(&mut self, id: &EniId, device: u32) -> Result<(), Cause> {
        let taken = self.enis.values().filter_map(|eni| Some(eni.attachment.as_ref()?.device));
        let taken: BTreeSet<u32> = taken.collect();
        let action = "AttachNetworkInterface";
        let Some(eni) = self.enis.get_mut(id) else {
            return Err(refusal(action, "InvalidNetworkInterfaceID.NotFound"));
        };
        if eni.attachment.is_some() {
            return Err(refusal(action, "InvalidNetworkInterface.InUse"));
        }
        if taken.contains(&device) {
            return Err(index_taken());
        }
        if taken.len() >= 3 {
            return Err(refusal(action, "AttachmentLimitExceeded"));
        }
        let mut at = attachment(u8::try_from(device).unwrap());
        at.delete_on_termination = false;
        eni.attachment = Some(at);
        Ok(())
    }
}

struct World {
    desk: Desk,
    aws: Aws,
    wanted: u32,
    /// What was let go: only this may be taken.
    let_go: BTreeSet<Ipv4Addr>,
    answers: Vec<oneshot::Receiver<Result<Gone, Cause>>>,
}

impl World {
    fn new() -> Self {
        let mut aws = Aws::default();
        let primary = EniDescription { subnet: subnet(0), ..described(0, Vec::new()) };
        aws.enis.insert(eni(0), primary);
        let mut desk = Desk::new();
        desk.disk_works = false;
        desk.node_is(Ok(node("m5.large")));
        Self { desk, aws, wanted: 0, let_go: BTreeSet::new(), answers: Vec::new() }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Want(wanted, whole_enis) => {
                self.wanted = wanted;
                let demand =
                    contract::mail::eni_manager::Demand { needed: wanted, wanted, waiting: 0, whole_enis };
                self.desk.event(kernel::Event::Mail(contract::mail::eni_manager::EniMail::Demand(demand)));
            }
            Step::Ends(which, fate) => self.ends(which, fate),
            Step::Time(ms) => self.desk.pass(Duration::from_millis(ms)),
            Step::LetGo(n, whole) => self.lets_go(n, whole),
            Step::Restart(landed) => self.restarts(landed),
        }
        let attached = self.aws.enis.values().filter(|eni| eni.attachment.is_some()).count();
        assert!(attached <= 3);
    }

    /// As WarmPool: of ENIs that are shown, and not of one that it has let go already.
    fn lets_go(&mut self, n: u8, whole: bool) {
        let shown =
            self.desk.view.as_ref().and_then(|view| view.enis.iter().find(|known| known.id == eni(n)));
        let Some(shown) = shown.filter(|known| !(known.leaving || whole && known.is_primary())) else {
            return;
        };
        let mut addresses: Vec<Ipv4Addr> = shown.addresses.iter().map(|on| on.address).collect();
        if !whole {
            addresses.truncate(2);
        }
        if addresses.iter().any(|address| self.let_go.contains(address)) {
            return;
        }
        self.let_go.extend(&addresses);
        self.answers.push(self.desk.let_go(n, addresses, whole));
    }

    fn restarts(&mut self, landed: bool) {
        if let Some(image) = self.desk.writing.take().filter(|_| landed) {
            self.desk.disk = Some(image);
        }
        // WarmPool asks again for what it has let go; here it has forgotten, which must do no harm either.
        let image = self.desk.disk.clone();
        let now = self.desk.now;
        self.desk = Desk::recovered(None, Ok(LoadedIntents { image, set_aside: None }));
        self.desk.disk_works = false;
        self.desk.now = now;
        self.desk.node_is(Ok(node("m5.large")));
        let wanted = self.wanted;
        self.desk.want(wanted);
    }

    /// The `which`th of the calls under way.
    fn ends(&mut self, which: usize, fate: Fate) {
        let desk = &self.desk;
        let under_way = [
            desk.creates.len(),
            desk.attaches.len(),
            desk.binds.len(),
            desk.looks.len(),
            desk.unassigns.len(),
            desk.detaches.len(),
            desk.deletes.len(),
            desk.assigns.len(),
            usize::from(desk.describe_asked),
            usize::from(desk.interfaces_asked),
            usize::from(desk.writing.is_some()),
        ];
        let kinds: Vec<usize> = (0..under_way.len()).filter(|kind| under_way[*kind] > 0).collect();
        let Some(kind) = which.checked_rem(kinds.len()).map(|place| kinds[place]) else { return };
        match kind {
            0 => self.create_ends(fate),
            1 => self.attach_ends(fate),
            2 => self.bind_ends(fate),
            3 => {
                let told = self.aws.enis.get(&self.desk.looks[0]).cloned();
                self.desk.looked(answer("DescribeNetworkInterfaces", fate, Ok(told)));
            }
            4 => self.unassign_ends(fate),
            5 => self.detach_ends(fate),
            6 => self.delete_ends(fate),
            7 => self.assign_ends(fate),
            8 => {
                let list = self.aws.enis.values().filter(|eni| eni.attachment.is_some()).cloned().collect();
                self.desk.described_are(answer("DescribeNetworkInterfaces", fate, Ok(list)));
            }
            9 => self.interfaces_end(fate),
            _ => {
                let disk = Cause::IntentDisk { detail: "input/output error".into() };
                if fate == (Fate::Lost { done: true }) {
                    self.desk.disk = self.desk.writing.clone();
                }
                self.desk.disk_ends(if fate == Fate::Works { Ok(()) } else { Err(disk) });
            }
        }
    }

    fn create_ends(&mut self, fate: Fate) {
        let order = self.desk.creates[0].clone();
        let done = does(fate).then(|| self.aws.create(&order.token, order.secondary_addresses));
        // The answer to a Create tells of no attachment that came later.
        let told = done.map_or(Err(Cause::PoolEmpty), |eni| Ok(EniDescription { attachment: None, ..eni }));
        self.desk.created(answer("CreateNetworkInterface", fate, told));
    }

    fn attach_ends(&mut self, fate: Fate) {
        let (_, id, device) = self.desk.attaches[0].clone();
        let done = if does(fate) { self.aws.attach(&id, device) } else { Ok(()) };
        self.desk.attach_ends(answer("AttachNetworkInterface", fate, done));
    }

    fn bind_ends(&mut self, fate: Fate) {
        let id = self.desk.binds[0].1.clone();
        let at = self.aws.enis.get_mut(&id).and_then(|eni| eni.attachment.as_mut());
        if let Some(at) = at.filter(|_| does(fate)) {
            at.delete_on_termination = true;
        }
        self.desk.bind_ends(answer("ModifyNetworkInterfaceAttribute", fate, Ok(())));
    }

    fn unassign_ends(&mut self, fate: Fate) {
        let (id, addresses) = self.desk.unassigns[0].clone();
        assert!(addresses.iter().all(|address| self.let_go.contains(address)), "taken, and not let go");
        let action = "UnassignPrivateIpAddresses";
        let done = match self.aws.enis.get_mut(&id).filter(|_| does(fate)) {
            Some(eni) if addresses.iter().all(|address| eni.secondary_addresses.contains(address)) => {
                eni.secondary_addresses.retain(|address| !addresses.contains(address));
                Ok(())
            }
            _ => Err(refusal(action, "InvalidParameterValue")),
        };
        self.desk.unassign_ends(answer(action, fate, done));
    }

    fn detach_ends(&mut self, fate: Fate) {
        let id = self.desk.detaches[0].clone();
        assert_ne!(id, eni(0));
        if let Some(eni) = self.aws.enis.get_mut(&id).filter(|_| does(fate)) {
            let stays = eni.secondary_addresses.iter().find(|address| !self.let_go.contains(address));
            assert_eq!(stays, None, "detached with an address that was not let go");
            eni.attachment = None;
        }
        self.desk.detach_ends(answer("DetachNetworkInterface", fate, Ok(())));
    }

    fn delete_ends(&mut self, fate: Fate) {
        let id = self.desk.deletes[0].clone();
        let attached = self.aws.enis.get(&id).is_some_and(|eni| eni.attachment.is_some());
        let done =
            if attached { Err(refusal("DeleteNetworkInterface", "InvalidParameterValue")) } else { Ok(()) };
        if !attached && does(fate) {
            self.aws.enis.remove(&id);
        }
        self.desk.delete_ends(answer("DeleteNetworkInterface", fate, done));
    }

    fn assign_ends(&mut self, fate: Fate) {
        let (id, _, count) = self.desk.assigns[0].clone();
        let new = self.aws.addresses(count);
        if let Some(eni) = self.aws.enis.get_mut(&id).filter(|_| does(fate)) {
            eni.secondary_addresses.extend(&new);
            assert!(eni.secondary_addresses.len() <= 9);
        }
        let told = answer("AssignPrivateIpAddresses", fate, Ok(new));
        let n = id.as_str().trim_start_matches("eni-").parse().unwrap();
        self.desk.assigned(n, told);
    }

    fn interfaces_end(&mut self, fate: Fate) {
        let shown = self.aws.enis.values().filter_map(|eni| {
            let device = eni.attachment.as_ref()?.device;
            let mut told = seen(0, eni.secondary_addresses.clone());
            (told.mac, told.id, told.device) = (eni.mac, eni.id.clone(), device);
            Some(told)
        });
        let away = Cause::ImdsUnavailable { detail: "away".into() };
        let shown = metadata(shown.collect());
        self.desk.interfaces_are(if fate == Fate::Works { Ok(shown) } else { Err(away) });
    }

    /// Everything works from here on.
    fn come_to_rest(&mut self) {
        for _ in 0..150 {
            for which in 0..11 {
                self.take(Step::Ends(which, Fate::Works));
            }
            self.take(Step::Time(2_000));
        }
        let carried: usize = self.aws.enis.values().map(|eni| eni.secondary_addresses.len()).sum();
        let leaked: Vec<&EniId> =
            self.aws.enis.values().filter(|eni| eni.attachment.is_none()).map(|eni| &eni.id).collect();
        assert!(leaked.is_empty(), "forgotten: {leaked:?}");
        let bound = |eni: &EniDescription| eni.attachment.as_ref().is_some_and(|at| at.delete_on_termination);
        assert!(self.aws.enis.values().all(bound));
        assert!(carried >= usize::try_from(self.wanted).unwrap().min(27), "{carried} of {}", self.wanted);
        assert_eq!(self.desk.addresses().len(), carried);
        assert_eq!(self.desk.on_disk(), Vec::<String>::new());
        assert_eq!(self.desk.seen().trouble, None);
        let states = self.aws.enis.values().filter_map(|eni| eni.attachment.as_ref());
        assert!(states.into_iter().all(|at| at.state == AttachmentState::Attached));
        assert!(self.desk.is_idle() && self.desk.assigns.is_empty());
    }
}

fn does(fate: Fate) -> bool {
    matches!(fate, Fate::Works | Fate::Lost { done: true })
}

fn answer<T>(action: &'static str, fate: Fate, done: Result<T, Cause>) -> Result<T, Cause> {
    match fate {
        Fate::Works => done,
        Fate::Throttled => Err(Cause::Throttled { action }),
        Fate::Refused => Err(Cause::Unauthorized { action, detail: "no".into() }),
        Fate::Lost { .. } => Err(Cause::Ec2Timeout { action, timeout_seconds: 10 }),
    }
}

/// An order that the disk takes when nobody wants it any more is dropped at once, not by a second plan.
#[test]
fn an_order_on_disk_that_is_wanted_no_more_is_dropped_in_the_same_plan() {
    let works = |which| Step::Ends(which, Fate::Works);
    let mut world = World::new();
    for step in [
        works(0),
        Step::Want(10, true),
        works(0),
        Step::Restart(true),
        works(0),
        works(7),
        Step::Want(3, false),
        Step::Ends(2, Fate::Throttled),
        Step::Time(60_000),
        works(3),
        Step::Want(25, true),
        Step::Want(5, true),
        Step::Ends(4, Fate::Refused),
    ] {
        world.take(step);
    }
    world.come_to_rest();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_eni_is_made_twice_or_forgotten_whatever_the_weather(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.come_to_rest();
    }
}
