//! Rtnetlink, as much as a pod's inside needs: a dozen requests, each with its answer as plain data. Written out here,
//! because a general library weighs a fifth of what this binary may. It decides nothing. Numbers are those of
//! `linux/rtnetlink.h`, `if_link.h`, `if_addr.h`, `neighbour.h` and `net_namespace.h`.

mod look;
mod message;
mod socket;

pub use look::{Neighbour, Route};

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::netns::Namespaces;
use crate::plan::Mac;
use message::{Request, attribute, attributes, i32_at, text, u32_at};
use socket::Socket;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const ASK: u16 = NLM_F_REQUEST | NLM_F_ACK;

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_NEWNEIGH: u16 = 28;
const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;

const AF_INET: u8 = 2;
const IFF_UP: u32 = 1;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;
const NUD_PERMANENT: u16 = 0x80;
const HOST_PREFIX_BITS: u8 = 32;
/// Bytes of `struct ifinfomsg`, `struct ifaddrmsg` and `struct rtgenmsg`, padded.
const LINK_HEADER_BYTES: usize = 16;
const ADDRESS_HEADER_BYTES: usize = 8;
const NSID_HEADER_BYTES: usize = 4;

/// A socket in one namespace.
#[derive(Debug)]
pub struct Netlink(Socket);

/// A link, as far as the shim looks at one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its MAC; all zero where it has none.
    pub mac: Mac,
    /// Its MTU, bytes.
    pub mtu_bytes: u32,
    /// Administratively up.
    pub up: bool,
    /// It is one end of a veth pair.
    pub veth: bool,
    /// Index of the other end, in that one's own namespace.
    pub peer_index: Option<u32>,
    /// That namespace, as this one numbers it.
    pub peer_netns: Option<i32>,
}

/// A global IPv4 address on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// Its prefix length.
    pub prefix_bits: u8,
}

/// The pair to make.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The pod's end.
    pub ifname: &'a str,
    /// The host's end.
    pub host_veth: &'a str,
    /// MAC of the host's end.
    pub host_mac: Mac,
    /// MTU of both, bytes.
    pub mtu_bytes: u32,
}

// === impl Netlink ===

