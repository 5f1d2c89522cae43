//! The metadata service as a lagging copy: rows 6 and 7, and what a copy may leave out, say twice, or end early.

use region::{ImdsFault, ImdsLag, Knobs, QueryRequest, When};

use crate::rig::{Rig, assign};

const MACS: &str = "/latest/meta-data/network/interfaces/macs/";

#[tokio::test]
async fn row_06_metadata_follows_an_attach_in_stages() {
    let imds = ImdsLag {
        listed_milliseconds: 10_000,
        readable_milliseconds: 20_000,
        addresses_milliseconds: 30_000,
        ..ImdsLag::default()
    };
    let mut rig = Rig::with(Knobs { imds, ..Knobs::default() }).await;
    let eni = rig.create(&rig.subnet).await;
    rig.done(assign(&eni, 2)).await;
    rig.attach(&eni, 1).await;
    let mac = rig.mac_of(&eni).await;
    let seen = async |rig: &Rig| {
        let addresses = rig.key(&mac, "local-ipv4s").await;
        let lines = if addresses.status == 200 { addresses.body.lines().count() } else { 0 };
        (rig.macs().await.contains(&mac), rig.key(&mac, "device-number").await.status, lines)
    };
    for (seconds, expected) in
        [(0, (false, 404, 0)), (10, (true, 404, 0)), (10, (true, 200, 1)), (10, (true, 200, 3))]
    {
        rig.pass(seconds).await;
        assert_eq!(seen(&rig).await, expected, "after {:?}", rig.now());
    }
    rig.done(assign(&eni, 1)).await;
    rig.pass(29).await;
    assert_eq!(seen(&rig).await.2, 3);
    rig.pass(1).await;
    assert_eq!(seen(&rig).await.2, 4);
}

/// An ENI that was attached, shown, and taken off again; its MAC.
async fn detached(rig: &Rig) -> (region::EniId, String) {
    let eni = rig.create(&rig.subnet).await;
    let attachment = rig.attach(&eni, 1).await;
    let mac = rig.mac_of(&eni).await;
    assert!(rig.macs().await.contains(&mac));
    rig.done(QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment)).await;
    (eni, mac)
}

#[tokio::test]
async fn row_07_a_detached_eni_stays_listed_without_keys() {
    let imds = ImdsLag { mac_gone_milliseconds: 300_000, ..ImdsLag::default() };
    let mut rig = Rig::with(Knobs { imds, ..Knobs::default() }).await;
    let (_, mac) = detached(&rig).await;
    rig.pass(299).await;
    assert_eq!((rig.macs().await.contains(&mac), rig.key(&mac, "device-number").await.status), (true, 404));
    rig.pass(1).await;
    assert!(!rig.macs().await.contains(&mac));
}

#[tokio::test]
async fn row_07_a_deleted_eni_is_shown_whole_until_something_else_changes() {
    let imds = ImdsLag { ghosts_until_next_change: true, ..ImdsLag::default() };
    let mut rig = Rig::with(Knobs { imds, ..Knobs::default() }).await;
    let (eni, mac) = detached(&rig).await;
    rig.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni)).await;
    rig.pass(100_000).await;
    assert!(rig.macs().await.contains(&mac));
    assert_eq!(rig.key(&mac, "interface-id").await.body, eni.as_str());
    assert_eq!(rig.refused(crate::rig::describe(&eni)).await.1, "InvalidNetworkInterfaceID.NotFound");
    rig.done(assign(&rig.primary, 1)).await;
    assert!(!rig.macs().await.contains(&mac), "the next change brings it up to date");
}

#[tokio::test]
async fn row_06_a_copy_leaves_out_an_interface_a_key_or_some_addresses() {
    let rig = Rig::new().await;
    let eni = rig.create(&rig.subnet).await;
    rig.done(assign(&eni, 4)).await;
    rig.attach(&eni, 1).await;
    let mac = rig.mac_of(&eni).await;
    let whole = rig.key(&mac, "local-ipv4s").await.body;
    rig.imds_fault("*", When::First(4), ImdsFault::HideInterface { device_index: 1 }).await;
    assert_eq!(rig.macs().await.len(), 1);
    assert_eq!(rig.key(&mac, "interface-id").await.status, 404);
    assert_eq!(rig.macs().await.len(), 2, "the rule counts tokens too, and is spent");
    rig.imds_fault("*/device-number", When::Nth(1), ImdsFault::Status(404)).await;
    assert_eq!(rig.key(&mac, "device-number").await.status, 404);
    assert_eq!(rig.key(&mac, "device-number").await.body, "1");
    let omit = ImdsFault::Omit { from_line: 2, count: Some(3) };
    rig.imds_fault("*/local-ipv4s", When::Nth(1), omit).await;
    let some = rig.key(&mac, "local-ipv4s").await.body;
    let expected: Vec<&str> =
        whole.lines().enumerate().filter(|(at, _)| ![1, 2, 3].contains(at)).map(|(_, line)| line).collect();
    assert_eq!(some.lines().collect::<Vec<_>>(), expected);
    assert_eq!(rig.key(&mac, "local-ipv4s").await.body, whole);
}

#[tokio::test]
async fn row_06_a_copy_says_a_mac_or_an_address_twice_or_ends_early() {
    let rig = Rig::new().await;
    rig.done(assign(&rig.primary, 2)).await;
    let mac = rig.mac_of(&rig.primary).await;
    let whole = rig.key(&mac, "local-ipv4s").await.body;
    rig.imds_fault(MACS, When::Nth(1), ImdsFault::RepeatInterface { device_index: 0 }).await;
    assert_eq!(rig.macs().await, [mac.clone(), mac.clone()]);
    assert_eq!(rig.macs().await, std::slice::from_ref(&mac));
    rig.imds_fault("*/local-ipv4s", When::Nth(1), ImdsFault::Repeat { line: 2 }).await;
    let lines: Vec<&str> = whole.lines().collect();
    let twice = rig.key(&mac, "local-ipv4s").await.body;
    assert_eq!(twice.lines().collect::<Vec<_>>(), [lines[0], lines[1], lines[1], lines[2]]);
    rig.clear_faults().await;
    rig.imds_fault("*/local-ipv4s", When::Nth(1), ImdsFault::Truncate { bytes: 12 }).await;
    assert_eq!(rig.key(&mac, "local-ipv4s").await.body, whole[..12]);
    rig.imds_fault("*/document", When::Always, ImdsFault::Truncate { bytes: 40 }).await;
    let document = rig.read("/latest/dynamic/instance-identity/document").await;
    assert_eq!((document.status, document.body.len()), (200, 40));
    assert!(serde_json::from_str::<serde_json::Value>(&document.body).is_err());
}
