//! GC: tells the daemon which attachments of the network are valid; all others it releases like a DEL. Which those are is the
//! runtime's word, so a configuration without the list is refused: absent does not mean empty.

use protocol::GcRequest;
use std::time::Duration;
use tokio::time::timeout;

use crate::add::said_no;
use crate::client::{self, Unanswered};
use crate::error::ShimError;
use crate::netconf::GcConf;

/// The daemon ends a GC within a minute, and says what is left.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(70);

/// Serves a GC.
///
/// # Errors
/// [`ShimError::DaemonAbsent`], or what could not be released.
pub async fn run(conf: &GcConf) -> Result<(), ShimError> {
    let path = client::socket_path(&conf.common.state_directory);
    let connected = client::connect(&conf.common.state_directory).await;
    let mut client = connected.map_err(|error| error.into_shim(path.clone(), 0))?;
    let request = GcRequest {
        protocol: protocol::PROTOCOL,
        network: conf.common.name.clone(),
        valid: conf.valid.clone(),
    };
    let absent = |last| ShimError::DaemonAbsent { path, waited_seconds: ANSWER_TIMEOUT.as_secs(), last };
    let reply = match timeout(ANSWER_TIMEOUT, client.gc(request)).await {
        Ok(Ok(reply)) => reply.into_inner(),
        Ok(Err(status)) => {
            return Err(match Unanswered::from(&status) {
                Unanswered::Refused(words) => ShimError::Protocol(words),
                Unanswered::Broken(last) => absent(last),
            });
        }
        Err(elapsed) => return Err(absent(elapsed.into())),
    };
    if reply.in_use > 0 {
        eprintln!("enid-cni: GC: {} attachments are not valid, and still in use on this node", reply.in_use);
    }
    reply.failure.map_or(Ok(()), |failure| Err(said_no(failure)))
}