impl Netlink {
    /// A socket in the namespace of this thread.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn here() -> io::Result<Self> {
        Socket::open().map(Self)
    }

    /// A socket in the pod's namespace.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn in_pod(namespaces: &Namespaces) -> io::Result<Self> {
        namespaces.inside(Socket::open).map(Self)
    }

    /// A link by its name, if there is one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn link_named(&mut self, name: &str) -> io::Result<Option<Link>> {
        let request = Request::new(RTM_GETLINK, ASK, &link_header(0, 0)).with(IFLA_IFNAME, &text(name));
        self.link(request)
    }

    /// A link by its index, if there is one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn link_at(&mut self, index: u32) -> io::Result<Option<Link>> {
        self.link(Request::new(RTM_GETLINK, ASK, &link_header(index, 0)))
    }

    fn link(&mut self, request: Request) -> io::Result<Option<Link>> {
        match self.0.exchange(request) {
            Ok(answer) => Ok(bodies(&answer, RTM_NEWLINK).next().and_then(read_link)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a pair in one message: this namespace gets the pod's end, up; the other one the host's end, down.
    ///
    /// # Errors
    /// `AlreadyExists` when either name is taken; else what the kernel says.
    pub fn create_pair(&mut self, pair: Pair<'_>, host: BorrowedFd<'_>) -> io::Result<()> {
        // The host's end cannot be up before the pod's end exists: the kernel answers ENOTCONN.
        let mut outside = link_header(0, 0);
        attribute(&mut outside, IFLA_IFNAME, &text(pair.host_veth));
        attribute(&mut outside, IFLA_ADDRESS, &pair.host_mac);
        attribute(&mut outside, IFLA_MTU, &pair.mtu_bytes.to_ne_bytes());
        attribute(&mut outside, IFLA_NET_NS_FD, &host.as_raw_fd().to_ne_bytes());
        let (mut data, mut info) = (Vec::new(), Vec::new());
        attribute(&mut data, VETH_INFO_PEER, &outside);
        attribute(&mut info, IFLA_INFO_KIND, b"veth");
        attribute(&mut info, IFLA_INFO_DATA, &data);
        let flags = ASK | NLM_F_CREATE | NLM_F_EXCL;
        let request = Request::new(RTM_NEWLINK, flags, &link_header(0, IFF_UP))
            .with(IFLA_IFNAME, &text(pair.ifname))
            .with(IFLA_MTU, &pair.mtu_bytes.to_ne_bytes())
            .with(IFLA_LINKINFO, &info);
        self.0.exchange(request).map(drop)
    }

    /// Makes a link up, with this MTU and, if given, this MAC.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn raise(&mut self, index: u32, mtu_bytes: u32, mac: Option<Mac>) -> io::Result<()> {
        let mut request = Request::new(RTM_NEWLINK, ASK, &link_header(index, IFF_UP))
            .with(IFLA_MTU, &mtu_bytes.to_ne_bytes());
        if let Some(mac) = mac {
            request = request.with(IFLA_ADDRESS, &mac);
        }
        self.0.exchange(request).map(drop)
    }

    /// Deletes a link; one that is gone is a success.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn delete_link(&mut self, index: u32) -> io::Result<()> {
        unless_gone(self.0.exchange(Request::new(RTM_DELLINK, ASK, &link_header(index, 0))))
    }

    /// How this namespace numbers another one; none if it has no number for it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn number_of(&mut self, namespace: BorrowedFd<'_>) -> io::Result<Option<i32>> {
        let request = Request::new(RTM_GETNSID, ASK, &[0; NSID_HEADER_BYTES])
            .with(NETNSA_FD, &namespace.as_raw_fd().to_ne_bytes());
        let answer = self.0.exchange(request)?;
        Ok(bodies(&answer, RTM_NEWNSID)
            .flat_map(|body| attributes(body, NSID_HEADER_BYTES))
            .find_map(|(kind, value)| i32_at(value, 0).filter(|number| kind == NETNSA_NSID && *number >= 0)))
    }

    /// The global IPv4 addresses of a link.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn global_addresses(&mut self, index: u32) -> io::Result<Vec<LinkAddress>> {
        let flags = NLM_F_REQUEST | NLM_F_DUMP;
        let answer = self.0.exchange(Request::new(RTM_GETADDR, flags, &address_header(0, 0)))?;
        Ok(bodies(&answer, RTM_NEWADDR).filter_map(|body| read_address(body, index)).collect())
    }

    /// Adds an address as /32; one that is there is a success.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn add_address(&mut self, index: u32, address: Ipv4Addr) -> io::Result<()> {
        let flags = ASK | NLM_F_CREATE | NLM_F_REPLACE;
        let request = Request::new(RTM_NEWADDR, flags, &address_header(index, HOST_PREFIX_BITS))
            .with(IFA_LOCAL, &address.octets())
            .with(IFA_ADDRESS, &address.octets());
        self.0.exchange(request).map(drop)
    }

    /// Removes an address; one that is gone is a success.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn remove_address(&mut self, index: u32, address: LinkAddress) -> io::Result<()> {
        let request = Request::new(RTM_DELADDR, ASK, &address_header(index, address.prefix_bits))
            .with(IFA_LOCAL, &address.address.octets());
        unless_gone(self.0.exchange(request))
    }

    /// A link-scope route to one address, in main.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn link_route(&mut self, index: u32, to: Ipv4Addr) -> io::Result<()> {
        let route = route(HOST_PREFIX_BITS, RT_SCOPE_LINK).with(RTA_DST, &to.octets());
        self.0.exchange(route.with(RTA_OIF, &index.to_ne_bytes())).map(drop)
    }

    /// The default route, in main.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn default_route(&mut self, index: u32, via: Ipv4Addr) -> io::Result<()> {
        let route = route(0, RT_SCOPE_UNIVERSE).with(RTA_GATEWAY, &via.octets());
        self.0.exchange(route.with(RTA_OIF, &index.to_ne_bytes())).map(drop)
    }

    /// A permanent neighbour entry.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn neighbour(&mut self, index: u32, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
        let mut header = vec![AF_INET, 0, 0, 0];
        header.extend(index.to_ne_bytes());
        header.extend(NUD_PERMANENT.to_ne_bytes());
        header.extend([0, 0]);
        let request = Request::new(RTM_NEWNEIGH, ASK | NLM_F_CREATE | NLM_F_REPLACE, &header)
            .with(NDA_DST, &address.octets())
            .with(NDA_LLADDR, &mac);
        self.0.exchange(request).map(drop)
    }
}

