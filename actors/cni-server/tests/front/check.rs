//! CHECK: the lease by WarmPool's newest view, the host by RouteProgrammer.

use contract::causes::Cause;
use contract::model::{Damage, LeasePhase};
use protocol::{CheckReply, CheckRequest, PROTOCOL};
use std::net::Ipv4Addr;

use crate::house::{House, count, in_real_time};
use crate::leases::{held, view_of};
use crate::rooms::answer;
use crate::shim::{attachment, client};

const POD: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

fn request() -> CheckRequest {
    CheckRequest {
        protocol: PROTOCOL,
        attachment: Some(attachment()),
        address: POD.octets().to_vec(),
        host_ifindex: 12,
    }
}

/// One CHECK whose host side is this.
async fn check(house: &mut House, host: Result<Vec<Damage>, Cause>) -> CheckReply {
    let mut shim = client(house).await;
    let asked = tokio::spawn(async move { shim.check(request()).await });
    let (address, ifindex, place) = house.asked.check().await;
    assert_eq!((address, ifindex), (POD, Some(12)));
    answer(place, host);
    asked.await.unwrap().unwrap().into_inner()
}

fn labels(reply: &CheckReply) -> Vec<&str> {
    assert_eq!(reply.failure, None);
    reply.damages.iter().map(|damage| damage.label.as_str()).collect()
}

#[test]
fn a_whole_attachment_has_a_lease_that_is_assigned_and_a_host_side_that_stands() {
    in_real_time(async {
        let mut house = House::open().await;
        house.leases.publish(view_of(vec![held("c1", POD, LeasePhase::Assigned)]));
        assert_eq!(labels(&check(&mut house, Ok(vec![])).await), [""; 0]);
        house.until_answered("CHECK", "ok").await;
    });
}

#[test]
fn each_damage_of_the_lease_is_named_beside_that_of_the_host() {
    in_real_time(async {
        let mut house = House::open().await;
        let elsewhere = Ipv4Addr::new(10, 0, 0, 8);
        for (leases, label) in [
            (vec![], "LeaseMissing"),
            (vec![held("c2", POD, LeasePhase::Assigned)], "LeaseMissing"),
            (vec![held("c1", elsewhere, LeasePhase::Assigned)], "LeaseDiffers"),
            (vec![held("c1", POD, LeasePhase::Releasing)], "LeaseNotAssigned"),
            (vec![held("c1", POD, LeasePhase::Wired)], "LeaseNotAssigned"),
        ] {
            house.leases.publish(view_of(leases));
            let host = Damage::ToRuleMissing { address: POD };
            assert_eq!(labels(&check(&mut house, Ok(vec![host])).await), [label, "ToRuleMissing"]);
        }
        house.until(|view| count(view, "CHECK", "Damaged") == 5).await;
    });
}

#[test]
fn what_cannot_be_looked_at_is_a_failure_and_never_whole() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut shim = client(&house).await;
        let failure = shim.check(request()).await.unwrap().into_inner().failure.unwrap();
        assert_eq!((failure.code, failure.cause.as_str()), (11, "RoomUnavailable"));
        house.leases.publish(view_of(vec![]));
        let cause = Cause::HostWiring { step: "read the host".into(), detail: "no".into() };
        assert_eq!(labels(&check(&mut house, Err(cause.clone())).await), ["LeaseMissing"]);
        house.leases.publish(view_of(vec![held("c1", POD, LeasePhase::Assigned)]));
        let failure = check(&mut house, Err(cause)).await.failure.unwrap();
        assert_eq!(failure.cause, "HostWiring");
        let bad = CheckRequest { address: vec![10, 0], ..request() };
        let failure = shim.check(bad).await.unwrap().into_inner().failure.unwrap();
        assert!(failure.text.starts_with("address"), "{failure:?}");
        assert!(house.asked.none());
    });
}
