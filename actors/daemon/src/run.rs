//! `enid run`: settings, the right to write, the runtimes, and the tree until it ends.

use checkpoint::{CheckpointPaths, FileCheckpoint, FileIntents};
use config::{Loaded, Settings};
use contract::model::VethPrefix;
use ec2::AwsSettings;
use household::{Children, Household, Sockets, World};
use kernel::{Clock, Ended, Publisher, Strategy, Tree, TreeConfig, watch_over};
use linux::LinuxHost;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

use crate::fault_socket::FaultSocket;
use crate::gaps::gaps;
use crate::{install, log, node_time, one_writer, policy_agent};

/// Settings that cannot be used.
const EXIT_SETTINGS: u8 = 2;
/// Another agent serves the node.
const EXIT_NOT_THE_ONLY_WRITER: u8 = 3;
/// Something this process needs from the system is not there.
const EXIT_SYSTEM: u8 = 4;
/// A room without which nothing is served died too often: a clean process is better.
const EXIT_ESCALATED: u8 = 5;

/// Where settings are looked for if nobody says.
const DEFAULT_FILE: &str = "/etc/enid/enid.toml";

/// Threads for I/O: two, as the work is waiting.
const IO_THREADS: usize = 2;

/// A disk that does not answer within this has failed the write, which is tried again.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

/// One netlink call, with all its messages.
const NETLINK_TIMEOUT: Duration = Duration::from_secs(5);

/// The kernel's loop turns twice a second; without a turn for this long, the process is stuck.
const PULSE_LIMIT: Duration = Duration::from_secs(20);

/// Why the daemon did not serve, or stopped: an exit code, and words for the log.
struct Failed {
    code: u8,
    words: String,
}

pub(crate) fn run(file: Option<PathBuf>) -> ExitCode {
    match serve(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { code, words }) => {
            eprintln!("enid: {words}");
            ExitCode::from(code)
        }
    }
}

/// `enid config explain`: what would be in force in this environment, and what of it is not done yet.
pub(crate) fn explain(file: Option<PathBuf>) -> ExitCode {
    match load(file, &environment()) {
        Ok(Loaded { settings, warnings, provenance }) => {
            provenance.iter().for_each(|setting| println!("{setting}"));
            warnings.iter().for_each(|warning| println!("warning: {warning}"));
            gaps(&settings).iter().for_each(|gap| println!("not yet: {gap}"));
            ExitCode::SUCCESS
        }
        Err(Failed { code, words }) => {
            eprintln!("enid: {words}");
            ExitCode::from(code)
        }
    }
}

/// `enid install`: from the image into the plugin directory of the settings.
pub(crate) fn install(from: &Path, file: Option<PathBuf>) -> ExitCode {
    let installed = load(file, &environment()).and_then(|Loaded { settings, .. }| {
        install::install(from, &settings.cni.binary_directory, source_digest::VERSION)
            .map_err(failed(EXIT_SYSTEM))
    });
    match installed {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(Failed { code, words }) => {
            eprintln!("enid: {words}");
            ExitCode::from(code)
        }
    }
}

fn serve(file: Option<PathBuf>) -> Result<(), Failed> {
    let environment = environment();
    let Loaded { settings, warnings, .. } = load(file, &environment)?;
    log::start(settings.daemon.log_level, settings.daemon.log_destination);
    for warning in warnings {
        tracing::warn!(%warning, "settings");
    }
    let gaps = gaps(&settings);
    for gap in &gaps {
        tracing::warn!(gap, "not yet");
    }
    let veth_prefix = VethPrefix::new(&settings.dataplane.veth_prefix).map_err(failed(EXIT_SETTINGS))?;
    let daemon = &settings.daemon;
    let _writer = one_writer::claim(&daemon.state_directory, &daemon.socket_path).map_err(|error| {
        let code = match error {
            one_writer::WriterError::Directory { .. } => EXIT_SYSTEM,
            _ => EXIT_NOT_THE_ONLY_WRITER,
        };
        failed(code)(with_sources(&error))
    })?;
    let boot_id = node_time::boot_id();
    let paths = CheckpointPaths::beside(&daemon.checkpoint_path);
    let checkpoint = FileCheckpoint::open(paths, &boot_id, DISK_TIMEOUT).map_err(failed(EXIT_SYSTEM))?;
    let intents =
        FileIntents::open(&daemon.persistent_directory, DISK_TIMEOUT).map_err(failed(EXIT_SYSTEM))?;
    let aws = aws(&settings, &environment);
    let aws_timeout = aws_timeout(&aws);
    let (ec2, imds) = ec2::connect(aws);
    let world = World {
        ec2,
        imds,
        aws_timeout,
        checkpoint: Arc::new(checkpoint),
        intents: Arc::new(intents),
        connect_host: Arc::new(|| Ok(Arc::new(LinuxHost::connect(NETLINK_TIMEOUT)?))),
        wall: node_time::unix_nanoseconds,
    };
    supervise(Arc::new(settings), gaps, veth_prefix, world, seed(&boot_id))
}

