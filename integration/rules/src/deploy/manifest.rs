//! The DaemonSet gives the daemon what the scenarios prove that it needs, and nothing more.

use std::collections::BTreeSet;

use yaml_rust2::{Yaml, YamlLoader};

use super::{Setting, settings, version};
use crate::tree::Tree;

const MANIFEST: &str = "deploy/enid.yaml";

/// The container of the scenarios.
const BOX: &str = "integration/lab/src/node/box.sh";

/// Where HTTP is routed.
const PAGES: &str = "actors/health-server/src/http.rs";

/// What the shim takes where a list says nothing: paths of the host, as the daemon has them.
const SHIM: (&str, [&str; 2]) =
    ("cni-shim/src/netconf.rs", ["DEFAULT_STATE_DIRECTORY: &str = \"", "DEFAULT_SPOOL_DIRECTORY: &str = \""]);

/// Beginnings of paths in the container under which directories of the host may be mounted.
const HOST: &str = "/host";

pub(super) fn broken(tree: &Tree) -> Vec<String> {
    let documents = match tree.text(MANIFEST).map(YamlLoader::load_from_str) {
        None => return vec![format!("{MANIFEST}: does not exist")],
        Some(Err(error)) => return vec![format!("{MANIFEST}: no YAML: {error}")],
        Some(Ok(documents)) => documents,
    };
    let kinds: Vec<&str> = documents.iter().map(|document| text(&document["kind"])).collect();
    let mut found = Vec::new();
    if kinds != ["ServiceAccount", "DaemonSet"] {
        found.push(format!(
            "is {kinds:?}, and not a ServiceAccount and a DaemonSet: enid asks the API server for nothing"
        ));
    }
    let Some(set) = documents.iter().find(|document| text(&document["kind"]) == "DaemonSet") else {
        return placed(found);
    };
    let pod = Pod { spec: &set["spec"]["template"]["spec"], settings: settings(tree) };
    found.extend(pod.place());
    found.extend(pod.containers(version(tree).as_deref().unwrap_or_default()));
    found.extend(pod.confinement(tree.text(BOX).unwrap_or_default()));
    found.extend(pod.paths(tree));
    found.extend(pod.addresses(tree.text(PAGES).unwrap_or_default()));
    placed(found)
}

fn placed(found: Vec<String>) -> Vec<String> {
    found.into_iter().map(|complaint| format!("{MANIFEST}: {complaint}")).collect()
}

fn text(of: &Yaml) -> &str {
    of.as_str().unwrap_or_default()
}

fn list(of: &Yaml) -> &[Yaml] {
    of.as_vec().map(Vec::as_slice).unwrap_or_default()
}

fn texts(of: &Yaml) -> Vec<&str> {
    list(of).iter().map(text).collect()
}

/// A directory as a container sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mount {
    at: String,
    read_only: bool,
}

struct Pod<'a> {
    spec: &'a Yaml,
    settings: Vec<Setting<'a>>,
}

