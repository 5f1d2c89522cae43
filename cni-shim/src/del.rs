//! DEL: takes the address off the pod's interface, tells the daemon, and spools the DEL when the daemon is away. It
//! succeeds for what is gone already, and never waits for a daemon that is not there.

use protocol::{Attachment, DelRequest};
use std::io;
use std::time::Duration;
use tokio::time::{sleep, timeout};

use crate::add::said_no;
use crate::client::{self, ConnectError};
use crate::clock;
use crate::env::DelCall;
use crate::error::ShimError;
use crate::netconf::Netconf;
use crate::netns::{NamespaceError, Namespaces};
use crate::wiring;
use protocol::spool::{self, Record};

/// A daemon too busy to accept gets this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// A release is a few netlink requests and one durable write.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a DEL. `veth_prefix` is what our host links begin with.
///
/// # Errors
/// The daemon's refusal, or a spool that cannot take the DEL.
pub async fn run(call: &DelCall, conf: &Netconf, veth_prefix: &str) -> Result<(), ShimError> {
    if let Some(path) = &call.netns {
        strip(call, path, veth_prefix);
    }
    match tell(call, conf).await {
        Ok(None) => {
            forget_spooled(call, conf);
            Ok(())
        }
        Ok(Some(failure)) => Err(said_no(failure)),
        Err(away) => {
            note(call, &format!("{away}; the DEL is spooled"));
            spool::write(&conf.spool_directory, &record(call, conf)).map_err(ShimError::Spool)
        }
    }
}

/// Best effort: the namespace goes anyway, and its veth with it.
fn strip(call: &DelCall, path: &str, veth_prefix: &str) {
    let namespaces = match Namespaces::open(path) {
        Ok(namespaces) => namespaces,
        // What a namespace leaves behind when it is gone: no file, or a plain one.
        Err(NamespaceError::Gone | NamespaceError::NotANamespace) => return,
        Err(error) => return note(call, &format!("CNI_NETNS: {error}")),
    };
    if let Err(error) = wiring::strip(&namespaces, &call.ifname, veth_prefix) {
        note(call, &format!("the address stays on {}: {error}", call.ifname));
    }
}

/// Tells the daemon: its failure, if it has one; an error if it did not answer.
async fn tell(call: &DelCall, conf: &Netconf) -> io::Result<Option<protocol::Failure>> {
    let mut client = timeout(CONNECT_TIMEOUT, async {
        loop {
            match client::connect(&conf.state_directory).await {
                Err(ConnectError::Busy(_)) => sleep(BUSY_PAUSE).await,
                other => return other,
            }
        }
    })
    .await?
    .map_err(|error| io::Error::other(error.to_string()))?;
    let request = DelRequest {
        protocol: protocol::PROTOCOL,
        attachment: Some(Attachment {
            network: conf.name.clone(),
            container_id: call.container_id.clone(),
            ifname: call.ifname.clone(),
            pod_namespace: call.pod.namespace.clone(),
            pod_name: call.pod.name.clone(),
            pod_uid: call.pod.uid.clone(),
        }),
    };
    let answer = timeout(ANSWER_TIMEOUT, client.del(request)).await?;
    answer
        .map(|reply| reply.into_inner().failure)
        .map_err(|status| io::Error::other(format!("{:?}: {}", status.code(), status.message())))
}

fn forget_spooled(call: &DelCall, conf: &Netconf) {
    if let Err(error) = spool::remove(&conf.spool_directory, &conf.name, &call.container_id, &call.ifname) {
        note(call, &error.to_string());
    }
}

fn record(call: &DelCall, conf: &Netconf) -> Record {
    Record {
        version: spool::FORMAT,
        network: conf.name.clone(),
        container_id: call.container_id.clone(),
        ifname: call.ifname.clone(),
        pod_namespace: call.pod.namespace.clone(),
        pod_name: call.pod.name.clone(),
        pod_uid: call.pod.uid.clone(),
        boot_id: clock::boot_id(),
        boottime_nanoseconds: clock::boottime_nanoseconds(),
    }
}

/// The runtime keeps a plugin's stderr in its own log.
fn note(call: &DelCall, text: &str) {
    eprintln!("enid-cni: DEL {}: {text}", call.container_id);
}
