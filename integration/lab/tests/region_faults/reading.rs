//! What reading shows, and what it does not show yet: rows 1, 2, 3 and 28.

use region::{DescribeLag, Knobs, PageKnobs, PageRefusal, QueryRequest, ViewLag};

use crate::rig::{Rig, assign, describe, text, texts};

#[tokio::test]
async fn row_01_a_new_eni_is_unknown_to_other_calls_for_a_while() {
    let mut rig = Rig::with(Knobs { create_visible_milliseconds: 10_000, ..Knobs::default() }).await;
    let eni = rig.create(&rig.subnet).await;
    let calls = [
        rig.attach_request(&eni, 1),
        describe(&eni),
        QueryRequest::new("ModifyNetworkInterfaceAttribute")
            .with("NetworkInterfaceId", &eni)
            .with("Description.Value", "mine"),
        QueryRequest::new("CreateTags").with("ResourceId.1", &eni).with("Tag.1.Key", "a"),
    ];
    let message = format!("The networkInterface ID '{eni}' does not exist");
    for call in calls.clone() {
        let expected = (400, "InvalidNetworkInterfaceID.NotFound".to_owned(), message.clone());
        assert_eq!(rig.refused(call).await, expected);
    }
    let made = eni.clone();
    assert!(rig.region(move |region| region.eni(&made).is_some()).await, "it exists all the while");
    rig.pass(10).await;
    for call in calls {
        rig.done(call).await;
    }
}

#[tokio::test]
async fn row_02_one_bad_id_fails_a_whole_describe_and_only_one_is_named() {
    let rig = Rig::new().await;
    let request = QueryRequest::new("DescribeNetworkInterfaces")
        .with("NetworkInterfaceId.1", &rig.primary)
        .with("NetworkInterfaceId.2", "eni-0123456789abcdef0")
        .with("NetworkInterfaceId.3", "eni-0123456789abcdef1");
    let (status, code, message) = rig.refused(request).await;
    assert_eq!((status, code.as_str()), (400, "InvalidNetworkInterfaceID.NotFound"));
    assert_eq!(message, "The networkInterface ID 'eni-0123456789abcdef0' does not exist");
}

#[tokio::test]
async fn row_03_describe_lags_and_what_changes_something_judges_the_truth() {
    let lag = ViewLag {
        addresses_milliseconds: 20_000,
        attachment_milliseconds: 40_000,
        tags_milliseconds: 60_000,
        deleted_milliseconds: 20_000,
    };
    let describe_lag = DescribeLag {
        interfaces: lag,
        instances: ViewLag { addresses_milliseconds: 40_000, ..ViewLag::default() },
        subnets_milliseconds: 20_000,
    };
    let mut rig = Rig::with(Knobs { describe: describe_lag, ..Knobs::default() }).await;
    let eni = rig.create(&rig.subnet).await;
    rig.pass(100).await;
    rig.attach(&eni, 1).await;
    rig.done(assign(&eni, 9)).await;
    rig.done(QueryRequest::new("CreateTags").with("ResourceId.1", &eni).with("Tag.1.Key", "late")).await;
    let subnets = QueryRequest::new("DescribeSubnets").with("SubnetId.1", &rig.subnet);
    let instances = QueryRequest::new("DescribeInstances").with("InstanceId.1", &rig.node);
    // Seconds passed; addresses and status of the ENI, its tags, addresses by DescribeInstances, free ones of the subnet.
    let rows = [
        (0, 1, "available", 0, 2, "249"),
        (19, 1, "available", 0, 2, "249"),
        (1, 10, "available", 0, 2, "240"),
        (20, 10, "in-use", 0, 11, "240"),
        (20, 10, "in-use", 1, 11, "240"),
    ];
    for (seconds, addresses, status, tags, by_instance, free) in rows {
        rig.pass(seconds).await;
        let body = rig.done(describe(&eni)).await;
        let shown = (texts(&body, "primary").len(), text(&body, "status"), texts(&body, "key").len());
        assert_eq!(shown, (addresses, status.to_owned(), tags), "after {:?}", rig.now());
        let body = rig.done(instances.clone()).await;
        assert_eq!(texts(&body, "primary").len(), by_instance, "after {:?}", rig.now());
        assert_eq!(text(&rig.done(subnets.clone()).await, "availableIpAddressCount"), free);
        let (_, code, _) = rig.refused(assign(&eni, 1)).await;
        assert_eq!(code, "PrivateIpAddressLimitExceeded", "it is full, whatever is shown");
    }
    let now = rig.now();
    let gone = eni.clone();
    rig.region(move |region| region.delete_by_hand(&gone, now)).await.unwrap();
    rig.done(describe(&eni)).await;
    let delete = QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni);
    assert_eq!(rig.refused(delete).await.1, "InvalidNetworkInterfaceID.NotFound");
    rig.pass(20).await;
    assert_eq!(rig.refused(describe(&eni)).await.1, "InvalidNetworkInterfaceID.NotFound");
}

#[tokio::test]
async fn row_28_a_page_may_be_empty_and_its_token_expires() {
    let pages = PageKnobs { first_is_empty: true, token_life_milliseconds: 60_000, ..PageKnobs::default() };
    let mut rig = Rig::with(Knobs { pages, ..Knobs::default() }).await;
    let first = QueryRequest::new("DescribeNetworkInterfaces").with("MaxResults", 5);
    let body = rig.done(first.clone()).await;
    assert!(body.contains("<networkInterfaceSet/>"), "{body}");
    let token = text(&body, "nextToken");
    let second = first.clone().with("NextToken", &token);
    let body = rig.done(second.clone()).await;
    assert_eq!(text(&body, "networkInterfaceId"), rig.primary.as_str());
    rig.pass(60).await;
    for (refusal, expected) in [
        (PageRefusal::InvalidPaginationToken, "InvalidPaginationToken"),
        (PageRefusal::InvalidNextToken, "InvalidNextToken"),
    ] {
        rig.knobs(move |knobs| knobs.pages.refusal = refusal).await;
        for request in [second.clone(), first.clone().with("NextToken", "no-token")] {
            let (status, code, _) = rig.refused(request).await;
            assert_eq!((status, code.as_str()), (400, expected));
        }
    }
}
