//! Attaching and detaching: rows 5, 8, 9, 10, 11 and 30.

use region::{Knobs, NEVER_MILLISECONDS, QueryRequest};

use crate::rig::{Rig, describe, text, texts};

fn detach(attachment: &str) -> QueryRequest {
    QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment)
}

fn delete(eni: &region::EniId) -> QueryRequest {
    QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", eni)
}

/// Status of an ENI, and of its attachment.
async fn states(rig: &Rig, eni: &region::EniId) -> (String, String) {
    let body = rig.done(describe(eni)).await;
    let (mut attachment, rest) = (String::new(), body.replace("<attachment>", "\n<attachment>"));
    if let Some((_, inside)) = rest.split_once("<attachment>") {
        attachment = text(inside, "status");
    }
    (text(&body, "status"), attachment)
}

#[tokio::test]
async fn row_05_an_attach_is_answered_before_it_has_happened_or_never_happens() {
    let mut rig = Rig::with(Knobs { attach_milliseconds: 30_000, ..Knobs::default() }).await;
    let eni = rig.create(&rig.subnet).await;
    assert_eq!(states(&rig, &eni).await, ("available".to_owned(), String::new()));
    rig.attach(&eni, 1).await;
    assert_eq!(states(&rig, &eni).await, ("attaching".to_owned(), "attaching".to_owned()));
    rig.pass(30).await;
    assert_eq!(states(&rig, &eni).await, ("in-use".to_owned(), "attached".to_owned()));
    rig.knobs(|knobs| knobs.attach_milliseconds = NEVER_MILLISECONDS).await;
    let late = rig.create(&rig.subnet).await;
    rig.attach(&late, 2).await;
    rig.pass(1_000_000).await;
    assert_eq!(states(&rig, &late).await.1, "attaching");
}

#[tokio::test]
async fn row_08_a_detach_is_slow_or_stuck_and_a_delete_too_early_is_refused() {
    let mut rig = Rig::with(Knobs { detach_milliseconds: 30_000, ..Knobs::default() }).await;
    let eni = rig.create(&rig.subnet).await;
    let attachment = rig.attach(&eni, 1).await;
    rig.done(detach(&attachment)).await;
    assert_eq!(states(&rig, &eni).await, ("detaching".to_owned(), "detaching".to_owned()));
    let in_use = format!("Network interface '{eni}' is currently in use.");
    assert_eq!(rig.refused(delete(&eni)).await, (400, "InvalidParameterValue".to_owned(), in_use));
    rig.pass(30).await;
    assert_eq!(states(&rig, &eni).await.0, "available");
    rig.knobs(|knobs| knobs.detach_milliseconds = NEVER_MILLISECONDS).await;
    let attachment = rig.attach(&eni, 1).await;
    rig.done(detach(&attachment)).await;
    rig.pass(1_000_000).await;
    assert_eq!(states(&rig, &eni).await.0, "detaching", "stuck");
    rig.done(detach(&attachment).with("Force", true)).await;
    rig.done(delete(&eni)).await;
    assert_eq!(rig.slots(&eni).await, 0);
}

#[tokio::test]
async fn row_09_the_first_device_cannot_be_detached() {
    let rig = Rig::new().await;
    let attachment = text(&rig.done(describe(&rig.primary)).await, "attachmentId");
    let message = "The network interface at device index 0 and networkCard index 0 cannot be detached.";
    let expected = (400, "OperationNotPermitted".to_owned(), message.to_owned());
    assert_eq!(rig.refused(detach(&attachment)).await, expected);
    assert_eq!(states(&rig, &rig.primary).await.0, "in-use");
}

#[tokio::test]
async fn row_10_more_enis_than_the_type_has_are_refused_and_the_new_one_is_left_over() {
    let rig = Rig::of("t3.medium", Knobs::default()).await;
    for device_index in [1, 2] {
        let eni = rig.create(&rig.subnet).await;
        rig.attach(&eni, device_index).await;
    }
    let left_over = rig.create(&rig.subnet).await;
    let expected = (
        400,
        "AttachmentLimitExceeded".to_owned(),
        "Interface count 4 exceeds the limit for t3.medium".to_owned(),
    );
    assert_eq!(rig.refused(rig.attach_request(&left_over, 3)).await, expected);
    assert_eq!(states(&rig, &left_over).await.0, "available");
    rig.done(delete(&left_over)).await;
}

#[tokio::test]
async fn row_11_an_occupied_device_index_is_refused_on_the_first_card_if_none_is_named() {
    let rig = Rig::of("p4d.24xlarge", Knobs::default()).await;
    let first = rig.create(&rig.subnet).await;
    rig.attach(&first, 1).await;
    let second = rig.create(&rig.subnet).await;
    let mut unnamed = rig.attach_request(&second, 1);
    unnamed.params.retain(|(name, _)| name != "NetworkCardIndex");
    let message = format!("Instance '{}' already has an interface attached at device index '1'.", rig.node);
    assert_eq!(rig.refused(unnamed.clone()).await, (400, "InvalidParameterValue".to_owned(), message));
    rig.done(unnamed.with("NetworkCardIndex", 1)).await;
    let body = rig.done(describe(&second)).await;
    assert_eq!(texts(&body, "networkCardIndex"), ["1"]);
}

#[tokio::test]
async fn row_30_an_instance_that_stops_or_is_gone_takes_no_eni() {
    let rig = Rig::new().await;
    let eni = rig.create(&rig.subnet).await;
    let (node, now) = (rig.node.clone(), rig.now());
    rig.region(move |region| region.stop_instance(&node, now)).await.unwrap();
    let instances = QueryRequest::new("DescribeInstances").with("InstanceId.1", &rig.node);
    assert_eq!(text(&rig.done(instances.clone()).await, "name"), "stopping");
    let attach = rig.attach_request(&eni, 1);
    let message = format!("Instance '{}' is not in a valid state for this operation", rig.node);
    let refused = |code: &str| (400, code.to_owned(), message.clone());
    assert_eq!(rig.refused(attach.clone()).await, refused("IncorrectInstanceState"));
    let node = rig.node.clone();
    rig.region(move |region| region.terminate_instance(&node, now)).await.unwrap();
    assert_eq!(rig.refused(attach.clone()).await, refused("IncorrectState"));
    let node = rig.node.clone();
    rig.region(move |region| region.forget_instance(&node, now)).await.unwrap();
    let gone = format!("The instance ID '{}' does not exist", rig.node);
    for request in [attach, instances] {
        assert_eq!(rig.refused(request).await, (400, "InvalidInstanceID.NotFound".to_owned(), gone.clone()));
    }
    assert_eq!(states(&rig, &eni).await.0, "available");
}
