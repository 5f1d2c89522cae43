//! The one owner of the fabric: a task that follows the region's effects, one after the other. Keeps what it could not follow,
//! for the run to fail on.

use anyhow::{Context, Result};
use ipnet::Ipv4Net;
use region::{Effect, EniId, InstanceId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::fabric::{Device, Fabric};
use crate::internet::GatewayDrops;
use crate::netns::Netns;

/// Mail that waits. The region waits for each of its own, so that only a few are ever there.
const MAIL_MAX: usize = 16;

enum Mail {
    Host(InstanceId, Netns),
    Follow(Vec<Effect>, oneshot::Sender<()>),
    Drops(oneshot::Sender<Result<BTreeMap<String, u64>>>),
    GatewayDrops(oneshot::Sender<Result<GatewayDrops>>),
    Troubles(oneshot::Sender<Vec<String>>),
}

/// Speaks to the fabric.
#[derive(Debug, Clone)]
pub struct FabricHandle {
    mail: mpsc::Sender<Mail>,
}

impl FabricHandle {
    /// Starts the fabric's task. It ends with its last handle.
    #[must_use]
    pub fn start(fabric: Fabric) -> (Self, JoinHandle<()>) {
        let (mail, inbox) = mpsc::channel(MAIL_MAX);
        let follower =
            Follower { fabric, hosts: BTreeMap::new(), addresses: BTreeMap::new(), troubles: Vec::new() };
        (Self { mail }, tokio::spawn(follower.serve(inbox)))
    }

    /// For a region that has no guests: whatever happens in it, nothing follows.
    #[must_use]
    pub fn nowhere() -> Self {
        let (mail, _) = mpsc::channel(1);
        Self { mail }
    }

    /// The devices of this instance appear in this namespace.
    pub async fn host(&self, instance: InstanceId, netns: Netns) {
        let _ = self.mail.send(Mail::Host(instance, netns)).await;
    }

    /// Makes the world as these effects say, and returns when it is.
    pub async fn follow(&self, effects: Vec<Effect>) {
        let (done, followed) = oneshot::channel();
        if self.mail.send(Mail::Follow(effects, done)).await.is_ok() {
            let _ = followed.await;
        }
    }

    /// Packets dropped for their source, by ENI id.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub async fn drops(&self) -> Result<BTreeMap<String, u64>> {
        let (reply, answer) = oneshot::channel();
        self.mail.send(Mail::Drops(reply)).await.ok().context("the fabric is gone")?;
        answer.await.context("the fabric is gone")?
    }

    /// Packets that the internet's gateway dropped.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub async fn gateway_drops(&self) -> Result<GatewayDrops> {
        let (reply, answer) = oneshot::channel();
        self.mail.send(Mail::GatewayDrops(reply)).await.ok().context("the fabric is gone")?;
        answer.await.context("the fabric is gone")?
    }

    /// Effects that could not be followed: the lab is broken, not the product.
    pub async fn troubles(&self) -> Vec<String> {
        let (reply, answer) = oneshot::channel();
        let _ = self.mail.send(Mail::Troubles(reply)).await;
        answer.await.unwrap_or_else(|_| vec!["the fabric is gone".to_owned()])
    }
}

struct Follower {
    fabric: Fabric,
    hosts: BTreeMap<InstanceId, Netns>,
    /// What each ENI carries, whether it is on an instance or not.
    addresses: BTreeMap<EniId, BTreeSet<Ipv4Addr>>,
    troubles: Vec<String>,
}

impl Follower {
    async fn serve(mut self, mut inbox: mpsc::Receiver<Mail>) {
        while let Some(mail) = inbox.recv().await {
            match mail {
                Mail::Host(instance, netns) => {
                    self.hosts.insert(instance, netns);
                }
                Mail::Follow(effects, done) => {
                    let mut touched = BTreeSet::new();
                    for effect in effects {
                        let what = format!("{effect:?}");
                        if let Err(error) = self.follow(effect, &mut touched).await {
                            self.troubles.push(format!("{what}: {error:#}"));
                        }
                    }
                    self.settle(&touched).await;
                    let _ = done.send(());
                }
                Mail::Drops(reply) => {
                    let _ = reply.send(self.fabric.drops().await);
                }
                Mail::GatewayDrops(reply) => {
                    let _ = reply.send(self.fabric.gateway_drops().await);
                }
                Mail::Troubles(reply) => {
                    let _ = reply.send(self.troubles.clone());
                }
            }
        }
    }

