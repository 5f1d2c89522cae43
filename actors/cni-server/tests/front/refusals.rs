//! ADDs that fail at a step: the shim hears the cause, WarmPool that the stream has ended, and nobody is asked further.

use contract::causes::Cause;
use contract::model::EniId;
use protocol::{Failure, from_shim};
use std::sync::atomic::Ordering;

use crate::house::{House, in_real_time};
use crate::rooms::{answer, every_operation, grant};
use crate::shim::{Shim, failed, request, wired};

/// Where an ADD is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Lease,
    Plan,
    Shim,
    Wire,
    Wired,
    Assign,
}

/// Brings an ADD to this step, and refuses it there.
async fn refused(step: Step, cause: Cause, shim_says: from_shim::Frame) {
    let mut house = House::open().await;
    let mut shim = Shim::add(&house, request()).await;
    let stream = walk(&mut house, &mut shim, step, &cause, shim_says).await;
    let wanted = Failure { code: cause.cni_code(), cause: cause.label().to_owned(), text: cause.to_string() };
    assert_eq!(shim.failure().await, wanted, "{step:?}");
    assert_eq!(house.asked.closed().await.1, stream, "{step:?}");
    house.until_answered("ADD", cause.label()).await;
    assert!(house.asked.none(), "{step:?}");
}

async fn walk(
    house: &mut House,
    shim: &mut Shim,
    step: Step,
    cause: &Cause,
    shim_says: from_shim::Frame,
) -> contract::mail::warm_pool::StreamId {
    let at = |this: Step| if this == step { Err(cause.clone()) } else { Ok(()) };
    let (lease, place) = house.asked.lease().await;
    answer(place, at(Step::Lease).map(|()| grant()));
    if step > Step::Lease {
        let (_, place) = house.asked.plan().await;
        answer(place, at(Step::Plan).map(|()| every_operation()));
    }
    if step > Step::Plan {
        shim.hear().await;
        shim.say(shim_says).await;
    }
    if step > Step::Shim {
        let (_, _, place) = house.asked.wire().await;
        answer(place, at(Step::Wire));
    }
    if step > Step::Wire {
        let (_, _, place) = house.asked.wired().await;
        answer(place, at(Step::Wired));
    }
    if step > Step::Wired {
        let (_, _, place) = house.asked.assign().await;
        answer(place, at(Step::Assign));
    }
    lease.stream
}

#[test]
fn a_refusal_of_any_step_reaches_the_shim_as_it_is_and_ends_the_add() {
    in_real_time(async {
        let full = Cause::NodeAddressLimit { max: 9, in_use: 9 };
        let missing = Cause::LinkMissing { eni: EniId::new("eni-1"), mac: "02:00:00:00:00:01".into() };
        let host = Cause::HostWiring { step: "rule".into(), detail: "no".into() };
        let disk = Cause::CheckpointWrite { detail: "full".into() };
        refused(Step::Lease, full, wired()).await;
        refused(Step::Plan, missing, wired()).await;
        refused(Step::Wire, host, wired()).await;
        refused(Step::Wired, disk.clone(), wired()).await;
        refused(Step::Assign, disk, wired()).await;
    });
}

#[test]
fn what_the_shim_could_not_wire_is_a_failure_of_pod_wiring() {
    in_real_time(async {
        let cause = Cause::PodWiring { step: "veth".into(), detail: "no memory".into() };
        refused(Step::Shim, cause, failed()).await;
    });
}

#[test]
fn a_host_side_that_cannot_be_is_refused_before_anything_is_programmed() {
    in_real_time(async {
        let cause = Cause::BadRequest { field: "host_mac", problem: "not six bytes".into() };
        let short = from_shim::Frame::Wired(protocol::Wired { host_ifindex: 12, host_mac: vec![2] });
        refused(Step::Shim, cause, short).await;
        let cause = Cause::PodWiring {
            step: "carry the plan out".into(),
            detail: "the shim answered with something else".into(),
        };
        refused(Step::Shim, cause, from_shim::Frame::Add(request())).await;
    });
}

#[test]
fn a_room_that_is_not_there_is_named_and_the_runtime_tries_again_later() {
    in_real_time(async {
        let mut house = House::open().await;
        house.routes.take().unwrap().end().await;
        let shim = Shim::add(&house, request()).await;
        let (lease, place) = house.asked.lease().await;
        answer(place, Ok(grant()));
        let failure = shim.failure().await;
        assert_eq!((failure.code, failure.cause.as_str()), (11, "RoomUnavailable"));
        assert!(failure.text.starts_with("route-programmer is not available"));
        assert_eq!(house.asked.closed().await.1, lease.stream);

        house.pool.take().unwrap().end().await;
        let failure = Shim::add(&house, request()).await.failure().await;
        assert_eq!((failure.code, failure.cause.as_str()), (11, "RoomUnavailable"));
        assert!(failure.text.starts_with("warm-pool is not available"));
        house
            .until(|view| {
                view.adds_in_flight == 0 && crate::house::count(view, "ADD", "RoomUnavailable") == 2
            })
            .await;
    });
}

#[test]
fn an_add_that_kills_its_room_twice_fails_alone_and_its_end_is_told_to_the_next_life() {
    in_real_time(async {
        let mut house = House::open().await;
        house.pool_panics.store(2, Ordering::Relaxed);
        let failure = Shim::add(&house, request()).await.failure().await;
        assert_eq!((failure.code, failure.cause.as_str()), (100, "Poisoned"));
        let (_, stream) = house.asked.closed().await;
        house.until_answered("ADD", "Poisoned").await;

        let _shim = Shim::add(&house, request()).await;
        let (lease, _place) = house.asked.lease().await;
        assert_ne!(lease.stream, stream);
    });
}
