//! The container runtime interface, from kubelet's side: what a flow says to containerd, each call with a deadline. Decides
//! nothing.

mod v1;

pub use v1::{
    Capability, ContainerConfig, ContainerMetadata, ContainerState, ContainerStatus, CreateContainerRequest,
    ImageSpec, Int64Value, KeyValue, LinuxContainerConfig, LinuxContainerSecurityContext,
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, Mount, NamespaceMode, NamespaceOption,
    PodSandboxConfig, PodSandboxMetadata, PodSandboxState, PodSandboxStatus, ProfileType, SecurityProfile,
};

use anyhow::{Context, Result, bail};
use hyper_util::rt::TokioIo;
use lab::until;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;
use v1::image_service_client::ImageServiceClient;
use v1::runtime_service_client::RuntimeServiceClient;

/// kubelet gives RunPodSandbox four minutes; nothing here waits for more than an address that is free.
const CALL_SECONDS_MAX: u64 = 60;

/// containerd sees a new file or image in less than half a second; a machine busy with a build takes longer.
const NOTICE_SECONDS_MAX: u64 = 20;

/// A connection to a runtime.
#[derive(Debug, Clone)]
pub struct Cri {
    runtime: RuntimeServiceClient<Channel>,
    images: ImageServiceClient<Channel>,
}

