//! Random calls on the newer nouns: IPv6, trunks with branches, and a subnet with reservations, each beside the plainest model
//! that could be right.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::support::{World, text, texts};
use crate::{EniId, QueryRequest, ReservationKind};

#[derive(Debug, Clone)]
enum Step {
    Make { branch: bool },
    Addresses { eni: usize, count: u32 },
    Prefixes { eni: usize, count: u32 },
    Named { eni: usize, last: u16, in_prefix: u16 },
    Back { eni: usize },
    Ipv4 { eni: usize, count: u32, prefixes: bool },
    Ipv4Back { eni: usize },
    Associate { eni: usize, vlan: u32 },
    Disassociate { vlan: u32 },
    Delete { eni: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let eni = 0..10_usize;
    prop_oneof![
        4 => any::<bool>().prop_map(|branch| Step::Make { branch }),
        3 => (eni.clone(), 1..5_u32).prop_map(|(eni, count)| Step::Addresses { eni, count }),
        3 => (eni.clone(), 1..5_u32).prop_map(|(eni, count)| Step::Prefixes { eni, count }),
        3 => (eni.clone(), 0..12_u16, 0..6_u16)
            .prop_map(|(eni, last, in_prefix)| Step::Named { eni, last, in_prefix }),
        2 => eni.clone().prop_map(|eni| Step::Back { eni }),
        4 => (eni.clone(), 1..6_u32, any::<bool>())
            .prop_map(|(eni, count, prefixes)| Step::Ipv4 { eni, count, prefixes }),
        2 => eni.clone().prop_map(|eni| Step::Ipv4Back { eni }),
        5 => (eni.clone(), 0..14_u32).prop_map(|(eni, vlan)| Step::Associate { eni, vlan }),
        2 => (0..14_u32).prop_map(|vlan| Step::Disassociate { vlan }),
        2 => eni.prop_map(|eni| Step::Delete { eni }),
    ]
}

/// Which /80 of the subnet's /64 an address is in: the group after the first four.
fn prefix_of(address: Ipv6Addr) -> u16 {
    address.segments()[4]
}

/// Everything that is taken, as sets.
#[derive(Default)]
struct Naive {
    addresses: BTreeSet<Ipv6Addr>,
    /// By their number in the /64.
    prefixes: BTreeSet<u16>,
    /// Last octets that are free in the IPv4 subnet.
    free: BTreeSet<u8>,
    riding: BTreeMap<u32, (EniId, String)>,
}

impl Naive {
    fn is_free(&self, address: Ipv6Addr) -> bool {
        !self.addresses.contains(&address) && !self.prefixes.contains(&prefix_of(address))
    }

    fn prefix_is_free(&self, number: u16) -> bool {
        !self.prefixes.contains(&number) && self.addresses.iter().all(|held| prefix_of(*held) != number)
    }

    fn lowest(&mut self, count: u32) -> Vec<String> {
        let candidates = (4..=u16::MAX).map(|last| address(0, last));
        let found: Vec<Ipv6Addr> =
            candidates.filter(|candidate| self.is_free(*candidate)).take(count as usize).collect();
        self.addresses.extend(&found);
        found.iter().map(ToString::to_string).collect()
    }

    fn lowest_prefixes(&mut self, count: u32) -> Vec<String> {
        let found: Vec<u16> =
            (1..u16::MAX).filter(|number| self.prefix_is_free(*number)).take(count as usize).collect();
        self.prefixes.extend(&found);
        found.iter().map(|number| format!("{}/80", address(*number, 0))).collect()
    }

    /// Octets 64 to 127 are kept for prefixes, 128 to 159 for names.
    fn lowest_ipv4(&mut self, count: u32) -> Option<Vec<String>> {
        let open = self.free.iter().copied().filter(|octet| !(64..160).contains(octet));
        let found: Vec<u8> = open.take(count as usize).collect();
        if found.len() < count as usize {
            return None;
        }
        self.free.retain(|octet| !found.contains(octet));
        Some(found.iter().map(|octet| Ipv4Addr::new(10, 0, 1, *octet).to_string()).collect())
    }

    fn lowest_blocks(&mut self, count: u32) -> Option<Vec<String>> {
        let order = (64..128).chain(0..64).chain(160..=255_u8).step_by(16);
        let whole = |first: &u8| (*first..=*first + 15).all(|octet| self.free.contains(&octet));
        let found: Vec<u8> = order.filter(whole).take(count as usize).collect();
        if found.len() < count as usize {
            return None;
        }
        self.free.retain(|octet| !found.contains(&(octet & !15)));
        Some(found.iter().map(|first| format!("{}/28", Ipv4Addr::new(10, 0, 1, *first))).collect())
    }
}

fn address(prefix: u16, last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, prefix, 0, 0, last)
}

