//! GC: what the runtime does not name is released like a DEL. Not what its ADD is still under way for, and not an address that a
//! namespace of this host carries: a list that is wrong, or of another runtime, must not cut off a pod that lives.

use contract::causes::Cause;
use contract::mail::route_programmer::RouteMail;
use contract::model::{AttachmentKey, Lease, LeasePhase};
use futures::StreamExt;
use protocol::{GcReply, GcRequest, ValidAttachment};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::del;
use crate::front::{Front, failure, no_answer};
use crate::translate;

/// One GC ends by then, and says what is left. The shim waits ten seconds longer.
const COLLECT_MAX: Duration = Duration::from_secs(60);

/// A reading of the host takes milliseconds.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);

/// DELs under way at once: WarmPool does them one after another anyway.
const RELEASES_AT_ONCE: usize = 8;

/// Serves one GC.
pub(crate) async fn serve(front: &Front, request: GcRequest) -> GcReply {
    let mut reply = GcReply::default();
    let collected = match tokio::time::timeout(COLLECT_MAX, collect(front, request, &mut reply)).await {
        Ok(collected) => collected,
        Err(_) => {
            let detail = format!("not all that is to be released is, after {} s", COLLECT_MAX.as_secs());
            Err(Cause::RoomUnavailable { room: "warm-pool", detail })
        }
    };
    front.answered("GC", collected.as_ref().copied(), false);
    tracing::info!(released = reply.released, in_use = reply.in_use, "gc");
    reply.failure = collected.err().as_ref().map(failure);
    reply
}

/// Counts as it goes, so that what was done is told even if not all could be.
async fn collect(front: &Front, request: GcRequest, reply: &mut GcReply) -> Result<(), Cause> {
    translate::spoken(request.protocol)?;
    let unread =
        || Cause::RoomUnavailable { room: "warm-pool", detail: "it has told no lease yet".to_owned() };
    let view = front.leases.latest().ok_or_else(unread)?;
    let stale = stale(&view.leases, &request.network, request.valid);
    if stale.is_empty() {
        return Ok(());
    }
    let addresses: BTreeSet<_> = stale.iter().map(|lease| lease.address).collect();
    let asked = front
        .routes
        .ask(LOOK_DEADLINE, |reply| RouteMail::Carried { addresses: addresses.clone(), reply })
        .await;
    let carried = asked.map_err(no_answer("route-programmer"))??;
    let (in_use, gone): (Vec<Lease>, Vec<Lease>) =
        stale.into_iter().partition(|lease| carried.contains(&lease.address));
    for lease in &in_use {
        tracing::warn!(key = %lease.key, pod = %lease.pod, address = %lease.address, "gc: not valid, and in use");
    }
    reply.in_use = u32::try_from(in_use.len()).unwrap_or(u32::MAX);
    let mut releases = futures::stream::iter(gone)
        .map(|lease| async move { del::release(front, lease.key).await })
        .buffer_unordered(RELEASES_AT_ONCE);
    let mut first = Ok(());
    while let Some(released) = releases.next().await {
        match released {
            Ok(()) => reply.released = reply.released.saturating_add(1),
            Err(cause) if first.is_ok() => first = Err(cause),
            Err(_) => {}
        }
    }
    first
}

/// The leases of this network whose ADD has ended, and that are not valid any more.
fn stale(leases: &[Lease], network: &str, valid: Vec<ValidAttachment>) -> Vec<Lease> {
    let valid: BTreeSet<AttachmentKey> = valid
        .into_iter()
        .map(|of| AttachmentKey {
            network: network.to_owned(),
            container_id: of.container_id,
            ifname: of.ifname,
        })
        .collect();
    let is_stale = |lease: &&Lease| {
        lease.phase == LeasePhase::Assigned && lease.key.network == network && !valid.contains(&lease.key)
    };
    leases.iter().filter(is_stale).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::model::Pod;
    use std::net::Ipv4Addr;

    fn lease(network: &str, container_id: &str, phase: LeasePhase) -> Lease {
        let key = AttachmentKey {
            network: network.to_owned(),
            container_id: container_id.to_owned(),
            ifname: "eth0".to_owned(),
        };
        let address = Ipv4Addr::new(10, 0, 0, 7);
        Lease { key, pod: Pod::default(), address, phase, allocated_unix_nanoseconds: 0 }
    }

    #[test]
    fn only_what_is_ours_ended_and_not_named_is_stale() {
        let leases = [
            lease("aws-cni", "kept", LeasePhase::Assigned),
            lease("aws-cni", "gone", LeasePhase::Assigned),
            lease("aws-cni", "adding", LeasePhase::Reserved),
            lease("aws-cni", "wired", LeasePhase::Wired),
            lease("aws-cni", "leaving", LeasePhase::Releasing),
            lease("other", "foreign", LeasePhase::Assigned),
        ];
        let valid = [("kept", "eth0"), ("gone", "eth1")].map(|(container_id, ifname)| ValidAttachment {
            container_id: container_id.to_owned(),
            ifname: ifname.to_owned(),
        });
        let stale: Vec<_> = stale(&leases, "aws-cni", valid.into());
        let names: Vec<&str> = stale.iter().map(|lease| lease.key.container_id.as_str()).collect();
        assert_eq!(names, ["gone"]);
    }
}
