//! Random calls: nothing is ever broken, and the addresses are those a plain set would give.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::support::{World, milliseconds, text, texts};
use crate::{EniId, QueryRequest, SubnetId};

#[derive(Debug, Clone)]
enum Step {
    Create { small: bool, count: u32, prefixes: bool },
    Assign { eni: usize, count: u32 },
    AssignNamed { eni: usize, last: u8 },
    AssignPrefix { eni: usize, count: u32 },
    Unassign { eni: usize, which: usize },
    UnassignPrefix { eni: usize },
    Attach { eni: usize, device_index: u32 },
    Detach { eni: usize },
    Delete { eni: usize },
    Pass { milliseconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let eni = 0..8_usize;
    prop_oneof![
        3 => (any::<bool>(), 0..4_u32, any::<bool>())
            .prop_map(|(small, count, prefixes)| Step::Create { small, count, prefixes }),
        4 => (eni.clone(), 1..6_u32).prop_map(|(eni, count)| Step::Assign { eni, count }),
        3 => (eni.clone(), any::<u8>()).prop_map(|(eni, last)| Step::AssignNamed { eni, last }),
        2 => (eni.clone(), 1..9_u32).prop_map(|(eni, count)| Step::AssignPrefix { eni, count }),
        3 => (eni.clone(), 0..5_usize).prop_map(|(eni, which)| Step::Unassign { eni, which }),
        2 => eni.clone().prop_map(|eni| Step::UnassignPrefix { eni }),
        3 => (eni.clone(), 0..4_u32).prop_map(|(eni, device_index)| Step::Attach { eni, device_index }),
        2 => eni.clone().prop_map(|eni| Step::Detach { eni }),
        2 => eni.prop_map(|eni| Step::Delete { eni }),
        2 => (0..800_u64).prop_map(|milliseconds| Step::Pass { milliseconds }),
    ]
}

/// Free addresses of a subnet as a set, and nothing cleverer.
struct Naive(BTreeSet<u32>);

impl Naive {
    fn of(network: Ipv4Addr, size: u32) -> Self {
        let first = u32::from(network);
        Self((first + 4..first + size - 1).collect())
    }

    fn lowest(&mut self, count: u32) -> Option<Vec<Ipv4Addr>> {
        let taken: Vec<u32> = self.0.iter().copied().take(count as usize).collect();
        (taken.len() == count as usize).then(|| taken.into_iter().map(|address| self.take(address)).collect())
    }

    fn blocks(&mut self, count: u32) -> Option<Vec<String>> {
        let free = |first: &u32| {
            first.is_multiple_of(16) && (*first..first + 16).all(|address| self.0.contains(&address))
        };
        let blocks: Vec<u32> = self.0.iter().copied().filter(free).take(count as usize).collect();
        if blocks.len() < count as usize {
            return None;
        }
        self.0.retain(|address| !blocks.contains(&(address & !15)));
        Some(blocks.into_iter().map(|first| format!("{}/28", Ipv4Addr::from(first))).collect())
    }

    fn take(&mut self, address: u32) -> Ipv4Addr {
        self.0.remove(&address);
        Ipv4Addr::from(address)
    }
}

struct Run {
    world: World,
    naive: BTreeMap<SubnetId, Naive>,
    enis: Vec<EniId>,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        world.knobs(|knobs| {
            knobs.attach_milliseconds = 300;
            knobs.detach_milliseconds = 400;
            knobs.imds.addresses_milliseconds = 250;
        });
        let mut large = Naive::of(Ipv4Addr::new(10, 0, 1, 0), 256);
        large.take(u32::from(Ipv4Addr::new(10, 0, 1, 4)));
        let small = Naive::of(Ipv4Addr::new(10, 0, 2, 0), 16);
        let naive = BTreeMap::from([(world.subnet.clone(), large), (world.small.clone(), small)]);
        let enis = vec![world.primary.clone()];
        Self { world, naive, enis }
    }

