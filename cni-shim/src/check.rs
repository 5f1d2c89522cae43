//! CHECK: is the pod still wired as its ADD left it? Its own side is read here, in its namespace; the host's side is the
//! daemon's to judge. All that is wrong is told at once. What could not be looked at is an error too, and never a success: while
//! the daemon is away a whole pod's CHECK says "try again later".

use protocol::{Attachment, CheckRequest};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

use crate::add::said_no;
use crate::client::{self, ConnectError, Unanswered};
use crate::damage::{Expected, Seen, judge};
use crate::env::AddCall;
use crate::error::ShimError;
use crate::names;
use crate::netconf::CheckConf;
use crate::netns::Namespaces;
use crate::wiring::Site;

/// A daemon that restarts is back within a second; a CHECK says soon that it is not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Serves a CHECK.
///
/// # Errors
/// [`ShimError::Damaged`] with all that is wrong; [`ShimError::HalfChecked`] when the pod's side is whole and the daemon does not
/// answer.
pub async fn run(call: &AddCall, conf: &CheckConf) -> Result<(), ShimError> {
    let host_veth = names::host_veth(&conf.veth_prefix, &call.pod.namespace, &call.pod.name);
    let seen = Namespaces::open(&call.netns)
        .and_then(|namespaces| Site::open(namespaces, &call.ifname, &host_veth))
        .map_err(|error| error.into_shim(&call.netns))?
        .look_whole()
        .map_err(ShimError::Wiring)?;
    let expected = Expected {
        ifname: &call.ifname,
        host_veth: &host_veth,
        address: conf.result.address,
        mtu_bytes: conf.result.mtu_bytes,
        default_route: !conf.result.other_default_route,
    };
    let mut damages: Vec<(String, String)> =
        judge(expected, &seen).iter().map(|damage| (damage.label().to_owned(), damage.to_string())).collect();
    let host_side = ask(call, conf, &seen).await;
    match host_side {
        Ok(told) => damages.extend(told),
        // Damage that was found is told, whoever is away.
        Err(_) if !damages.is_empty() => {}
        Err(error) => return Err(error),
    }
    if damages.is_empty() { Ok(()) } else { Err(ShimError::Damaged { damages }) }
}

/// What the daemon finds on the host's side.
async fn ask(call: &AddCall, conf: &CheckConf, seen: &Seen) -> Result<Vec<(String, String)>, ShimError> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    let absent = |last: io::Error| ShimError::HalfChecked {
        path: client::socket_path(&conf.common.state_directory),
        waited_seconds: ANSWER_TIMEOUT.as_secs(),
        last,
    };
    let mut last = io::Error::new(io::ErrorKind::TimedOut, "connected, and no word came");
    while Instant::now() < until {
        match timeout_at(until, ask_once(request(call, conf, seen), conf)).await {
            Ok(Ok(told)) => return Ok(told),
            Ok(Err(Unasked::Over(error))) => return Err(error),
            Ok(Err(Unasked::Again(error))) => last = error,
            Err(_) => break,
        }
        sleep(PAUSE).await;
    }
    Err(absent(last))
}

/// Why a question has no answer.
enum Unasked {
    /// Another try may have one.
    Again(io::Error),
    /// None ever will.
    Over(ShimError),
}

async fn ask_once(request: CheckRequest, conf: &CheckConf) -> Result<Vec<(String, String)>, Unasked> {
    let state_directory = &conf.common.state_directory;
    let mut client = client::connect(state_directory).await.map_err(|error| match error {
        ConnectError::Absent(error) | ConnectError::Busy(error) => Unasked::Again(error),
        untrusted => Unasked::Over(untrusted.into_shim(client::socket_path(state_directory), 0)),
    })?;
    let answer = client.check(request).await.map_err(|status| match Unanswered::from(&status) {
        Unanswered::Refused(words) => Unasked::Over(ShimError::Protocol(words)),
        Unanswered::Broken(error) => Unasked::Again(error),
    });
    let reply = answer?.into_inner();
    match reply.failure {
        Some(failure) => Err(Unasked::Over(said_no(failure))),
        None => Ok(reply.damages.into_iter().map(|damage| (damage.label, damage.text)).collect()),
    }
}

fn request(call: &AddCall, conf: &CheckConf, seen: &Seen) -> CheckRequest {
    CheckRequest {
        protocol: protocol::PROTOCOL,
        attachment: Some(Attachment {
            network: conf.common.name.clone(),
            container_id: call.container_id.clone(),
            ifname: call.ifname.clone(),
            pod_namespace: call.pod.namespace.clone(),
            pod_name: call.pod.name.clone(),
            pod_uid: call.pod.uid.clone(),
        }),
        address: conf.result.address.octets().to_vec(),
        host_ifindex: seen.outside.as_ref().map_or(0, |link| link.index),
    }
}
