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
    /// Put the shim and the image's reference plugins into the node's plugin directory.
    Install {
        /// Where the image has them: `enid-cni`, and any others under their own names.
        #[arg(long, value_name = "DIR", default_value = "/usr/lib/enid/cni")]
        from: PathBuf,
        /// The settings file; without this, /etc/enid/enid.toml if it is there.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Tell about the settings.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Tell which build this is, as JSON.
    Version,
}

/// What to tell about the settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Every setting, its value, and the layer it is from.
    Explain {
        /// The settings file; without this, /etc/enid/enid.toml if it is there.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
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
