//! The log: JSON lines, to where the settings say.

use config::settings::{LogDestination, LogLevel};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts logging. The level is ours; what the libraries below say counts from `warn` on.
pub(crate) fn start(level: LogLevel, destination: LogDestination) {
    let writer = match destination {
        LogDestination::Stdout => BoxMakeWriter::new(std::io::stdout),
        LogDestination::Stderr => BoxMakeWriter::new(std::io::stderr),
    };
    let mut filter = EnvFilter::new("warn");
    for room in [
        "enid",
        "kernel",
        "eni_manager",
        "subnet_scout",
        "warm_pool",
        "route_programmer",
        "health_server",
        "cni_server",
        "ec2",
        "linux",
        "checkpoint",
    ] {
        if let Ok(directive) = format!("{room}={}", level.as_str()).parse() {
            filter = filter.add_directive(directive);
        }
    }
    // A second start, as in a test, keeps the first.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(writer).try_init();
}
