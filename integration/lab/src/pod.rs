//! A pod in the lab: a namespace of its own, and what the runtime got back for it. Added and deleted in the order in which
//! containerd does.

use anyhow::{Context, Result, bail};
use ipnet::Ipv4Net;
use serde_json::Value;
use std::net::Ipv4Addr;

use crate::cni::{self, Execution, Sandbox, Verb};
use crate::netns::Netns;
use crate::node::Node;
use crate::probe::Echo;
use crate::run::Run;

/// A pod.
#[derive(Debug)]
pub struct Pod {
    /// Its node.
    pub node: String,
    /// Its namespace, until its sandbox is stopped.
    pub netns: Option<Netns>,
    /// As the runtime names it.
    pub sandbox: Sandbox,
    /// Its address, once ADD has succeeded.
    pub address: Option<Ipv4Addr>,
    /// The node's end of its link, once ADD has succeeded.
    pub host_link: Option<String>,
    /// Answers datagrams, once somebody has asked; it must end before the namespace can.
    pub(crate) echo: Option<Echo>,
}

impl Pod {
    /// Makes the namespace of a new sandbox; `number` tells apart the sandboxes of one pod name.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn create(run: &Run, node: &Node, name: &str, number: u32) -> Result<Self> {
        let netns = Netns::create(run.namespace(&format!("{}-pod{number}", node.name()))).await?;
        let sandbox = Sandbox {
            container_id: format!("{number:064x}"),
            pod_namespace: "default".to_owned(),
            pod_name: name.to_owned(),
            pod_uid: format!("00000000-0000-4000-8000-{number:012x}"),
            netns: Some(netns.path()),
        };
        Ok(Self {
            node: node.name().to_owned(),
            netns: Some(netns),
            sandbox,
            address: None,
            host_link: None,
            echo: None,
        })
    }

    /// ADD. A refusal is an outcome; a result that is not what the specification asks for is an error.
    ///
    /// # Errors
    /// When the plugin cannot be executed, or succeeds with a result that makes no sense.
    pub async fn add(&mut self, node: &Node) -> Result<Execution> {
        let execution = cni::execute(node, Verb::Add, &self.sandbox).await?;
        if execution.exit_code == Some(0) {
            let result = execution
                .object()
                .with_context(|| format!("ADD printed no result: {}", execution.summary()))?;
            let (address, host_link) = read_result(&result, &self.sandbox)
                .with_context(|| format!("ADD printed {}", execution.summary()))?;
            self.address = Some(address);
            self.host_link = Some(host_link);
        }
        Ok(execution)
    }

    /// One DEL with the namespace, as StopPodSandbox does.
    ///
    /// # Errors
    /// When the plugin cannot be executed.
    pub async fn stop(&mut self, node: &Node) -> Result<Execution> {
        let execution = cni::execute(node, Verb::Del, &self.sandbox).await?;
        self.lose_sandbox().await?;
        Ok(execution)
    }

    /// Its namespace goes without a DEL: the node went down. Returns whether there was one.
    ///
    /// # Errors
    /// When the namespace cannot be removed.
    pub async fn lose_sandbox(&mut self) -> Result<bool> {
        self.echo = None;
        self.sandbox.netns = None;
        let Some(netns) = self.netns.take() else {
            return Ok(false);
        };
        netns.remove().await?;
        Ok(true)
    }

    /// The DEL without a namespace that follows, as RemovePodSandbox does.
    ///
    /// # Errors
    /// When the plugin cannot be executed.
    pub async fn forget(&mut self, node: &Node) -> Result<Execution> {
        cni::execute(node, Verb::Del, &self.sandbox).await
    }

    /// The namespace, while the pod runs.
    ///
    /// # Errors
    /// When its sandbox is stopped.
    pub fn running(&self) -> Result<(&Netns, Ipv4Addr)> {
        match (&self.netns, self.address) {
            (Some(netns), Some(address)) => Ok((netns, address)),
            _ => bail!("pod {} has no address now", self.sandbox.pod_name),
        }
    }
}

/// Address and host link out of an ADD's result.
fn read_result(result: &Value, sandbox: &Sandbox) -> Result<(Ipv4Addr, String)> {
    let interfaces = result.get("interfaces").and_then(Value::as_array).context("no interfaces")?;
    let ips = result.get("ips").and_then(Value::as_array).context("no ips")?;
    let [ip] = ips.as_slice() else { bail!("{} addresses instead of one", ips.len()) };
    let network: Ipv4Net =
        ip.get("address").and_then(Value::as_str).context("an address without text")?.parse()?;
    if network.prefix_len() != 32 {
        bail!("{network} is not a single address");
    }
    let index = ip.get("interface").and_then(Value::as_u64).context("the address names no interface")?;
    let inside = interfaces
        .get(usize::try_from(index)?)
        .context("the address names an interface that is not listed")?;
    let netns = sandbox.netns.as_ref().map(|path| path.display().to_string());
    if inside.get("name").and_then(Value::as_str) != Some("eth0")
        || inside.get("sandbox").and_then(Value::as_str) != netns.as_deref()
    {
        bail!("the address is not on eth0 of the sandbox");
    }
    let host_link = interfaces
        .first()
        .and_then(|link| link.get("name"))
        .and_then(Value::as_str)
        .context("no host link")?;
    Ok((network.addr(), host_link.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sandbox() -> Sandbox {
        Sandbox {
            container_id: "c".into(),
            pod_namespace: "default".into(),
            pod_name: "web".into(),
            pod_uid: "u".into(),
            netns: Some("/var/run/netns/x".into()),
        }
    }

    #[test]
    fn a_result_of_the_specification_is_understood_and_others_are_refused() {
        let good = json!({"interfaces": [
            {"name": "eni1"}, {"name": "eth0", "mac": "2", "sandbox": "/var/run/netns/x"},
            {"name": "dummy1", "mac": "0", "sandbox": "1"}],
            "ips": [{"interface": 1, "address": "10.0.0.7/32"}]});
        assert_eq!(read_result(&good, &sandbox()).unwrap(), (Ipv4Addr::new(10, 0, 0, 7), "eni1".to_owned()));
        let mut bad = vec![json!({}), json!({"interfaces": [], "ips": []})];
        for (pointer, value) in [
            ("/ips/0/interface", json!(0)),
            ("/ips/0/interface", json!(9)),
            ("/ips/0/address", json!("10.0.0.7/24")),
            ("/interfaces/1/sandbox", json!("/elsewhere")),
        ] {
            let mut one = good.clone();
            *one.pointer_mut(pointer).unwrap() = value;
            bad.push(one);
        }
        for result in bad {
            assert!(read_result(&result, &sandbox()).is_err(), "{result}");
        }
    }
}