struct Run {
    world: World,
    naive: Naive,
    trunk: EniId,
    enis: Vec<EniId>,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        world.region.add_vpc_ipv6(&world.vpc.clone(), "2001:db8::/56".parse().unwrap()).unwrap();
        let subnet = world.subnet.clone();
        world.region.set_subnet_ipv6(&subnet, "2001:db8::/64".parse().unwrap()).unwrap();
        for (cidr, kind) in
            [("10.0.1.64/26", ReservationKind::Prefix), ("10.0.1.128/27", ReservationKind::Explicit)]
        {
            world.region.add_cidr_reservation(&subnet, cidr.parse().unwrap(), kind).unwrap();
        }
        let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &subnet);
        let body = world.done(create.with("InterfaceType", "trunk")).body;
        let trunk = EniId::parse(&text(&body, "networkInterfaceId")).unwrap();
        world.attach(&trunk, 1);
        // The primary interface has .4, the trunk .5.
        let naive = Naive { free: (6..255).collect(), ..Naive::default() };
        let enis = vec![world.primary.clone(), trunk.clone()];
        Self { world, naive, trunk, enis }
    }

    fn eni(&self, index: usize) -> EniId {
        self.enis[index % self.enis.len()].clone()
    }

    fn room(&self, eni: &EniId, filled: u32) -> u32 {
        // m5.large has 10 a piece; unattached, the largest type's 64.
        (if self.world.region.eni(eni).unwrap().attachment.is_some() { 10 } else { 64 }) - filled
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Make { branch } => self.make(branch),
            Step::Addresses { eni, count } => self.assign(&self.eni(eni), count, false),
            Step::Prefixes { eni, count } => self.assign(&self.eni(eni), count, true),
            Step::Named { eni, last, in_prefix } => self.named(&self.eni(eni), address(in_prefix, last)),
            Step::Back { eni } => self.back(&self.eni(eni)),
            Step::Ipv4 { eni, count, prefixes } => self.ipv4(&self.eni(eni), count, prefixes),
            Step::Ipv4Back { eni } => self.ipv4_back(&self.eni(eni)),
            Step::Associate { eni, vlan } => self.associate(&self.eni(eni), vlan),
            Step::Disassociate { vlan } => self.disassociate(vlan),
            Step::Delete { eni } => self.delete(&self.eni(eni)),
        }
    }

    fn make(&mut self, branch: bool) {
        let kind = if branch { "branch" } else { "interface" };
        let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &self.world.subnet);
        let reply = self.world.ask(create.with("InterfaceType", kind));
        let expected = self.naive.lowest_ipv4(1);
        assert_eq!(reply.http_status == 200, expected.is_some(), "{}", reply.body);
        if let Some(expected) = expected {
            assert_eq!(text(&reply.body, "privateIpAddress"), expected[0]);
            self.enis.push(EniId::parse(&text(&reply.body, "networkInterfaceId")).unwrap());
        }
    }

    fn assign(&mut self, eni: &EniId, count: u32, prefixes: bool) {
        let fits = self.room(eni, self.world.region.eni(eni).unwrap().ipv6_slots()) >= count;
        let (name, list) = if prefixes {
            ("Ipv6PrefixCount", "assignedIpv6PrefixSet")
        } else {
            ("Ipv6AddressCount", "assignedIpv6Addresses")
        };
        let request = QueryRequest::new("AssignIpv6Addresses").with("NetworkInterfaceId", eni);
        let reply = self.world.ask(request.with(name, count));
        assert_eq!(reply.http_status == 200, fits, "{}", reply.body);
        if fits {
            let expected =
                if prefixes { self.naive.lowest_prefixes(count) } else { self.naive.lowest(count) };
            assert_eq!(texts(&text(&reply.body, list), "item"), expected);
        }
    }

    fn named(&mut self, eni: &EniId, wanted: Ipv6Addr) {
        let held = self.world.region.eni(eni).unwrap();
        let (has, fits) = (held.ipv6_addresses.contains(&wanted), self.room(eni, held.ipv6_slots()) >= 1);
        let request = QueryRequest::new("AssignIpv6Addresses").with("NetworkInterfaceId", eni);
        let reply = self.world.ask(request.with("Ipv6Addresses.1", wanted));
        let reserved = wanted < address(0, 4);
        let taken = !has && fits && !reserved && self.naive.is_free(wanted);
        if taken {
            self.naive.addresses.insert(wanted);
        }
        assert_eq!(reply.http_status == 200, has || taken, "{wanted}: {}", reply.body);
    }

    /// Gives back the first address and the first prefix there are.
    fn back(&mut self, eni: &EniId) {
        let held = self.world.region.eni(eni).unwrap();
        let first = held.ipv6_addresses.first().copied();
        let prefix = held.ipv6_prefixes.first().copied();
        let mut request = QueryRequest::new("UnassignIpv6Addresses").with("NetworkInterfaceId", eni);
        request = first.map_or(request.clone(), |first| request.with("Ipv6Addresses.1", first));
        request = prefix.map_or(request.clone(), |prefix| request.with("Ipv6Prefix.1", prefix));
        let reply = self.world.ask(request);
        assert_eq!(reply.http_status == 200, first.is_some() || prefix.is_some(), "{}", reply.body);
        self.naive.addresses.retain(|held| Some(*held) != first);
        self.naive.prefixes.retain(|held| Some(*held) != prefix.map(|prefix| prefix_of(prefix.network())));
    }

    fn ipv4(&mut self, eni: &EniId, count: u32, prefixes: bool) {
        let fits = self.room(eni, self.world.region.eni(eni).unwrap().slots()) >= count;
        let (name, list) = if prefixes {
            ("Ipv4PrefixCount", "ipv4Prefix")
        } else {
            ("SecondaryPrivateIpAddressCount", "privateIpAddress")
        };
        let request = QueryRequest::new("AssignPrivateIpAddresses").with("NetworkInterfaceId", eni);
        let reply = self.world.ask(request.with(name, count));
        let expected = match (fits, prefixes) {
            (false, _) => None,
            (true, true) => self.naive.lowest_blocks(count),
            (true, false) => self.naive.lowest_ipv4(count),
        };
        let given = (reply.http_status == 200).then(|| texts(&reply.body, list));
        assert_eq!(given, expected, "{}", reply.body);
    }

    fn ipv4_back(&mut self, eni: &EniId) {
        let held = self.world.region.eni(eni).unwrap().clone();
        let mut request = QueryRequest::new("UnassignPrivateIpAddresses").with("NetworkInterfaceId", eni);
        for (index, address) in held.secondaries.iter().enumerate() {
            request = request.with(format!("PrivateIpAddress.{}", index + 1), address);
        }
        for (index, prefix) in held.prefixes.iter().enumerate() {
            request = request.with(format!("Ipv4Prefix.{}", index + 1), prefix);
        }
        let some = !held.secondaries.is_empty() || !held.prefixes.is_empty();
        assert_eq!(self.world.ask(request).http_status == 200, some);
        self.free_again(held.blocks().into_iter().skip(1));
    }

    fn associate(&mut self, eni: &EniId, vlan: u32) {
        let request = QueryRequest::new("AssociateTrunkInterface")
            .with("TrunkInterfaceId", &self.trunk)
            .with("BranchInterfaceId", eni)
            .with("VlanId", vlan);
        let reply = self.world.ask(request);
        let is_branch = self.world.region.eni(eni).unwrap().kind == crate::InterfaceKind::Branch;
        let rides = self.naive.riding.values().any(|(branch, _)| branch == eni);
        let may = is_branch && !rides && vlan > 0 && self.naive.riding.len() < 9;
        let may = may && !self.naive.riding.contains_key(&vlan);
        assert_eq!(reply.http_status == 200, may, "{}", reply.body);
        if may {
            self.naive.riding.insert(vlan, (eni.clone(), text(&reply.body, "associationId")));
        }
    }

    fn disassociate(&mut self, vlan: u32) {
        if let Some((_, id)) = self.naive.riding.remove(&vlan) {
            self.world.done(QueryRequest::new("DisassociateTrunkInterface").with("AssociationId", id));
        }
    }

    fn delete(&mut self, eni: &EniId) {
        let held = self.world.region.eni(eni).unwrap().clone();
        let request = QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", eni);
        let rides = self.naive.riding.values().any(|(branch, _)| branch == eni);
        let may = held.attachment.is_none() && !rides;
        assert_eq!(self.world.ask(request).http_status == 200, may);
        if may {
            self.naive.addresses.retain(|address| !held.ipv6_addresses.contains(address));
            let prefixes = held.ipv6_prefixes.iter().map(|prefix| prefix_of(prefix.network()));
            let prefixes: Vec<u16> = prefixes.collect();
            self.naive.prefixes.retain(|number| !prefixes.contains(number));
            self.free_again(held.blocks().into_iter());
            self.enis.retain(|known| known != eni);
        }
    }

    fn free_again(&mut self, blocks: impl Iterator<Item = ipnet::Ipv4Net>) {
        for block in blocks {
            self.naive.free.extend(block.network().octets()[3]..=block.broadcast().octets()[3]);
        }
    }

    fn agrees(&self) {
        let subnet = self.world.region.subnet(&self.world.subnet).unwrap();
        assert_eq!(subnet.free() as usize, self.naive.free.len());
        let riding = self.world.region.branches_of(&self.trunk);
        let riding: BTreeMap<u32, EniId> = riding
            .map(|(branch, association)| (association.vlan.number().into(), branch.id.clone()))
            .collect();
        let expected = self.naive.riding.iter().map(|(vlan, (branch, _))| (*vlan, branch.clone()));
        assert_eq!(riding, expected.collect());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_calls_give_what_plain_sets_give(steps in prop::collection::vec(step(), 1..50)) {
        let mut run = Run::new();
        for step in steps {
            run.take(step);
            run.agrees();
        }
    }
}
