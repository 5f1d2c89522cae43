//! What the kernel tells unasked: by whomever, in order, and that some of it was lost.

use std::process::Command;
use std::time::Duration;

use contract::model::TableId;
use contract::ports::host::{Host, HostChange, HostError, HostEvent, Link, NftTable};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::nft::with_nft;
use crate::place::{Place, in_namespace, ip, route, rule};

const SOON: Duration = Duration::from_secs(10);
const AT_ONCE: Duration = Duration::from_millis(1);

async fn news(place: &Place) -> Vec<HostEvent> {
    place.host.news("enid", SOON).await.unwrap()
}

/// Listens from now on.
async fn listen(place: &Place) {
    assert_eq!(news(place).await, [HostEvent::Lost]);
}

/// What is told of a link that just came is as of some moment on its way.
fn is_link(event: &HostEvent, ifindex: u32) -> bool {
    matches!(event, HostEvent::Link(link) if link.ifindex == ifindex)
}

#[test]
fn changes_are_told_in_order_whoever_made_them() {
    in_namespace(|place| async move {
        listen(&place).await;
        let (one, _) = place.pair("one", "other").await;
        let address = HostChange::AddAddress { ifindex: one, address: ip(5), prefix_length: 24 };
        place.apply([address]).await;
        let told = news(&place).await;
        assert!(told.iter().any(|event| is_link(event, one)), "{told:?}");
        assert!(told.contains(&HostEvent::Address { ifindex: one, address: ip(5), prefix_length: 24 }));

        let (ours, theirs) = (rule(512, None, Some(9), None, 254), rule(1536, Some(9), None, None, 2));
        let way = route(254, 9, None, one);
        let other = Place::new();
        place.apply([HostChange::AddRule(ours), HostChange::PutRoute(way)]).await;
        other
            .apply([HostChange::AddRule(theirs), HostChange::RemoveRule(ours), HostChange::RemoveRoute(way)])
            .await;
        let told = news(&place).await;
        assert_eq!(
            told,
            [
                HostEvent::Rule(ours),
                HostEvent::Route(way),
                HostEvent::Rule(theirs),
                HostEvent::RuleGone(ours),
                HostEvent::RouteGone(way),
            ]
        );
        assert_eq!(place.host.news("enid", AT_ONCE).await, Ok(vec![]));
    });
}

#[test]
fn a_route_that_is_replaced_is_told_as_gone_whatever_takes_its_place() {
    in_namespace(|place| async move {
        listen(&place).await;
        let (one, other) = place.pair("one", "other").await;
        let (way, elsewhere) = (route(254, 9, None, one), route(254, 9, None, other));
        place.apply([HostChange::PutRoute(way)]).await;
        news(&place).await;
        place.apply([HostChange::PutRoute(elsewhere)]).await;
        let gone = HostEvent::RoutesReplaced { table: TableId::MAIN, to: ip(9), prefix_length: 32 };
        assert_eq!(news(&place).await, [gone.clone(), HostEvent::Route(elsewhere)]);
        let words = ["route", "replace", "unreachable", "10.0.0.9/32"];
        assert!(Command::new("ip").args(words).status().unwrap().success());
        assert_eq!(news(&place).await, [gone]);
    });
}

#[test]
fn a_link_and_its_settings_are_told_as_a_reading_shows_them() {
    in_namespace(|place| async move {
        listen(&place).await;
        let (one, _) = place.pair("one", "other").await;
        news(&place).await;
        place.apply([HostChange::SetRpFilter { ifindex: one, value: 2 }]).await;
        let told = news(&place).await;
        let is_set = |event: &HostEvent| matches!(event, HostEvent::Link(link) if link.rp_filter == Some(2));
        assert!(told.iter().any(|event| is_link(event, one) && is_set(event)), "{told:?}");
        std::fs::write("/proc/sys/net/ipv4/conf/one/rp_filter", "1").unwrap();
        assert_eq!(news(&place).await, [HostEvent::RpFilter { ifindex: one, value: 1 }]);

        place.apply([HostChange::SetMtu { ifindex: one, mtu_bytes: 1400 }]).await;
        let told = news(&place).await;
        let shown = Link { addresses: vec![], behind: None, ..place.link(one).await };
        assert_eq!(told.last(), Some(&HostEvent::Link(Box::new(shown))));
        place.plain.link().del(one).execute().await.unwrap();
        assert!(news(&place).await.contains(&HostEvent::LinkGone(one)));
    });
}

#[test]
fn a_port_that_leaves_its_bridge_is_not_gone() {
    in_namespace(|place| async move {
        listen(&place).await;
        let (one, _) = place.pair("one", "other").await;
        let ip = |words: &str| {
            assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "{words}");
        };
        ip("link add name middle type bridge");
        ip("link set one master middle");
        ip("link set one nomaster");
        let told = news(&place).await;
        assert!(!told.contains(&HostEvent::LinkGone(one)), "{told:?}");
        assert!(told.iter().any(|event| is_link(event, one)));
    });
}

#[test]
fn what_a_full_buffer_lost_is_told_as_lost() {
    in_namespace(|place| async move {
        listen(&place).await;
        let one = rule(512, None, Some(9), None, 254);
        for _ in 0..2_000 {
            place.apply([HostChange::AddRule(one), HostChange::RemoveRule(one)]).await;
        }
        let mut told = news(&place).await;
        for _ in 0..20 {
            told.extend(place.host.news("enid", AT_ONCE).await.unwrap());
        }
        assert!(told.contains(&HostEvent::Lost), "{} events", told.len());
        place.apply([HostChange::AddRule(one)]).await;
        assert_eq!(news(&place).await, [HostEvent::Rule(one)]);
    });
}

#[test]
fn of_nft_only_our_table_is_told_whatever_changes_in_it() {
    with_nft(|place| async move {
        listen(&place).await;
        let table = |name| NftTable { family: "ip", name, body: "chain some {\n}\n".into() };
        place.host.replace_nft_table(table("other")).await.unwrap();
        assert_eq!(place.host.news("enid", AT_ONCE).await, Ok(vec![]));
        place.host.replace_nft_table(table("enid")).await.unwrap();
        assert!(news(&place).await.contains(&HostEvent::NftTable));
        for words in ["add rule ip enid some counter", "flush chain ip enid some", "delete table ip enid"] {
            assert!(Command::new("nft").args(words.split(' ')).status().unwrap().success());
            assert_eq!(news(&place).await, [HostEvent::NftTable], "{words}");
        }
    });
}

#[test]
fn who_may_not_listen_is_told_so_and_may_still_read() {
    in_namespace(|_| async move {
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
            .unwrap();
        let place = Place::new();
        assert!(matches!(place.host.news("enid", SOON).await, Err(HostError::Refused { errno: 1, .. })));
        assert!(place.host.snapshot().await.unwrap().rules.iter().any(|rule| rule.table == TableId::MAIN));
    });
}
