//! The port's calls, each by one deadline. It owns the socket and the nft command's name, and keeps nothing else: every
//! answer is read anew.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::host::{
    Host, HostChange, HostError, HostEvent, HostSnapshot, Link, NftTable, Route, RouteAnswer, RouteQuestion,
    Rule,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use crate::netlink::address::{self, SeenAddress};
use crate::netlink::channel::{Channel, Deadline};
use crate::netlink::link::{self, Peer, SeenLink};
use crate::netlink::watch::Watch;
use crate::netlink::{route, rule};
use crate::nft::Nft;

/// The host we run on. Cheap to clone; the socket closes with the last clone.
///
/// Dropping a call's future abandons it: a netlink change already sent is done all the same, an nft child is killed, and
/// what it had committed stays.
#[derive(Clone)]
pub struct LinuxHost {
    channel: Channel,
    /// Once somebody listens.
    watch: Arc<OnceCell<Watch>>,
    nft: Nft,
    timeout: Duration,
}

impl LinuxHost {
    /// Opens a netlink socket in the network namespace of the calling thread, and spawns its task on the current tokio
    /// runtime. Each call of the port, however many messages it takes, is answered within `timeout`.
    ///
    /// When that runtime ends or the socket breaks, every later call is [`HostError::ConnectionLost`]: make a new host.
    ///
    /// # Errors
    /// When there is no tokio runtime, or the socket cannot be opened.
    pub fn connect(timeout: Duration) -> Result<Self, HostError> {
        Ok(Self { channel: Channel::open()?, watch: Arc::default(), nft: Nft::default(), timeout })
    }

    /// The nft command to run instead of `nft`, which is looked up in PATH.
    #[must_use]
    pub fn with_nft(mut self, program: impl Into<PathBuf>) -> Self {
        self.nft = Nft::new(program.into());
        self
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }
}

// === impl Host ===

impl Host for LinuxHost {
    fn snapshot(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        let (channel, deadline) = (self.channel.clone(), self.deadline());
        async move { snapshot(&channel, deadline).await }.boxed()
    }

    fn overview(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        let (channel, deadline) = (self.channel.clone(), self.deadline());
        async move {
            let (seen, whole) = link::dump(&channel, deadline).await?;
            with_the_rest(&channel, (seen, BTreeMap::new()), whole, deadline).await
        }
        .boxed()
    }

    fn link(&self, ifindex: u32) -> BoxFuture<'static, Result<Option<Link>, HostError>> {
        let (channel, deadline) = (self.channel.clone(), self.deadline());
        async move { Ok(link::one(&channel, ifindex, deadline).await?.map(|seen| seen.link)) }.boxed()
    }

    fn news(
        &self,
        table: &'static str,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Vec<HostEvent>, HostError>> {
        let watch = Arc::clone(&self.watch);
        async move {
            match watch.get() {
                Some(watch) => watch.news(table, patience).await,
                None => {
                    watch.get_or_try_init(|| async { Watch::open() }).await?;
                    Ok(vec![HostEvent::Lost])
                }
            }
        }
        .boxed()
    }

    fn apply(&self, changes: Vec<HostChange>) -> BoxFuture<'static, (usize, Option<HostError>)> {
        let (channel, deadline) = (self.channel.clone(), self.deadline());
        async move {
            let mut done = 0;
            for change in changes {
                match perform(&channel, change, deadline).await {
                    Ok(()) => done += 1,
                    Err(error) => return (done, Some(error)),
                }
            }
            (done, None)
        }
        .boxed()
    }

    fn route(&self, question: RouteQuestion) -> BoxFuture<'static, Result<Option<RouteAnswer>, HostError>> {
        let (channel, deadline) = (self.channel.clone(), self.deadline());
        async move {
            let what = format!("ask for the route to {}", question.to);
            route::ask(&channel, &what, question, deadline).await
        }
        .boxed()
    }

    fn replace_nft_table(&self, table: NftTable) -> BoxFuture<'static, Result<(), HostError>> {
        let (nft, deadline) = (self.nft.clone(), self.deadline());
        async move {
            let what = format!("replace nft table {} {}", table.family, table.name);
            deadline.bound(&what, nft.replace(&table)).await
        }
        .boxed()
    }

    fn read_nft_table(
        &self,
        family: &'static str,
        name: &'static str,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, HostError>> {
        let (nft, deadline) = (self.nft.clone(), self.deadline());
        async move {
            let what = format!("read nft table {family} {name}");
            deadline.bound(&what, nft.read(family, name)).await
        }
        .boxed()
    }
}

// === reading ===