    fn eni(&self, index: usize) -> EniId {
        self.enis[index % self.enis.len()].clone()
    }

    fn free_of(&mut self, eni: &EniId) -> &mut Naive {
        let subnet = self.world.region.eni(eni).unwrap().subnet.clone();
        self.naive.get_mut(&subnet).unwrap()
    }

    fn slots_left(&self, eni: &EniId) -> u32 {
        let eni = self.world.region.eni(eni).unwrap();
        // m5.large has 10 a piece; unattached, the largest type's 64.
        (if eni.attachment.is_some() { 10 } else { 64 }) - eni.slots()
    }

    fn take(&mut self, step: Step) {
        // A detach whose time has come changes what an interface may hold: both models look after it.
        self.world.region.advance(self.world.now);
        match step {
            Step::Create { small, count, prefixes } => self.create(small, count, prefixes),
            Step::Assign { eni, count } => self.assign(&self.eni(eni), count),
            Step::AssignNamed { eni, last } => self.assign_named(&self.eni(eni), last),
            Step::AssignPrefix { eni, count } => self.assign_prefix(&self.eni(eni), count),
            Step::Unassign { eni, which } => self.unassign(&self.eni(eni), which),
            Step::UnassignPrefix { eni } => self.unassign_prefix(&self.eni(eni)),
            Step::Attach { eni, device_index } => {
                let request = self.world.attach_request(&self.eni(eni), device_index);
                self.world.ask(request);
            }
            Step::Detach { eni } => {
                let attachment = self.world.region.eni(&self.eni(eni)).unwrap().attachment.clone();
                let id = attachment
                    .map_or("eni-attach-0123456789abcdef0".to_owned(), |known| known.id.to_string());
                self.world.ask(QueryRequest::new("DetachNetworkInterface").with("AttachmentId", id));
            }
            Step::Delete { eni } => self.delete(&self.eni(eni)),
            Step::Pass { milliseconds: passed } => self.world.now += milliseconds(passed),
        }
    }

