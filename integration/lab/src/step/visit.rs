//! `visit`: somebody asks an address, and it is judged who answered and which source they saw.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

use super::Take;
use super::pods::INTERNET;
use crate::netns::Netns;
use crate::runner::Stage;
use crate::scenario::Plan;
use crate::teller::{TELLER_PORT, Teller, Told, ask};

/// Somewhere to ask from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// The host elsewhere in the VPC.
    Vpc,
    /// A host on the internet.
    Internet,
    /// A node itself.
    Node(String),
    /// A pod.
    Pod(String),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// A pod, at its own address.
    Pod(String),
    /// A Service, at its address.
    ClusterIp(String),
    /// A Service, at a node's address.
    NodePort(NodePort),
    /// A pod, at its node's address.
    HostPort(String),
    /// A host on the internet.
    Internet,
}

/// A Service, at a node's address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodePort {
    /// The Service.
    service: String,
    /// The node.
    node: String,
}

/// See [`super::Step::Visit`]: questions, each a connection of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Visit {
    /// Who asks.
    from: Place,
    /// What is asked.
    to: Target,
    /// How often.
    #[serde(default = "ten")]
    count: u32,
    /// The pods that answer, all of them and no other; `internet` is one too. Left out, nobody may answer.
    #[serde(default)]
    answered_by: Vec<String>,
    /// Whose address they see.
    source: Option<Place>,
    /// None is answered, because the internet's gateway drops each for a source that it does not know.
    #[serde(default)]
    dropped_by_gateway: bool,
}

impl Take for Visit {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        ensure!(self.count > 0, "a visit without questions shows nothing");
        ensure!(
            self.answered_by.is_empty() == self.source.is_none(),
            "answers have a source: give both answered_by and source, or neither"
        );
        let outward = matches!(self.to, Target::Internet | Target::ClusterIp(_));
        ensure!(
            !self.dropped_by_gateway || (outward && self.source.is_none()),
            "what the gateway drops goes to the internet or a Service there, and nobody answers it"
        );
        plan.visits = true;
        [Some(&self.from), self.source.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|place| place.is(plan))?;
        let mut answering = self.answered_by.iter().filter(|name| *name != INTERNET);
        answering.try_for_each(|name| plan.runs(name))?;
        let served = self.to.is_served(plan)?;
        ensure!(served || self.source.is_some(), "no pod serves it: that nobody answers shows nothing");
        Ok(())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let (netns, own) = place(stage, &self.from)?;
        let (address, port) = target(stage, &self.to)?;
        let mut tellers = Vec::new();
        for (name, pod) in &stage.pods {
            if let Ok((netns, address)) = pod.running() {
                tellers.push(Teller::start(netns, address, name)?);
            }
        }
        // A node's own source is the kernel's choice; everybody else has one address.
        let bound = if matches!(self.from, Place::Node(_)) { Ipv4Addr::UNSPECIFIED } else { own };
        let dropped_before = stage.world.fabric().gateway_drops().await?.outward;
        let told = ask(&netns, bound, (address, port), self.count).await?;
        drop(tellers);
        let text = format!("{} asks {} at {address}:{port}: {}", self.from, self.to, summary(&told));
        let answers = u32::try_from(told.len()).unwrap_or(u32::MAX);
        stage.measured.visits += self.count;
        let Some(source) = &self.source else {
            ensure!(answers == 0, "expected silence: {text}");
            let dropped = stage.world.fabric().gateway_drops().await?.outward - dropped_before;
            ensure!(
                !self.dropped_by_gateway || dropped == u64::from(self.count),
                "expected {} drops at the internet's gateway, seen {dropped}: {text}",
                self.count
            );
            return Ok(text);
        };
        if answers != self.count {
            let (spoofed, gateway) =
                (stage.world.fabric().drops().await?, stage.world.fabric().gateway_drops().await?);
            bail!(
                "{answers} answers of {}: {text}; dropped for their source, by ENI: {spoofed:?}; {gateway:?}",
                self.count
            );
        }
        let (_, seen) = place(stage, source)?;
        ensure!(told.iter().all(|told| told.source == seen), "expected source {seen}: {text}");
        let by: BTreeSet<&str> = told.iter().map(|told| told.by.as_str()).collect();
        let expected: BTreeSet<&str> = self.answered_by.iter().map(String::as_str).collect();
        ensure!(by == expected, "expected answers of {expected:?}: {text}");
        Ok(text)
    }
}

