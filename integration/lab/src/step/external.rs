//! `external`: another hand in EC2.

use anyhow::{Context, Result, ensure};
use ipnet::Ipv4Net;
use serde::Deserialize;

use super::Take;
use crate::runner::Stage;
use crate::scenario::Plan;

/// What the hand does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hand {
    /// Takes the pod's address off its ENI.
    RemovePodAddress,
    /// Takes the ENI with this device index off the node.
    DetachEni,
}

/// See [`super::Step::External`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct External {
    /// Where; the pod's node where a pod is named.
    node: Option<String>,
    /// What.
    hand: Hand,
    /// Whose address.
    pod: Option<String>,
    /// Which ENI.
    device: Option<u32>,
}

impl Take for External {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        let of_pod = self.hand == Hand::RemovePodAddress;
        ensure!(
            of_pod == self.pod.is_some() && of_pod == self.device.is_none(),
            "remove_pod_address needs pod, detach_eni needs device"
        );
        ensure!(!of_pod || self.node.is_none(), "the pod's own node is meant: leave node out");
        match &self.pod {
            Some(pod) => plan.runs(pod),
            None => plan.node(self.node.as_deref()).map(drop),
        }
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let pod =
            self.pod.as_ref().map(|name| stage.pods.get(name).context("there is no such pod")).transpose()?;
        let address = pod.map(|pod| pod.running().map(|(_, address)| address)).transpose()?;
        let name = match pod {
            Some(pod) => pod.node.clone(),
            None => stage.node_name(self.node.as_deref())?,
        };
        let instance = stage.world.node(&name)?.instance.clone();
        let device = self.device;
        let done = stage.world.region().ask(move |desk| -> Result<String> {
            let enis = desk.region.enis_of(&instance);
            let eni = enis.into_iter().find(|eni| match address {
                Some(address) => eni.blocks().iter().any(|block| block.contains(&address)),
                None => eni.attachment.as_ref().map(|attachment| attachment.device_index) == device,
            });
            let eni = eni.context("the region knows no such address or device on this node")?.id.clone();
            let now = desk.now;
            let effects = match address {
                Some(address) => desk.region.remove_address_by_hand(&eni, Ipv4Net::from(address), now),
                None => desk.region.detach_by_hand(&eni, now),
            };
            desk.effects.extend(effects?);
            Ok(eni.to_string())
        });
        let eni = done.await??;
        stage.acted(&name);
        Ok(format!("{eni}: {:?}", self.hand))
    }
}
