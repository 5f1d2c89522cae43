//! Filters and pages: what is found, in what portions, and that nothing is skipped or told twice.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::support::{World, text, texts};
use crate::QueryRequest;
use crate::actions::filter_matches;

fn interfaces(filters: &[(&str, &str)]) -> QueryRequest {
    let mut request = QueryRequest::new("DescribeNetworkInterfaces");
    for (index, (name, value)) in filters.iter().enumerate() {
        request = request
            .with(format!("Filter.{}.Name", index + 1), name)
            .with(format!("Filter.{}.Value.1", index + 1), value);
    }
    request
}

#[test]
fn leaked_interfaces_are_found_by_tags_status_and_vpc() {
    let mut world = World::new();
    let leaked = world.create(&world.subnet.clone());
    let used = world.create(&world.subnet.clone());
    world.attach(&used, 1);
    for eni in [&leaked, &used] {
        world.region.tag(eni.as_str(), "node.k8s.amazonaws.com/instance_id", "i-1").unwrap();
        world.region.tag(eni.as_str(), "cluster", "blue").unwrap();
    }
    let vpc = world.vpc.to_string();
    let request = interfaces(&[
        ("tag-key", "node.k8s.amazonaws.com/instance_id"),
        ("status", "available"),
        ("vpc-id", &vpc),
        ("tag:cluster", "bl*"),
    ]);
    assert_eq!(texts(&world.done(request).body, "networkInterfaceId"), [leaked.to_string()]);
    assert_eq!(text(&world.done(interfaces(&[("tag:cluster", "red")])).body, "networkInterfaceId"), "");
}

#[test]
fn any_value_of_a_filter_will_do() {
    let mut world = World::new();
    let request = QueryRequest::new("DescribeSubnets")
        .with("Filter.1.Name", "subnet-id")
        .with("Filter.1.Value.1", &world.subnet)
        .with("Filter.1.Value.2", &world.small)
        .with("Filter.2.Name", "availability-zone")
        .with("Filter.2.Value.1", "eu-west-1a");
    assert_eq!(texts(&world.done(request).body, "subnetId").len(), 2);
}

#[test]
fn unknown_filters_and_filters_without_a_value_are_refused() {
    let mut world = World::new();
    let (code, message) = world.refused(interfaces(&[("attachment.instance", "x")]));
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("attachment.instance"), "{message}");
    let valueless = QueryRequest::new("DescribeSubnets").with("Filter.1.Name", "vpc-id");
    assert_eq!(world.refused(valueless).0, "InvalidParameterValue");
    let nameless = QueryRequest::new("DescribeSubnets").with("Filter.1.Value.1", "x");
    assert_eq!(world.refused(nameless).0, "MissingParameter");
}

#[test]
fn one_unknown_id_fails_the_whole_describe_and_is_the_one_that_is_named() {
    let mut world = World::new();
    let request = QueryRequest::new("DescribeNetworkInterfaces")
        .with("NetworkInterfaceId.1", &world.primary)
        .with("NetworkInterfaceId.2", "eni-0123456789abcdef0")
        .with("NetworkInterfaceId.3", "eni-0123456789abcdef1");
    let (code, message) = world.refused(request);
    assert_eq!(code, "InvalidNetworkInterfaceID.NotFound");
    assert_eq!(message, "The networkInterface ID 'eni-0123456789abcdef0' does not exist");
}

#[test]
fn pages_tell_every_interface_once_even_if_some_vanish_in_between() {
    let mut world = World::new();
    let made: Vec<_> = (0..11).map(|_| world.create(&world.subnet.clone())).collect();
    let mut seen = Vec::new();
    let mut token = String::new();
    for round in 0..4 {
        let mut request = interfaces(&[]).with("MaxResults", 5);
        if !token.is_empty() {
            request = request.with("NextToken", &token);
        }
        let reply = world.done(request);
        seen.extend(texts(&reply.body, "networkInterfaceId"));
        token = text(&reply.body, "nextToken");
        if round == 0 {
            let gone = made.iter().find(|eni| seen.contains(&eni.to_string())).unwrap();
            world.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", gone));
        }
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 12);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 12);
    assert_eq!(token, "");
}

#[test]
fn a_page_token_is_good_for_its_own_call_alone() {
    let mut world = World::new();
    for _ in 0..6 {
        world.create(&world.subnet.clone());
    }
    let token = text(&world.done(interfaces(&[]).with("MaxResults", 5)).body, "nextToken");
    let vpc = world.vpc.to_string();
    let foreign = interfaces(&[("vpc-id", &vpc)]).with("NextToken", &token);
    assert_eq!(world.refused(foreign).0, "InvalidPaginationToken");
    assert_eq!(world.refused(interfaces(&[]).with("NextToken", "abc")).0, "InvalidPaginationToken");
    assert_eq!(world.refused(interfaces(&[]).with("MaxResults", 4)).0, "InvalidParameterValue");
    let both = interfaces(&[]).with("NetworkInterfaceId.1", &world.primary).with("MaxResults", 5);
    assert_eq!(world.refused(both).0, "InvalidParameterCombination");
}

#[test]
fn a_page_token_is_good_for_a_day() {
    let mut world = World::new();
    for _ in 0..6 {
        world.create(&world.subnet.clone());
    }
    let token = text(&world.done(interfaces(&[]).with("MaxResults", 5)).body, "nextToken");
    let next = interfaces(&[]).with("NextToken", &token);
    world.now = std::time::Duration::from_secs(24 * 3_600 - 1);
    world.done(next.clone());
    world.now = std::time::Duration::from_secs(24 * 3_600);
    assert_eq!(world.refused(next).0, "InvalidPaginationToken");
}

#[test]
fn every_instance_type_is_told_over_its_pages() {
    let mut world = World::new();
    let (mut count, mut token) = (0, String::new());
    loop {
        let mut request = QueryRequest::new("DescribeInstanceTypes");
        if !token.is_empty() {
            request = request.with("NextToken", &token);
        }
        let reply = world.done(request);
        count += texts(&reply.body, "instanceType").len();
        token = text(&reply.body, "nextToken");
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(count, 1_392);
}

/// The textbook matcher, exponential and plainly right.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) if naive(rest, text) => true,
        (Some(('*', _)), Some((_, later))) => naive(pattern, later),
        (Some((sign, rest)), Some((read, later))) => (*sign == '?' || sign == read) && naive(rest, later),
        _ => false,
    }
}

proptest! {
    #[test]
    fn wildcards_agree_with_the_textbook(pattern in "[ab*?]{0,6}", text in "[ab*?]{0,8}") {
        let (signs, read): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(filter_matches(&pattern, &text), naive(&signs, &read));
    }
}