async fn snapshot(channel: &Channel, deadline: Deadline) -> Result<HostSnapshot, HostError> {
    let (seen, links_whole) = link::dump(channel, deadline).await?;
    let (behind, behind_whole) = read_behind(channel, &seen, deadline).await?;
    let (seen, confirmed_whole) = confirm(channel, seen, deadline).await?;
    let whole = links_whole && behind_whole && confirmed_whole;
    with_the_rest(channel, (seen, behind), whole, deadline).await
}

/// The links, with what is behind them as far as it was read, become a snapshot; `whole` is whether all of them were read.
async fn with_the_rest(
    channel: &Channel,
    (seen, behind): (Vec<SeenLink>, BTreeMap<i32, Option<Vec<SeenAddress>>>),
    whole: bool,
    deadline: Deadline,
) -> Result<HostSnapshot, HostError> {
    let (addresses, addresses_whole) = address::dump(channel, deadline).await?;
    let (routes, routes_whole) = route::dump(channel, deadline).await?;
    let (rules, rules_whole) = rule::dump(channel, deadline).await?;
    Ok(HostSnapshot {
        complete: whole && addresses_whole && routes_whole && rules_whole,
        links: seen.into_iter().map(|seen| complete_link(seen, &addresses, &behind)).collect(),
        routes,
        rules,
    })
}

/// The addresses of each namespace that has the other end of one of our veths (`None` where the kernel does not tell), and
/// whether everything it does tell was told: what was interrupted is no proof that nobody carries an address.
async fn read_behind(
    channel: &Channel,
    seen: &[SeenLink],
    deadline: Deadline,
) -> Result<(BTreeMap<i32, Option<Vec<SeenAddress>>>, bool), HostError> {
    let mut behind = BTreeMap::new();
    let mut all_told = true;
    for namespace in seen.iter().filter_map(|seen| seen.peer).map(|peer| peer.namespace) {
        if namespace >= 0 && !behind.contains_key(&namespace) {
            let (addresses, whole) = address::dump_elsewhere(channel, namespace, deadline).await?;
            all_told &= whole;
            behind.insert(namespace, addresses);
        }
    }
    Ok((behind, all_told))
}

/// Reads the links a second time and keeps what is still there with the same other end. The kernel gives a namespace id away
/// again once its veths are gone, so what was read under an id belongs to a veth only if the veth outlived the reading.
async fn confirm(
    channel: &Channel,
    seen: Vec<SeenLink>,
    deadline: Deadline,
) -> Result<(Vec<SeenLink>, bool), HostError> {
    if seen.iter().all(|seen| seen.peer.is_none()) {
        return Ok((seen, true));
    }
    let (again, whole) = link::dump(channel, deadline).await?;
    let peers: BTreeMap<u32, Option<Peer>> =
        again.into_iter().map(|seen| (seen.link.ifindex, seen.peer)).collect();
    let (seen, unchanged) = still_there(seen, &peers);
    Ok((seen, whole && unchanged))
}

/// Those that are still there, and whether all of these have the other end they had.
fn still_there(seen: Vec<SeenLink>, peers: &BTreeMap<u32, Option<Peer>>) -> (Vec<SeenLink>, bool) {
    let mut unchanged = true;
    let still = seen.into_iter().filter_map(|mut seen| {
        let now = peers.get(&seen.link.ifindex)?;
        if *now != seen.peer {
            unchanged = false;
            seen.peer = None;
        }
        Some(seen)
    });
    (still.collect(), unchanged)
}

fn complete_link(
    seen: SeenLink,
    addresses: &[SeenAddress],
    behind: &BTreeMap<i32, Option<Vec<SeenAddress>>>,
) -> Link {
    let mut link = seen.link;
    link.addresses = addresses
        .iter()
        .filter(|address| address.ifindex == link.ifindex)
        .map(|address| (address.address, address.prefix_length))
        .collect();
    link.behind = seen.peer.and_then(|peer| addresses_behind(peer, behind));
    link
}

fn addresses_behind(peer: Peer, behind: &BTreeMap<i32, Option<Vec<SeenAddress>>>) -> Option<Vec<Ipv4Addr>> {
    let there = behind.get(&peer.namespace)?.as_ref()?;
    let on_peer = there.iter().filter(|address| address.ifindex == peer.ifindex && address.global);
    Some(on_peer.map(|address| address.address).collect())
}

// === changing ===

