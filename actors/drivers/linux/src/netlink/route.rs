//! IPv4 routes: reading them, putting one, removing exactly one, and asking where a packet would go.

use std::net::Ipv4Addr;

use contract::model::TableId;
use contract::ports::host::{HostError, Route, RouteAnswer, RouteQuestion};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::RouteMessageBuilder;
use rustix::io::Errno;

use super::channel::{Channel, Deadline};
use crate::error::{is_any, unfit, unreadable};

/// The kernel's own table of its own addresses.
const TABLE_LOCAL: u32 = 255;

/// How many routes that we cannot tell apart (they differ in metric or origin) one removal takes away.
const EQUAL_ROUTES_MAX: u32 = 8;

/// All routes we have words for, and whether no dump was interrupted. One that does not decode is a foreign shape.
pub(crate) async fn dump(channel: &Channel, deadline: Deadline) -> Result<(Vec<Route>, bool), HostError> {
    let mut question = RouteMessage::default();
    question.header.address_family = AddressFamily::Inet;
    let dump = channel.dump("read routes", &RouteNetlinkMessage::GetRoute(question), deadline).await?;
    let routes = dump
        .messages
        .iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewRoute(route) => shape(route),
            _ => None,
        })
        .collect();
    Ok((routes, !dump.interrupted))
}

/// Adds a route, or replaces the one to the same destination in the same table.
pub(crate) async fn put(
    channel: &Channel,
    what: &str,
    route: Route,
    deadline: Deadline,
) -> Result<(), HostError> {
    let mut message = message(route);
    message.header.protocol = RouteProtocol::Boot;
    if route.via.is_some() {
        message.header.flags = RouteFlags::Onlink;
    }
    channel.change(what, RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE, deadline).await
}

/// Removes this route. Until the kernel has none like it: the same route may be there with two metrics.
pub(crate) async fn remove(
    channel: &Channel,
    what: &str,
    route: Route,
    deadline: Deadline,
) -> Result<(), HostError> {
    for _ in 0..EQUAL_ROUTES_MAX {
        // No protocol: whoever made it.
        match channel.change(what, RouteNetlinkMessage::DelRoute(message(route)), 0, deadline).await {
            Ok(()) => {}
            // SRCH: no such route, or no such table. The link gone has taken its routes with it.
            Err(error) if is_any(&error, &[Errno::SRCH, Errno::NODEV]) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Err(unreadable(what, format!("after {EQUAL_ROUTES_MAX} removals there are still routes like it")))
}

/// Where the kernel would send a packet; `None` is nowhere: no route, one that refuses, or a source that rp_filter drops.
pub(crate) async fn ask(
    channel: &Channel,
    what: &str,
    question: RouteQuestion,
    deadline: Deadline,
) -> Result<Option<RouteAnswer>, HostError> {
    if question.in_by.is_some() && question.from.is_none() {
        return Err(unfit(what, "a packet that came in has a source"));
    }
    let answer = channel.ask(what, RouteNetlinkMessage::GetRoute(question_message(question)), deadline).await;
    match answer {
        Ok(Some(RouteNetlinkMessage::NewRoute(message))) => answer_of(&message)
            .map(Some)
            .ok_or_else(|| unreadable(what, "the kernel's answer names no outgoing link")),
        Ok(_) => Err(unreadable(what, "the kernel did not answer with a route")),
        // ACCESS: a prohibit route. INVAL: a blackhole, or a source that rp_filter drops; newer kernels say XDEV.
        Err(error)
            if is_any(
                &error,
                &[Errno::NETUNREACH, Errno::HOSTUNREACH, Errno::ACCESS, Errno::INVAL, Errno::XDEV],
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn question_message(question: RouteQuestion) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 32;
    // Without this flag the kernel answers `main` whatever the table.
    message.header.flags = RouteFlags::LookupTable;
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(question.to)));
    if let Some(from) = question.from {
        message.header.source_prefix_length = 32;
        message.attributes.push(RouteAttribute::Source(RouteAddress::Inet(from)));
    }
    message.attributes.extend(question.in_by.map(RouteAttribute::Iif));
    message.attributes.extend(question.mark.map(|mark| RouteAttribute::Mark(mark.0)));
    message
}

fn answer_of(message: &RouteMessage) -> Option<RouteAnswer> {
    Some(RouteAnswer { out_by: oif(message)?, via: gateway(message), table: TableId(table(message)) })
}

/// What adding and removing have in common. The scope matters to both: a removal without one, or without a next hop, would
/// match any.
fn message(route: Route) -> RouteMessage {
    let builder = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(route.to, route.prefix_length)
        .output_interface(route.ifindex)
        .table_id(route.table.0)
        .scope(scope(route.via));
    let mut message = match route.via {
        Some(via) => builder.gateway(via).build(),
        None => builder.build(),
    };
    // The builder's own is `static`; a removal must match whoever made the route.
    message.header.protocol = RouteProtocol::Unspec;
    message
}

fn scope(via: Option<Ipv4Addr>) -> RouteScope {
    match via {
        None => RouteScope::Link,
        Some(_) => RouteScope::Universe,
    }
}

/// In which table it is, and where it leads, whatever its shape.
pub(crate) fn leads(message: &RouteMessage) -> (TableId, Ipv4Addr, u8) {
    let to = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(to)) => Some(*to),
        _ => None,
    });
    let to = to.unwrap_or(Ipv4Addr::UNSPECIFIED);
    (TableId(table(message)), to, message.header.destination_prefix_length)
}

/// The route in the port's words, if it has them.
pub(crate) fn shape(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    let foreign = header.kind != RouteType::Unicast
        || header.tos != 0
        || header.source_prefix_length != 0
        || header.flags.contains(RouteFlags::Cloned)
        || message.attributes.iter().any(|attribute| {
            matches!(
                attribute,
                RouteAttribute::MultiPath(_)
                    | RouteAttribute::NhId(_)
                    | RouteAttribute::Via(_)
                    | RouteAttribute::Encap(_)
            )
        });
    let via = gateway(message);
    if foreign || header.scope != scope(via) || table(message) == TABLE_LOCAL {
        return None;
    }
    let (table, to, prefix_length) = leads(message);
    Some(Route { table, to, prefix_length, via, ifindex: oif(message)? })
}

/// The header has 8 bits for the table, and shows 252 for what is more.
fn table(message: &RouteMessage) -> u32 {
    let attribute = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    attribute.unwrap_or(u32::from(message.header.table))
}

fn gateway(message: &RouteMessage) -> Option<Ipv4Addr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(via)) => Some(*via),
        _ => None,
    })
}

fn oif(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(ifindex) => Some(*ifindex),
        _ => None,
    })
}
