//! GC: what is not valid is released like a DEL, unless a namespace still carries it.

use contract::causes::Cause;
use contract::model::LeasePhase;
use protocol::{GcReply, GcRequest, PROTOCOL, ValidAttachment};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::house::{House, in_real_time};
use crate::leases::{held, view_of};
use crate::rooms::answer;
use crate::shim::client;

fn pod(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn request(valid: &[&str]) -> GcRequest {
    let valid = valid.iter().map(|container_id| ValidAttachment {
        container_id: (*container_id).to_owned(),
        ifname: "eth0".to_owned(),
    });
    GcRequest { protocol: PROTOCOL, network: "aws-cni".into(), valid: valid.collect() }
}

fn asked(house: &House, request: GcRequest) -> tokio::task::JoinHandle<GcReply> {
    let socket = house.socket();
    tokio::task::spawn_local(async move {
        let mut shim = protocol::cni_client::CniClient::new(crate::shim::channel(&socket).await);
        shim.gc(request).await.unwrap().into_inner()
    })
}

#[test]
fn what_is_not_valid_is_released_and_what_is_carried_or_under_way_stays() {
    in_real_time(async {
        let mut house = House::open().await;
        house.leases.publish(view_of(vec![
            held("valid", pod(7), LeasePhase::Assigned),
            held("gone", pod(8), LeasePhase::Assigned),
            held("alive", pod(9), LeasePhase::Assigned),
            held("adding", pod(10), LeasePhase::Reserved),
        ]));
        let reply = asked(&house, request(&["valid"]));
        let (addresses, place) = house.asked.carried().await;
        assert_eq!(addresses, BTreeSet::from([pod(8), pod(9)]));
        answer(place, Ok(BTreeSet::from([pod(9)])));
        let (key, place) = house.asked.release().await;
        assert_eq!(key.container_id, "gone");
        answer(place, Ok(Some(pod(8))));
        assert_eq!(reply.await.unwrap(), GcReply { failure: None, released: 1, in_use: 1 });
        house.until_answered("GC", "ok").await;
        assert!(house.asked.none());
    });
}

#[test]
fn a_release_that_fails_keeps_none_of_the_others_and_is_told() {
    in_real_time(async {
        let mut house = House::open().await;
        house.leases.publish(view_of(vec![
            held("one", pod(7), LeasePhase::Assigned),
            held("two", pod(8), LeasePhase::Assigned),
        ]));
        let reply = asked(&house, request(&[]));
        let (_, place) = house.asked.carried().await;
        answer(place, Ok(BTreeSet::new()));
        let cause = Cause::CheckpointWrite { detail: "disk full".into() };
        for result in [Err(cause.clone()), Ok(Some(pod(8)))] {
            let (_, place) = house.asked.release().await;
            answer(place, result);
        }
        let reply = reply.await.unwrap();
        assert_eq!((reply.released, reply.failure.unwrap().cause.as_str()), (1, "CheckpointWrite"));
        house.until_answered("GC", "CheckpointWrite").await;
    });
}

#[test]
fn while_nobody_knows_what_is_carried_nothing_is_released() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut shim = client(&house).await;
        let early = shim.gc(request(&[])).await.unwrap().into_inner();
        assert_eq!(early.failure.unwrap().cause, "RoomUnavailable");
        house.leases.publish(view_of(vec![held("one", pod(7), LeasePhase::Assigned)]));
        let reply = asked(&house, request(&[]));
        let (_, place) = house.asked.carried().await;
        answer(place, Err(Cause::HostWiring { step: "read the host".into(), detail: "no".into() }));
        assert_eq!(reply.await.unwrap().failure.unwrap().cause, "HostWiring");
        assert!(house.asked.none());
    });
}
