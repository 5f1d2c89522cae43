//! What a connection heard of the kernel's own telling. News of a link are found by looking, since the small Linux does not tell
//! them; all others are its own.

use contract::ports::host::{HostEvent, Link, Route};
use host::Event;

use crate::world::World;

/// One connection's ears.
#[derive(Debug)]
pub(crate) struct Ears {
    links: Vec<Link>,
    tables: Option<Vec<String>>,
}

impl Ears {
    /// Hears what happens from now on.
    pub(crate) fn new(world: &mut World, table: &str) -> Self {
        world.linux.take_events(world.host);
        Self { links: links(world), tables: world.linux.nft_table(world.host, "ip", table) }
    }

    /// What happened since.
    pub(crate) fn hear(&mut self, world: &mut World, table: &str) -> Vec<HostEvent> {
        // A link is told before what is on it.
        let links = links(world);
        let news = links.iter().filter(|link| !self.links.contains(link)).cloned();
        let mut told: Vec<HostEvent> = news.map(|link| HostEvent::Link(Box::new(link))).collect();
        self.links = links;
        let heard = world.linux.take_events(world.host);
        told.extend(heard.events.into_iter().flat_map(|event| in_words(event, world)));
        if heard.lost > 0 {
            told.push(HostEvent::Lost);
        }
        let tables = world.linux.nft_table(world.host, "ip", table);
        if tables != self.tables {
            told.push(HostEvent::NftTable);
            self.tables = tables;
        }
        told
    }
}

/// As they are told: without addresses and what is behind them.
fn links(world: &World) -> Vec<Link> {
    let links = world.linux.snapshot(world.host).unwrap_or_default().links;
    links.into_iter().map(|link| Link { addresses: Vec::new(), behind: None, ..link }).collect()
}

fn in_words(event: Event, world: &World) -> Vec<HostEvent> {
    vec![match event {
        Event::LinkGone(ifindex) => HostEvent::LinkGone(ifindex),
        Event::Address(ifindex, address, prefix_length) => {
            HostEvent::Address { ifindex, address, prefix_length }
        }
        Event::AddressGone(ifindex, address, prefix_length) => {
            HostEvent::AddressGone { ifindex, address, prefix_length }
        }
        Event::Route(route) => return new_route(route, world),
        Event::RouteGone(route) => HostEvent::RouteGone(route),
        Event::Rule(rule) => HostEvent::Rule(rule),
        Event::RuleGone(rule) => HostEvent::RuleGone(rule),
        Event::Neighbour(_) | Event::NeighbourGone(_) => return Vec::new(),
    }]
}

/// The small Linux does not say whether a route replaced another: it did if it stands alone.
fn new_route(route: Route, world: &World) -> Vec<HostEvent> {
    let Route { table, to, prefix_length, .. } = route;
    let routes = world.linux.snapshot(world.host).unwrap_or_default().routes;
    let like = |other: &&Route| (other.table, other.to, other.prefix_length) == (table, to, prefix_length);
    let alone = routes.iter().filter(like).count() == 1;
    let replaced = alone.then_some(HostEvent::RoutesReplaced { table, to, prefix_length });
    replaced.into_iter().chain([HostEvent::Route(route)]).collect()
}
