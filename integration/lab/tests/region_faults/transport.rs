//! Answers that are lost, broken or another's: rows 19, 20, 21 and 22.

use std::time::Duration;

use region::{Fault, QueryRequest, When};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{Client, IMPATIENCE, PATIENCE, Seen, once};
use crate::rig::{Rig, assign, post, text};

fn internal_error() -> (String, String, u16) {
    ("InternalError".to_owned(), "An internal error has occurred".to_owned(), 500)
}

fn create(rig: &Rig, token: &str) -> QueryRequest {
    QueryRequest::new("CreateNetworkInterface").with("SubnetId", &rig.subnet).with("ClientToken", token)
}

#[tokio::test]
async fn row_19_an_answer_is_lost_after_the_call_was_done() {
    let rig = Rig::new().await;
    let nothing = String::new();
    let (code, message, status) = internal_error();
    let rows = [
        (Fault::ApplyThenReset, Some(Seen::Reset { arrived: nothing.clone() })),
        (Fault::ApplyThenDrop, Some(Seen::Closed { arrived: nothing.clone() })),
        (Fault::ApplyThenHang, Some(Seen::Silence { arrived: nothing.clone() })),
        (Fault::Delay { milliseconds: 30_000 }, Some(Seen::Silence { arrived: nothing })),
        (Fault::ApplyThenError { code, message, status }, None),
    ];
    for (number, (fault, expected)) in (1..).zip(rows) {
        rig.fault("AssignPrivateIpAddresses", When::Nth(1), fault.clone()).await;
        let seen = once(rig.ec2, &post(&assign(&rig.primary, 1), &[]), IMPATIENCE).await;
        match expected {
            Some(expected) => assert_eq!(seen, expected, "{fault:?}"),
            None => assert_eq!((seen.answer().status, rig.slots(&rig.primary).await), (500, 6)),
        }
        assert_eq!(rig.slots(&rig.primary).await, 1 + number, "it was done: {fault:?}");
        rig.clear_faults().await;
    }
}

#[tokio::test]
async fn row_19_a_retry_of_what_was_done_takes_more_or_finds_the_place_occupied() {
    let rig = Rig::new().await;
    rig.fault("*", When::Rate { hits: 1, of: 2 }, Fault::ApplyThenReset).await;
    let eni = rig.create(&rig.subnet).await;
    let reset = Seen::Reset { arrived: String::new() };
    assert_eq!(rig.call(assign(&eni, 1)).await, reset);
    rig.done(assign(&eni, 1)).await;
    assert_eq!(rig.slots(&eni).await, 3, "an assign has no token: the retry assigns again");
    assert_eq!(rig.call(rig.attach_request(&eni, 1)).await, reset);
    assert_eq!(rig.refused(rig.attach_request(&eni, 1)).await.1, "InvalidNetworkInterface.InUse");
    assert_eq!(rig.call(create(&rig, "a")).await, reset);
    let body = rig.done(create(&rig, "a")).await;
    let enis = rig.region(|region| region.enis().count()).await;
    assert_eq!((enis, text(&body, "clientToken")), (3, "a".to_owned()), "a create is found by its token");
}

#[tokio::test]
async fn row_20_a_client_token_means_one_call() {
    let rig = Rig::new().await;
    let first = text(&rig.done(create(&rig, "a")).await, "networkInterfaceId");
    let again = text(&rig.done(create(&rig, "a")).await, "networkInterfaceId");
    assert_eq!(first, again);
    let other = create(&rig, "a").with("Description", "another");
    let (status, code, _) = rig.refused(other).await;
    assert_eq!((status, code.as_str()), (400, "IdempotentParameterMismatch"));
    assert_eq!(rig.region(|region| region.enis().count()).await, 2);
}

#[tokio::test]
async fn row_21_ec2_fails_or_a_gateway_in_front_of_it() {
    let rig = Rig::new().await;
    for (code, status) in
        [("InternalError", 500), ("InternalFailure", 500), ("Unavailable", 503), ("ServiceUnavailable", 503)]
    {
        let (code, message) = (code.to_owned(), "try again".to_owned());
        let fault = Fault::Error {
            code: code.clone(),
            message: message.clone(),
            status,
            retry_after_milliseconds: Some(2_500),
        };
        rig.fault("*", When::Nth(1), fault).await;
        let answer = rig.ask(assign(&rig.primary, 1)).await;
        assert_eq!((answer.status, text(&answer.body, "Code")), (status, code));
        assert_eq!(answer.header("x-amz-retry-after"), Some("2500"));
        rig.clear_faults().await;
    }
    assert_eq!(rig.slots(&rig.primary).await, 1, "nothing was done");
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    for (fault, status, body, slots) in [
        (Fault::Page { status: 502, html: page.to_owned() }, 502, page, 1),
        (Fault::Page { status: 504, html: String::new() }, 504, "", 1),
        (Fault::ApplyThenPage { status: 504, html: String::new() }, 504, "", 2),
    ] {
        rig.fault("*", When::Nth(1), fault).await;
        let answer = rig.ask(assign(&rig.primary, 1)).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(rig.slots(&rig.primary).await, slots);
        rig.clear_faults().await;
    }
}