    /// Follows one effect; address changes are gathered, so that forty addresses of one call are one change of the fabric.
    async fn follow(&mut self, effect: Effect, touched: &mut BTreeSet<EniId>) -> Result<()> {
        match effect {
            Effect::EniCreated { eni, addresses, .. } => {
                self.addresses.insert(eni, addresses.iter().flat_map(each).collect());
            }
            Effect::EniAttached { instance, eni, mac, device_index, card, addresses, .. } => {
                let netns = self.hosts.get(&instance).context("nobody hosts this instance")?;
                // One card is all that instances of the lab have; others would need other names.
                anyhow::ensure!(card == 0, "the fabric knows network card 0 only");
                let device = Device {
                    eni: eni.as_str(),
                    mac: &mac.to_string(),
                    primary: addresses.first().context("an ENI without addresses")?.addr(),
                    netns,
                    name: &format!("eth{device_index}"),
                };
                self.fabric.plug(&device).await?;
                self.addresses.insert(eni.clone(), addresses.iter().flat_map(each).collect());
                touched.insert(eni);
            }
            Effect::EniDetached { eni, .. } => {
                touched.remove(&eni);
                self.fabric.unplug(eni.as_str()).await?;
            }
            Effect::EniDeleted { eni } => {
                self.addresses.remove(&eni);
            }
            Effect::AddressAdded { eni, address } => {
                let carried = self.addresses.entry(eni.clone()).or_default();
                carried.extend(each(&address));
                touched.insert(eni);
            }
            Effect::AddressRemoved { eni, address } => {
                let carried = self.addresses.entry(eni.clone()).or_default();
                for address in each(&address) {
                    carried.remove(&address);
                }
                touched.insert(eni);
            }
            // The fabric carries IPv4 alone: a node of the lab that asks for IPv6 is told of it, and has no packet of it.
            Effect::Ipv6Added { .. } | Effect::Ipv6Removed { .. } => {}
            // No VLANs either: a branch has its addresses, and no guest that could use them.
            Effect::BranchAssociated { .. } | Effect::BranchDisassociated { .. } => {}
            Effect::EniVisible { .. } => {} // what metadata shows is the region's own
        }
        Ok(())
    }

    /// Brings the ports of these ENIs to what they carry now.
    async fn settle(&mut self, touched: &BTreeSet<EniId>) {
        for eni in touched {
            let Some(addresses) = self.addresses.get(eni) else {
                continue;
            };
            if !self.fabric.is_plugged(eni.as_str()) {
                continue; // carried by an ENI that is on no instance
            }
            if let Err(error) = self.fabric.set_addresses(eni.as_str(), addresses).await {
                self.troubles.push(format!("addresses of {eni}: {error:#}"));
            }
        }
    }
}

/// Every address of a block: all 16 of a prefix, which EC2 routes whole.
fn each(block: &Ipv4Net) -> impl Iterator<Item = Ipv4Addr> + use<> {
    let (first, last) = (u32::from(block.network()), u32::from(block.broadcast()));
    (first..=last).map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_all_of_its_sixteen_addresses() {
        let prefix: Ipv4Net = "10.0.0.16/28".parse().unwrap();
        let all: Vec<Ipv4Addr> = each(&prefix).collect();
        assert_eq!(all.len(), 16);
        assert_eq!(all[0], Ipv4Addr::new(10, 0, 0, 16));
        let single: Ipv4Net = "10.0.0.9/32".parse().unwrap();
        assert_eq!(each(&single).collect::<Vec<_>>(), [Ipv4Addr::new(10, 0, 0, 9)]);
    }
}
