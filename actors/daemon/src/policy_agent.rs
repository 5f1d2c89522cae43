//! The network policy agent of this node. enid has no hook for it yet: policies that were asked for are not enforced, which is
//! told as a gap. Where the agent is there to enforce them, a pod that starts without is a hole in somebody's defence: refused.

use config::Settings;
use config::settings::NetworkPolicyMode;
use std::os::unix::fs::FileTypeExt;

/// Where the agent answers, in the state directory.
const SOCKET: &str = "npa.sock";

/// The settings want policies enforced on new pods.
pub(crate) fn is_asked_for(settings: &Settings) -> bool {
    match settings.dataplane.network_policy_mode {
        Some(NetworkPolicyMode::Standard | NetworkPolicyMode::Strict) => true,
        Some(NetworkPolicyMode::None) | None => false,
    }
}

/// Refuses policies where an agent would enforce them. A socket that nobody answers on counts: its agent is restarting, or
/// starts after us.
pub(crate) fn refuse(settings: &Settings) -> Result<(), String> {
    let socket = settings.daemon.state_directory.join(SOCKET);
    let is_there = std::fs::symlink_metadata(&socket).is_ok_and(|file| file.file_type().is_socket());
    if is_there && is_asked_for(settings) {
        return Err(format!(
            "NETWORK_POLICY_ENFORCING_MODE is refused beside the network policy agent at {}: enid does not ask it yet, and no \
             policy would be enforced on new pods; set it to none, or remove the agent and its socket",
            socket.display()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    fn refused(state_directory: &Path, mode: &str) -> Option<String> {
        let directory = state_directory.display().to_string();
        let settings = Settings::load(
            None,
            [("ENID_DAEMON_STATE_DIRECTORY", directory), ("NETWORK_POLICY_ENFORCING_MODE", mode.to_owned())]
                .map(|(name, value)| (name.to_owned(), value)),
        );
        refuse(&settings.unwrap().settings).err()
    }

    #[test]
    fn policies_are_refused_where_an_agent_is_whether_or_not_it_answers_and_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join(SOCKET);
        for mode in ["standard", "strict", "none"] {
            assert_eq!(refused(directory.path(), mode), None, "{mode} without an agent");
        }
        std::fs::write(&socket, "").unwrap();
        assert_eq!(refused(directory.path(), "strict"), None, "a plain file is no agent");
        std::fs::remove_file(&socket).unwrap();
        let agent = UnixListener::bind(&socket).unwrap();
        for mode in ["standard", "STRICT"] {
            let words = refused(directory.path(), mode).unwrap();
            assert!(words.contains("NETWORK_POLICY_ENFORCING_MODE") && words.contains(SOCKET), "{words}");
        }
        assert_eq!(refused(directory.path(), "none"), None);
        drop(agent);
        assert!(refused(directory.path(), "standard").is_some(), "an agent that restarts");
    }
}
