//! The container runtime's part: what libcni does with a list of one plugin. The highest common version is injected, the last
//! result is cached and comes back as prevResult, and a plugin is executed with exactly the variables of the specification.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use crate::node::Node;

/// kubelet gives RunPodSandbox four minutes.
const PLUGIN_SECONDS_MAX: u64 = 240;

/// What the runtime of today speaks, highest last.
const RUNTIME_VERSIONS: [&str; 4] = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// Where libcni keeps results.
const CACHE: &str = "/var/lib/cni/results";

/// The network's name, which is also the first part of every key in the checkpoint.
pub const NETWORK: &str = "aws-cni";

/// What the runtime does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Wires a pod.
    Add,
    /// Takes it away.
    Del,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
        }
    }
}

/// One sandbox, as the runtime names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// 64 hex digits.
    pub container_id: String,
    /// The pod's namespace in Kubernetes.
    pub pod_namespace: String,
    /// The pod's name.
    pub pod_name: String,
    /// The pod's uid.
    pub pod_uid: String,
    /// Path of the network namespace; `None` when it is gone (a second DEL, a DEL after a reboot).
    pub netns: Option<PathBuf>,
}

/// What came out of one execution.
#[derive(Debug, Clone)]
pub struct Execution {
    /// `None`: ended by a signal.
    pub exit_code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
    /// From exec to exit, with entering the node's namespaces (about a millisecond).
    pub took: Duration,
}

impl Execution {
    /// The result or error object it printed.
    #[must_use]
    pub fn object(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }

    /// The CNI error code it printed.
    #[must_use]
    pub fn error_code(&self) -> Option<u64> {
        self.object()?.get("code")?.as_u64()
    }

    /// One line for a report.
    #[must_use]
    pub fn summary(&self) -> String {
        let code = self.exit_code.map_or("a signal".to_owned(), |code| code.to_string());
        let (stdout, stderr) = (self.stdout.trim(), self.stderr.trim());
        let beside = if stderr.is_empty() { String::new() } else { format!(" (stderr: {stderr})") };
        format!("exit {code}: {stdout}{beside}")
    }
}

/// The list that a fresh node has, as the runtime finds it in `/etc/cni/net.d`.
#[must_use]
pub fn conflist(plugin: &str) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": NETWORK,
        "disableCheck": true,
        "plugins": [{ "type": plugin, "vethPrefix": "eni", "mtu": "9001" }],
    })
}

/// The version libcni injects: the highest that list and runtime have in common; a list with `cniVersion` alone gets that.
fn version(list: &Value) -> Result<String> {
    let single = list.get("cniVersion").and_then(Value::as_str);
    let several = list.get("cniVersions").and_then(Value::as_array);
    let offered: Vec<&str> =
        single.into_iter().chain(several.into_iter().flatten().filter_map(Value::as_str)).collect();
    if several.is_none()
        && let Some(only) = single
    {
        return Ok(only.to_owned());
    }
    RUNTIME_VERSIONS
        .iter()
        .rev()
        .find(|known| offered.contains(*known))
        .map(|known| (*known).to_owned())
        .context("list and runtime have no CNI version in common")
}

/// The plugin's stdin: its own configuration with name and version injected, and prevResult where there is one.
///
/// # Errors
/// When the list is not one of exactly one plugin, or has no version in common with the runtime.
pub fn stdin(list: &Value, previous: Option<&Value>) -> Result<Value> {
    let plugins = list.get("plugins").and_then(Value::as_array);
    let [plugin] = plugins.map(Vec::as_slice).unwrap_or_default() else {
        bail!("the lab executes lists of exactly one plugin");
    };
    let mut conf = plugin.as_object().context("a plugin must be an object")?.clone();
    conf.insert("name".to_owned(), list.get("name").cloned().unwrap_or_default());
    conf.insert("cniVersion".to_owned(), version(list)?.into());
    if let Some(previous) = previous {
        conf.insert("prevResult".to_owned(), previous.clone());
    }
    Ok(Value::Object(conf))
}

