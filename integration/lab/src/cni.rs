//! The container runtime's part: what current libcni does with the list of plugins that a node has. The executor is in
//! `cni/chain`; where it finds a node's list and plugins, in `cni/place`; how the list is read, in `cni/list`; what is remembered, in
//! `cni/cache`.

mod cache;
mod chain;
pub mod foreign;
mod list;
mod place;
mod version;

pub use chain::Chained;
pub(crate) use place::Place;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use crate::command::PATH;
use crate::node::{Node, View};
use cache::CACHE;
use list::List;
use place::runtime;

/// kubelet gives RunPodSandbox four minutes.
const PLUGIN_SECONDS_MAX: u64 = 240;

/// The network's name, which is also the first part of every key in the checkpoint.
pub const NETWORK: &str = "aws-cni";

/// Where the runtime looks for its list, as the node knows it.
pub const LISTS: &str = "/etc/cni/net.d";

/// Under which name a fresh node has it.
pub const LIST_FILE: &str = "10-aws.conflist";

/// What the runtime does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Wires a pod.
    Add,
    /// Takes it away.
    Del,
    /// Looks whether it is still wired.
    Check,
    /// Frees what no pod has any more.
    Gc,
    /// Asks whether ADD would be served.
    Status,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
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

/// What the runtime tells plugins of one attachment; for GC and STATUS there is none, and everything is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Attachment {
    container_id: String,
    /// Empty when it is gone.
    netns: String,
    interface: String,
    arguments: Vec<(String, String)>,
    capabilities: BTreeMap<String, Value>,
}

impl From<&Sandbox> for Attachment {
    /// With the arguments and the capability that containerd gives to every pod.
    fn from(sandbox: &Sandbox) -> Self {
        let arguments = [
            ("IgnoreUnknown", "1"),
            ("K8S_POD_NAMESPACE", &sandbox.pod_namespace),
            ("K8S_POD_NAME", &sandbox.pod_name),
            ("K8S_POD_INFRA_CONTAINER_ID", &sandbox.container_id),
            ("K8S_POD_UID", &sandbox.pod_uid),
        ];
        Self {
            container_id: sandbox.container_id.clone(),
            netns: sandbox.netns.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            interface: "eth0".to_owned(),
            arguments: arguments.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            capabilities: [("io.kubernetes.cri.pod-annotations".to_owned(), json!({}))].into(),
        }
    }
}

/// What came out of one execution.
#[derive(Debug, Clone, Default)]
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

    fn status(&self) -> String {
        self.exit_code.map_or("a signal".to_owned(), |code| format!("exit {code}"))
    }

    /// One line for a report.
    #[must_use]
    pub fn summary(&self) -> String {
        let (stdout, stderr) = (self.stdout.trim(), self.stderr.trim());
        let beside = if stderr.is_empty() { String::new() } else { format!(" (stderr: {stderr})") };
        format!("{}: {stdout}{beside}", self.status())
    }
}

/// A list of one plugin, for a node without a daemon that would write one.
#[must_use]
pub fn conflist(plugin: &str) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": NETWORK,
        "disableCheck": true,
        "plugins": [{ "type": plugin, "vethPrefix": "eni", "mtu": "9001" }],
    })
}

