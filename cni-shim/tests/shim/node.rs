//! A node in miniature: a namespace that plays the host, pods' namespaces, a state directory, and the real binary run in
//! the host's namespace. Everything is gone when it is dropped.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

/// The host's end for pod `web-0` of namespace `default`.
pub(crate) const HOST_VETH: &str = "eni0d7763386da";

static NAMES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Namespace(pub(crate) String);

pub(crate) struct Node {
    pub(crate) host: Namespace,
    pub(crate) root: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

// === impl Namespace ===

impl Namespace {
    pub(crate) fn new() -> Self {
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let namespace = Self(format!("enid-shim-{}-{number}", std::process::id()));
        ip(&["netns", "add", &namespace.0]);
        namespace
    }

    pub(crate) fn path(&self) -> String {
        format!("/run/netns/{}", self.0)
    }

    /// Runs iproute2 inside.
    pub(crate) fn ip(&self, arguments: &[&str]) -> String {
        ip(&[&["-n", self.0.as_str()], arguments].concat())
    }

    /// What the shim makes, as the kernel has it; nothing that changes by itself.
    pub(crate) fn state(&self) -> String {
        let links: Value = serde_json::from_str(&self.ip(&["-j", "link"])).unwrap();
        let mut lines: Vec<String> = links
            .as_array()
            .unwrap()
            .iter()
            .map(|link| {
                let up = link["flags"].as_array().unwrap().contains(&json!("UP"));
                format!("{} {} {} {} up={up}", link["ifindex"], link["ifname"], link["address"], link["mtu"])
            })
            .collect();
        for arguments in [
            ["-4", "-o", "addr", "show"].as_slice(),
            ["-4", "route", "show", "table", "main"].as_slice(),
            ["-4", "neigh", "show", "nud", "permanent"].as_slice(),
        ] {
            lines.push(self.ip(arguments));
        }
        lines.join("\n")
    }

    /// Runs a function on a thread of this namespace; what it starts is born there.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let file = File::open(self.path()).unwrap();
        std::thread::spawn(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

// === impl Node ===

impl Node {
    /// None, and a word about it, where the test may not make namespaces.
    pub(crate) fn new(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED {test}: needs root");
            return None;
        }
        let node = Self { host: Namespace::new(), root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(node.state_directory()).unwrap();
        Some(node)
    }

    pub(crate) fn state_directory(&self) -> PathBuf {
        self.root.path().join("state")
    }

    pub(crate) fn spool_directory(&self) -> PathBuf {
        self.root.path().join("spool")
    }

    pub(crate) fn conf(&self) -> Value {
        json!({
            "cniVersion": "1.0.0",
            "name": "aws-cni",
            "type": "enid-cni",
            "vethPrefix": "eni",
            "mtu": "9001",
            "stateDirectory": self.state_directory(),
            "spoolDirectory": self.spool_directory(),
            "deadlineSeconds": 20,
        })
    }

    /// Starts the binary for pod `web-0`, as a runtime would.
    pub(crate) fn start(&self, command: &str, netns: &str, conf: &Value) -> JoinHandle<Output> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_enid-cni"));
        process
            .env_clear()
            .env("CNI_COMMAND", command)
            .env("CNI_CONTAINERID", "c0ffee")
            .env("CNI_NETNS", netns)
            .env("CNI_IFNAME", "eth0")
            .env("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=u1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let conf = conf.to_string();
        self.host.run(move || {
            let mut child = process.spawn().unwrap();
            child.stdin.take().unwrap().write_all(conf.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
            Output {
                ok: output.status.success(),
                stdout: String::from_utf8(output.stdout).unwrap(),
                stderr: String::from_utf8(output.stderr).unwrap(),
            }
        })
    }

    pub(crate) fn call(&self, command: &str, netns: &str) -> Output {
        self.start(command, netns, &self.conf()).join().unwrap()
    }
}

// === impl Output ===

impl Output {
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Code, message and details of an error.
    pub(crate) fn error(&self) -> (u64, String) {
        assert!(!self.ok, "{self:?}");
        let document = self.document();
        let text = |field: &str| document[field].as_str().unwrap().to_owned();
        (document["code"].as_u64().unwrap(), format!("{} {}", text("msg"), text("details")))
    }
}

fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
