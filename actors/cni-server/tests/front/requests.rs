//! What shims must not say.

use protocol::{AddRequest, PROTOCOL, from_shim};

use crate::house::{House, in_real_time};
use crate::shim::{Shim, request, wired};

async fn is_bad(house: &mut House, shim: Shim, begins: &str) {
    let failure = shim.failure().await;
    assert_eq!((failure.code, failure.cause.as_str()), (7, "BadRequest"));
    assert!(failure.text.starts_with(begins), "{failure:?}");
    house.until(|view| view.adds_in_flight == 0).await;
}

#[test]
fn a_bad_add_is_refused_by_field_and_nobody_is_asked() {
    in_real_time(async {
        let mut house = House::open().await;
        for (request, field) in [
            (AddRequest { protocol: PROTOCOL + 2, ..request() }, "protocol"),
            (AddRequest { host_veth: "eni0".into(), ..request() }, "host_veth"),
        ] {
            let shim = Shim::add(&house, request).await;
            is_bad(&mut house, shim, field).await;
        }
        let shim = Shim::silent(&house).await;
        shim.say(wired()).await;
        is_bad(&mut house, shim, "first frame: it is no ADD").await;
        assert!(house.asked.none());
    });
}

#[test]
fn a_shim_that_says_nothing_is_not_waited_for() {
    in_real_time(async {
        let mut house = House::open().await;
        let shim = Shim::silent(&house).await;
        is_bad(&mut house, shim, "first frame: none came").await;
        assert!(house.asked.none());
    });
}

#[test]
fn who_speaks_while_waiting_loses_the_place_in_the_line() {
    in_real_time(async {
        let mut house = House::open().await;
        for frame in [wired(), from_shim::Frame::Add(request())] {
            let shim = Shim::add(&house, request()).await;
            let (lease, place) = house.asked.lease().await;
            shim.say(frame).await;
            is_bad(&mut house, shim, "frame: nothing is to be said").await;
            assert!(place.is_closed());
            assert_eq!(house.asked.closed().await.1, lease.stream);
        }
        assert!(house.asked.none());
    });
}

#[test]
fn a_shim_of_the_neighbouring_protocol_is_served() {
    in_real_time(async {
        let mut house = House::open().await;
        let protocol = PROTOCOL + 1;
        let _shim = Shim::add(&house, AddRequest { protocol, ..request() }).await;
        house.asked.lease().await;
    });
}