impl Pod<'_> {
    fn daemon(&self) -> &Yaml {
        &self.spec["containers"][0]
    }

    fn install(&self) -> &Yaml {
        &self.spec["initContainers"][0]
    }

    /// Where and beside whom it runs.
    fn place(&self) -> Vec<String> {
        let spec = self.spec;
        let mut found = Vec::new();
        let mut must = |holds: bool, complaint: &str| {
            if !holds {
                found.push(complaint.to_owned());
            }
        };
        must(spec["hostNetwork"].as_bool() == Some(true), "is not in the host's network");
        must(
            spec["hostPID"].is_badvalue() && spec["hostIPC"].is_badvalue(),
            "shares more than the host's network",
        );
        must(
            text(&spec["priorityClassName"]) == "system-node-critical",
            "may be evicted before the pods it serves",
        );
        must(
            spec["automountServiceAccountToken"].as_bool() == Some(false),
            "has a token that it does not use",
        );
        must(list(&spec["containers"]).len() == 1, "has not exactly one container");
        must(list(&spec["initContainers"]).len() == 1, "has not exactly one step before it");
        let seccomp = &spec["securityContext"]["seccompProfile"]["type"];
        must(text(seccomp) == "RuntimeDefault", "does not ask for the runtime's seccomp profile");
        found
    }

    fn containers(&self, version: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (container, args) in [(self.install(), "install"), (self.daemon(), "run")] {
            if texts(&container["args"]) != [args] {
                found.push(format!("{} does not run `enid {args}`", text(&container["name"])));
            }
            if text(&container["image"]) != format!("enid:{version}") {
                found.push(format!("{args}: the image is not this version's, enid:{version}"));
            }
            for variable in list(&container["env"]).iter().map(|variable| text(&variable["name"])) {
                if !self.settings.iter().any(|setting| setting.variable == variable) {
                    found.push(format!("{args}: sets {variable}, which is no setting"));
                }
            }
        }
        found
    }

    /// Capabilities, mounts, a root that is read-only: as in the box of the scenarios.
    fn confinement(&self, box_script: &str) -> Vec<String> {
        let mut found = Vec::new();
        let given = capabilities(box_script);
        for (container, wanted) in [(self.install(), &[][..]), (self.daemon(), given.as_slice())] {
            let (name, context) = (text(&container["name"]), &container["securityContext"]);
            let (adds, drops) =
                (texts(&context["capabilities"]["add"]), texts(&context["capabilities"]["drop"]));
            if drops != ["ALL"] || adds != wanted {
                found.push(format!("{name}: keeps the capabilities {adds:?} of {drops:?}, and the box keeps {wanted:?} of all"));
            }
            let holds = context["readOnlyRootFilesystem"].as_bool() == Some(true)
                && context["allowPrivilegeEscalation"].as_bool() == Some(false)
                && context["privileged"].is_badvalue()
                && context["runAsUser"].as_i64() == Some(0);
            if !holds {
                found.push(format!(
                    "{name}: must be root without privileges, nothing to gain, on a read-only root"
                ));
            }
        }
        let (here, there) = (mounts(self.daemon()), mounts_of_box(box_script));
        let difference = |one: &BTreeSet<Mount>, other: &BTreeSet<Mount>| {
            one.difference(other).cloned().collect::<Vec<_>>()
        };
        for mount in difference(&here, &there) {
            found.push(format!(
                "{mount:?} is mounted, and not so in {BOX}: no scenario shows that it is needed"
            ));
        }
        for mount in difference(&there, &here) {
            found.push(format!(
                "{mount:?} of {BOX} is not mounted so: no scenario shows that it can be missing"
            ));
        }
        for needed in ["mount -o remount,bind,ro /\n", "--no-new-privs"] {
            if !box_script.contains(needed) {
                found.push(format!("{BOX} does not say `{}`, which is promised here", needed.trim()));
            }
        }
        found
    }

    /// Every mount holds a path of the settings, every such path is in a mount, and is the host's own.
    fn paths(&self, tree: &Tree) -> Vec<String> {
        let mut found = Vec::new();
        let mounts = mounts(self.daemon());
        let paths: Vec<&Setting<'_>> = self
            .settings
            .iter()
            .filter(|setting| {
                setting.value.starts_with("an absolute path") && setting.default.starts_with('/')
            })
            .collect();
        for setting in &paths {
            if !mounts.iter().any(|mount| is_in(setting.default, &mount.at)) {
                found
                    .push(format!("{} is {} by default, which is in no mount", setting.key, setting.default));
            }
        }
        for (container, mount) in [self.install(), self.daemon()]
            .iter()
            .flat_map(|it| list(&it["volumeMounts"]).iter().map(move |mount| (it, mount)))
        {
            let (name, at) = (text(&mount["name"]), text(&mount["mountPath"]));
            let volume = list(&self.spec["volumes"]).iter().find(|volume| text(&volume["name"]) == name);
            let Some(of_host) = volume.and_then(|volume| volume["hostPath"]["path"].as_str()) else {
                continue;
            };
            if at.strip_prefix(HOST).unwrap_or(at) != of_host {
                found.push(format!("{}: {at} is {of_host} on the host", text(&container["name"])));
            }
            if !paths.iter().any(|setting| is_in(setting.default, at)) {
                found.push(format!("{at} holds nothing that a setting names"));
            }
        }
        let shim = tree.text(SHIM.0).unwrap_or_default();
        for constant in SHIM.1 {
            let path = shim.split(constant).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("?");
            if !mounts.iter().any(|mount| is_in(path, &mount.at)) {
                found.push(format!("the shim's {path} ({}) is in no mount", SHIM.0));
            }
        }
        found
    }

    /// Ports and probes are where the settings put them.
    fn addresses(&self, pages: &str) -> Vec<String> {
        let mut found = Vec::new();
        let default = |key: &str| {
            let setting = self.settings.iter().find(|setting| setting.key == key);
            setting.and_then(|setting| setting.default.split_once(':')).unwrap_or(("?", "?"))
        };
        let daemon = self.daemon();
        let ports: Vec<i64> =
            list(&daemon["ports"]).iter().filter_map(|port| port["containerPort"].as_i64()).collect();
        let metrics = default("daemon.metrics_bind");
        if ports.iter().map(i64::to_string).collect::<Vec<_>>() != [metrics.1] {
            found.push(format!("ports are {ports:?}, and metrics are at {metrics:?}"));
        }
        let health = default("daemon.health_bind");
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            let get = &daemon[probe]["httpGet"];
            let (host, port) = (text(&get["host"]), get["port"].as_i64().unwrap_or_default().to_string());
            if (host, port.as_str()) != health || text(&get["path"]) != path {
                found.push(format!("{probe} does not ask {}:{}{path}", health.0, health.1));
            }
            if !pages.contains(&format!(".route(\"{path}\"")) {
                found.push(format!("{probe} asks for {path}, which {PAGES} does not have"));
            }
        }
        found
    }
}