/// A call's answer, or what it was that did not answer.
async fn answer<T>(
    what: &str,
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T> {
    let answer = timeout(Duration::from_secs(CALL_SECONDS_MAX), call)
        .await
        .with_context(|| format!("{what}: no answer within {CALL_SECONDS_MAX} s"))?;
    match answer {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => bail!("{what}: {:?}: {}", status.code(), status.message()),
    }
}

impl Cri {
    /// Connects to a runtime's socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(socket: PathBuf) -> Result<Self> {
        // The name is for the protocol's header only.
        let channel = Endpoint::from_static("http://localhost")
            .connect_with_connector(service_fn(move |_| {
                let socket = socket.clone();
                async move { UnixStream::connect(socket).await.map(TokioIo::new) }
            }))
            .await
            .context("cannot connect to containerd")?;
        Ok(Self {
            runtime: RuntimeServiceClient::new(channel.clone()),
            images: ImageServiceClient::new(channel),
        })
    }

    /// Waits until the runtime says that it can run containers.
    ///
    /// # Errors
    /// When it does not in time, with its reason.
    pub async fn wait_for_runtime(&mut self) -> Result<()> {
        let complaint = until::quiet(Duration::from_secs(NOTICE_SECONDS_MAX), || {
            let mut runtime = self.runtime.clone();
            // Between the socket and the service the runtime refuses calls.
            async move {
                let answer = answer("Status", runtime.status(v1::StatusRequest { verbose: false })).await;
                Ok(match answer {
                    Ok(answer) => not_ready(&answer, "RuntimeReady"),
                    Err(error) => Some(error.to_string()),
                })
            }
        })
        .await?;
        complaint.map_or(Ok(()), |complaint| bail!("the runtime is not ready: {complaint}"))
    }

    /// Waits until the runtime has loaded a network of this name and, if one is given, this version.
    ///
    /// # Errors
    /// When it has not in time, with what it has.
    pub async fn wait_for_network(&mut self, name: &str, version: Option<&str>) -> Result<()> {
        let complaint = until::quiet(Duration::from_secs(NOTICE_SECONDS_MAX), || {
            let mut runtime = self.runtime.clone();
            async move {
                let answer = answer("Status", runtime.status(v1::StatusRequest { verbose: true })).await?;
                Ok(not_ready(&answer, "NetworkReady").or_else(|| not_loaded(&answer, name, version)))
            }
        })
        .await?;
        complaint.map_or(Ok(()), |complaint| bail!("network {name} {version:?} is not loaded: {complaint}"))
    }

    /// Waits until the runtime knows an image.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn wait_for_image(&mut self, name: &str) -> Result<()> {
        let complaint = until::quiet(Duration::from_secs(NOTICE_SECONDS_MAX), || {
            let mut images = self.images.clone();
            let request = v1::ImageStatusRequest { image: Some(ImageSpec { image: name.to_owned() }) };
            async move {
                let found = answer("ImageStatus", images.image_status(request)).await?.image;
                Ok(found.is_none().then(|| "no such image".to_owned()))
            }
        })
        .await?;
        complaint.map_or(Ok(()), |complaint| bail!("{name}: {complaint}"))
    }

    /// RunPodSandbox: the id of a sandbox that runs and has a network.
    ///
    /// # Errors
    /// When it is refused, with the runtime's words.
    pub async fn run_sandbox(&mut self, config: PodSandboxConfig) -> Result<String> {
        let request = v1::RunPodSandboxRequest { config: Some(config) };
        let run = answer("RunPodSandbox", self.runtime.run_pod_sandbox(request)).await?;
        Ok(run.pod_sandbox_id)
    }

    /// PodSandboxStatus.
    ///
    /// # Errors
    /// When there is no such sandbox.
    pub async fn sandbox_status(&mut self, id: &str) -> Result<PodSandboxStatus> {
        let request = v1::PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: false };
        let told = answer("PodSandboxStatus", self.runtime.pod_sandbox_status(request)).await?;
        told.status.context("a sandbox without a status")
    }

    /// StopPodSandbox.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn stop_sandbox(&mut self, id: &str) -> Result<()> {
        let request = v1::StopPodSandboxRequest { pod_sandbox_id: id.to_owned() };
        answer("StopPodSandbox", self.runtime.stop_pod_sandbox(request)).await?;
        Ok(())
    }

    /// RemovePodSandbox.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn remove_sandbox(&mut self, id: &str) -> Result<()> {
        let request = v1::RemovePodSandboxRequest { pod_sandbox_id: id.to_owned() };
        answer("RemovePodSandbox", self.runtime.remove_pod_sandbox(request)).await?;
        Ok(())
    }

    /// The ids of all sandboxes that the runtime still knows.
    ///
    /// # Errors
    /// When the runtime does not answer.
    pub async fn sandboxes(&mut self) -> Result<Vec<String>> {
        let request = v1::ListPodSandboxRequest {};
        let listed = answer("ListPodSandbox", self.runtime.list_pod_sandbox(request)).await?;
        Ok(listed.items.into_iter().map(|sandbox| sandbox.id).collect())
    }

    /// CreateContainer and StartContainer: the id of a container in a sandbox.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn start_container(&mut self, request: CreateContainerRequest) -> Result<String> {
        let created = answer("CreateContainer", self.runtime.create_container(request)).await?;
        let request = v1::StartContainerRequest { container_id: created.container_id.clone() };
        answer("StartContainer", self.runtime.start_container(request)).await?;
        Ok(created.container_id)
    }

    /// ContainerStatus.
    ///
    /// # Errors
    /// When there is no such container.
    pub async fn container_status(&mut self, id: &str) -> Result<ContainerStatus> {
        let request = v1::ContainerStatusRequest { container_id: id.to_owned() };
        let told = answer("ContainerStatus", self.runtime.container_status(request)).await?;
        told.status.context("a container without a status")
    }
}

/// Why a condition does not hold, if it does not.
fn not_ready(answer: &v1::StatusResponse, condition: &str) -> Option<String> {
    let conditions = answer.status.as_ref().map(|status| status.conditions.as_slice());
    match conditions.unwrap_or_default().iter().find(|one| one.r#type == condition) {
        Some(found) if found.status => None,
        Some(found) => Some(format!("{}: {}", found.reason, found.message)),
        None => Some(format!("it does not tell {condition}")),
    }
}

/// What is loaded instead of this network, if it is not.
fn not_loaded(answer: &v1::StatusResponse, name: &str, version: Option<&str>) -> Option<String> {
    let text = answer.info.get("cniconfig").map_or("", String::as_str);
    let told: Value = serde_json::from_str(text).unwrap_or_default();
    let networks = told.get("Networks").and_then(Value::as_array);
    let loaded = networks.into_iter().flatten().any(|network| {
        let said = |key: &str| network.pointer(key).and_then(Value::as_str);
        said("/Config/Name") == Some(name) && (version.is_none() || said("/Config/CNIVersion") == version)
    });
    (!loaded).then(|| text.to_owned())
}
