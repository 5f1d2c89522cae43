//! An ADD that goes well, and one that waits.

use contract::causes::Cause;
use contract::model::{AttachmentKey, HostSide, HostVeth, LeaseView, Mac, Pod, PodWiring, PoolCounts};
use protocol::{AddResult, Waiting, from_daemon, operation};

use crate::house::{ADD_DEADLINE, House, WALL, in_real_time, seconds};
use crate::rooms::{answer, every_operation, grant};
use crate::shim::{Shim, request, wired};

fn key() -> AttachmentKey {
    AttachmentKey { network: "aws-cni".into(), container_id: "c1".into(), ifname: "eth0".into() }
}

#[test]
fn an_add_asks_each_step_once_in_order_and_answers_with_the_address() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut shim = Shim::add(&house, request()).await;

        let (lease, place) = house.asked.lease().await;
        let pod = Pod { namespace: "default".into(), name: "nginx".into(), uid: "u1".into() };
        assert_eq!((&lease.key, &lease.pod), (&key(), &pod));
        assert_eq!(lease.unix_nanoseconds, WALL);
        house.until(|view| view.adds_in_flight == 1).await;
        answer(place, Ok(grant()));

        let (wiring, place) = house.asked.plan().await;
        let wanted = PodWiring {
            host_mac: HostVeth::mac(&key()),
            key: key(),
            host_veth: wiring.host_veth.clone(),
            pod,
            address: grant().address,
            table: grant().table,
            device: grant().device,
            mtu_bytes: 1500,
        };
        assert_eq!(wiring, wanted);
        assert_eq!(wiring.host_veth.as_str(), request().host_veth);
        answer(place, Ok(every_operation()));
        assert_eq!(plan_of(shim.hear().await), every_operation_on_the_wire());

        shim.say(wired()).await;
        let (wiring, host, place) = house.asked.wire().await;
        assert_eq!(wiring, wanted);
        let found = HostSide { ifindex: 12, mac: Mac([2, 0, 0, 0, 0, 9]) };
        assert_eq!(host, found);
        answer(place, Ok(()));

        let (of, stream, place) = house.asked.wired().await;
        assert_eq!((of, stream), (key(), lease.stream));
        answer(place, Ok(()));
        let (of, stream, place) = house.asked.assign().await;
        assert_eq!((of, stream), (key(), lease.stream));
        answer(place, Ok(()));

        let result = AddResult { address: vec![10, 0, 0, 7], table: 2, device: 1 };
        assert_eq!(shim.hear().await, from_daemon::Frame::Result(result));
        assert_eq!(shim.hear_or_end().await.unwrap(), None);
        assert_eq!(house.asked.closed().await, (key(), lease.stream));
        house.until_answered("ADD", "ok").await;
        assert!(house.asked.none());
    });
}

fn plan_of(frame: from_daemon::Frame) -> Vec<operation::Operation> {
    match frame {
        from_daemon::Frame::Plan(plan) => {
            let operations = plan.operations.into_iter();
            operations.map(|operation| operation.operation.unwrap()).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn every_operation_on_the_wire() -> Vec<operation::Operation> {
    use operation::Operation as Wire;
    let (mac, gateway) = (vec![2, 0, 0, 0, 0, 9], vec![169, 254, 1, 1]);
    vec![
        Wire::Veth(protocol::Veth { host_mac: mac.clone(), mtu_bytes: 9001 }),
        Wire::QuietHostVeth(protocol::QuietHostVeth {}),
        Wire::LinkRoute(protocol::LinkRoute { to: gateway.clone() }),
        Wire::DefaultRoute(protocol::DefaultRoute { via: gateway.clone() }),
        Wire::Address(protocol::Address { address: vec![10, 0, 0, 7] }),
        Wire::Neighbour(protocol::Neighbour { address: gateway, mac }),
    ]
}

#[test]
fn an_add_that_waits_is_told_the_newest_reason() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut shim = Shim::add(&house, request()).await;
        let (_, place) = house.asked.lease().await;
        for cause in [Cause::PoolEmpty, Cause::Throttled { action: "CreateNetworkInterface" }] {
            house.leases.publish(LeaseView {
                leases: Vec::new(),
                counts: PoolCounts::default(),
                waiting_since: None,
                waiting_for: Some(cause.clone()),
                checkpoint_trouble: None,
            });
            let told = Waiting { cause: cause.label().to_owned(), text: cause.to_string() };
            assert_eq!(shim.hear().await, from_daemon::Frame::Waiting(told));
        }
        answer(place, Ok(grant()));
        let (_, place) = house.asked.plan().await;
        answer(place, Ok(every_operation()));
        assert!(!plan_of(shim.hear().await).is_empty());
    });
}

#[test]
fn two_adds_have_streams_of_their_own() {
    in_real_time(async {
        let mut house = House::open().await;
        let one = Shim::add(&house, request()).await;
        let (first, _place) = house.asked.lease().await;
        let _two = Shim::add(&house, request()).await;
        let (second, _other_place) = house.asked.lease().await;
        assert_ne!(first.stream, second.stream);
        house.until(|view| view.adds_in_flight == 2).await;
        drop(one);
        assert_eq!(house.asked.closed().await.1, first.stream);
        house.until(|view| view.adds_in_flight == 1).await;
    });
}

#[test]
fn the_place_in_the_line_is_the_stamp_of_the_shim_within_reason() {
    in_real_time(async {
        let mut house = House::open().await;
        for (stamp, exact) in [(996_000_000_000, Some(seconds(996))), (u64::MAX, None), (0, None)] {
            let mut asks = request();
            asks.arrived_boottime_nanoseconds = stamp;
            let earliest = house.clock.now();
            let shim = Shim::add(&house, asks).await;
            let (lease, _place) = house.asked.lease().await;
            let latest = house.clock.now();
            assert_eq!(lease.deadline, lease.arrived_at + ADD_DEADLINE);
            let clamped = match stamp {
                0 => (earliest - ADD_DEADLINE)..=(latest - ADD_DEADLINE),
                _ => earliest..=latest,
            };
            match exact {
                Some(exact) => assert_eq!(lease.arrived_at, exact),
                None => assert!(clamped.contains(&lease.arrived_at), "{stamp}: {lease:?}"),
            }
            drop(shim);
            house.asked.closed().await;
        }
    });
}