impl Place {
    /// Is it there?
    fn is(&self, plan: &Plan) -> Result<()> {
        match self {
            Self::Vpc | Self::Internet => Ok(()),
            Self::Node(name) => plan.node(Some(name)).map(drop),
            Self::Pod(name) => plan.runs(name),
        }
    }
}

impl Target {
    /// Is there somebody who could answer? It is an error if there is no such thing.
    fn is_served(&self, plan: &Plan) -> Result<bool> {
        match self {
            Self::Internet => Ok(true),
            Self::Pod(name) => plan.runs(name).map(|()| true),
            Self::HostPort(name) => plan.has_host_port(name).map(|()| true),
            Self::ClusterIp(name) => plan.is_served(name),
            Self::NodePort(port) => {
                plan.node(Some(&port.node))?;
                plan.is_served(&port.service)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vpc => f.write_str("VPC"),
            Self::Internet => f.write_str(INTERNET),
            Self::Node(name) => write!(f, "node {name}"),
            Self::Pod(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(name) => f.write_str(name),
            Self::ClusterIp(name) => write!(f, "Service {name}"),
            Self::NodePort(port) => write!(f, "Service {} on {}", port.service, port.node),
            Self::HostPort(name) => write!(f, "{name}'s host port"),
            Self::Internet => f.write_str(INTERNET),
        }
    }
}

fn summary(told: &[Told]) -> String {
    let kinds: BTreeSet<&Told> = told.iter().collect();
    let parts = kinds.iter().map(|kind| {
        let count = told.iter().filter(|told| told == kind).count();
        format!("{count} by {} who saw {}", kind.by, kind.source)
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "no answer".to_owned() } else { parts.join(", ") }
}

fn place(stage: &Stage<'_>, place: &Place) -> Result<(Netns, Ipv4Addr)> {
    let (netns, address) = match place {
        Place::Vpc => (&stage.world.outside().netns, stage.world.outside().address),
        Place::Internet => (stage.world.internet().netns(), stage.world.internet().address()),
        Place::Node(name) => {
            let lab = stage.world.node(name)?;
            (lab.node.netns(), lab.address)
        }
        Place::Pod(name) => {
            stage.pods.get(name).with_context(|| format!("there is no pod {name}"))?.running()?
        }
    };
    Ok((netns.clone(), address))
}

fn target(stage: &Stage<'_>, target: &Target) -> Result<(Ipv4Addr, u16)> {
    let service = |name: &str| {
        let mut all = stage.surroundings.services.iter();
        all.find(|service| service.name == name).with_context(|| format!("there is no Service {name}"))
    };
    Ok(match target {
        Target::Pod(name) => (place(stage, &Place::Pod(name.clone()))?.1, TELLER_PORT),
        Target::ClusterIp(name) => (service(name)?.cluster_ip, service(name)?.port),
        Target::NodePort(NodePort { service: name, node }) => {
            let port = service(name)?.node_port;
            (stage.world.node(node)?.address, port.with_context(|| format!("{name} has no node_port"))?)
        }
        Target::HostPort(name) => {
            let mut all = stage.surroundings.host_ports.iter();
            let port =
                all.find(|port| port.pod == *name).with_context(|| format!("{name} has no host port"))?;
            let pod = stage.pods.get(name).with_context(|| format!("there is no pod {name}"))?;
            (stage.world.node(&pod.node)?.address, port.port)
        }
        Target::Internet => (stage.world.internet().address(), TELLER_PORT),
    })
}

fn ten() -> u32 {
    10
}
