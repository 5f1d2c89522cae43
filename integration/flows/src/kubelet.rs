//! What kubelet makes of a DaemonSet's pod for the runtime, as far as `deploy/enid.yaml` goes: a confinement is what a runtime
//! applies, not what a file says. A field that is not known here is an error, so that none is left out.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::PathBuf;
use yaml_rust2::{Yaml, YamlLoader};

use crate::cri::{
    Capability, ContainerConfig, ContainerMetadata, ImageSpec, Int64Value, KeyValue, LinuxContainerConfig,
    LinuxContainerSecurityContext, LinuxPodSandboxConfig, LinuxSandboxSecurityContext, Mount, NamespaceMode,
    NamespaceOption, PodSandboxConfig, PodSandboxMetadata, ProfileType, SecurityProfile,
};

/// What kubelet hides and protects of /proc and /sys in every container (`procMount: Default`).
const MASKED: [&str; 8] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Of a container, what a runtime is told, and what only kubelet or the scheduler look at.
const CONTAINER: [&str; 6] = ["name", "image", "args", "env", "securityContext", "volumeMounts"];
const CONTAINER_OF_KUBELET: [&str; 4] = ["ports", "livenessProbe", "readinessProbe", "resources"];
const CONTEXT: [&str; 4] =
    ["runAsUser", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"];
const MOUNT: [&str; 3] = ["name", "mountPath", "readOnly"];

/// A pod template.
#[derive(Debug)]
pub struct Template {
    spec: Yaml,
}

impl Template {
    /// The template of the one DaemonSet in a manifest.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(manifest: &str) -> Result<Self> {
        let documents = YamlLoader::load_from_str(manifest).context("no YAML")?;
        let set = documents.iter().find(|document| document["kind"].as_str() == Some("DaemonSet"));
        Ok(Self { spec: set.context("no DaemonSet")?["spec"]["template"]["spec"].clone() })
    }

    /// The sandbox.
    ///
    /// # Errors
    /// When the template asks for what is not known here.
    pub fn sandbox(&self, name: &str, cgroup_parent: String, logs: String) -> Result<PodSandboxConfig> {
        Ok(PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.to_owned(),
                uid: format!("uid-of-{name}"),
                namespace: "kube-system".to_owned(),
                attempt: 0,
            }),
            hostname: String::new(),
            log_directory: logs,
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent,
                security_context: Some(LinuxSandboxSecurityContext {
                    namespace_options: Some(self.namespaces()),
                    seccomp: Some(self.seccomp()?),
                }),
            }),
        })
    }

    /// A container by its name, with more environment than it says. `directory` is where this node has a directory of the host.
    ///
    /// # Errors
    /// When there is none, or it asks for what is not known here.
    pub fn container(
        &self,
        name: &str,
        more: &BTreeMap<String, String>,
        directory: impl Fn(&str) -> Result<PathBuf>,
    ) -> Result<ContainerConfig> {
        let all = list(&self.spec["initContainers"]).iter().chain(list(&self.spec["containers"]));
        let container = all.into_iter().find(|container| text(&container["name"]) == name);
        let container = container.with_context(|| format!("no container {name}"))?;
        only(container, &[&CONTAINER[..], &CONTAINER_OF_KUBELET[..]].concat())?;
        Ok(ContainerConfig {
            metadata: Some(ContainerMetadata { name: name.to_owned(), attempt: 0 }),
            image: Some(ImageSpec { image: text(&container["image"]) }),
            command: Vec::new(),
            args: texts(&container["args"]),
            envs: environment(container, more),
            mounts: self.mounts(container, directory)?,
            log_path: format!("{name}.log"),
            linux: Some(LinuxContainerConfig {
                security_context: Some(self.context(&container["securityContext"])?),
            }),
        })
    }

    /// The image that every container has.
    ///
    /// # Errors
    /// When they differ.
    pub fn image(&self) -> Result<String> {
        let all = list(&self.spec["initContainers"]).iter().chain(list(&self.spec["containers"]));
        let mut images: Vec<String> = all.map(|container| text(&container["image"])).collect();
        images.dedup();
        match images.as_slice() {
            [image] => Ok(image.clone()),
            other => bail!("not one image: {other:?}"),
        }
    }

    fn namespaces(&self) -> NamespaceOption {
        let of_host = |key: &str, other| {
            if self.spec[key].as_bool() == Some(true) { NamespaceMode::Node } else { other }.into()
        };
        NamespaceOption {
            network: of_host("hostNetwork", NamespaceMode::Pod),
            pid: of_host("hostPID", NamespaceMode::Container),
            ipc: of_host("hostIPC", NamespaceMode::Pod),
        }
    }

    fn seccomp(&self) -> Result<SecurityProfile> {
        let context = &self.spec["securityContext"];
        only(context, &["seccompProfile"])?;
        let profile = text(&context["seccompProfile"]["type"]);
        ensure!(profile == "RuntimeDefault", "seccomp profile {profile:?}");
        Ok(SecurityProfile { profile_type: ProfileType::RuntimeDefault.into() })
    }

    fn context(&self, context: &Yaml) -> Result<LinuxContainerSecurityContext> {
        only(context, &CONTEXT)?;
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        Ok(LinuxContainerSecurityContext {
            capabilities: Some(Capability {
                add_capabilities: texts(&context["capabilities"]["add"]),
                drop_capabilities: texts(&context["capabilities"]["drop"]),
            }),
            namespace_options: Some(self.namespaces()),
            run_as_user: context["runAsUser"].as_i64().map(|value| Int64Value { value }),
            readonly_rootfs: context["readOnlyRootFilesystem"].as_bool() == Some(true),
            no_new_privs: context["allowPrivilegeEscalation"].as_bool() == Some(false),
            masked_paths: owned(&MASKED),
            readonly_paths: owned(&READ_ONLY),
            seccomp: Some(self.seccomp()?),
        })
    }

    /// Directories of the host; a ConfigMap that may be missing is.
    fn mounts(&self, container: &Yaml, directory: impl Fn(&str) -> Result<PathBuf>) -> Result<Vec<Mount>> {
        let mut mounts = Vec::new();
        for mount in list(&container["volumeMounts"]) {
            only(mount, &MOUNT)?;
            let name = text(&mount["name"]);
            let volume = list(&self.spec["volumes"]).iter().find(|volume| text(&volume["name"]) == name);
            let volume = volume.with_context(|| format!("no volume {name}"))?;
            if volume["configMap"]["optional"].as_bool() == Some(true) {
                continue;
            }
            let path =
                volume["hostPath"]["path"].as_str().with_context(|| format!("volume {name}: {volume:?}"))?;
            let host_path = directory(path)?;
            std::fs::create_dir_all(&host_path).with_context(|| format!("cannot make {path}"))?;
            mounts.push(Mount {
                container_path: text(&mount["mountPath"]),
                host_path: host_path.display().to_string(),
                readonly: mount["readOnly"].as_bool() == Some(true),
            });
        }
        Ok(mounts)
    }
}

/// What the downward API says is of the pod's name; here each has the variable's own.
fn environment(container: &Yaml, more: &BTreeMap<String, String>) -> Vec<KeyValue> {
    let told = list(&container["env"]).iter().map(|variable| {
        let key = text(&variable["name"]);
        let value = variable["value"].as_str().map_or_else(|| key.to_lowercase(), str::to_owned);
        KeyValue { key, value }
    });
    told.chain(more.iter().map(|(key, value)| KeyValue { key: key.clone(), value: value.clone() })).collect()
}

/// No key but these.
fn only(object: &Yaml, known: &[&str]) -> Result<()> {
    for key in object.as_hash().context("no object")?.keys() {
        ensure!(key.as_str().is_some_and(|key| known.contains(&key)), "{key:?} is not known here");
    }
    Ok(())
}

fn text(of: &Yaml) -> String {
    of.as_str().unwrap_or_default().to_owned()
}

fn list(of: &Yaml) -> &[Yaml] {
    of.as_vec().map(Vec::as_slice).unwrap_or_default()
}

fn texts(of: &Yaml) -> Vec<String> {
    list(of).iter().map(text).collect()
}
