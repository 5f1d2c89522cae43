//! What is attached: the metadata service's word at first, EC2's word from then on.

use crate::desk::*;
use contract::causes::Cause;
use contract::model::{Growth, Mac, Subnet, SubnetView};
use contract::ports::ec2::{AttachmentState, InstanceLimits};
use contract::ports::intents::LoadedIntents;
use std::time::Duration;

fn no_metadata() -> Cause {
    Cause::ImdsUnavailable { detail: "connection refused".into() }
}

#[test]
fn at_a_cold_start_the_node_is_asked_for_first_and_then_ec2() {
    let mut desk = Desk::new();
    assert!(desk.node_asked && desk.interfaces_asked && !desk.describe_asked);
    assert!(!desk.seen().complete && desk.seen().enis.is_empty());
    desk.node_is(Ok(node("m5.large")));
    assert!(desk.describe_asked && desk.limits_asked.is_none());
    assert_eq!(desk.places.len(), 1);
    assert_eq!(desk.places[0].primary, subnet(0));
    desk.want(5);
    assert!(desk.assigns.is_empty());
}

#[test]
fn what_the_metadata_service_shows_is_published_unconfirmed_until_ec2_has_spoken() {
    let mut desk = Desk::new();
    desk.interfaces_are(Ok(metadata(vec![seen(0, some(0, 2))])));
    let view = desk.seen();
    assert!(!view.complete);
    assert_eq!(view.enis[0].addresses.iter().map(|on| on.confirmed).collect::<Vec<_>>(), [false, false]);
    assert_eq!(view.enis[0].address_limit, None);
    assert_eq!(view.vpc_cidrs.len(), 1);

    desk.node_is(Ok(node("m5.large")));
    desk.described_are(Ok(vec![described(0, some(0, 3))]));
    let view = desk.seen();
    assert!(view.complete);
    assert!(view.enis[0].addresses.iter().all(|on| on.confirmed));
    assert_eq!(desk.addresses(), some(0, 3));
    assert_eq!(desk.seen().enis[0].address_limit, Some(10));
}

#[test]
fn the_metadata_service_adds_no_address_to_ec2s_word_and_takes_nothing_away() {
    let mut desk = Desk::with(vec![described(0, some(0, 1))]);
    desk.pass(Duration::from_secs(60));
    desk.interfaces_are(Ok(metadata(vec![seen(0, some(0, 5))])));
    assert_eq!(desk.addresses(), some(0, 1));
    desk.pass(Duration::from_secs(60));
    let mut nothing = metadata(Vec::new());
    nothing.vpc_cidrs.clear();
    desk.interfaces_are(Ok(nothing));
    assert_eq!(desk.addresses(), some(0, 1));
    assert_eq!(desk.seen().vpc_cidrs.len(), 1);
}

#[test]
fn a_view_that_leaves_an_eni_out_is_not_complete() {
    let mut desk = Desk::new();
    desk.node_is(Ok(node("m5.large")));
    desk.described_are(Ok(vec![described(0, some(0, 1)), described(1, some(1, 1))]));
    assert!(!desk.seen().complete && desk.seen().enis.is_empty());
    desk.interfaces_are(Ok(metadata(vec![seen(0, Vec::new())])));
    assert!(!desk.seen().complete);
    assert_eq!(desk.seen().enis.len(), 1);
    let mut list = SubnetView { complete: true, ..SubnetView::default() };
    list.subnets.push(Subnet {
        id: subnet(1),
        cidr: Some("10.0.1.0/24".parse().unwrap()),
        free_addresses: Some(9),
        mark: None,
    });
    desk.subnets_are(list);
    assert!(desk.seen().complete);
    assert_eq!(desk.seen().enis.len(), 2);
}

#[test]
fn the_metadata_service_is_read_at_once_however_young_the_boot_is() {
    for seconds in [0, 1, 59, 60, 61] {
        let now = Duration::from_secs(seconds);
        let mut desk = Desk::recovered_at(now, None, Ok(LoadedIntents::default()));
        assert!(desk.interfaces_asked, "{seconds} s after the boot");
        desk.interfaces_are(Ok(metadata(vec![seen(0, Vec::new())])));
        desk.pass(Duration::from_secs(59));
        assert!(!desk.interfaces_asked, "{seconds} s after the boot");
        desk.pass(Duration::from_secs(1));
        assert!(desk.interfaces_asked, "{seconds} s after the boot");
    }
}

#[test]
fn what_is_not_ours_is_left_out() {
    let mut kept = described(1, some(1, 1));
    kept.tags = vec![("node.k8s.amazonaws.com/no_manage".into(), "true".into())];
    let mut on_another_card = described(2, some(2, 1));
    on_another_card.attachment.as_mut().unwrap().card = 1;
    let mut attaching = described(3, some(3, 1));
    attaching.attachment.as_mut().unwrap().state = AttachmentState::Attaching;
    let mut elsewhere = described(4, some(4, 1));
    elsewhere.attachment.as_mut().unwrap().instance = contract::model::InstanceId::new("i-2");
    let mut free = described(5, some(5, 1));
    free.attachment = None;
    // The primary ENI is ours whatever its tags say.
    let mut primary = described(0, some(0, 1));
    primary.tags.clone_from(&kept.tags);
    let desk = Desk::with(vec![primary, kept, on_another_card, attaching, elsewhere, free]);
    assert_eq!(desk.addresses(), some(0, 1));
    assert!(desk.seen().complete);
}

