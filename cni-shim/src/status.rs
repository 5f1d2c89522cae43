//! STATUS: would an ADD be served? It fails only until the daemon has been able to serve once in this boot. Runtimes turn a
//! failing STATUS into a node that is not ready, which empties it: a node without free addresses, or for a moment without a
//! daemon, serves again sooner without that, and its ADDs wait.

use std::path::Path;

use crate::client::{self, trusted_directory};
use crate::clock;
use crate::error::ShimError;
use crate::netconf::Netconf;
use protocol::served;

/// Answers a STATUS.
///
/// # Errors
/// [`ShimError::NotServedYet`].
pub fn run(conf: &Netconf) -> Result<(), ShimError> {
    let directory = &conf.state_directory;
    let not_yet = |because: String| ShimError::NotServedYet { because };
    trusted_directory(directory).map_err(|problem| not_yet(problem.to_string()))?;
    match served::is_marked(directory, &clock::boot_id()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(not_yet(stage(directory).to_owned())),
        Err(error) => {
            Err(not_yet(format!("cannot read {}: {error}", served::mark_path(directory).display())))
        }
    }
}

/// How far the daemon is, for whoever reads the message.
fn stage(state_directory: &Path) -> &'static str {
    if client::socket_path(state_directory).exists() {
        "it runs or has run, and knows no address yet that a pod could have"
    } else {
        "it has not opened its socket"
    }
}
