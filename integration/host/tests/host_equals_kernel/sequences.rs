//! The model against the real kernel: any sequence of operations in namespaces of the test's own gives equal refusals, equal
//! snapshots and equal answers. Without root it says that it was skipped; it sends no packet.

use std::fs::File;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use contract::model::{Fwmark, Mac, RulePriority, TableId};
use contract::ports::host::{
    Host, HostChange, HostError, HostSnapshot, NftTable, Route, RouteQuestion, Rule,
};
use host::{End, Linux, NamespaceId};
use linux::LinuxHost;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

const CASES: u32 = 100;
const PODS: usize = 2;
const LINKS: std::ops::RangeInclusive<u32> = 1..=4;

#[derive(Debug, Clone)]
enum Operation {
    AddPod(usize),
    DeletePod(usize),
    /// In the host's namespace (0) or a pod's.
    Change(usize, HostChange),
    Down(usize, u32),
    RemoveAddress(usize, u32, Ipv4Addr, u8),
    DeleteLink(usize, u32),
}

/// A namespace, in the model and in the kernel.
struct Both {
    id: NamespaceId,
    namespace: File,
    host: LinuxHost,
}

fn some_address() -> impl Strategy<Value = (Ipv4Addr, u8)> {
    (1..3_u8, 1..4_u8, prop_oneof![Just(24_u8), Just(32)])
        .prop_map(|(net, last, prefix_length)| (Ipv4Addr::new(10, net, 0, last), prefix_length))
}

fn some_route() -> impl Strategy<Value = Route> {
    let table = prop_oneof![Just(254_u32), Just(7), Just(70_000)];
    let to = prop_oneof![
        Just((Ipv4Addr::UNSPECIFIED, 0_u8)),
        Just((Ipv4Addr::new(10, 1, 0, 2), 32)),
        Just((Ipv4Addr::new(10, 3, 0, 1), 32)),
        Just((Ipv4Addr::new(10, 3, 0, 0), 24)),
        Just((Ipv4Addr::new(10, 3, 0, 1), 24)),
    ];
    let via = prop_oneof![
        2 => Just(None),
        2 => Just(Some(Ipv4Addr::new(169, 254, 1, 1))),
        1 => some_address().prop_map(|(address, _)| Some(address)),
    ];
    (table, to, via, LINKS).prop_map(|(table, (to, prefix_length), via, ifindex)| Route {
        table: TableId(table),
        to,
        prefix_length,
        via,
        ifindex,
    })
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let address = || prop::option::of(some_address().prop_map(|(address, _)| address));
    let mark = prop::option::of(prop_oneof![Just(0_u32), Just(0x80), Just(0x100)]);
    let table = prop_oneof![Just(254_u32), Just(7), Just(70_000)];
    (512..514_u32, address(), address(), mark, table).prop_map(|(priority, from, to, mark, table)| Rule {
        priority: RulePriority(priority),
        from,
        to,
        mark: mark.map(Fwmark),
        table: TableId(table),
    })
}

fn some_change() -> impl Strategy<Value = HostChange> {
    let mtu_bytes = prop_oneof![4 => 1280..1500_u32, 1 => Just(70_000)];
    prop_oneof![
        1 => (LINKS, mtu_bytes).prop_map(|(ifindex, mtu_bytes)| HostChange::SetMtu { ifindex, mtu_bytes }),
        1 => (LINKS, 0..3_u32).prop_map(|(ifindex, value)| HostChange::SetRpFilter { ifindex, value }),
        4 => LINKS.prop_map(|ifindex| HostChange::LinkUp { ifindex }),
        4 => (LINKS, some_address()).prop_map(|(ifindex, (address, prefix_length))| HostChange::AddAddress {
            ifindex,
            address,
            prefix_length,
        }),
        5 => some_route().prop_map(HostChange::PutRoute),
        2 => some_route().prop_map(HostChange::RemoveRoute),
        2 => some_rule().prop_map(HostChange::AddRule),
        2 => some_rule().prop_map(HostChange::RemoveRule),
    ]
}

