//! The VPC as the kernel can play it: one namespace that is every router and every wire between ENIs, one veth pair per ENI,
//! no bridge. A port lets in only what carries the ENI's MAC and an address the region has on that ENI; the rest is dropped
//! and counted. Decides nothing: it does what the region's effects say.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::internet::{self, GATEWAY, GatewayDrops};
use crate::netns::Netns;

/// What EC2 gives ENIs inside one VPC.
const MTU_BYTES: u32 = 9001;

/// The VPC.
#[derive(Debug)]
pub struct Fabric {
    vpc: Netns,
    /// By ENI id.
    ports: BTreeMap<String, Port>,
    /// Link names are numbered: an ENI id is longer than a link name may be.
    plugged_ever: u32,
}

/// An ENI's end of the VPC.
#[derive(Debug)]
struct Port {
    /// Name of the link in the VPC's namespace, and of its nft table.
    link: String,
    mac: String,
    primary: Ipv4Addr,
    addresses: BTreeSet<Ipv4Addr>,
}

/// The instance's end of an ENI.
#[derive(Debug)]
pub struct Device<'a> {
    /// The ENI's id.
    pub eni: &'a str,
    /// The ENI's MAC, `02:…`.
    pub mac: &'a str,
    /// Its primary address, the only one that the internet knows.
    pub primary: Ipv4Addr,
    /// The namespace of the instance.
    pub netns: &'a Netns,
    /// The name it appears under there: `eth1`.
    pub name: &'a str,
}

