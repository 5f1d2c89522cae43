//! Credentials that are not there yet, expire, or are thrown away: row 24.

use region::{CredentialKnobs, CredentialRefusal, Knobs, QueryRequest};
use serde_json::Value;

use crate::client::{PATIENCE, once};
use crate::rig::{Rig, post, text};

const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/node";
/// The region's time when a test begins.
const DATE: &str = "20260101T000140Z";

/// What the metadata service hands out now.
async fn credentials(rig: &Rig) -> Value {
    let answer = rig.read(CREDENTIALS).await;
    assert_eq!(answer.status, 200);
    serde_json::from_str(&answer.body).unwrap()
}

/// A call signed with a set, at a date: status and code.
async fn signed(rig: &Rig, set: &Value, date: &str) -> (u16, String) {
    let request = QueryRequest::new("DescribeSubnets").with("SubnetId.1", &rig.subnet);
    let word = |name: &str| set[name].as_str().unwrap().to_owned();
    let scope = format!("{}/20260101/eu-west-1/ec2/aws4_request", word("AccessKeyId"));
    let headers = [
        ("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")),
        ("x-amz-date", date.to_owned()),
        ("x-amz-security-token", word("Token")),
    ];
    let answer = once(rig.ec2, &post(&request, &headers), PATIENCE).await.answer();
    (answer.status, text(&answer.body, "Code"))
}

fn good() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn row_24_a_role_has_no_credentials_until_its_profile_is_attached() {
    let credentials_knobs =
        CredentialKnobs { absent_until_milliseconds: 160_000, ..CredentialKnobs::default() };
    let mut rig = Rig::with(Knobs { credentials: credentials_knobs, ..Knobs::default() }).await;
    assert_eq!(rig.read("/latest/meta-data/iam/security-credentials/").await.status, 404);
    assert_eq!(rig.read(CREDENTIALS).await.status, 404);
    rig.pass(60).await;
    let set = credentials(&rig).await;
    assert_eq!(signed(&rig, &set, DATE).await, good());
    let caller = rig.region(|region| region.journal().entries().next_back().unwrap().caller.clone()).await;
    assert_eq!(caller, Some(rig.node.clone()), "whose credentials they are tells who asks");
}

#[tokio::test]
async fn row_24_credentials_expire_in_the_code_that_is_asked_for() {
    let mut rig = Rig::with(Knobs { credentials_lifetime_seconds: 100, ..Knobs::default() }).await;
    let first = credentials(&rig).await;
    rig.pass(99).await;
    assert_eq!(signed(&rig, &first, DATE).await, good());
    rig.pass(1).await;
    assert_eq!(signed(&rig, &first, DATE).await, refused(400, "RequestExpired"));
    rig.knobs(|knobs| knobs.credentials.expired = CredentialRefusal::ExpiredToken).await;
    assert_eq!(signed(&rig, &first, DATE).await, refused(400, "ExpiredToken"));
    let second = credentials(&rig).await;
    assert_ne!(second, first);
    assert_eq!(signed(&rig, &second, DATE).await, good());
    rig.knobs(|knobs| knobs.credentials.never_renewed = true).await;
    let shown = credentials(&rig).await;
    assert_eq!(signed(&rig, &shown, DATE).await, refused(400, "ExpiredToken"), "shown though it has expired");
}

#[tokio::test]
async fn row_24_credentials_are_thrown_away_between_two_calls() {
    let rig = Rig::new().await;
    let first = credentials(&rig).await;
    assert_eq!(signed(&rig, &first, DATE).await, good());
    let (node, now) = (rig.node.clone(), rig.now());
    rig.region(move |region| region.rotate_credentials(&node, now)).await.unwrap();
    assert_eq!(signed(&rig, &first, DATE).await, refused(401, "AuthFailure"));
    let second = credentials(&rig).await;
    assert_eq!(signed(&rig, &second, DATE).await, good());
    let mut mixed = second.clone();
    mixed["Token"] = first["Token"].clone();
    assert_eq!(signed(&rig, &mixed, DATE).await, refused(401, "AuthFailure"));
}

#[tokio::test]
async fn row_24_clocks_may_differ_by_five_minutes() {
    let rig = Rig::new().await;
    let set = credentials(&rig).await;
    assert_eq!(signed(&rig, &set, "20260101T000640Z").await, good());
    assert_eq!(signed(&rig, &set, "20260101T000641Z").await, refused(400, "RequestExpired"));
    rig.knobs(|knobs| knobs.credentials.clock_ahead_seconds = 3_600).await;
    for (refusal, status, code) in [
        (CredentialRefusal::RequestTimeTooSkewed, 403, "RequestTimeTooSkewed"),
        (CredentialRefusal::SignatureDoesNotMatch, 403, "SignatureDoesNotMatch"),
        (CredentialRefusal::AuthFailure, 401, "AuthFailure"),
    ] {
        rig.knobs(move |knobs| knobs.credentials.skewed = refusal).await;
        assert_eq!(signed(&rig, &set, DATE).await, refused(status, code));
    }
    assert_eq!(signed(&rig, &set, "20260101T010140Z").await, good());
}