// The row's failing DNS is no region's matter: a name is asked of a resolver before any packet goes to EC2, and the lab's clients
// are given addresses. A client sees it as a connection that was never made, as in `row_22_nobody_listens_for_a_time`.
#[tokio::test]
async fn row_22_a_connection_is_reset_before_during_or_after_the_headers() {
    let rig = Rig::new().await;
    rig.fault("*", When::Nth(1), Fault::Reset).await;
    rig.fault("*", When::Nth(2), Fault::Cut { bytes: 0 }).await;
    rig.fault("*", When::Nth(3), Fault::Cut { bytes: 100 }).await;
    assert_eq!(rig.call(assign(&rig.primary, 1)).await, Seen::Reset { arrived: String::new() });
    assert_eq!(rig.slots(&rig.primary).await, 1);
    for bytes in [0, 100] {
        let Seen::Reset { arrived } = rig.call(assign(&rig.primary, 1)).await else {
            panic!("the connection is reset");
        };
        let (head, body) = arrived.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-length: "), "{head}");
        assert_eq!(body.len(), bytes);
    }
    assert_eq!(rig.slots(&rig.primary).await, 3, "both were done");
}

#[tokio::test]
async fn row_22_xml_ends_early_or_trickles_in() {
    let rig = Rig::new().await;
    rig.fault("*", When::Nth(1), Fault::Truncate { bytes: 150 }).await;
    rig.fault("*", When::Nth(2), Fault::Dribble { bytes_per_second: 500 }).await;
    let answer = rig.ask(assign(&rig.primary, 1)).await;
    assert_eq!((answer.status, answer.body.len()), (200, 150));
    assert!(!answer.body.contains("</AssignPrivateIpAddressesResponse>"));
    let begun = Instant::now();
    let body = rig.done(assign(&rig.primary, 1)).await;
    assert!(body.ends_with("</AssignPrivateIpAddressesResponse>"));
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(rig.slots(&rig.primary).await, 3);
}

#[tokio::test]
async fn row_22_nobody_listens_for_a_time() {
    let mut rig = Rig::new().await;
    let when = When::Between { from_milliseconds: 150_000, to_milliseconds: 160_000 };
    rig.fault("*", when, Fault::Refuse).await;
    rig.done(assign(&rig.primary, 1)).await;
    let mut open = Client::connect(rig.ec2).await.unwrap();
    rig.pass(50).await;
    open.until_closed().await;
    assert_eq!(rig.call(assign(&rig.primary, 1)).await, Seen::Refused);
    rig.pass(10).await;
    let begun = Instant::now();
    while rig.call(assign(&rig.primary, 1)).await == Seen::Refused {
        assert!(begun.elapsed() < PATIENCE, "it never listens again");
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.slots(&rig.primary).await, 3, "what was refused was not done");
}

#[tokio::test]
async fn row_22_a_connection_that_was_kept_is_closed_while_idle() {
    let rig = Rig::new().await;
    let request = post(&assign(&rig.primary, 1), &[]);
    let mut kept = Client::connect(rig.ec2).await.unwrap();
    assert_eq!(kept.send(&request, PATIENCE).await.answer().header("connection"), None);
    rig.fault("*", When::Nth(1), Fault::CloseIdle { milliseconds: 0 }).await;
    let answer = kept.send(&request, PATIENCE).await.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, None), "nothing announces it");
    assert_eq!(kept.until_closed().await, Vec::<u8>::new());
    let seen = kept.send(&request, PATIENCE).await;
    assert!(
        matches!(&seen, Seen::Closed { arrived } | Seen::Reset { arrived } if arrived.is_empty()),
        "{seen:?}"
    );
    assert_eq!(rig.slots(&rig.primary).await, 3, "the third was not done");
}

#[tokio::test]
async fn row_22_whoever_speaks_tls_gets_no_handshake() {
    let rig = Rig::new().await;
    let mut socket = TcpStream::connect(rig.ec2).await.unwrap();
    // The beginning of a ClientHello.
    socket.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]).await.unwrap();
    let mut first = [0];
    let read = tokio::time::timeout(PATIENCE, socket.read(&mut first)).await.expect("an end");
    // A ServerHello would begin with 0x16 too.
    assert!(read.is_err() || first[0] != 0x16, "{first:?}");
}
