//! `services`: the cluster has these Services and host ports now, and every node's proxy writes rules for them.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::Take;
use super::pods::INTERNET;
use crate::proxy::{Endpoint, Form, HostPort, Proxy, Service, TrafficPolicy};
use crate::runner::Stage;
use crate::scenario::Plan;
use crate::teller::TELLER_PORT;

/// See [`super::Step::Services`]: all Services there are; what is not given any more goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Services {
    /// Which tool's rules every node has; left out, everything that was written is taken away.
    pub(crate) form: Option<Form>,
    /// Services.
    #[serde(default)]
    pub(crate) service: Vec<ServiceKeys>,
    /// Host ports.
    #[serde(default)]
    pub(crate) host_port: Vec<HostPortKeys>,
}

/// A Service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceKeys {
    /// Its name.
    pub(crate) name: String,
    /// Its address; no VPC has it.
    pub(crate) cluster_ip: Ipv4Addr,
    /// Its port there.
    #[serde(default = "eighty")]
    pub(crate) port: u16,
    /// Its port on every node.
    pub(crate) node_port: Option<u16>,
    /// `cluster` or `local`.
    #[serde(default)]
    pub(crate) external_traffic_policy: TrafficPolicy,
    /// The pods that serve it; `internet`, the host there, is one too.
    #[serde(default)]
    pub(crate) pods: Vec<String>,
}

/// A host port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostPortKeys {
    /// The pod whose it is, on that pod's node.
    pub(crate) pod: String,
    /// The port.
    pub(crate) port: u16,
}

impl Take for Services {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        let names: BTreeSet<&str> = self.service.iter().map(|service| service.name.as_str()).collect();
        ensure!(names.len() == self.service.len(), "each Service needs a name of its own");
        let given = self.service.len() + self.host_port.len();
        ensure!(self.form.is_some() || given == 0, "Services without a form: nobody would write them");
        let serving = self.service.iter().flat_map(|service| &service.pods);
        serving.filter(|name| *name != INTERNET).try_for_each(|pod| plan.runs(pod))?;
        self.host_port.iter().try_for_each(|port| plan.runs(&port.pod))?;
        let services = self.service.iter().map(|service| (service.name.clone(), service.pods.clone()));
        let host_ports = self.host_port.iter().map(|port| port.pod.clone());
        plan.serves(services.collect(), host_ports.collect());
        Ok(())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let nodes: Vec<String> = stage.world.node_names().map(str::to_owned).collect();
        for name in &nodes {
            stage.acted(name);
            let services = self.service.iter().map(|keys| service(stage, keys, name));
            let services = services.collect::<Result<Vec<_>>>()?;
            let ports = host_ports(stage, &self.host_port, name)?;
            let lab = stage.world.node(name)?;
            let proxies = &mut stage.surroundings.proxies;
            if proxies.get(name).is_some_and(|proxy| Some(proxy.form()) != self.form)
                && let Some(mut old) = proxies.remove(name)
            {
                old.remove().await?;
            }
            let Some(form) = self.form else { continue };
            proxies
                .entry(name.clone())
                .or_insert_with(|| Proxy::new(lab.node.netns().clone(), form, lab.address))
                .sync(&services, &ports)
                .await?;
        }
        stage.surroundings.services = self.service.clone();
        stage.surroundings.host_ports = self.host_port.clone();
        Ok(match self.form {
            None => format!("taken away from {} nodes", nodes.len()),
            Some(form) => {
                let services = self.service.iter().map(|service| format!("Service {}", service.name));
                let ports = self.host_port.iter().map(|port| format!("host port {}", port.port));
                let all: Vec<String> = services.chain(ports).collect();
                format!("{} on {} nodes, with rules of {form}", all.join(", "), nodes.len())
            }
        })
    }
}

/// A Service as a node's proxy sees it.
fn service(stage: &Stage<'_>, keys: &ServiceKeys, node: &str) -> Result<Service> {
    let endpoints = keys.pods.iter().map(|name| {
        if name == INTERNET {
            let address = stage.world.internet().address();
            return Ok(Endpoint { address, port: TELLER_PORT, local: false });
        }
        let pod = stage.pods.get(name).with_context(|| format!("there is no pod {name}"))?;
        let (_, address) = pod.running()?;
        Ok(Endpoint { address, port: TELLER_PORT, local: pod.node == node })
    });
    Ok(Service {
        name: keys.name.clone(),
        cluster_ip: keys.cluster_ip,
        port: keys.port,
        node_port: keys.node_port,
        policy: keys.external_traffic_policy,
        endpoints: endpoints.collect::<Result<_>>()?,
    })
}

fn host_ports(stage: &Stage<'_>, keys: &[HostPortKeys], node: &str) -> Result<Vec<HostPort>> {
    let mut ports = Vec::new();
    for key in keys {
        let pod = stage.pods.get(&key.pod).with_context(|| format!("there is no pod {}", key.pod))?;
        if pod.node != node {
            continue;
        }
        let (_, address) = pod.running()?;
        let container_id = pod.sandbox.container_id.clone();
        ports.push(HostPort { container_id, address, port: TELLER_PORT, host_port: key.port });
    }
    Ok(ports)
}

fn eighty() -> u16 {
    80
}
