//! What `enid` can be told on its command line.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// The network agent of an EKS node.
#[derive(Debug, Parser)]
#[command(name = "enid", version, disable_help_subcommand = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve this node until SIGTERM.
    Run {
        /// The settings file; without this, /etc/enid/enid.toml if it is there.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Tell which build this is, as JSON.
    Version,
}

/// Version, source digest and protocol, as one JSON object.
pub(crate) fn version() -> String {
    format!(
        r#"{{"version":"{}","source_digest":"{}","protocol":{}}}"#,
        source_digest::VERSION,
        source_digest::BUILT_FROM,
        protocol::PROTOCOL
    )
}
