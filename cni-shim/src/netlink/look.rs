//! What CHECK reads in a pod's namespace: its routes in main, and its neighbours. Everything is read, and what is of another
//! shape than a pod's own is passed over.

use std::io;
use std::net::Ipv4Addr;

use super::message::{Request, attributes, u16_at, u32_at};
use super::{
    AF_INET, NDA_DST, NDA_LLADDR, NLM_F_DUMP, NLM_F_REQUEST, NUD_PERMANENT, Netlink, RT_TABLE_MAIN, RTA_DST,
    RTA_GATEWAY, RTA_OIF, RTM_NEWNEIGH, RTM_NEWROUTE, RTN_UNICAST, bodies,
};
use crate::plan::Mac;

const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;
/// Bytes of `struct rtmsg` and `struct ndmsg`.
const ROUTE_HEADER_BYTES: usize = 12;
const NEIGHBOUR_HEADER_BYTES: usize = 12;

/// An IPv4 unicast route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Destination; 0.0.0.0 with no bits is the default route.
    pub to: Ipv4Addr,
    /// Its prefix length.
    pub prefix_bits: u8,
    /// The next hop; none on the link.
    pub via: Option<Ipv4Addr>,
    /// The outgoing link.
    pub index: u32,
}

/// An IPv4 neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// On which link.
    pub index: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC, if one is known.
    pub mac: Option<Mac>,
    /// The entry stays until somebody removes it.
    pub permanent: bool,
}

impl Netlink {
    /// The unicast routes of the main table.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn main_routes(&mut self) -> io::Result<Vec<Route>> {
        let mut header = vec![AF_INET];
        header.resize(ROUTE_HEADER_BYTES, 0);
        let answer = self.0.exchange(Request::new(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &header))?;
        Ok(bodies(&answer, RTM_NEWROUTE).filter_map(read_route).collect())
    }

    /// The IPv4 neighbours.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn neighbours(&mut self) -> io::Result<Vec<Neighbour>> {
        let mut header = vec![AF_INET];
        header.resize(NEIGHBOUR_HEADER_BYTES, 0);
        let answer = self.0.exchange(Request::new(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, &header))?;
        Ok(bodies(&answer, RTM_NEWNEIGH).filter_map(read_neighbour).collect())
    }
}

fn read_route(body: &[u8]) -> Option<Route> {
    let [AF_INET, prefix_bits, _, _, RT_TABLE_MAIN, _, _, RTN_UNICAST, ..] = *body else {
        return None;
    };
    let mut route = Route { to: Ipv4Addr::UNSPECIFIED, prefix_bits, via: None, index: 0 };
    for (kind, value) in attributes(body, ROUTE_HEADER_BYTES) {
        match kind {
            RTA_DST => route.to = address(value)?,
            RTA_GATEWAY => route.via = address(value),
            RTA_OIF => route.index = u32_at(value, 0)?,
            _ => {}
        }
    }
    Some(route)
}

fn read_neighbour(body: &[u8]) -> Option<Neighbour> {
    if body.first() != Some(&AF_INET) {
        return None;
    }
    let (index, state) = (u32_at(body, 4)?, u16_at(body, 8)?);
    let (mut of, mut mac) = (None, None);
    for (kind, value) in attributes(body, NEIGHBOUR_HEADER_BYTES) {
        match kind {
            NDA_DST => of = address(value),
            NDA_LLADDR => mac = Mac::try_from(value).ok(),
            _ => {}
        }
    }
    Some(Neighbour { index, address: of?, mac, permanent: state & NUD_PERMANENT != 0 })
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?))
}
