//! What the nodes of a scenario have around them: proxies, and neighbours with marks of their own.

use anyhow::Result;
use std::collections::BTreeMap;

use crate::neighbour::Neighbour;
use crate::proxy::Proxy;
use crate::step::services::{HostPortKeys, ServiceKeys};

/// By name of the node, and what the cluster has.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) proxies: BTreeMap<String, Proxy>,
    pub(crate) neighbours: BTreeMap<String, Neighbour>,
    pub(crate) services: Vec<ServiceKeys>,
    pub(crate) host_ports: Vec<HostPortKeys>,
}

impl Surroundings {
    /// Whose marks were not kept, in words. Without a neighbour nobody looked, which is wrong too.
    pub(crate) async fn marks_wrong(&mut self) -> Result<Vec<String>> {
        if self.neighbours.is_empty() {
            return Ok(vec!["no neighbour looked at marks".to_owned()]);
        }
        let mut wrong = Vec::new();
        for (name, neighbour) in &mut self.neighbours {
            wrong.extend(neighbour.marks().await?.wrong().map(|text| format!("node {name}: {text}")));
        }
        Ok(wrong)
    }
}