impl Fabric {
    /// Makes the VPC: its routers answer at `routers`, `services` are addresses of its own (the EC2 endpoint), and a gateway
    /// leads into the namespace of the internet.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn create(
        name: String,
        routers: &[Ipv4Addr],
        services: &[Ipv4Addr],
        internet: &Netns,
    ) -> Result<Self> {
        let vpc = Netns::create(name).await?;
        // A namespace starts with the settings of the machine's own: nothing may hang on those.
        vpc.sysctl(&[
            ("ipv4/ip_forward", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/default/send_redirects", "0"),
        ])?;
        let mut lines = String::from("route add blackhole default\n");
        for address in routers.iter().chain(services) {
            writeln!(lines, "addr add {address}/32 dev lo")?;
        }
        let [own, other] = internet::LINK;
        writeln!(
            lines,
            "link add name {GATEWAY} netns {} type veth peer name eth0 netns {}\n\
             addr add {own}/30 dev {GATEWAY}\nlink set {GATEWAY} up\nroute add {} via {other}",
            vpc.name(),
            internet.name(),
            internet::BLOCK
        )?;
        vpc.ip_batch(&lines).await?;
        vpc.nft(&internet::gateway()).await?;
        Ok(Self { vpc, ports: BTreeMap::new(), plugged_ever: 0 })
    }

    /// The VPC's own namespace, where its services listen.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.vpc
    }

    /// Makes an ENI appear on its instance, down and without addresses, as a real one does.
    ///
    /// # Errors
    /// When it is plugged already, or the kernel refuses.
    pub async fn plug(&mut self, device: &Device<'_>) -> Result<()> {
        if self.ports.contains_key(device.eni) {
            return Err(anyhow!("{} is plugged already", device.eni));
        }
        let link = format!("port{}", self.plugged_ever);
        self.plugged_ever += 1;
        let (vpc, node) = (self.vpc.name(), device.netns.name());
        let (mac, name) = (device.mac, device.name);
        self.vpc
            .ip_batch(&format!(
                "link add name {link} netns {vpc} mtu {MTU_BYTES} type veth \
                 peer name {name} netns {node} address {mac} mtu {MTU_BYTES}\n"
            ))
            .await?;
        let setting = |key: &str| format!("ipv4/conf/{link}/{key}");
        let delay = format!("ipv4/neigh/{link}/proxy_delay");
        self.vpc.sysctl(&[
            (&setting("proxy_arp"), "1"),
            (&setting("proxy_arp_pvlan"), "1"),
            (&setting("rp_filter"), "0"),
            (&setting("send_redirects"), "0"),
            (&delay, "0"),
        ])?;
        let primary = device.primary;
        self.vpc
            .nft(&format!("{}add element ip {GATEWAY} primaries {{ {primary} }}\n", guard(&link, mac)))
            .await?;
        self.vpc.ip_batch(&format!("link set {link} up\n")).await?;
        let port = Port { link, mac: mac.to_owned(), primary, addresses: BTreeSet::new() };
        self.ports.insert(device.eni.to_owned(), port);
        Ok(())
    }

    /// Takes an ENI away from its instance.
    ///
    /// # Errors
    /// When it is not plugged, or the kernel refuses.
    pub async fn unplug(&mut self, eni: &str) -> Result<()> {
        let port = self.ports.remove(eni).with_context(|| format!("{eni} is not plugged"))?;
        let (link, primary) = (&port.link, port.primary);
        self.vpc
            .nft(&format!(
                "delete table netdev {link}\ndelete element ip {GATEWAY} primaries {{ {primary} }}\n"
            ))
            .await?;
        self.vpc.ip_batch(&format!("link del {}\n", port.link)).await
    }

    /// Is this ENI's device on its instance?
    #[must_use]
    pub fn is_plugged(&self, eni: &str) -> bool {
        self.ports.contains_key(eni)
    }

    /// Brings a port to these addresses: new ones are routed to it and let in, others are not any more.
    ///
    /// # Errors
    /// When the ENI is not plugged, or the kernel refuses.
    pub async fn set_addresses(&mut self, eni: &str, wanted: &BTreeSet<Ipv4Addr>) -> Result<()> {
        let port = self.ports.get_mut(eni).with_context(|| format!("{eni} is not plugged"))?;
        let (link, mac) = (&port.link, &port.mac);
        let (mut routes, mut sets) = (String::new(), String::new());
        for address in port.addresses.difference(wanted) {
            writeln!(routes, "route del {address}/32 dev {link}")?;
            writeln!(routes, "neigh del {address} dev {link}")?;
            writeln!(sets, "delete element netdev {link} addresses {{ {address} }}")?;
        }
        for address in wanted.difference(&port.addresses) {
            // An address that moved between ENIs may still have its old route: the new one takes its place.
            writeln!(routes, "route replace {address}/32 dev {link}")?;
            writeln!(routes, "neigh replace {address} lladdr {mac} nud permanent dev {link}")?;
            writeln!(sets, "add element netdev {link} addresses {{ {address} }}")?;
        }
        if sets.is_empty() {
            return Ok(());
        }
        self.vpc.nft(&sets).await?;
        self.vpc.ip_batch(&routes).await?;
        port.addresses = wanted.clone();
        Ok(())
    }

    /// How many packets each ENI's port has dropped because of their source, by ENI id.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub async fn drops(&self) -> Result<BTreeMap<String, u64>> {
        let counters = counters(&self.vpc).await?;
        self.ports
            .iter()
            .map(|(eni, port)| {
                let key = (port.link.clone(), "spoofed".to_owned());
                let packets = counters.get(&key).with_context(|| format!("no counter for {eni}"))?;
                Ok((eni.clone(), *packets))
            })
            .collect()
    }

    /// How many packets the internet's gateway has dropped.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub async fn gateway_drops(&self) -> Result<GatewayDrops> {
        let counters = counters(&self.vpc).await?;
        let packets = |name: &str| {
            let key = (GATEWAY.to_owned(), name.to_owned());
            counters.get(&key).copied().with_context(|| format!("no counter {name}"))
        };
        Ok(GatewayDrops { outward: packets("outward")?, inward: packets("inward")? })
    }
}

/// Every named counter of a namespace: packets by table and name.
pub(crate) async fn counters(netns: &Netns) -> Result<BTreeMap<(String, String), u64>> {
    let read: Value =
        serde_json::from_str(&netns.nft_list("counters").await?).context("nft printed no JSON")?;
    let text = |counter: &Value, key: &str| Some(counter.get(key)?.as_str()?.to_owned());
    Ok(read
        .get("nftables")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("counter"))
        .filter_map(|counter| {
            Some(((text(counter, "table")?, text(counter, "name")?), counter.get("packets")?.as_u64()?))
        })
        .collect())
}

/// The port's guard: only the ENI's MAC, only its addresses, in IP and in ARP. Other protocols (IPv6 for now) go nowhere and
/// are not counted: every link sends some.
fn guard(link: &str, mac: &str) -> String {
    format!(
        "table netdev {link} {{
  set addresses {{ type ipv4_addr; }}
  counter spoofed {{ }}
  chain guard {{ type filter hook ingress device \"{link}\" priority 0; policy accept;
    meta protocol != {{ ip, arp }} drop
    ether saddr != {mac} counter name spoofed drop
    ip saddr != @addresses counter name spoofed drop
    arp saddr ip != @addresses counter name spoofed drop
  }}
}}
"
    )
}
