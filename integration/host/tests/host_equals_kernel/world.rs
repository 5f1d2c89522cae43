//! The kernel and the model, side by side: each operation is done to both, and must be refused by both alike.

use std::collections::BTreeMap;

use cni_shim::netlink::Netlink;
use cni_shim::netns::Namespaces;
use contract::model::Mac;
use contract::ports::host::{Host, HostChange, HostError, HostSnapshot, RouteQuestion};
use host::{Linux, NamespaceId, Site, Whose};

use crate::operations::{Operation, PODS, Place};
use crate::place::{Both, SETTINGS, enter_new_namespace};
use crate::shim;
use crate::watcher::{Watcher, told};

pub(crate) struct World {
    model: Linux,
    places: Vec<Option<Both>>,
    made: u8,
    has_ipv6: bool,
    asked: usize,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            model: Linux::new(0),
            places: Vec::new(),
            made: 0,
            has_ipv6: std::path::Path::new("/proc/sys/net/ipv6/conf").exists(),
            asked: 0,
        };
        world.places.resize_with(PODS + 1, || None);
        world.open(0);
        world
    }

    /// A new namespace; its settings are written once, since it has them from the machine's first one.
    fn open(&mut self, place: Place) {
        if self.places[place].is_some() {
            return;
        }
        let (namespace, host) = enter_new_namespace();
        let both = Both { id: self.model.add_namespace(), namespace, host, watcher: Watcher::here() };
        let names = BTreeMap::from([(1, "lo".to_owned())]);
        for (setting, ..) in SETTINGS.iter().filter(|(_, family, _)| *family == "ipv4") {
            for whose in [Whose::All, Whose::Default, Whose::Link(1)] {
                assert!(both.set(&names, whose, *setting, 0), "{setting:?}");
            }
        }
        self.places[place] = Some(both);
    }

    /// The kernel ends a namespace in its own time: we wait until the other ends of its veths are gone.
    async fn close(&mut self, place: Place) {
        let Some(Both { id, namespace, host, watcher }) = self.places[place].take() else {
            return;
        };
        self.home().enter();
        self.model.delete_namespace(id);
        drop((namespace, host, watcher));
        for both in self.places.iter().flatten() {
            let left = self.model.snapshot(both.id).unwrap().links.len();
            while both.host.snapshot().await.unwrap().links.len() != left {
                tokio::task::yield_now().await;
            }
        }
    }

    fn home(&self) -> &Both {
        self.places[0].as_ref().unwrap()
    }

    fn names(&self, id: NamespaceId) -> BTreeMap<u32, String> {
        let links = self.model.snapshot(id).unwrap().links;
        links.into_iter().map(|link| (link.ifindex, link.name)).collect()
    }

    fn new_mac(&mut self) -> Mac {
        self.made += 1;
        Mac([2, 0, 0, 0, 0, self.made])
    }

    pub(crate) async fn operate(&mut self, operation: &Operation) {
        match operation {
            Operation::Open(place) => self.open(*place),
            Operation::Close(place) => self.close(*place).await,
            Operation::Pair(ends, mtu_bytes) => self.pair(*ends, *mtu_bytes),
            Operation::Wire(pod, [inside, outside], plan) => {
                let Some(both) = &self.places[*pod] else { return };
                self.home().enter();
                let real = shim::carry_out(&both.path(), inside, outside, plan);
                let links = both.host.snapshot().await.unwrap().links;
                let made = links.into_iter().find(|link| link.name == *inside).and_then(|link| link.mac);
                let site = Site {
                    host: self.home().id,
                    pod: both.id,
                    ifname: (*inside).to_owned(),
                    host_veth: (*outside).to_owned(),
                    pod_mac: made.unwrap_or(Mac([2; 6])),
                };
                assert_eq!(real, self.model.carry_out(&site, plan), "{operation:?}");
            }
            Operation::Strip(pod, inside) => {
                let Some(both) = &self.places[*pod] else { return };
                self.home().enter();
                let namespaces = Namespaces::open(&both.path()).unwrap();
                let real = cni_shim::wiring::strip(&namespaces, inside, "eni").unwrap();
                assert_eq!(real, self.model.strip(self.home().id, both.id, inside, "eni").unwrap());
            }
            Operation::Change(place, change) => self.change(*place, change).await,
            Operation::RemoveOne(place, route, index) => {
                let Some(both) = &self.places[*place] else { return };
                let state = self.model.snapshot(both.id).unwrap();
                let route = state.routes.get(*index).filter(|_| *route).copied().map(HostChange::RemoveRoute);
                // Not the kernel's own three: without the rule of `main` no next hop is found, which is not modelled.
                let mut ours = state.rules.iter().filter(|rule| (1..1000).contains(&rule.priority.0));
                let rule = ours.nth(*index).copied().map(HostChange::RemoveRule);
                if let Some(change) = route.or(rule) {
                    self.change(*place, &change).await;
                }
            }
            _ => self.by_hand(operation),
        }
    }

    async fn change(&mut self, place: Place, change: &HostChange) {
        let Some(both) = &self.places[place] else { return };
        let expected = self.model.apply(both.id, change).err().map(|errno| errno.0);
        let real = match both.host.apply(vec![change.clone()]).await.1 {
            None => None,
            Some(HostError::Refused { errno, .. }) => Some(errno),
            Some(other) => panic!("{other}"),
        };
        assert_eq!(real, expected, "{change:?}");
    }

    fn pair(&mut self, ends: [(Place, &str); 2], mtu_bytes: u32) {
        let [(one, one_name), (other, other_name)] = ends;
        let (one_mac, other_mac) = (self.new_mac(), self.new_mac());
        let (Some(one), Some(other)) = (&self.places[one], &self.places[other]) else { return };
        let words = format!(
            "link add {one_name} mtu {mtu_bytes} address {one_mac} type veth peer name {other_name} mtu {mtu_bytes} \
             address {other_mac} netns {}",
            other.path()
        );
        let real = one.ip(&words);
        let end = |both: &Both, name: &str, mac| host::End {
            namespace: both.id,
            name: name.to_owned(),
            mac,
            mtu_bytes,
        };
        let made = self.model.veth(&end(one, one_name, one_mac), &end(other, other_name, other_mac));
        assert_eq!(real, made.is_ok(), "{words}: {made:?}");
    }

    /// What the port does not offer; on links that the model has.
    fn by_hand(&mut self, operation: &Operation) {
        let model = &mut self.model;
        let (Operation::Down(place, _)
        | Operation::RemoveAddress(place, ..)
        | Operation::DeleteLink(place, _)
        | Operation::SetMac(place, ..)
        | Operation::PutNeighbour(place, _)
        | Operation::RemoveNeighbour(place, ..)
        | Operation::Set(place, ..)) = operation
        else {
            panic!("{operation:?}");
        };
        let Some(both) = &self.places[*place] else { return };
        let id = both.id;
        let links = model.snapshot(id).unwrap().links;
        let names: BTreeMap<u32, String> = links.into_iter().map(|link| (link.ifindex, link.name)).collect();
        let name = |ifindex| names.get(ifindex).map_or("nowhere", String::as_str);
        let (real, expected) = match operation {
            Operation::Down(_, ifindex) => {
                (both.ip(&format!("link set {} down", name(ifindex))), model.link_down(id, *ifindex))
            }
            Operation::RemoveAddress(_, ifindex, address, length) => (
                both.ip(&format!("address del {address}/{length} dev {}", name(ifindex))),
                model.remove_address(id, *ifindex, *address, *length),
            ),
            Operation::DeleteLink(_, ifindex) => {
                (both.ip(&format!("link del {}", name(ifindex))), model.delete_link(id, *ifindex))
            }
            Operation::SetMac(_, ifindex, mac) if *ifindex > 1 => (
                both.ip(&format!("link set {} address {mac}", name(ifindex))),
                model.set_mac(id, *ifindex, *mac),
            ),
            Operation::PutNeighbour(_, neighbour) => {
                both.enter();
                let mut netlink = Netlink::here().unwrap();
                let real = netlink.neighbour(neighbour.ifindex, neighbour.address, neighbour.mac.0);
                (real.is_ok(), model.put_neighbour(id, *neighbour))
            }
            Operation::RemoveNeighbour(_, ifindex, address) => (
                both.ip(&format!("neigh del {address} dev {}", name(ifindex))),
                model.remove_neighbour(id, *ifindex, *address),
            ),
            Operation::Set(_, whose, setting, value) => {
                (both.set(&names, *whose, *setting, *value), model.set(id, *whose, *setting, *value))
            }
            _ => return,
        };
        assert_eq!(real, expected.is_ok(), "{operation:?}: {expected:?}");
    }

    /// Both show the same, and answer some of the questions alike: others each time, so that all are asked in turn.
    pub(crate) async fn compare(&mut self, questions: &[RouteQuestion], count: usize) {
        for both in self.places.iter().flatten() {
            let real = both.host.snapshot().await.unwrap();
            assert_eq!(ordered(real), ordered(self.model.snapshot(both.id).unwrap()));
            let events = self.model.take_events(both.id);
            assert_eq!(both.watcher.heard(), told(&events), "{events:?}");
            let names = self.names(both.id);
            assert_eq!(both.neighbours(&names), self.model.neighbours(both.id));
            self.compare_settings(both, &names);
            for _ in 0..count {
                self.asked = (self.asked + 1) % questions.len();
                let question = questions[self.asked];
                let real = match both.host.route(question).await {
                    Ok(answer) => Ok(answer),
                    Err(HostError::Refused { errno, .. }) => Err(errno),
                    Err(other) => panic!("{other}"),
                };
                let expected = self.model.route(both.id, question).map_err(|errno| errno.0);
                assert_eq!(real, expected, "{question:?}");
            }
        }
    }

    fn compare_settings(&self, both: &Both, names: &BTreeMap<u32, String>) {
        let links = names.keys().map(|ifindex| Whose::Link(*ifindex));
        for whose in [Whose::All, Whose::Default].into_iter().chain(links) {
            for (setting, family, _) in SETTINGS {
                let of_ipv6 = family == "ipv6";
                if of_ipv6 && (!self.has_ipv6 || !matches!(whose, Whose::Link(_))) {
                    continue;
                }
                let expected = self.model.setting(both.id, whose, setting).unwrap();
                assert_eq!(both.setting(names, whose, setting), expected, "{whose:?} {setting:?}");
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
