//! The metadata service itself in trouble: row 25.

use std::time::Duration;

use region::{ImdsFault, When};
use tokio::time::Instant;

use crate::client::{Client, IMPATIENCE, PATIENCE, Seen, once};
use crate::rig::{Rig, get, put_token};

const TOKEN: &str = "/latest/api/token";
const ID: &str = "/latest/meta-data/instance-id";

#[tokio::test]
async fn row_25_a_put_for_a_token_goes_unanswered_or_is_cut_off() {
    let rig = Rig::new().await;
    rig.imds_fault(TOKEN, When::Nth(1), ImdsFault::Hang).await;
    rig.imds_fault(TOKEN, When::Nth(2), ImdsFault::Drop).await;
    rig.imds_fault(TOKEN, When::Nth(3), ImdsFault::Reset).await;
    let silence = once(rig.imds, &put_token(60), IMPATIENCE).await;
    assert_eq!(silence, Seen::Silence { arrived: String::new() });
    assert_eq!(rig.token().await, Seen::Closed { arrived: String::new() });
    assert_eq!(rig.token().await, Seen::Reset { arrived: String::new() });
    assert_eq!(rig.read(ID).await.body, rig.node.as_str());
}

#[tokio::test]
async fn row_25_a_token_expires() {
    let mut rig = Rig::new().await;
    let token = once(rig.imds, &put_token(60), PATIENCE).await.answer().body;
    rig.pass(59).await;
    assert_eq!(once(rig.imds, &get(ID, &token), PATIENCE).await.answer().status, 200);
    rig.pass(1).await;
    assert_eq!(once(rig.imds, &get(ID, &token), PATIENCE).await.answer().status, 401);
}

#[tokio::test]
async fn row_25_it_is_disabled_missing_or_broken() {
    let rig = Rig::new().await;
    for status in [401, 403, 404, 500, 503] {
        rig.imds_fault("*", When::First(2), ImdsFault::Status(status)).await;
        assert_eq!(rig.token().await.answer().status, status);
        let answer = once(rig.imds, &get(ID, "none"), PATIENCE).await.answer();
        assert_eq!((answer.status, answer.body.contains(rig.node.as_str())), (status, false));
        rig.clear_faults().await;
    }
    let counts = rig.region(|region| region.journal().imds_counts().clone()).await;
    assert_eq!(counts.get(&403), Some(&2), "requests are counted by what they were answered");
}

#[tokio::test]
async fn row_25_it_throttles_by_a_status_or_by_silence() {
    let mut rig = Rig::new().await;
    let over = When::Over { capacity: 2, refill_per_second: 1 };
    for (fault, expected) in [(ImdsFault::Status(503), Some(503)), (ImdsFault::Drop, None)] {
        rig.imds_fault(ID, over.clone(), fault).await;
        let read = async |rig: &Rig| {
            let token = rig.token().await.answer().body;
            match once(rig.imds, &get(ID, &token), PATIENCE).await {
                Seen::Answer(answer) => Some(answer.status),
                _ => None,
            }
        };
        assert_eq!([read(&rig).await, read(&rig).await, read(&rig).await], [Some(200), Some(200), expected]);
        rig.pass(1).await;
        assert_eq!(read(&rig).await, Some(200), "a second brings one back");
        rig.clear_faults().await;
    }
}

#[tokio::test]
async fn row_25_it_is_slow_or_breaks_off() {
    let rig = Rig::new().await;
    rig.imds_fault(ID, When::Nth(1), ImdsFault::Delay { milliseconds: 400 }).await;
    rig.imds_fault(ID, When::Nth(2), ImdsFault::Dribble { bytes_per_second: 40 }).await;
    rig.imds_fault(ID, When::Nth(3), ImdsFault::Cut { bytes: 5 }).await;
    for _ in 0..2 {
        let begun = Instant::now();
        assert_eq!(rig.read(ID).await.body, rig.node.as_str());
        assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    }
    let token = rig.token().await.answer().body;
    let Seen::Reset { arrived } = once(rig.imds, &get(ID, &token), PATIENCE).await else {
        panic!("the connection is reset");
    };
    assert!(arrived.contains("200 OK") && arrived.ends_with(&rig.node.as_str()[..5]), "{arrived}");
}

#[tokio::test]
async fn row_25_it_is_not_up_until_a_time() {
    let mut rig = Rig::new().await;
    let mut open = Client::connect(rig.imds).await.unwrap();
    let when = When::Between { from_milliseconds: 0, to_milliseconds: 150_000 };
    rig.imds_fault("*", when, ImdsFault::Refuse).await;
    open.until_closed().await;
    assert_eq!(rig.token().await, Seen::Refused, "and nobody takes a new one");
    rig.pass(49).await;
    assert_eq!(rig.token().await, Seen::Refused);
    rig.pass(1).await;
    let begun = Instant::now();
    while rig.token().await == Seen::Refused {
        assert!(begun.elapsed() < PATIENCE, "it never comes up");
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.read(ID).await.body, rig.node.as_str());
}
