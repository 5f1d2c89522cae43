//! The host's network: what the kernel shows, and a closed set of changes. Every change is *ensure*: what is already so, or
//! already gone, is a success.

use futures::future::BoxFuture;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::model::{Fwmark, Mac, RulePriority, TableId};

/// A link of the host's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Index: identity, as long as the link lives.
    pub ifindex: u32,
    /// Name: for humans; names repeat.
    pub name: String,
    /// MAC; `None` for links without one.
    pub mac: Option<Mac>,
    /// MTU, bytes.
    pub mtu_bytes: u32,
    /// Administratively up.
    pub up: bool,
    /// It is one end of a veth pair whose other end is in another namespace.
    pub veth_to_elsewhere: bool,
    /// IPv4 rp_filter of the link itself (0 off, 1 strict, 2 loose); `None` if the kernel does not tell.
    pub rp_filter: Option<u32>,
    /// The link's IPv4 addresses, as (address, prefix length).
    pub addresses: Vec<(Ipv4Addr, u8)>,
    /// For a veth to elsewhere: the IPv4 addresses behind it, of global scope. `None` if the kernel would not tell.
    pub behind: Option<Vec<Ipv4Addr>>,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// In which table.
    pub table: TableId,
    /// Destination network address.
    pub to: Ipv4Addr,
    /// Prefix length; 0 with `to` 0.0.0.0 is the default route.
    pub prefix_length: u8,
    /// The next hop; `None` is scope link.
    pub via: Option<Ipv4Addr>,
    /// The outgoing link.
    pub ifindex: u32,
}

/// A policy routing rule, of IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Its place.
    pub priority: RulePriority,
    /// `from`, as /32; `None` is all.
    pub from: Option<Ipv4Addr>,
    /// `to`, a network of at least one bit, its host bits 0; `None` is all.
    pub to: Option<Ipv4Net>,
    /// `fwmark` with itself as mask.
    pub mark: Option<Fwmark>,
    /// Which table it leads to.
    pub table: TableId,
}

impl PartialOrd for Fwmark {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fwmark {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// What the kernel shows, read in one go. Foreign rules and routes that have a shape we do not use are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostSnapshot {
    /// Every link was read. While false, absence means unknown.
    pub complete: bool,
    /// By index.
    pub links: Vec<Link>,
    /// Unicast routes of IPv4, of every table but `local`.
    pub routes: Vec<Route>,
    /// Rules of IPv4 whose action is a table lookup.
    pub rules: Vec<Rule>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostChange {
    /// Set a link's MTU, bytes.
    SetMtu {
        /// Which link.
        ifindex: u32,
        /// To what.
        mtu_bytes: u32,
    },
    /// Bring a link up.
    LinkUp {
        /// Which link.
        ifindex: u32,
    },
    /// Give a link an address.
    AddAddress {
        /// Which link.
        ifindex: u32,
        /// The address.
        address: Ipv4Addr,
        /// Its prefix length.
        prefix_length: u8,
    },
    /// Add a route, or replace the one to the same destination in the same table.
    PutRoute(Route),
    /// Remove exactly this route.
    RemoveRoute(Route),
    /// Add a rule.
    AddRule(Rule),
    /// Remove exactly this rule.
    RemoveRule(Rule),
    /// Set a link's IPv4 rp_filter: 0 off, 1 strict, 2 loose.
    SetRpFilter {
        /// Which link.
        ifindex: u32,
        /// To what.
        value: u32,
    },
}

/// Something that happened to the host, whoever did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostEvent {
    /// A link is new or was changed; without its addresses and those behind it.
    Link(Box<Link>),
    /// A link is gone. Routes that go with it are not told of.
    LinkGone(u32),
    /// A link has this address.
    Address {
        /// Which link.
        ifindex: u32,
        /// The address.
        address: Ipv4Addr,
        /// Its prefix length.
        prefix_length: u8,
    },
    /// A link lost this address. Routes that go with a link's last address are not told of.
    AddressGone {
        /// Which link.
        ifindex: u32,
        /// The address.
        address: Ipv4Addr,
        /// Its prefix length.
        prefix_length: u8,
    },
    /// A route is new.
    Route(Route),
    /// What led there, whatever it was, was replaced: by the route that is told next, or by one this port has no words for.
    RoutesReplaced {
        /// In which table.
        table: TableId,
        /// Destination network address.
        to: Ipv4Addr,
        /// Its prefix length.
        prefix_length: u8,
    },
    /// A route is gone.
    RouteGone(Route),
    /// A rule is new.
    Rule(Rule),
    /// A rule is gone.
    RuleGone(Rule),
    /// A link's IPv4 rp_filter was set.
    RpFilter {
        /// Which link.
        ifindex: u32,
        /// To what.
        value: u32,
    },
    /// Something in the nft table that was named.
    NftTable,
    /// More happened than could be told: only a reading tells what.
    Lost,
}

/// "Where would this packet go?"
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteQuestion {
    /// Destination.
    pub to: Ipv4Addr,
    /// Source; `None` lets the kernel choose.
    pub from: Option<Ipv4Addr>,
    /// The link it came in by; `None` for one made here.
    pub in_by: Option<u32>,
    /// Its mark.
    pub mark: Option<Fwmark>,
}

/// Where the kernel would send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteAnswer {
    /// By this link.
    pub out_by: u32,
    /// To this next hop; `None` if it is on the link.
    pub via: Option<Ipv4Addr>,
    /// By a route of this table.
    pub table: TableId,
}

