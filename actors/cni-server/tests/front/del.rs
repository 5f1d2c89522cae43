//! DEL and Hello.

use contract::causes::Cause;
use protocol::{DelRequest, HelloReply, HelloRequest, PROTOCOL};
use std::net::Ipv4Addr;

use crate::house::{House, count, in_real_time};
use crate::rooms::answer;
use crate::shim::{attachment, client};

fn request() -> DelRequest {
    DelRequest { protocol: PROTOCOL, attachment: Some(attachment()) }
}

#[test]
fn a_del_is_one_question_and_of_an_unknown_attachment_a_success() {
    in_real_time(async {
        let mut house = House::open().await;
        for released in [Some(Ipv4Addr::new(10, 0, 0, 7)), None] {
            let mut shim = client(&house).await;
            let asked = tokio::spawn(async move { shim.del(request()).await });
            let (key, place) = house.asked.release().await;
            assert_eq!(key.to_string(), "aws-cni/c1/eth0");
            answer(place, Ok(released));
            assert_eq!(asked.await.unwrap().unwrap().into_inner().failure, None);
        }
        house.until(|view| count(view, "DEL", "ok") == 2 && view.adds_in_flight == 0).await;
        assert!(house.asked.none());
    });
}

#[test]
fn a_del_that_fails_says_why() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut shim = client(&house).await;
        let asked = tokio::spawn(async move { shim.del(request()).await });
        let cause = Cause::CheckpointWrite { detail: "disk full".into() };
        let (_, place) = house.asked.release().await;
        answer(place, Err(cause.clone()));
        let failure = asked.await.unwrap().unwrap().into_inner().failure.unwrap();
        assert_eq!((failure.code, failure.cause.as_str()), (11, cause.label()));
        assert_eq!(failure.text, cause.to_string());
        house.until_answered("DEL", "CheckpointWrite").await;
    });
}

#[test]
fn a_bad_del_is_refused_and_nobody_is_asked() {
    in_real_time(async {
        let mut house = House::open().await;
        let mut shim = client(&house).await;
        for (bad, field) in [
            (DelRequest { protocol: PROTOCOL + 2, ..request() }, "protocol"),
            (DelRequest { attachment: None, ..request() }, "attachment"),
        ] {
            let failure = shim.del(bad).await.unwrap().into_inner().failure.unwrap();
            assert_eq!((failure.code, failure.cause.as_str()), (7, "BadRequest"));
            assert!(failure.text.starts_with(field), "{failure:?}");
        }
        house.until(|view| count(view, "DEL", "BadRequest") == 2).await;
        assert!(house.asked.none());
    });
}

#[test]
fn hello_says_which_daemon_this_is() {
    in_real_time(async {
        let house = House::open().await;
        let hello = client(&house).await.hello(HelloRequest {}).await.unwrap();
        let wanted =
            HelloReply { version: "1.2.3".into(), source_digest: "c0ffee".into(), protocol: PROTOCOL };
        assert_eq!(hello.into_inner(), wanted);
    });
}