fn supervise(
    settings: Arc<Settings>,
    gaps: Vec<String>,
    veth_prefix: VethPrefix,
    world: World,
    seed: u64,
) -> Result<(), Failed> {
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("io")
        .enable_all()
        .build()
        .map_err(failed(EXIT_SYSTEM))?;
    let io = Arc::new(io);
    let handle = io.handle().clone();
    let system = actix_rt::System::with_tokio_rt({
        let io = io.clone();
        move || io
    });
    let faults = fault_socket(&settings)?;
    let pulse = Arc::new(AtomicU64::new(0));
    // Whoever is stuck cannot stop in order; what it owns is on disk and in the kernel.
    let watchdog =
        watch_over(pulse.clone(), PULSE_LIMIT, || std::process::abort()).map_err(failed(EXIT_SYSTEM))?;
    let ended = system.block_on(async {
        let clock = Clock::new(node_time::boottime());
        let vitals = Publisher::new();
        let alive = Arc::new(alive(pulse.clone(), clock));
        let orders = faults.map(|socket| socket.serve(&handle));
        let mut tree = Tree::new(TreeConfig {
            strategy: Strategy::Threads,
            io: handle,
            clock,
            seed,
            vitals: vitals.clone(),
            pulse: pulse.clone(),
        });
        let doors = Arc::new(Sockets);
        let house = Household { settings, gaps, veth_prefix, world, doors, vitals, alive, clock, seed };
        Children::of(&house).live_in(&mut tree);
        if let Some(orders) = orders {
            tree.take_orders_from(orders);
        }
        tree.run(asked_to_stop()).await
    });
    pulse.store(u64::MAX, Ordering::Relaxed);
    watchdog.thread().unpark();
    match ended {
        Ended::Stopped => Ok(()),
        Ended::Escalated { reason } => Err(Failed { code: EXIT_ESCALATED, words: reason }),
    }
}

/// The socket over which tests harm the actors, if there is to be one.
fn fault_socket(settings: &Settings) -> Result<Option<FaultSocket>, Failed> {
    let Some(path) = &settings.fault.socket else {
        return Ok(None);
    };
    let failed =
        |error| failed(EXIT_SYSTEM)(format!("cannot open the fault socket {}: {error}", path.display()));
    FaultSocket::open(path).map(Some).map_err(failed)
}

/// `/livez`: the kernel's loop has turned lately. Asked by several, so what was seen last is an atomic pair.
fn alive(pulse: Arc<AtomicU64>, clock: Clock) -> impl Fn() -> bool + Send + Sync {
    let (seen, seen_at) = (AtomicU64::new(0), AtomicU64::new(0));
    move || {
        let now = u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX);
        let turned = pulse.load(Ordering::Relaxed);
        if seen.swap(turned, Ordering::Relaxed) != turned {
            seen_at.store(now, Ordering::Relaxed);
            return true;
        }
        let quiet = now.saturating_sub(seen_at.load(Ordering::Relaxed));
        u128::from(quiet) < PULSE_LIMIT.as_millis()
    }
}

async fn asked_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("asked to stop; pods keep their network");
}

/// The whole environment, once. What is no UTF-8 is marked as such, and refused by whoever wants to read it.
fn environment() -> BTreeMap<String, String> {
    let text = |raw: std::ffi::OsString| raw.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

fn load(file: Option<PathBuf>, environment: &BTreeMap<String, String>) -> Result<Loaded, Failed> {
    let named = file.is_some();
    let path = file.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let content = match std::fs::read_to_string(&path) {
        Ok(content) => Some((path, content)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => None,
        Err(error) => {
            let words = format!("cannot read the settings in {}: {error}", path.display());
            return Err(Failed { code: EXIT_SETTINGS, words });
        }
    };
    let loaded = Settings::load(content, environment.clone()).map_err(failed(EXIT_SETTINGS))?;
    policy_agent::refuse(&loaded.settings).map_err(failed(EXIT_SETTINGS))?;
    Ok(loaded)
}

/// The endpoints that the SDK's own variables name.
fn aws(settings: &Settings, environment: &BTreeMap<String, String>) -> AwsSettings {
    let of = |names: &[&str]| {
        names.iter().find_map(|name| environment.get(*name).filter(|value| !value.is_empty()).cloned())
    };
    AwsSettings {
        region: of(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
        ec2_endpoint: of(&["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"]),
        imds_endpoint: of(&["AWS_EC2_METADATA_SERVICE_ENDPOINT"]),
        ec2_timeout: Duration::from_secs(settings.ec2.call_timeout_seconds.into()),
        ..AwsSettings::default()
    }
}

/// By when either port has answered by its own timeout. What takes longer is a stalled call, and costs its actor a restart: a
/// patient setting must not make a slow EC2 one, and an impatient one need not wait long to see it.
fn aws_timeout(aws: &AwsSettings) -> Duration {
    aws.ec2_timeout.max(aws.imds_timeout)
}

/// Nodes of a fleet differ in their boot id: FNV-1a of it.
fn seed(boot_id: &str) -> u64 {
    boot_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn failed<E: std::fmt::Display>(code: u8) -> impl FnOnce(E) -> Failed {
    move |error| Failed { code, words: error.to_string() }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_file_that_was_named_must_be_there() {
        let missing = PathBuf::from("/nonexistent/enid.toml");
        let refused = load(Some(missing), &BTreeMap::new()).map(|_| ()).unwrap_err();
        assert_eq!(refused.code, EXIT_SETTINGS);
        assert!(refused.words.contains("/nonexistent/enid.toml"));
    }

    #[test]
    fn a_call_is_stalled_only_after_its_own_timeout_however_patient_the_settings_are() {
        let of = |timeout: u32| {
            let file = format!("[ec2]\ncall_timeout_seconds = {timeout}\n");
            let settings = Settings::load(Some((PathBuf::from("enid.toml"), file)), []).unwrap().settings;
            aws_timeout(&aws(&settings, &BTreeMap::new()))
        };
        assert_eq!(of(300), Duration::from_secs(300));
        assert_eq!(of(10), Duration::from_secs(10));
        assert_eq!(of(1), AwsSettings::default().imds_timeout);
    }

    #[test]
    fn nodes_of_a_fleet_have_seeds_of_their_own() {
        assert_ne!(seed("0b6b"), seed("0b6c"));
    }
}