/// A change or question that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The kernel refused.
    #[error("{what}: {error}")]
    Refused {
        /// What was asked, in words.
        what: String,
        /// Its answer, `No such device (os error 19)`.
        error: String,
        /// The errno, positive; 0 if there was none.
        errno: i32,
    },
    /// No answer in time; whether it was done is unknown.
    #[error("{what}: no answer within {milliseconds} ms")]
    Timeout {
        /// What was asked.
        what: String,
        /// How long we waited.
        milliseconds: u64,
    },
    /// The netlink connection is gone for good: only a new one helps.
    #[error("netlink connection lost: {detail}")]
    ConnectionLost {
        /// What happened.
        detail: String,
    },
    /// The nft command failed.
    #[error("nft: {detail}")]
    Nft {
        /// What it said.
        detail: String,
    },
}

/// An nft table of ours, as text and as what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NftTable {
    /// Family, `ip`.
    pub family: &'static str,
    /// Name.
    pub name: &'static str,
    /// The body, in nft's own language: chains and sets, without the outer `table … { }`.
    pub body: String,
}

/// The host port. Answers within the driver's timeout; changes are done in order and independently of one another.
pub trait Host: Send + Sync + 'static {
    /// Reads links, routes and rules.
    fn snapshot(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>>;

    /// Reads the same but what is in pods' namespaces: `behind` is `None` everywhere, and it costs no question for each pod.
    fn overview(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>>;

    /// Reads one link, as [`Link`] says but without its addresses and those behind it; `None` if no link has this index.
    fn link(&self, ifindex: u32) -> BoxFuture<'static, Result<Option<Link>, HostError>>;

    /// What happened since the last call: answered soon after something did, at the latest after `patience`, with at most some
    /// thousand events in order. The first call listens from then on, and says at once that what was before is lost. One's own
    /// changes are told like anybody's. Of nft only what happened in `table` is told. For one caller at a time; what a call
    /// heard that is given up is lost.
    fn news(
        &self,
        table: &'static str,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Vec<HostEvent>, HostError>>;

    /// Does the changes in order, and stops at the first that fails: how many were done, and what stopped it.
    fn apply(&self, changes: Vec<HostChange>) -> BoxFuture<'static, (usize, Option<HostError>)>;

    /// Asks the kernel for a route.
    fn route(&self, question: RouteQuestion) -> BoxFuture<'static, Result<Option<RouteAnswer>, HostError>>;

    /// Replaces our nft table, whole and atomically; nobody else's is touched.
    fn replace_nft_table(&self, table: NftTable) -> BoxFuture<'static, Result<(), HostError>>;

    /// Reads our nft table as a canonical list of rules, one text each (`chain: rule`), counters and handles left out; `None`
    /// if there is no such table. What it does not understand it keeps as text.
    fn read_nft_table(
        &self,
        family: &'static str,
        name: &'static str,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, HostError>>;
}