/// A plugin's environment: the specification's variables, all of them set for every verb.
fn environment(verb: Verb, of: &Attachment, path: &str) -> BTreeMap<String, String> {
    let arguments: Vec<String> = of.arguments.iter().map(|(key, value)| format!("{key}={value}")).collect();
    [
        ("CNI_COMMAND", verb.name().to_owned()),
        ("CNI_CONTAINERID", of.container_id.clone()),
        ("CNI_NETNS", of.netns.clone()), // set but empty when the namespace is gone
        ("CNI_IFNAME", of.interface.clone()),
        ("CNI_ARGS", arguments.join(";")),
        ("CNI_PATH", path.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Refuses a text that is no list.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn readable(text: &str) -> Result<()> {
    List::parse(text).map(drop)
}

/// Takes the cached result of a sandbox away, as a runtime that lost its disk would find it.
///
/// # Errors
/// When there is none.
pub(crate) fn lose_result(node: &Node, sandbox: &Sandbox) -> Result<()> {
    let name = format!("{CACHE}/{NETWORK}-{}-eth0", sandbox.container_id);
    std::fs::remove_file(node.host_path(&name)?).context("the runtime has no result of this pod")
}

/// Runs ADD, DEL or CHECK for a sandbox on a node, with the node's list and the runtime's result cache.
///
/// # Errors
/// When a plugin cannot be executed at all or takes longer than a kubelet would wait. One that refuses is an outcome.
pub async fn chained(node: &Node, verb: Verb, sandbox: &Sandbox) -> Result<Chained> {
    let (runtime, of) = (runtime(node).await?, Attachment::from(sandbox));
    match verb {
        Verb::Add => runtime.add(&of).await,
        Verb::Del => runtime.delete(&of).await,
        Verb::Check => runtime.check(&of).await,
        Verb::Gc | Verb::Status => anyhow::bail!("{} is about no single sandbox", verb.name()),
    }
}

/// Runs GC on a node: what these sandboxes have stays.
///
/// # Errors
/// As [`chained`].
pub async fn collect(node: &Node, valid: &[&Sandbox]) -> Result<Chained> {
    let valid: Vec<_> =
        valid.iter().map(|sandbox| (sandbox.container_id.clone(), "eth0".to_owned())).collect();
    runtime(node).await?.collect(&valid).await
}

/// Asks for STATUS on a node.
///
/// # Errors
/// As [`chained`].
pub async fn status(node: &Node) -> Result<Chained> {
    runtime(node).await?.status().await
}

/// Runs ADD, DEL or CHECK for a sandbox, as one execution: that of the plugin which decided.
///
/// # Errors
/// As [`chained`].
pub async fn execute(node: &Node, verb: Verb, sandbox: &Sandbox) -> Result<Execution> {
    Ok(chained(node, verb, sandbox).await?.execution())
}

/// What a runtime executes: the first plugin of the node's list, its whole environment and its stdin. For whoever executes it by
/// other means.
///
/// # Errors
/// When the list cannot be read.
pub(crate) async fn execution(
    node: &Node,
    verb: Verb,
    sandbox: Option<&Sandbox>,
    previous: Option<&Value>,
) -> Result<(PathBuf, BTreeMap<String, String>, String)> {
    let (runtime, of) = (runtime(node).await?, sandbox.map(Attachment::from).unwrap_or_default());
    let plugin = runtime.list.plugins.first().context("the list has no plugins")?;
    let mut environment = environment(verb, &of, &runtime.path);
    environment.insert("PATH".to_owned(), PATH.to_owned());
    let input = runtime.list.stdin(plugin, previous, &of.capabilities).to_string();
    Ok((runtime.program(plugin)?, environment, input))
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
    program_with(node.view()?, &node.binaries().shim, environment, arguments, input).await
}

async fn program_with(
    view: View,
    program: &Path,
    environment: &BTreeMap<String, String>,
    arguments: &[String],
    input: &str,
) -> Result<Execution> {
    let begun = Instant::now();
    let mut child = view
        .command(program)
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
        let got = environment(Verb::Add, &Attachment::from(&sandbox(Some("/var/run/netns/x"))), "/bin");
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
        assert_eq!(environment(Verb::Del, &Attachment::from(&sandbox(None)), "/bin")["CNI_NETNS"], "");
    }

    #[test]
    fn the_list_of_a_fresh_node_speaks_what_its_one_plugin_speaks() {
        let list = List::parse(&conflist("enid-cni").to_string()).unwrap();
        assert_eq!((list.version.as_str(), list.plugins.len(), list.disable_check), ("1.0.0", 1, true));
    }
}
