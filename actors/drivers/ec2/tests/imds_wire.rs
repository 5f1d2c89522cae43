//! The metadata port against a server on loopback.

#[path = "support/server.rs"]
mod server;

use contract::causes::Cause;
use contract::ports::imds::{Imds, ImdsInterfaces};
use ec2::{AwsSettings, SdkImds};
use server::{Reply, Request, Server, session_and_role};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const FIRST: &str = "02:00:00:00:00:01";
const SECOND: &str = "02:00:00:00:00:02";

/// Every key of a node with two interfaces.
fn tree() -> BTreeMap<String, Reply> {
    let mut tree = BTreeMap::new();
    let mut put = |key: &str, text: &str| tree.insert(format!("/latest/{key}"), Reply::ok(text));
    put("dynamic/instance-identity/document", r#"{"region" : "eu-west-1", "kernelId" : null}"#);
    for (key, text) in [
        ("instance-id", "i-1"),
        ("instance-type", "m5.large"),
        ("placement/availability-zone", "eu-west-1a"),
        ("mac", FIRST),
        ("local-ipv4", "10.0.0.10"),
        ("network/interfaces/macs/", &format!("{SECOND}/\n{FIRST}/")),
    ] {
        put(&format!("meta-data/{key}"), text);
    }
    for (mac, number) in [(FIRST, 0), (SECOND, 1)] {
        for (key, text) in [
            ("interface-id", format!("eni-{number}")),
            ("device-number", number.to_string()),
            ("subnet-id", format!("subnet-{number}")),
            ("vpc-id", "vpc-1".to_owned()),
            ("subnet-ipv4-cidr-block", format!("10.0.{number}.0/24")),
            ("vpc-ipv4-cidr-blocks", "10.0.0.0/16\n100.64.0.0/16".to_owned()),
            ("local-ipv4s", format!("10.0.{number}.10\n10.0.{number}.11\n10.0.{number}.12")),
        ] {
            put(&format!("meta-data/network/interfaces/macs/{mac}/{key}"), &text);
        }
    }
    tree
}

fn key_of(mac: &str, key: &str) -> String {
    format!("/latest/meta-data/network/interfaces/macs/{mac}/{key}")
}

fn settings(endpoint: &str) -> AwsSettings {
    AwsSettings { imds_endpoint: Some(endpoint.to_owned()), ..AwsSettings::default() }
}

async fn metadata(tree: BTreeMap<String, Reply>) -> (SdkImds, Server) {
    let answer = move |request: &Request| {
        let known = || tree.get(&request.path).cloned().unwrap_or_else(|| Reply::new(404, "<html>no"));
        session_and_role(request).unwrap_or_else(known)
    };
    let server = Server::start(answer).await;
    (SdkImds::new(settings(&server.endpoint)), server)
}

/// The walk, with one key answered otherwise.
async fn walk_with(path: String, reply: Reply) -> Result<ImdsInterfaces, Cause> {
    let mut tree = tree();
    tree.insert(path, reply);
    let (imds, _server) = metadata(tree).await;
    imds.interfaces().await
}

#[tokio::test]
async fn the_node_says_who_it_is_and_its_region_is_published() {
    let (imds, mut server) = metadata(tree()).await;
    let region = imds.region();
    assert_eq!(*region.borrow(), None);
    let node = imds.node().await.unwrap();
    assert_eq!(
        (
            node.instance.as_str(),
            node.instance_type.as_str(),
            node.region.as_str(),
            node.availability_zone.as_str()
        ),
        ("i-1", "m5.large", "eu-west-1", "eu-west-1a")
    );
    assert_eq!((node.vpc.as_str(), node.subnet.as_str()), ("vpc-1", "subnet-0"));
    assert_eq!(
        (node.primary_mac.to_string().as_str(), node.primary_address.to_string().as_str()),
        (FIRST, "10.0.0.10")
    );
    assert_eq!(region.borrow().as_deref(), Some("eu-west-1"));
    let asked = server.asked();
    let tokens = asked.iter().filter(|request| request.method == "PUT").count();
    assert_eq!(tokens, 1, "one session for all keys");
    let keys = asked.iter().filter(|request| request.method == "GET");
    assert!(keys.into_iter().all(|request| request.headers["x-aws-ec2-metadata-token"] == "token-1"));
}

#[tokio::test]
async fn a_walk_gives_every_interface_by_card_and_device() {
    let mut tree = tree();
    tree.insert(key_of(FIRST, "network-card"), Reply::ok("0"));
    let (imds, _server) = metadata(tree).await;
    let found = imds.interfaces().await.unwrap();
    assert_eq!(found.partial, []);
    let blocks: Vec<_> = found.vpc_cidrs.iter().map(ToString::to_string).collect();
    assert_eq!(blocks, ["10.0.0.0/16", "100.64.0.0/16"]);
    let [first, second] = found.interfaces.as_slice() else { panic!("{found:?}") };
    assert_eq!((first.id.as_str(), second.id.as_str()), ("eni-0", "eni-1"));
    assert_eq!((second.card, second.device, second.subnet.as_str()), (0, 1, "subnet-1"));
    assert_eq!(second.subnet_cidr.to_string(), "10.0.1.0/24");
    assert_eq!(second.primary_address.to_string(), "10.0.1.10");
    let secondary: Vec<_> = second.secondary_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(secondary, ["10.0.1.11", "10.0.1.12"]);
}

#[tokio::test]
async fn the_card_is_what_is_listed() {
    let found = walk_with(key_of(SECOND, "network-card"), Reply::ok("1")).await.unwrap();
    assert_eq!(found.interfaces[1].card, 1);
}

#[tokio::test]
async fn an_interface_whose_keys_are_not_all_there_is_partial_and_the_others_are_not() {
    for key in ["interface-id", "device-number", "subnet-id", "subnet-ipv4-cidr-block", "local-ipv4s"] {
        let found = walk_with(key_of(SECOND, key), Reply::new(404, "<html>")).await.unwrap();
        assert_eq!((found.interfaces.len(), found.partial.len()), (1, 1), "{key}");
        assert_eq!(found.partial[0].to_string(), SECOND, "{key}");
    }
    let found = walk_with(key_of(SECOND, "local-ipv4s"), Reply::ok("")).await.unwrap();
    assert_eq!(found.partial.len(), 1, "an interface without an address");
    let found = walk_with(key_of(FIRST, "vpc-ipv4-cidr-blocks"), Reply::new(404, "")).await.unwrap();
    assert_eq!(found.vpc_cidrs, []);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_path_of_the_key() {
    for (path, reply, words) in [
        (key_of(SECOND, "device-number"), Reply::ok("two"), "`two` is not a number"),
        (key_of(SECOND, "local-ipv4s"), Reply::ok("10.0.0.1\n10.0.0"), "`10.0.0` is not an IPv4 address"),
        (key_of(SECOND, "subnet-ipv4-cidr-block"), Reply::ok("<html>"), "`<html>` is not an IPv4 block"),
        (key_of(SECOND, "interface-id"), Reply::ok("\n"), "empty"),
        (key_of(SECOND, "network-card"), Reply::ok("-1"), "`-1` is not a number"),
        (key_of(SECOND, "interface-id"), Reply::new(500, ""), "HTTP 500"),
        (key_of(SECOND, "interface-id"), Reply::new(403, ""), "HTTP 403"),
        ("/latest/meta-data/network/interfaces/macs/".to_owned(), Reply::ok("x/"), "`x` is not a MAC"),
        ("/latest/meta-data/network/interfaces/macs/".to_owned(), Reply::new(404, ""), "not found"),
        ("/latest/meta-data/mac".to_owned(), Reply::new(404, ""), "not found"),
    ] {
        let cause = walk_with(path.clone(), reply).await.unwrap_err();
        assert_eq!(cause.label(), "ImdsUnavailable");
        assert!(cause.to_string().contains(&format!("{path}: {words}")), "{cause} for {path}: {words}");
    }
}

#[tokio::test]
async fn a_session_that_is_refused_is_opened_again_once() {
    for refused_for_ever in [false, true] {
        let sessions = AtomicUsize::new(0);
        let tree = tree();
        let server = Server::start(move |request: &Request| {
            if request.method == "PUT" {
                let number = sessions.fetch_add(1, Ordering::SeqCst);
                let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "300".to_owned());
                return Reply::Answer { status: 200, headers: vec![ttl], body: format!("token-{number}") };
            }
            let stale = request.headers["x-aws-ec2-metadata-token"] == "token-0";
            if stale || refused_for_ever {
                return Reply::new(401, "");
            }
            tree.get(&request.path).cloned().unwrap_or_else(|| Reply::new(404, ""))
        })
        .await;
        let imds = SdkImds::new(settings(&server.endpoint));
        match imds.interfaces().await {
            Ok(found) => assert!(!refused_for_ever && found.interfaces.len() == 2),
            Err(cause) => assert!(refused_for_ever && cause.to_string().contains("HTTP 401"), "{cause}"),
        }
    }
}

#[tokio::test]
async fn silence_ends_with_the_timeout_of_the_key_or_of_the_walk() {
    let silent = |request: &Request| match request.path.ends_with("/subnet-id") {
        true => Reply::Silence,
        false => session_and_role(request).unwrap_or(Reply::Silence),
    };
    let everything = Server::start(|_| Reply::Silence).await;
    let keys = Server::start(silent).await;
    for server in [&everything, &keys] {
        for (key_milliseconds, walk_milliseconds) in [(200, 5_000), (5_000, 300)] {
            let imds = SdkImds::new(AwsSettings {
                imds_key_timeout: Duration::from_millis(key_milliseconds),
                imds_timeout: Duration::from_millis(walk_milliseconds),
                ..settings(&server.endpoint)
            });
            let began = tokio::time::Instant::now();
            let cause = imds.interfaces().await.unwrap_err();
            assert_eq!(cause.label(), "ImdsUnavailable", "{cause}");
            assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
            assert_eq!(imds.node().await.unwrap_err().label(), "ImdsUnavailable");
        }
    }
}

#[tokio::test]
async fn a_service_that_is_off_or_not_there_is_told_in_words() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let cause = SdkImds::new(settings(&endpoint)).node().await.unwrap_err();
    assert!(cause.to_string().to_lowercase().contains("refused"), "{cause}");
    let off = Server::start(|_| Reply::new(403, "")).await;
    let cause = SdkImds::new(settings(&off.endpoint)).node().await.unwrap_err();
    assert!(cause.to_string().contains("token"), "{cause}");
    let odd = Server::start(|request| session_and_role(request).unwrap_or(Reply::Raw("??".to_owned()))).await;
    assert_eq!(SdkImds::new(settings(&odd.endpoint)).node().await.unwrap_err().label(), "ImdsUnavailable");
}