#[test]
fn an_eni_that_ec2_has_not_told_us_of_makes_us_ask_ec2() {
    let mut desk = Desk::with(vec![described(0, some(0, 1))]);
    desk.pass(Duration::from_secs(60));
    desk.interfaces_are(Ok(metadata(vec![seen(0, some(0, 1)), seen(1, some(1, 2))])));
    assert!(desk.describe_asked);
    desk.described_are(Ok(vec![described(0, some(0, 1)), described(1, some(1, 2))]));
    assert_eq!(desk.addresses().len(), 3);
}

#[test]
fn an_idle_hour_costs_ec2_nothing_though_an_eni_is_not_ours() {
    let mut kept = described(1, some(1, 1));
    kept.tags = vec![("node.k8s.amazonaws.com/no_manage".into(), "true".into())];
    let mut on_another_card = described(2, some(2, 1));
    on_another_card.attachment.as_mut().unwrap().card = 1;
    let mut desk = Desk::with(vec![described(0, some(0, 1)), kept, on_another_card]);
    for _ in 0..60 {
        desk.pass(Duration::from_secs(60));
        let all = vec![seen(0, some(0, 1)), seen(1, some(1, 1)), seen(2, some(2, 1))];
        desk.interfaces_are(Ok(metadata(all)));
    }
    assert_eq!((desk.describes_seen, desk.assigns_seen, desk.interfaces_seen), (1, 0, 61));
}

#[test]
fn an_interface_that_is_named_and_not_described_is_looked_at_again_soon_and_ever_less_often() {
    let mut desk = Desk::new();
    let mut half = metadata(vec![seen(0, some(0, 1))]);
    half.partial = vec![Mac([2, 0, 0, 0, 0, 1])];
    let mut pauses = Vec::new();
    for _ in 0..8 {
        desk.interfaces_are(Ok(half.clone()));
        let began = desk.now;
        while !desk.interfaces_asked {
            desk.pass(Duration::from_secs(1));
        }
        pauses.push((desk.now - began).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    desk.interfaces_are(Ok(metadata(vec![seen(0, some(0, 1))])));
    desk.pass(Duration::from_secs(59));
    assert!(!desk.interfaces_asked);
}

#[test]
fn an_answer_without_the_primary_eni_is_not_believed() {
    let mut desk = Desk::new();
    desk.node_is(Ok(node("m5.large")));
    desk.interfaces_are(Ok(metadata(vec![seen(0, some(0, 1))])));
    desk.described_are(Ok(vec![described(1, some(1, 1))]));
    assert!(!desk.seen().complete);
    assert_eq!(desk.addresses(), some(0, 1));
    assert_eq!(desk.seen().trouble.as_ref().unwrap().label(), "Ec2Unavailable");
    assert!(!desk.describe_asked);
    desk.pass(Duration::from_secs(1));
    desk.described_are(Ok(vec![described(0, some(0, 1))]));
    assert!(desk.seen().complete);
    assert_eq!(desk.seen().trouble, None);
}

#[test]
fn a_type_that_the_table_does_not_know_is_asked_of_ec2() {
    let mut desk = Desk::new();
    desk.interfaces_are(Ok(metadata(vec![seen(0, Vec::new())])));
    desk.node_is(Ok(node("m99.nosuch")));
    assert_eq!(desk.limits_asked.as_ref().unwrap().as_str(), "m99.nosuch");
    desk.described_are(Ok(vec![described(0, Vec::new())]));
    desk.want(3);
    assert!(desk.assigns.is_empty());
    let unknown = Cause::LimitsUnknown { instance_type: "m99.nosuch".into() };
    assert_eq!(desk.seen().growth, Growth::Held(unknown));
    desk.limits_are(Err(unavailable()));
    assert!(desk.limits_asked.is_none());
    desk.pass(Duration::from_secs(1));
    desk.limits_are(Ok(InstanceLimits { enis: 2, addresses_per_eni: 3 }));
    assert_eq!(desk.buying(), [on(0, 2)]);
}

#[test]
fn a_metadata_service_that_is_away_is_told_and_asked_again() {
    let mut desk = Desk::new();
    desk.node_is(Err(no_metadata()));
    desk.interfaces_are(Err(no_metadata()));
    assert!(!desk.node_asked && !desk.interfaces_asked);
    assert_eq!(desk.seen().growth, Growth::Held(no_metadata()));
    for _ in 0..20 {
        desk.pass(Duration::from_secs(60));
        desk.node_is(Err(no_metadata()));
        desk.interfaces_are(Err(no_metadata()));
    }
    desk.pass(Duration::from_secs(60));
    desk.node_is(Ok(node("m5.large")));
    desk.interfaces_are(Ok(metadata(vec![seen(0, some(0, 1))])));
    assert_eq!(desk.addresses(), some(0, 1));
}