fn some_operation() -> impl Strategy<Value = Operation> {
    let place = || prop_oneof![3 => Just(0_usize), 1 => 1..=PODS];
    prop_oneof![
        4 => (1..=PODS).prop_map(Operation::AddPod),
        1 => (1..=PODS).prop_map(Operation::DeletePod),
        20 => (place(), some_change()).prop_map(|(place, change)| Operation::Change(place, change)),
        1 => (place(), LINKS).prop_map(|(place, ifindex)| Operation::Down(place, ifindex)),
        2 => (place(), LINKS, some_address())
            .prop_map(|(place, ifindex, (address, length))| Operation::RemoveAddress(place, ifindex, address, length)),
        1 => (place(), LINKS).prop_map(|(place, ifindex)| Operation::DeleteLink(place, ifindex)),
    ]
}

#[expect(deprecated, reason = "a network namespace alone shares nothing that a thread could lose")]
fn enter_new_namespace() -> File {
    rustix::thread::unshare(UnshareFlags::NEWNET).unwrap();
    File::open("/proc/thread-self/ns/net").unwrap()
}

fn enter(namespace: &File) {
    use std::os::fd::AsFd;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

/// Runs `ip` in the namespace the thread is in; whether it succeeded.
fn ip(words: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(words.split(' ')).stderr(Stdio::null());
    command.status().unwrap().success()
}

/// The kernel and the model, side by side.
struct World {
    model: Linux,
    places: Vec<Option<Both>>,
    made: u8,
}

impl World {
    async fn new() -> Self {
        let namespace = enter_new_namespace();
        let host = LinuxHost::connect(Duration::from_secs(10)).unwrap();
        let lo = host.snapshot().await.unwrap().links;
        let mut model = Linux::new(lo[0].rp_filter.unwrap());
        let id = model.add_namespace();
        let mut places = vec![Some(Both { id, namespace, host })];
        places.resize_with(PODS + 1, || None);
        Self { model, places, made: 0 }
    }

    fn home(&self) -> &Both {
        self.places[0].as_ref().unwrap()
    }

    fn add_pod(&mut self, slot: usize) {
        if self.places[slot].is_some() {
            return;
        }
        let namespace = enter_new_namespace();
        let host = LinuxHost::connect(Duration::from_secs(10)).unwrap();
        enter(&self.home().namespace);
        let id = self.model.add_namespace();
        self.made += 1;
        let made = self.made;
        use std::os::fd::AsRawFd;
        let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
        let words = format!(
            "link add eni{slot} mtu 1400 address 02:00:00:00:00:{made:02x} type veth peer name eth0 mtu 1300 address \
             02:00:00:00:01:{made:02x} netns {path}"
        );
        assert!(ip(&words), "{words}");
        let end = |namespace, name: String, pod, mtu_bytes| End {
            namespace,
            name,
            mac: Mac([2, 0, 0, 0, pod, made]),
            mtu_bytes,
        };
        let host_end = end(self.home().id, format!("eni{slot}"), 0, 1400);
        self.model.veth(&host_end, &end(id, "eth0".to_owned(), 1, 1300)).unwrap();
        self.places[slot] = Some(Both { id, namespace, host });
    }

    /// The kernel ends a namespace in its own time: we wait until its veth is gone.
    async fn delete_pod(&mut self, slot: usize) {
        let Some(Both { id, namespace, host }) = self.places[slot].take() else {
            return;
        };
        self.model.delete_namespace(id);
        drop((namespace, host));
        let name = format!("eni{slot}");
        loop {
            tokio::task::yield_now().await;
            let links = self.home().host.snapshot().await.unwrap().links;
            if links.iter().all(|link| link.name != name) {
                return;
            }
        }
    }

    async fn operate(&mut self, operation: &Operation) {
        match operation {
            Operation::AddPod(slot) => self.add_pod(*slot),
            Operation::DeletePod(slot) => self.delete_pod(*slot).await,
            Operation::Change(place, change) => {
                let Some(both) = &self.places[*place] else { return };
                let expected = self.model.apply(both.id, change).err().map(|errno| errno.0);
                let real = match both.host.apply(vec![change.clone()]).await.1 {
                    None => None,
                    Some(HostError::Refused { errno, .. }) => Some(errno),
                    Some(other) => panic!("{other}"),
                };
                assert_eq!(real, expected, "{operation:?}");
            }
            Operation::Down(place, ifindex) => self.by_ip(*place, *ifindex, |model, id| {
                (model.link_down(id, *ifindex).is_ok(), |name| format!("link set {name} down"))
            }),
            Operation::RemoveAddress(place, ifindex, address, length) => {
                self.by_ip(*place, *ifindex, |model, id| {
                    let done = model.remove_address(id, *ifindex, *address, *length).is_ok();
                    (done, move |name| format!("address del {address}/{length} dev {name}"))
                })
            }
            Operation::DeleteLink(place, ifindex) => self.by_ip(*place, *ifindex, |model, id| {
                (model.delete_link(id, *ifindex).is_ok(), |name| format!("link del {name}"))
            }),
        }
    }

    /// What the port does not offer, on a link that the model has.
    fn by_ip<W: Fn(String) -> String>(
        &mut self,
        place: usize,
        ifindex: u32,
        act: impl FnOnce(&mut Linux, NamespaceId) -> (bool, W),
    ) {
        let Some(both) = &self.places[place] else { return };
        let links = self.model.snapshot(both.id).unwrap().links;
        let Some(link) = links.into_iter().find(|link| link.ifindex == ifindex) else {
            return;
        };
        let (expected, words) = act(&mut self.model, both.id);
        enter(&both.namespace);
        let words = words(link.name);
        let done = ip(&words);
        enter(&self.home().namespace);
        assert_eq!(done, expected, "{words}");
    }

    async fn compare(&self, questions: &[RouteQuestion]) {
        for both in self.places.iter().flatten() {
            let real = both.host.snapshot().await.unwrap();
            assert_eq!(ordered(real), ordered(self.model.snapshot(both.id).unwrap()));
            for question in questions {
                let real = both.host.route(*question).await.unwrap();
                assert_eq!(real, self.model.route(both.id, *question).unwrap(), "{question:?}");
            }
        }
    }
}

fn ordered(mut state: HostSnapshot) -> HostSnapshot {
    state.routes.sort();
    for link in &mut state.links {
        link.addresses.sort();
        link.behind.iter_mut().for_each(|behind| behind.sort());
    }
    state
}

fn questions() -> Vec<RouteQuestion> {
    let to = [
        [10, 1, 0, 1],
        [10, 1, 0, 2],
        [10, 2, 0, 3],
        [10, 2, 0, 255],
        [10, 3, 0, 1],
        [10, 3, 0, 9],
        [8, 8, 8, 8],
    ];
    let from = [None, Some([10, 1, 0, 1]), Some([10, 2, 0, 2])];
    let mark = [None, Some(0x80), Some(0x180)];
    let mut all = Vec::new();
    for to in to {
        for from in from {
            all.extend(mark.map(|mark| RouteQuestion {
                to: to.into(),
                from: from.map(Into::into),
                in_by: None,
                mark: mark.map(Fwmark),
            }));
        }
    }
    all
}

fn check(operations: Vec<Operation>) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let mut world = World::new().await;
            for operation in &operations {
                world.operate(operation).await;
            }
            world.compare(&questions()).await;
        });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn any_sequence_of_operations_gives_equal_refusals_snapshots_and_answers() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: network namespaces need root");
        return;
    }
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(some_operation(), 1..60), |operations| {
            check(operations);
            Ok(())
        })
        .unwrap();
}

#[test]
fn an_nft_table_reads_back_as_the_text_it_was_given() {
    let mut model = Linux::new(0);
    let id = model.add_namespace();
    assert_eq!(model.nft_body(id, "ip", "enid"), None);
    for body in ["chain a {}", "chain b {}"] {
        let table = NftTable { family: "ip", name: "enid", body: body.to_owned() };
        model.replace_nft_table(id, table).unwrap();
        assert_eq!(model.nft_body(id, "ip", "enid"), Some(body));
    }
}