    fn create(&mut self, small: bool, count: u32, prefixes: bool) {
        let subnet = if small { self.world.small.clone() } else { self.world.subnet.clone() };
        let name = if prefixes { "Ipv4PrefixCount" } else { "SecondaryPrivateIpAddressCount" };
        let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &subnet).with(name, count);
        let reply = self.world.ask(create);
        let free = self.naive.get_mut(&subnet).unwrap();
        let before = free.0.clone();
        let blocks = if prefixes { free.blocks(count) } else { Some(Vec::new()) };
        let singles = free.lowest(if prefixes { 1 } else { 1 + count });
        let (Some(blocks), Some(singles)) = (blocks, singles) else {
            free.0 = before;
            assert_eq!(reply.http_status, 400, "the set has no room, the region has: {}", reply.body);
            return;
        };
        assert_eq!(reply.http_status, 200, "the set has room, the region has not: {}", reply.body);
        let eni = EniId::parse(&text(&reply.body, "networkInterfaceId")).unwrap();
        let made = self.world.region.eni(&eni).unwrap();
        assert_eq!(made.addresses(), singles);
        assert_eq!(made.prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(), blocks);
        self.enis.push(eni);
    }

    fn assign(&mut self, eni: &EniId, count: u32) {
        let fits = self.slots_left(eni) >= count;
        let reply = self.world.ask(self.world.assign_request(eni, count));
        let expected = if fits { self.free_of(eni).lowest(count) } else { None };
        let expected =
            expected.map(|addresses| addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
        let given = (reply.http_status == 200).then(|| texts(&reply.body, "privateIpAddress"));
        assert_eq!(given, expected, "{}", reply.body);
    }

    fn assign_named(&mut self, eni: &EniId, last: u8) {
        let fits = self.slots_left(eni) >= 1;
        let held = self.world.region.eni(eni).unwrap();
        let address = Ipv4Addr::new(10, 0, held.primary.octets()[2], last);
        let already = held.secondaries.contains(&address);
        let request = QueryRequest::new("AssignPrivateIpAddresses")
            .with("NetworkInterfaceId", eni)
            .with("PrivateIpAddress.1", address);
        let reply = self.world.ask(request);
        let taken = fits && self.free_of(eni).0.remove(&u32::from(address));
        assert_eq!(reply.http_status == 200, taken || already, "{}", reply.body);
    }

    fn assign_prefix(&mut self, eni: &EniId, count: u32) {
        let fits = self.slots_left(eni) >= count;
        let request = QueryRequest::new("AssignPrivateIpAddresses")
            .with("NetworkInterfaceId", eni)
            .with("Ipv4PrefixCount", count);
        let reply = self.world.ask(request);
        let expected = if fits { self.free_of(eni).blocks(count) } else { None };
        let given = (reply.http_status == 200).then(|| texts(&reply.body, "ipv4Prefix"));
        assert_eq!(given, expected, "{}", reply.body);
    }

    fn unassign(&mut self, eni: &EniId, which: usize) {
        let Some(address) = self.world.region.eni(eni).unwrap().secondaries.get(which).copied() else {
            return;
        };
        let request = QueryRequest::new("UnassignPrivateIpAddresses")
            .with("NetworkInterfaceId", eni)
            .with("PrivateIpAddress.1", address);
        self.world.done(request);
        self.free_of(eni).0.insert(address.into());
    }

    fn unassign_prefix(&mut self, eni: &EniId) {
        let Some(prefix) = self.world.region.eni(eni).unwrap().prefixes.first().copied() else {
            return;
        };
        let request = QueryRequest::new("UnassignPrivateIpAddresses")
            .with("NetworkInterfaceId", eni)
            .with("Ipv4Prefix.1", prefix);
        self.world.done(request);
        let first = u32::from(prefix.network());
        self.free_of(eni).0.extend(first..first + 16);
    }

    fn delete(&mut self, eni: &EniId) {
        let held = self.world.region.eni(eni).unwrap().clone();
        let request = QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", eni);
        if self.world.ask(request).http_status == 200 {
            let free = self.naive.get_mut(&held.subnet).unwrap();
            for block in held.blocks() {
                free.0.extend(u32::from(block.network())..=u32::from(block.broadcast()));
            }
            self.enis.retain(|known| known != eni);
        } else {
            assert!(self.world.region.eni(eni).unwrap().attachment.is_some());
        }
    }

    /// The audit is empty (every call checked it) and both models agree on what is free.
    fn agrees(&self) {
        assert_eq!(self.world.region.audit(), Vec::<String>::new());
        for (id, free) in &self.naive {
            let subnet = self.world.region.subnet(id).unwrap();
            assert_eq!(subnet.free() as usize, free.0.len());
            assert!(free.0.iter().all(|address| !subnet.is_taken(Ipv4Addr::from(*address))));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_calls_break_nothing_and_give_what_a_plain_set_gives(steps in prop::collection::vec(step(), 1..60)) {
        let mut run = Run::new();
        for step in steps {
            run.take(step);
            run.agrees();
        }
    }

    #[test]
    fn no_parameters_whatever_make_a_call_panic(
        action in "(CreateNetworkInterface|AssignPrivateIpAddresses|DescribeNetworkInterfaces|CreateTags|[A-Za-z]{0,9})",
        params in prop::collection::vec(
            ("(NetworkInterfaceId|Filter|Tag|ResourceId|NextToken|Ipv4Prefix|[A-Za-z]{0,4})(\\.[0-9N]{1,3})?(\\.[A-Za-z]{0,5})?", "\\PC{0,24}"),
            0..8,
        ),
    ) {
        let mut world = World::new();
        let mut request = QueryRequest::new(&action);
        request.params.extend(params);
        world.ask(request);
    }
}
