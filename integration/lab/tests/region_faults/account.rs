//! One account that others use too: rows 4, 23, 26 and 29.

use std::collections::BTreeMap;

use region::{BucketSpec, Knobs, QueryRequest, ThrottleCode};

use crate::rig::{Rig, assign, describe, text, texts};

#[tokio::test]
async fn row_04_each_action_has_a_bucket_that_throttles_in_its_own_code() {
    let rows = [
        ("DescribeVpcs", ThrottleCode::RequestLimitExceeded, "Request limit exceeded."),
        ("DescribeSubnets", ThrottleCode::Throttling, "Rate exceeded"),
        ("DescribeInstances", ThrottleCode::Ec2ThrottledException, "Request limit exceeded."),
    ];
    let bucket = |code| BucketSpec { code, ..BucketSpec::new(2, 1) };
    let buckets = rows.iter().map(|(action, code, _)| ((*action).to_owned(), bucket(*code))).collect();
    let mut rig = Rig::with(Knobs { buckets, ..Knobs::default() }).await;
    for (action, code, message) in rows {
        rig.done(QueryRequest::new(action)).await;
        rig.done(QueryRequest::new(action)).await;
        let code = serde_json::to_value(code).unwrap().as_str().unwrap().to_owned();
        assert_eq!(rig.refused(QueryRequest::new(action)).await, (503, code, message.to_owned()));
    }
    rig.pass(1).await;
    for (action, _, _) in rows {
        rig.done(QueryRequest::new(action)).await;
    }
}

#[tokio::test]
async fn row_04_other_nodes_empty_the_bucket_too_and_ec2s_own_sizes_are_known() {
    let mut rig = Rig::with(Knobs { aws_buckets: true, ..Knobs::default() }).await;
    let subnet = rig.subnet.clone();
    let now = rig.now();
    // Another node reads everything 50 times.
    rig.region(move |region| {
        let other = region.launch_instance(region::InstanceSpec::new("m5.large", &subnet), now).unwrap();
        for _ in 0..50 {
            let request = QueryRequest::new("DescribeNetworkInterfaces").by(&other.instance);
            assert_eq!(region.handle(request, now).http_status, 200);
        }
    })
    .await;
    let everything = QueryRequest::new("DescribeNetworkInterfaces");
    assert_eq!(rig.refused(everything.clone()).await.1, "RequestLimitExceeded");
    rig.done(describe(&rig.primary)).await;
    rig.pass(1).await;
    for _ in 0..10 {
        rig.done(everything.clone()).await;
    }
    assert_eq!(rig.refused(everything).await.0, 503);
}

#[tokio::test]
async fn row_23_an_action_may_be_forbidden_while_another_is_not() {
    let rig = Rig::with(Knobs { denied_actions: ["CreateTags".to_owned()].into(), ..Knobs::default() }).await;
    let eni = rig.create(&rig.subnet).await;
    let tagged = QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", &rig.subnet)
        .with("TagSpecification.1.ResourceType", "network-interface")
        .with("TagSpecification.1.Tag.1.Key", "a");
    let tags = QueryRequest::new("CreateTags").with("ResourceId.1", &eni).with("Tag.1.Key", "a");
    for request in [tagged, tags] {
        let (status, code, message) = rig.refused(request).await;
        assert_eq!((status, code.as_str()), (403, "UnauthorizedOperation"));
        assert!(
            message.contains("ec2:CreateTags") && message.contains("Encoded authorization failure message: ")
        );
    }
    assert_eq!(rig.region(|region| region.enis().count()).await, 2);
}

#[tokio::test]
async fn row_26_somebody_changes_things_by_hand() {
    let rig = Rig::new().await;
    let eni = rig.create(&rig.subnet).await;
    rig.attach(&eni, 1).await;
    let given = texts(&rig.done(assign(&eni, 2)).await, "privateIpAddress");
    let (changed, removed, now, vpc) = (eni.clone(), given[0].clone(), rig.now(), rig.vpc.clone());
    let group = rig
        .region(move |region| {
            let group = region.add_security_group(&vpc, "other").unwrap();
            let block = format!("{removed}/32").parse().unwrap();
            region.remove_address_by_hand(&changed, block, now).unwrap();
            region.add_address_by_hand(&changed, "10.0.1.77/32".parse().unwrap(), now).unwrap();
            region.add_address_by_hand(&changed, "10.0.1.128/28".parse().unwrap(), now).unwrap();
            region.set_groups_by_hand(&changed, std::slice::from_ref(&group), now).unwrap();
            group
        })
        .await;
    let body = rig.done(describe(&eni)).await;
    assert_eq!(texts(&body, "groupId"), [group.to_string()]);
    let addresses = texts(&body, "privateIpAddress");
    assert!(!addresses.contains(&given[0]) && addresses.contains(&"10.0.1.77".to_owned()), "{addresses:?}");
    assert_eq!(texts(&body, "ipv4Prefix"), ["10.0.1.128/28"]);
    let unassign = QueryRequest::new("UnassignPrivateIpAddresses")
        .with("NetworkInterfaceId", &eni)
        .with("PrivateIpAddress.1", &given[0]);
    assert_eq!(rig.refused(unassign).await.1, "InvalidParameterValue", "it is not there any more");
    let gone = eni.clone();
    rig.region(move |region| region.detach_by_hand(&gone, now)).await.unwrap();
    assert_eq!(text(&rig.done(describe(&eni)).await, "status"), "available");
    let gone = eni.clone();
    rig.region(move |region| region.delete_by_hand(&gone, now)).await.unwrap();
    assert_eq!(rig.refused(assign(&eni, 1)).await.1, "InvalidNetworkInterfaceID.NotFound");
    let (assigns, by_hand) = rig
        .region(|region| {
            let by_hand: Vec<String> =
                region.journal().externals().map(|entry| entry.action.clone()).collect();
            (region.journal().count("AssignPrivateIpAddresses", "OK"), by_hand)
        })
        .await;
    assert_eq!(assigns, 1, "what is done by hand is in no count");
    assert_eq!(by_hand.len(), 6, "{by_hand:?}");
}

#[tokio::test]
async fn row_29_enis_are_left_over_from_a_crash() {
    let rig = Rig::new().await;
    let (subnet, now) = (rig.subnet.clone(), rig.now());
    let tags = BTreeMap::from([
        ("cluster.k8s.amazonaws.com/name".to_owned(), "one".to_owned()),
        ("node.k8s.amazonaws.com/instance_id".to_owned(), rig.node.to_string()),
    ]);
    let description = format!("aws-K8S-{}", rig.node);
    let said = description.clone();
    let (leaked, _) =
        rig.region(move |region| region.leak_interface(&subnet, &said, tags, now)).await.unwrap();
    let request = QueryRequest::new("DescribeNetworkInterfaces")
        .with("Filter.1.Name", "status")
        .with("Filter.1.Value.1", "available")
        .with("Filter.2.Name", "tag-key")
        .with("Filter.2.Value.1", "node.k8s.amazonaws.com/instance_id")
        .with("Filter.3.Name", "tag:cluster.k8s.amazonaws.com/name")
        .with("Filter.3.Value.1", "one")
        .with("Filter.4.Name", "vpc-id")
        .with("Filter.4.Value.1", &rig.vpc);
    let body = rig.done(request.clone()).await;
    assert_eq!(texts(&body, "networkInterfaceId"), [leaked.to_string()]);
    assert_eq!(text(&body, "description"), description);
    rig.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &leaked)).await;
    assert!(rig.done(request).await.contains("<networkInterfaceSet/>"));
}