fn link_header(index: u32, up: u32) -> Vec<u8> {
    let mut header = vec![0; 4];
    header.extend(index.to_ne_bytes());
    header.extend(up.to_ne_bytes());
    // The flags that are meant: none but the one that is set.
    header.extend(up.to_ne_bytes());
    header
}

fn address_header(index: u32, prefix_bits: u8) -> Vec<u8> {
    let mut header = vec![AF_INET, prefix_bits, 0, RT_SCOPE_UNIVERSE];
    header.extend(index.to_ne_bytes());
    header
}

/// A route in main, put there or replaced.
fn route(prefix_bits: u8, scope: u8) -> Request {
    let mut header = vec![AF_INET, prefix_bits, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST];
    header.extend([0; 4]);
    Request::new(RTM_NEWROUTE, ASK | NLM_F_CREATE | NLM_F_REPLACE, &header)
}

fn bodies(answer: &[(u16, Vec<u8>)], kind: u16) -> impl Iterator<Item = &[u8]> {
    answer.iter().filter(move |(found, _)| *found == kind).map(|(_, body)| body.as_slice())
}

fn read_link(body: &[u8]) -> Option<Link> {
    let up = u32_at(body, 8)? & IFF_UP != 0;
    let mut link = Link { index: u32_at(body, 4)?, up, ..Link::default() };
    for (kind, value) in attributes(body, LINK_HEADER_BYTES) {
        match kind {
            IFLA_IFNAME => link.name = String::from_utf8_lossy(without_zero(value)).into_owned(),
            IFLA_ADDRESS => link.mac = Mac::try_from(value).unwrap_or_default(),
            IFLA_MTU => link.mtu_bytes = u32_at(value, 0)?,
            IFLA_LINK => link.peer_index = u32_at(value, 0),
            IFLA_LINK_NETNSID => link.peer_netns = i32_at(value, 0),
            IFLA_LINKINFO => {
                link.veth = attributes(value, 0)
                    .any(|(kind, value)| kind == IFLA_INFO_KIND && without_zero(value) == b"veth");
            }
            _ => {}
        }
    }
    Some(link)
}

fn read_address(body: &[u8], index: u32) -> Option<LinkAddress> {
    let [_, prefix_bits, _, scope, ..] = *body else {
        return None;
    };
    if scope != RT_SCOPE_UNIVERSE || u32_at(body, 4)? != index {
        return None;
    }
    let (_, local) = attributes(body, ADDRESS_HEADER_BYTES).find(|(kind, _)| *kind == IFA_LOCAL)?;
    Some(LinkAddress { address: Ipv4Addr::from(<[u8; 4]>::try_from(local).ok()?), prefix_bits })
}

fn without_zero(value: &[u8]) -> &[u8] {
    value.strip_suffix(&[0]).unwrap_or(value)
}

fn unless_gone<T>(answer: io::Result<T>) -> io::Result<()> {
    match answer {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_gone(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let gone = [Errno::NODEV, Errno::NOENT, Errno::ADDRNOTAVAIL, Errno::NXIO];
    error.raw_os_error().is_some_and(|code| gone.iter().any(|errno| errno.raw_os_error() == code))
}
