//! Streams that end before their ADD does: the shim's end, and the end of an incarnation.

use protocol::HelloRequest;

use crate::house::{House, in_real_time};
use crate::rooms::{answer, every_operation, grant};
use crate::shim::{Shim, client, request, wired};

#[test]
fn a_shim_that_hangs_up_in_the_line_leaves_it_and_nobody_is_asked_further() {
    in_real_time(async {
        let mut house = House::open().await;
        let shim = Shim::add(&house, request()).await;
        let (lease, place) = house.asked.lease().await;
        drop(shim);
        assert_eq!(house.asked.closed().await, (lease.key, lease.stream));
        house.until_answered("ADD", "Superseded").await;
        assert!(place.is_closed() && house.asked.none());
    });
}

#[test]
fn a_shim_that_hangs_up_with_the_plan_in_its_hand_is_not_wired() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut shim = Shim::add(&house, request()).await;
        let (lease, place) = house.asked.lease().await;
        answer(place, Ok(grant()));
        let (_, place) = house.asked.plan().await;
        answer(place, Ok(every_operation()));
        shim.hear().await;
        drop(shim);
        assert_eq!(house.asked.closed().await, (lease.key, lease.stream));
        house.until_answered("ADD", "Superseded").await;
        assert!(house.asked.none());
    });
}

#[test]
fn a_shim_that_hangs_up_while_a_room_is_asked_is_heard_at_once() {
    in_real_time(async {
        let mut house = House::open().await;
        let shim = Shim::add(&house, request()).await;
        let (lease, place) = house.asked.lease().await;
        answer(place, Ok(grant()));
        // RouteProgrammer is in no hurry.
        let (_, planned) = house.asked.plan().await;
        drop(shim);
        assert_eq!(house.asked.closed().await, (lease.key, lease.stream));
        house.until_answered("ADD", "Superseded").await;
        assert!(planned.is_closed() && house.asked.none());
    });
}

#[test]
fn adds_end_with_their_incarnation_and_are_repeated_at_the_next() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut waiting = Shim::add(&house, request()).await;
        let (first, place) = house.asked.lease().await;
        let mut wiring = Shim::add(&house, request()).await;
        let (second, granted) = house.asked.lease().await;
        answer(granted, Ok(grant()));
        let (_, planned) = house.asked.plan().await;
        answer(planned, Ok(every_operation()));
        wiring.hear().await;
        house.end_front().await;

        let mut told = [house.asked.closed().await.1, house.asked.closed().await.1];
        told.sort();
        assert_eq!(told, [first.stream, second.stream]);
        assert!(place.is_closed());
        for shim in [&mut waiting, &mut wiring] {
            assert!(!matches!(shim.hear_or_end().await, Ok(Some(_))));
        }

        house.start_front();
        house.until(|view| view.listening).await;
        let mut again = Shim::add(&house, request()).await;
        let (third, place) = house.asked.lease().await;
        assert!(third.stream > second.stream);
        answer(place, Ok(grant()));
        let (_, place) = house.asked.plan().await;
        answer(place, Ok(every_operation()));
        again.hear().await;
        again.say(wired()).await;
        house.asked.wire().await;
        house.until(|view| view.adds_in_flight == 1).await;
    });
}

#[test]
fn an_old_connection_is_not_served_beyond_its_incarnation() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut old = client(&house).await;
        old.hello(HelloRequest {}).await.unwrap();
        house.end_front().await;
        // The connection is closed a moment later; then nobody listens.
        let refused = async { while old.hello(HelloRequest {}).await.is_ok() {} };
        tokio::time::timeout(crate::house::PATIENCE, refused)
            .await
            .expect("the old connection is served on and on");
    });
}
