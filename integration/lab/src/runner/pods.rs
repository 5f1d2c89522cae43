//! Steps about pods: ADD, DEL as containerd does it, probes both ways, and the plugin fed with what no runtime would send.

use anyhow::{Context, Result, ensure};
use region::EniId;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::Stage;
use super::daemon::{says, within};
use crate::cni::{self, Execution};
use crate::netns::Netns;
use crate::pod::Pod;
use crate::probe::{Echo, probe};
use crate::scenario::{Add, Delete, Plugin, Probe, Reach};

impl Stage<'_> {
    pub(super) async fn add(&mut self, step: &Add) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        self.sandboxes += 1;
        let node = &self.world.node(&name)?.node;
        let mut pod = Pod::create(self.world.run(), node, &step.pod, self.sandboxes).await?;
        let execution = pod.add(node).await?;
        within(execution.took, step.within_milliseconds, "ADD ended")?;
        if let Some(least) = step.at_least_milliseconds {
            ensure!(
                execution.took >= Duration::from_millis(least),
                "ADD took {} ms: it cannot have waited {least} ms",
                execution.took.as_millis()
            );
        }
        let outcome = match step.code {
            Some(code) => self.refused(step, code, &execution)?,
            None => self.wired(step, &name, &pod, &execution).await?,
        };
        self.pods.insert(step.pod.clone(), pod);
        Ok(outcome)
    }

    fn refused(&mut self, step: &Add, code: u64, execution: &Execution) -> Result<String> {
        ensure!(
            execution.exit_code != Some(0) && execution.error_code() == Some(code),
            "expected a refusal with code {code}: {}",
            execution.summary()
        );
        let error = execution.object().unwrap_or_default();
        let said = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        if let Some(cause) = &step.cause {
            ensure!(said("details") == cause, "expected cause {cause}: {}", execution.summary());
        }
        self.measured.refused += 1;
        Ok(format!("{} refused with {code}: {}", step.pod, said("msg")))
    }

    /// An ADD that succeeded is held against the region: the address is a secondary one of an ENI of this very node, and no
    /// other pod has it.
    async fn wired(&mut self, step: &Add, node: &str, pod: &Pod, execution: &Execution) -> Result<String> {
        ensure!(execution.exit_code == Some(0), "ADD failed: {}", execution.summary());
        let (_, address) = pod.running()?;
        let twice = self.pods.values().find(|other| other.address == Some(address));
        ensure!(twice.is_none(), "{address} is pod {twice:?}'s already");
        let (eni, device) = self.carrier(node, address).await?;
        if let Some(expected) = step.device {
            ensure!(device == expected, "{address} is on {eni}, device {device} instead of {expected}");
        }
        self.measured.added(execution.took);
        Ok(format!(
            "{} has {address} on {eni} (eth{device}) after {} ms, host side {}",
            step.pod,
            execution.took.as_millis(),
            pod.host_link.as_deref().unwrap_or("-")
        ))
    }

    /// The ENI of this node that the region has the address on, not as its own, and its device index.
    async fn carrier(&self, node: &str, address: Ipv4Addr) -> Result<(EniId, u32)> {
        let instance = self.world.node(node)?.instance.clone();
        let found = self
            .world
            .region()
            .ask(move |desk| {
                desk.region.enis_of(&instance).into_iter().find_map(|eni| {
                    let pods = eni.blocks().into_iter().any(|block| block.contains(&address));
                    let device = eni.attachment.as_ref()?.device_index;
                    (pods && eni.primary != address).then(|| (eni.id.clone(), device))
                })
            })
            .await?;
        found.with_context(|| format!("the region has {address} on no ENI of {node} as a pod's address"))
    }

    pub(super) async fn delete(&mut self, step: &Delete) -> Result<String> {
        let mut pod = self.pods.remove(&step.pod).with_context(|| format!("there is no pod {}", step.pod))?;
        let node = &self.world.node(&pod.node)?.node;
        let first = pod.stop(node).await?;
        ensure!(first.exit_code == Some(0), "DEL failed: {}", first.summary());
        within(first.took, step.within_milliseconds, "DEL ended")?;
        let second = pod.forget(node).await?;
        ensure!(
            second.exit_code == Some(0),
            "the second DEL, without namespace and result, failed: {}",
            second.summary()
        );
        self.gone.push(pod);
        Ok(format!(
            "{} gone after {} ms; again, without namespace and result, {} ms",
            step.pod,
            first.took.as_millis(),
            second.took.as_millis()
        ))
    }

    pub(super) async fn probe(&mut self, step: &Probe) -> Result<String> {
        let pod = self.pods.get(&step.pod).with_context(|| format!("there is no pod {}", step.pod))?;
        let (netns, address) = pod.running()?;
        let outside = self.world.outside();
        let _echo = Echo::start(netns, address)?;
        let inward = probe(&outside.netns, outside.address, address, step.count).await?;
        let outward = probe(netns, address, outside.address, step.count).await?;
        let text = format!("VPC to {0} {inward}, {0} to VPC {outward}", step.pod);
        match step.reach {
            Reach::BothWays => {
                self.measured.probed(inward);
                self.measured.probed(outward);
                if !(inward.all() && outward.all()) {
                    let drops = self.world.fabric().drops().await?;
                    anyhow::bail!("{text}; dropped for their source, by ENI: {drops:?}");
                }
            }
            Reach::Neither => {
                ensure!(inward.none() && outward.none(), "expected silence: {text}");
            }
        }
        Ok(text)
    }

    pub(super) async fn plugin(&mut self, step: &Plugin) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        self.sandboxes += 1;
        let netns =
            Netns::create(self.world.run().namespace(&format!("{name}-pod{}", self.sandboxes))).await?;
        let environment = step
            .environment
            .iter()
            .map(|(key, value)| (key.clone(), value.replace("$NETNS", &netns.path().display().to_string())))
            .collect();
        let node = &self.world.node(&name)?.node;
        let execution = cni::plugin_with(node, &environment, &step.arguments, &step.stdin).await?;
        ensure!(
            execution.exit_code == Some(step.exit_code),
            "expected exit {}: {}",
            step.exit_code,
            execution.summary()
        );
        if let Some(code) = step.code {
            ensure!(
                execution.error_code() == Some(code),
                "expected CNI code {code}: {}",
                execution.summary()
            );
        }
        says(&execution.stdout, &step.says)?;
        let links = netns.ip(&["-br", "link"]).await?;
        ensure!(
            step.exit_code == 0 || links.lines().count() == 1,
            "a refused call left something in the pod's namespace:\n{links}"
        );
        netns.remove().await?;
        if step.exit_code != 0 {
            self.measured.refused += 1;
        }
        Ok(format!("{}: exit {}", step.because, step.exit_code))
    }
}