async fn perform(channel: &Channel, change: HostChange, deadline: Deadline) -> Result<(), HostError> {
    let what = in_words(&change);
    match change {
        HostChange::SetMtu { ifindex, mtu_bytes } => {
            link::set_mtu(channel, &what, ifindex, mtu_bytes, deadline).await
        }
        HostChange::LinkUp { ifindex } => link::up(channel, &what, ifindex, deadline).await,
        HostChange::AddAddress { ifindex, address, prefix_length } => {
            address::add(channel, &what, ifindex, address, prefix_length, deadline).await
        }
        HostChange::PutRoute(route) => route::put(channel, &what, route, deadline).await,
        HostChange::RemoveRoute(route) => route::remove(channel, &what, route, deadline).await,
        HostChange::AddRule(rule) => rule::add(channel, &what, rule, deadline).await,
        HostChange::RemoveRule(rule) => rule::remove(channel, &what, rule, deadline).await,
        HostChange::SetRpFilter { ifindex, value } => {
            link::set_rp_filter(channel, &what, ifindex, value, deadline).await
        }
    }
}

fn in_words(change: &HostChange) -> String {
    match change {
        HostChange::SetMtu { ifindex, mtu_bytes } => format!("set the mtu of link {ifindex} to {mtu_bytes}"),
        HostChange::LinkUp { ifindex } => format!("bring link {ifindex} up"),
        HostChange::AddAddress { ifindex, address, prefix_length } => {
            format!("add address {address}/{prefix_length} to link {ifindex}")
        }
        HostChange::PutRoute(route) => format!("put route {}", route_in_words(route)),
        HostChange::RemoveRoute(route) => format!("remove route {}", route_in_words(route)),
        HostChange::AddRule(rule) => format!("add rule {}", rule_in_words(rule)),
        HostChange::RemoveRule(rule) => format!("remove rule {}", rule_in_words(rule)),
        HostChange::SetRpFilter { ifindex, value } => format!("set rp_filter of link {ifindex} to {value}"),
    }
}

fn route_in_words(route: &Route) -> String {
    let via = route.via.map(|via| format!(" via {via}")).unwrap_or_default();
    let Route { to, prefix_length, ifindex, table, .. } = route;
    format!("{to}/{prefix_length}{via} by link {ifindex} in table {table}")
}

fn rule_in_words(rule: &Rule) -> String {
    let from = rule.from.map_or_else(|| "all".to_owned(), |from| from.to_string());
    let to = rule.to.map(|to| format!(" to {to}")).unwrap_or_default();
    let mark = rule.mark.map(|mark| format!(" fwmark {:#x}", mark.0)).unwrap_or_default();
    format!("{}: from {from}{to}{mark} lookup {}", rule.priority.0, rule.table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ifindex: u32, peer: Option<Peer>) -> SeenLink {
        let link = Link {
            ifindex,
            name: format!("eni{ifindex}"),
            mac: None,
            mtu_bytes: 9001,
            up: true,
            veth_to_elsewhere: peer.is_some(),
            rp_filter: None,
            addresses: vec![],
            behind: None,
        };
        SeenLink { link, peer }
    }

    fn at(ifindex: u32, last: u8, global: bool) -> SeenAddress {
        SeenAddress { ifindex, address: Ipv4Addr::new(10, 0, 0, last), prefix_length: 32, global }
    }

    #[test]
    fn what_is_behind_a_veth_is_unknown_when_the_veth_did_not_outlive_the_reading() {
        let peer = Peer { namespace: 5, ifindex: 2 };
        let other = Peer { namespace: 6, ifindex: 2 };
        let links = vec![seen(1, None), seen(7, Some(peer)), seen(8, Some(other)), seen(9, Some(peer))];
        let now = BTreeMap::from([(1, None), (8, Some(peer)), (9, Some(peer))]);
        let (kept, unchanged) = still_there(links, &now);
        let kept: Vec<_> = kept.iter().map(|seen| (seen.link.ifindex, seen.peer)).collect();
        assert_eq!(kept, [(1, None), (8, None), (9, Some(peer))]);
        // Unknown this time: no proof that nobody carries an address.
        assert!(!unchanged);
        assert!(
            still_there(vec![seen(9, Some(peer)), seen(7, Some(peer))], &now).1,
            "one that is gone is no riddle"
        );
    }

    #[test]
    fn what_is_behind_a_veth_is_what_its_other_end_carries_of_global_scope() {
        let there = vec![at(2, 1, true), at(2, 2, false), at(3, 3, true), at(2, 4, true)];
        let behind = BTreeMap::from([(5, Some(there)), (6, None)]);
        let of = |namespace, ifindex| addresses_behind(Peer { namespace, ifindex }, &behind);
        assert_eq!(of(5, 2), Some(vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 4)]));
        assert_eq!(of(5, 9), Some(vec![]));
        assert_eq!(of(6, 2), None);
        assert_eq!(of(-1, 2), None);
    }
}
