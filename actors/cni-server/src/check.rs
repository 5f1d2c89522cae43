//! CHECK: the host's side of an attachment. Whose address it is, is what WarmPool published last, which is never behind an ADD that
//! was answered; what stands on the host, RouteProgrammer reads for it.

use contract::causes::Cause;
use contract::mail::cni_server::CniMail;
use contract::mail::route_programmer::RouteMail;
use contract::model::{AttachmentKey, Damage, LeasePhase};
use protocol::CheckRequest;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::front::{Front, no_answer};
use crate::translate;

/// The shim gives a CHECK two seconds. A reading of the host takes milliseconds.
const LOOK_DEADLINE: Duration = Duration::from_millis(1_800);

/// What a CHECK that found damage counts as.
const DAMAGED: &str = "Damaged";

/// Serves one CHECK: all that is wrong.
///
/// # Errors
/// Why it cannot be told.
pub(crate) async fn serve(front: &Front, request: CheckRequest) -> Result<Vec<Damage>, Cause> {
    let looked = look(front, request).await;
    match &looked {
        Ok(found) if !found.is_empty() => {
            front.count(CniMail::Answered { verb: "CHECK", outcome: DAMAGED, ends_add: false });
        }
        Ok(_) => front.answered("CHECK", Ok(()), false),
        Err(cause) => front.answered("CHECK", Err(cause), false),
    }
    looked
}

async fn look(front: &Front, request: CheckRequest) -> Result<Vec<Damage>, Cause> {
    translate::spoken(request.protocol)?;
    let (key, pod) = translate::attachment(request.attachment)?;
    let address = translate::address(&request.address)?;
    let ifindex = Some(request.host_ifindex).filter(|index| *index != 0);
    let mut found: Vec<Damage> = of_lease(front, &key, address)?.into_iter().collect();
    let asked = front.routes.ask(LOOK_DEADLINE, |reply| RouteMail::Check { address, ifindex, reply });
    match asked.await.map_err(no_answer("route-programmer")).flatten() {
        Ok(on_the_host) => found.extend(on_the_host),
        // Damage that was found is told, whatever else could not be looked at.
        Err(_) if !found.is_empty() => {}
        Err(cause) => return Err(cause),
    }
    for damage in &found {
        tracing::warn!(%key, %pod, damage = damage.label(), text = %damage, "check: damaged");
    }
    Ok(found)
}

fn of_lease(front: &Front, key: &AttachmentKey, said: Ipv4Addr) -> Result<Option<Damage>, Cause> {
    let unread =
        || Cause::RoomUnavailable { room: "warm-pool", detail: "it has told no lease yet".to_owned() };
    let view = front.leases.latest().ok_or_else(unread)?;
    Ok(match view.leases.iter().find(|lease| lease.key == *key) {
        None => Some(Damage::LeaseMissing { key: key.to_string() }),
        Some(lease) if lease.address != said => Some(Damage::LeaseDiffers { held: lease.address, said }),
        Some(lease) if lease.phase != LeasePhase::Assigned => {
            Some(Damage::LeaseNotAssigned { address: said, phase: lease.phase })
        }
        Some(_) => None,
    })
}