/// `path` is the directory, or in it.
fn is_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn mounts(container: &Yaml) -> BTreeSet<Mount> {
    let mounts = list(&container["volumeMounts"]).iter();
    mounts
        .map(|mount| Mount {
            at: text(&mount["mountPath"]).to_owned(),
            read_only: mount["readOnly"].as_bool() == Some(true),
        })
        .collect()
}

/// What the box mounts of the node's own directories.
fn mounts_of_box(script: &str) -> BTreeSet<Mount> {
    let lines = script.lines().filter(|line| line.starts_with("mount ") && line.contains("\"$state/"));
    let mounts = lines.filter_map(|line| {
        let at = line.split_whitespace().next_back()?;
        Some(Mount { at: format!("/{at}"), read_only: line.contains("bind,ro") })
    });
    mounts.filter(|mount| !mount.at.starts_with("/proc/")).collect()
}

/// What is left of the bounding set in the box, as Kubernetes names it.
fn capabilities(script: &str) -> Vec<String> {
    let set = script.split("--bounding-set=-all,").nth(1).and_then(|rest| rest.split_whitespace().next());
    let kept = set.into_iter().flat_map(|set| set.split(','));
    kept.map(|capability| capability.trim_start_matches('+').to_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This repository's own, and what each must be held against.
    const FILES: [(&str, &str); 6] = [
        (MANIFEST, include_str!("../../../../deploy/enid.yaml")),
        (BOX, include_str!("../../../lab/src/node/box.sh")),
        (PAGES, include_str!("../../../../actors/health-server/src/http.rs")),
        (SHIM.0, include_str!("../../../../cni-shim/src/netconf.rs")),
        (crate::deploy::SETTINGS, include_str!("../../../../config/README.md")),
        ("Cargo.toml", include_str!("../../../../Cargo.toml")),
    ];

    fn found(file: &str, find: &str, replace: &str) -> Vec<String> {
        let changed = FILES.map(|(path, text)| {
            let text = if path == file { text.replace(find, replace) } else { text.to_owned() };
            assert!(path != file || !FILES.contains(&(path, &text)), "{find} is not in {path}");
            (path, text)
        });
        let files: Vec<(&str, &str)> = changed.iter().map(|(path, text)| (*path, text.as_str())).collect();
        broken(&Tree::of(&files))
    }

    #[test]
    fn each_right_that_is_too_much_is_caught() {
        for (find, replace, about) in [
            ("add: [NET_ADMIN]", "add: [NET_ADMIN, SYS_ADMIN]", "SYS_ADMIN"),
            ("runAsUser: 0\n", "runAsUser: 0\n            privileged: true\n", "without privileges"),
            ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "nothing to gain"),
            ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "read-only root"),
            ("type: RuntimeDefault", "type: Unconfined", "seccomp"),
            ("hostNetwork: true", "hostNetwork: true\n      hostPID: true", "more than the host's network"),
            ("kind: ServiceAccount", "kind: ClusterRole", "asks the API server for nothing"),
            ("mountPath: /var/lib/enid", "mountPath: /var/lib", "no scenario shows that it is needed"),
            ("/host/opt/cni/bin, readOnly: true", "/host/opt/cni/bin", "no scenario shows"),
            ("path: /var/lib/enid,", "path: /var/lib,", "on the host"),
        ] {
            let complaints = found(MANIFEST, find, replace);
            assert!(complaints.iter().any(|told| told.contains(about)), "{replace}: {complaints:#?}");
        }
    }

    #[test]
    fn each_fact_that_is_another_elsewhere_is_caught() {
        for (file, find, replace, about) in [
            (MANIFEST, "MY_NODE_NAME", "MY_NODE", "sets MY_NODE, which is no setting"),
            (MANIFEST, "image: enid:", "image: enid:v", "not this version's"),
            (MANIFEST, "args: [run]", "args: [serve]", "does not run `enid run`"),
            (MANIFEST, "containerPort: 61678", "containerPort: 61679", "metrics are at"),
            (
                MANIFEST,
                "port: 61680, path: /livez",
                "port: 61681, path: /livez",
                "livenessProbe does not ask",
            ),
            (PAGES, "\"/readyz\"", "\"/ready\"", "readinessProbe asks for /readyz"),
            (BOX, "+net_admin --inh", "+net_admin,+net_raw --inh", "NET_RAW"),
            (
                BOX,
                "mount --bind \"$state/var-lib-enid\" var/lib/enid",
                "",
                "no scenario shows that it is needed",
            ),
            (BOX, "--no-new-privs", "", "which is promised here"),
            (SHIM.0, "\"/var/lib/enid/spool\"", "\"/var/spool/enid\"", "the shim's /var/spool/enid"),
            (crate::deploy::SETTINGS, "`\"/var/lib/enid\"`", "`\"/var/lib/other\"`", "is in no mount"),
        ] {
            let complaints = found(file, find, replace);
            assert!(complaints.iter().any(|told| told.contains(about)), "{replace}: {complaints:#?}");
        }
    }
}
