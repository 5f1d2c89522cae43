//! What a connection heard of the kernel's own telling. News of a link are found by looking, since the small Linux does not tell
//! them; all others are its own.

use contract::ports::host::{HostEvent, Link};
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
    pub(crate) fn new(world: &mut World) -> Self {
        world.linux.take_events(world.host);
        Self { links: links(world), tables: None }
    }

    /// What happened since.
    pub(crate) fn hear(&mut self, world: &mut World, table: &str) -> Vec<HostEvent> {
        let heard = world.linux.take_events(world.host);
        let mut told: Vec<HostEvent> = heard.events.into_iter().filter_map(in_words).collect();
        if heard.lost > 0 {
            told.push(HostEvent::Lost);
        }
        let links = links(world);
        let news = links.iter().filter(|link| !self.links.contains(link)).cloned();
        told.extend(news.map(|link| HostEvent::Link(Box::new(link))));
        self.links = links;
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

fn in_words(event: Event) -> Option<HostEvent> {
    Some(match event {
        Event::LinkGone(ifindex) => HostEvent::LinkGone(ifindex),
        Event::Address(ifindex, address, prefix_length) => {
            HostEvent::Address { ifindex, address, prefix_length }
        }
        Event::AddressGone(ifindex, address, prefix_length) => {
            HostEvent::AddressGone { ifindex, address, prefix_length }
        }
        Event::Route(route) => HostEvent::Route(route),
        Event::RouteGone(route) => HostEvent::RouteGone(route),
        Event::Rule(rule) => HostEvent::Rule(rule),
        Event::RuleGone(rule) => HostEvent::RuleGone(rule),
        Event::Neighbour(_) | Event::NeighbourGone(_) => return None,
    })
}