/// The plugin's environment: the specification's variables, with the arguments that containerd gives.
#[must_use]
pub fn environment(verb: Verb, sandbox: &Sandbox, path: &str) -> BTreeMap<String, String> {
    let arguments = format!(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_INFRA_CONTAINER_ID={};K8S_POD_UID={}",
        sandbox.pod_namespace, sandbox.pod_name, sandbox.container_id, sandbox.pod_uid
    );
    let netns = sandbox.netns.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    [
        ("CNI_COMMAND", verb.name().to_owned()),
        ("CNI_CONTAINERID", sandbox.container_id.clone()),
        ("CNI_NETNS", netns), // set but empty when the namespace is gone
        ("CNI_IFNAME", "eth0".to_owned()),
        ("CNI_ARGS", arguments),
        ("CNI_PATH", path.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Runs one verb for a sandbox on a node, with the node's list and the runtime's result cache.
///
/// # Errors
/// When the plugin cannot be executed at all or takes longer than a kubelet would wait. A plugin that refuses is an
/// [`Execution`], not an error.
pub async fn execute(node: &Node, verb: Verb, sandbox: &Sandbox) -> Result<Execution> {
    let shim = &node.binaries().shim;
    let path = shim.parent().context("the shim has no directory")?;
    let plugin = shim.file_name().and_then(|name| name.to_str()).context("the shim has no name")?;
    let list = conflist(plugin);
    let cache = cached(node, sandbox)?;
    // containerd's second DEL has neither a namespace nor a cached result: the first one removed it.
    let previous = match verb {
        Verb::Add => None,
        Verb::Del => std::fs::read_to_string(&cache)
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
            .and_then(|entry| entry.get("result").cloned()),
    };
    let input = stdin(&list, previous.as_ref())?.to_string();
    let environment = environment(verb, sandbox, &path.display().to_string());
    let execution = plugin_with(node, &environment, &[], &input).await?;
    if execution.exit_code == Some(0) {
        match verb {
            Verb::Add => remember(&cache, sandbox, &execution)?,
            Verb::Del => drop(std::fs::remove_file(&cache)),
        }
    }
    Ok(execution)
}

/// Executes the plugin with any environment, arguments and stdin: for what a runtime would not send.
///
/// # Errors
/// When it cannot be executed, or takes longer than a kubelet would wait.
pub async fn plugin_with(
    node: &Node,
    environment: &BTreeMap<String, String>,
    arguments: &[String],
    input: &str,
) -> Result<Execution> {
    let begun = Instant::now();
    let mut child = node
        .command(&node.binaries().shim)?
        .args(arguments)
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot execute the plugin")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let finished = async {
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = timeout(Duration::from_secs(PLUGIN_SECONDS_MAX), finished)
        .await
        .with_context(|| format!("the plugin did not end within {PLUGIN_SECONDS_MAX} s"))??;
    Ok(Execution {
        exit_code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: begun.elapsed(),
    })
}

fn cached(node: &Node, sandbox: &Sandbox) -> Result<PathBuf> {
    node.host_path(&format!("{CACHE}/{NETWORK}-{}-eth0", sandbox.container_id))
}

fn remember(cache: &PathBuf, sandbox: &Sandbox, execution: &Execution) -> Result<()> {
    let result =
        execution.object().with_context(|| format!("ADD printed no result: {}", execution.summary()))?;
    let entry = json!({
        "kind": "cniCacheV1",
        "containerId": sandbox.container_id,
        "ifName": "eth0",
        "networkName": NETWORK,
        "result": result,
    });
    if let Some(directory) = cache.parent() {
        std::fs::create_dir_all(directory).context("cannot make the result cache")?;
    }
    std::fs::write(cache, entry.to_string()).context("cannot write the result cache")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(netns: Option<&str>) -> Sandbox {
        Sandbox {
            container_id: "c1".into(),
            pod_namespace: "default".into(),
            pod_name: "web".into(),
            pod_uid: "u1".into(),
            netns: netns.map(PathBuf::from),
        }
    }

    #[test]
    fn a_plugin_gets_the_variables_of_the_specification_and_no_others() {
        let got = environment(Verb::Add, &sandbox(Some("/var/run/netns/x")), "/bin");
        let names: Vec<&str> = got.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["CNI_ARGS", "CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_PATH"]
        );
        assert_eq!(got["CNI_COMMAND"], "ADD");
        assert_eq!(got["CNI_NETNS"], "/var/run/netns/x");
        for part in [
            "K8S_POD_NAME=web",
            "K8S_POD_NAMESPACE=default",
            "K8S_POD_UID=u1",
            "K8S_POD_INFRA_CONTAINER_ID=c1",
        ] {
            assert!(got["CNI_ARGS"].split(';').any(|given| given == part), "{part}");
        }
    }

    #[test]
    fn a_namespace_that_is_gone_is_an_empty_variable_and_not_a_missing_one() {
        assert_eq!(environment(Verb::Del, &sandbox(None), "/bin")["CNI_NETNS"], "");
    }

    #[test]
    fn the_highest_common_version_is_injected() {
        let mut list = conflist("enid-cni");
        assert_eq!(stdin(&list, None).unwrap()["cniVersion"], "1.0.0");
        list["cniVersions"] = json!(["0.4.0", "1.0.0", "1.1.0", "9.0.0"]);
        let given = stdin(&list, Some(&json!({"ips": []}))).unwrap();
        assert_eq!(given["cniVersion"], "1.1.0");
        assert_eq!(given["name"], "aws-cni");
        assert_eq!(given["type"], "enid-cni");
        assert_eq!(given["prevResult"], json!({"ips": []}));
        list["cniVersions"] = json!(["9.0.0"]);
        list["cniVersion"] = json!("8.0.0");
        assert!(stdin(&list, None).is_err());
    }
}
