//! The internet behind the VPC: hosts that are reached through a gateway which knows the primary addresses of ENIs and no
//! others. (A real gateway translates each to its public address; here the outside sees the primary address itself.)

use anyhow::Result;
use std::net::Ipv4Addr;

use crate::netns::Netns;
use crate::teller::Teller;

/// Its hosts: addresses that are nobody's in reality (RFC 5737).
pub const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 51, 100, 10), Ipv4Addr::new(198, 51, 100, 20)];

/// What lies behind the gateway.
pub(crate) const BLOCK: &str = "198.51.100.0/24";

/// The gateway's end in the VPC, and the name of its nft table there.
pub(crate) const GATEWAY: &str = "internet";

/// The two ends of the link between gateway and internet.
pub(crate) const LINK: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];

/// The internet.
#[derive(Debug)]
pub struct Internet {
    netns: Netns,
    _tellers: Vec<Teller>,
}

impl Internet {
    /// Brings up its hosts; the link to the gateway must be there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) async fn start(netns: Netns) -> Result<Self> {
        let [gateway, own] = LINK;
        let mut lines = format!(
            "link set eth0 up\naddr add {own}/30 dev eth0\nroute add default via {gateway} src {}\n",
            HOSTS[0]
        );
        for host in HOSTS {
            lines.insert_str(0, &format!("addr add {host}/32 dev lo\n"));
        }
        netns.ip_batch(&lines).await?;
        let tellers = HOSTS.iter().map(|host| Teller::start(&netns, *host, "internet"));
        let _tellers = tellers.collect::<Result<_>>()?;
        Ok(Self { netns, _tellers })
    }

    /// Its namespace, to ask from.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The host that asks and is asked.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        HOSTS[0]
    }
}

/// The gateway's rules, in the VPC's namespace.
pub(crate) fn gateway() -> String {
    format!(
        "table ip {GATEWAY} {{
  set primaries {{ type ipv4_addr; }}
  counter outward {{ }}
  counter inward {{ }}
  chain gateway {{ type filter hook forward priority filter; policy accept;
    oifname \"{GATEWAY}\" ip saddr != @primaries counter name outward drop
    iifname \"{GATEWAY}\" ip daddr != @primaries counter name inward drop
  }}
}}
"
    )
}

/// Packets that the gateway dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GatewayDrops {
    /// On their way out, because their source is no ENI's primary address.
    pub outward: u64,
    /// On their way in, because their destination is none.
    pub inward: u64,
}
