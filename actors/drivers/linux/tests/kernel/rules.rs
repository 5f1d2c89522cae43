//! Rules: added once, removed exactly, others left alone.

use std::net::Ipv4Addr;

use contract::ports::host::{Host, HostChange, Rule};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags};
use rtnetlink::RuleAddRequest;

use crate::place::{Place, in_namespace, ip, on_own_thread, rule};

const EBUSY: i32 = 16;
const EINVAL: i32 = 22;

/// A rule of priority 100 to table 7, not yet sent.
fn foreign(place: &Place) -> RuleAddRequest<Ipv4Addr> {
    place.plain.rule().add().v4().priority(100).table_id(7).action(RuleAction::ToTable)
}

#[test]
fn a_rule_added_twice_is_there_once() {
    in_namespace(|place| async move {
        for rule in [
            rule(512, None, Some(7), None, 254),
            rule(1024, None, None, Some(0x80), 254),
            rule(1536, Some(7), None, None, 70_000),
            rule(99, Some(7), Some(8), Some(0x80), 7),
            Rule { to: "10.9.0.0/16".parse().ok(), ..rule(1535, None, None, None, 254) },
        ] {
            place.apply([HostChange::AddRule(rule), HostChange::AddRule(rule)]).await;
            assert_eq!(place.rules_at(rule.priority.0).await, [rule]);
        }
    });
}

#[test]
fn a_wide_rule_is_added_although_a_narrower_one_is_there() {
    in_namespace(|place| async move {
        let (narrow, wide) = (rule(512, Some(1), Some(2), None, 254), rule(512, None, Some(2), None, 254));
        place.apply([narrow, wide, wide].map(HostChange::AddRule)).await;
        assert_eq!(place.rules_at(512).await, [narrow, wide]);
    });
}

#[test]
fn exactly_the_rule_is_removed_and_one_that_is_gone_is_well() {
    in_namespace(|place| async move {
        let there = rule(1536, Some(7), None, None, 70_000);
        place.apply([HostChange::AddRule(there)]).await;
        // The kernel takes what a removal leaves out for "any": `from all` would remove `from 10.0.0.7`.
        let unlike = [
            rule(1536, None, None, None, 70_000),
            rule(1536, Some(8), None, None, 70_000),
            rule(1536, Some(7), Some(7), None, 70_000),
            rule(1536, Some(7), None, None, 254),
            rule(1535, Some(7), None, None, 70_000),
        ];
        place.apply(unlike.map(HostChange::RemoveRule)).await;
        assert_eq!(place.rules_at(1536).await, [there]);
        place.apply([HostChange::RemoveRule(there), HostChange::RemoveRule(there)]).await;
        assert_eq!(place.rules_at(1536).await, []);
    });
}

#[test]
fn rather_refuse_than_remove_the_rule_that_stands_before() {
    in_namespace(|place| async move {
        let mut theirs = foreign(&place).source_prefix(ip(7), 32);
        theirs.message_mut().attributes.push(RuleAttribute::Iifname("eth9".into()));
        theirs.execute().await.unwrap();
        let ours = rule(100, Some(7), None, None, 7);
        place.apply([HostChange::RemoveRule(ours), HostChange::AddRule(ours)]).await;
        assert_eq!(place.refused(HostChange::RemoveRule(ours)).await, EBUSY);
        assert_eq!(place.rules_at(100).await, [ours]);
    });
}

#[test]
fn rules_go_while_all_is_read() {
    on_own_thread(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(async {
            let place = Place::new();
            // So many that the kernel tells them in several pieces, and takes no other question of the kind between them.
            for number in 0..40 {
                place.pair(&format!("one{number}"), &format!("other{number}")).await;
            }
            let comes_and_goes = |number: u8| {
                let (host, rule) = (place.host.clone(), rule(512, Some(number), None, None, 7));
                tokio::spawn(async move {
                    for _ in 0..50 {
                        let changes = vec![HostChange::AddRule(rule), HostChange::RemoveRule(rule)];
                        assert_eq!(host.apply(changes).await, (2, None));
                    }
                })
            };
            let changing: Vec<_> = (0..8).map(comes_and_goes).collect();
            while !changing.iter().all(tokio::task::JoinHandle::is_finished) {
                place.host.snapshot().await.unwrap();
            }
            for changed in changing {
                changed.await.unwrap();
            }
        });
    });
}

#[test]
fn rules_of_other_shapes_are_left_out() {
    in_namespace(|place| async move {
        let with = |attributes: Vec<RuleAttribute>| {
            let mut request = foreign(&place);
            request.message_mut().attributes.extend(attributes);
            request
        };
        let mut inverted = foreign(&place).source_prefix(ip(7), 32);
        inverted.message_mut().header.flags = RuleFlags::Invert;
        for request in [
            inverted,
            foreign(&place).input_interface("eth9"),
            foreign(&place).output_interface("eth9"),
            foreign(&place).source_prefix(ip(0), 24),
            foreign(&place).destination_prefix(ip(9), 24),
            foreign(&place).tos(0x10),
            with(vec![RuleAttribute::FwMark(0x80), RuleAttribute::FwMask(0xff)]),
            with(vec![RuleAttribute::SuppressPrefixLen(0)]),
            with(vec![RuleAttribute::IpProtocol(netlink_packet_route::IpProtocol::Tcp)]),
        ] {
            request.execute().await.unwrap();
        }
        place.plain.rule().add().v4().priority(100).action(RuleAction::Unreachable).execute().await.unwrap();
        assert_eq!(place.rules_at(100).await, []);
        // The kernel's own three are of a shape we know.
        assert_eq!(
            place.snapshot().await.rules,
            [
                rule(0, None, None, None, 255),
                rule(32_766, None, None, None, 254),
                rule(32_767, None, None, None, 253)
            ]
        );
    });
}

#[test]
fn a_rule_that_would_select_every_packet_by_mistake_is_refused() {
    in_namespace(|place| async move {
        for change in [rule(9, None, None, Some(0), 7), rule(9, Some(1), None, None, 0)] {
            assert_eq!(place.refused(HostChange::AddRule(change)).await, EINVAL);
        }
        assert_eq!(place.rules_at(9).await, []);
    });
}
