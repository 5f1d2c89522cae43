//! Routes: put, replaced, removed exactly; and the question where a packet would go.

use std::net::Ipv4Addr;

use contract::model::{Fwmark, TableId};
use contract::ports::host::{Host, HostChange, HostError, Route, RouteAnswer, RouteQuestion};
use futures::TryStreamExt;
use netlink_packet_route::route::{RouteProtocol, RouteType};
use rtnetlink::RouteMessageBuilder;

use crate::place::{Place, default_route, in_namespace, ip, route, rule};

const ENODEV: i32 = 19;
const EINVAL: i32 = 22;

fn to(last: u8) -> RouteQuestion {
    RouteQuestion { to: ip(last), from: None, in_by: None, mark: None }
}

async fn answer(place: &Place, question: RouteQuestion) -> Option<(u32, Option<Ipv4Addr>, u32)> {
    let answer = place.host.route(question).await.unwrap();
    answer.map(|RouteAnswer { out_by, via, table: TableId(table) }| (out_by, via, table))
}

async fn routes(place: &Place) -> Vec<Route> {
    let mut routes = place.snapshot().await.routes;
    routes.sort();
    routes
}

async fn refuse(place: &Place, kind: RouteType, last: u8) {
    let message = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(ip(last), 32).kind(kind).build();
    place.plain.route().add(message).execute().await.unwrap();
}

#[test]
fn a_route_is_put_in_its_table_and_read_back_even_beyond_table_255() {
    in_namespace(|place| async move {
        let (one, _) = place.pair("one", "other").await;
        let put = [route(2, 1, None, one), route(254, 7, None, one), default_route(70_000, 1, one)];
        for _ in 0..2 {
            place.apply(put.map(HostChange::PutRoute)).await;
            assert_eq!(routes(&place).await, put);
        }
        let question = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let raw: Vec<_> = place.plain.route().get(question).execute().try_collect().await.unwrap();
        let ours = raw.iter().filter(|route| route.header.kind == RouteType::Unicast);
        assert!(ours.clone().count() == 3 && ours.clone().all(|r| r.header.protocol == RouteProtocol::Boot));
    });
}

#[test]
fn putting_a_route_replaces_the_one_to_the_same_place() {
    in_namespace(|place| async move {
        let (one, other) = place.pair("one", "other").await;
        for change in [route(2, 7, None, one), route(2, 7, Some(1), one), route(2, 7, None, other)] {
            place.apply([HostChange::PutRoute(change)]).await;
            assert_eq!(routes(&place).await, [change]);
        }
    });
}

#[test]
fn exactly_the_route_is_removed_and_one_that_is_gone_is_well() {
    in_namespace(|place| async move {
        let (one, other) = place.pair("one", "other").await;
        let there = route(2, 7, Some(1), one);
        place.apply([HostChange::PutRoute(there)]).await;
        let unlike = [
            route(2, 7, None, one),
            route(2, 7, Some(2), one),
            route(2, 7, Some(1), other),
            route(2, 7, Some(1), 77),
            route(3, 7, Some(1), one),
            route(2, 8, Some(1), one),
            route(70_000, 7, Some(1), one),
        ];
        place.apply(unlike.map(HostChange::RemoveRoute)).await;
        assert_eq!(routes(&place).await, [there]);
        place.apply([HostChange::RemoveRoute(there), HostChange::RemoveRoute(there)]).await;
        assert_eq!(routes(&place).await, []);
    });
}

#[test]
fn a_removed_route_is_gone_whoever_made_it_and_whatever_its_metric() {
    in_namespace(|place| async move {
        let (one, _) = place.pair("one", "other").await;
        // The kernel's own route to the subnet, and one of the same shape with a metric.
        place.apply([HostChange::AddAddress { ifindex: one, address: ip(5), prefix_length: 24 }]).await;
        let subnet = Route { prefix_length: 24, ..route(254, 0, None, one) };
        let with_metric = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(ip(0), 24)
            .output_interface(one)
            .scope(netlink_packet_route::route::RouteScope::Link)
            .priority(100)
            .build();
        place.plain.route().add(with_metric).execute().await.unwrap();
        assert_eq!(routes(&place).await, [subnet, subnet]);
        place.apply([HostChange::RemoveRoute(subnet)]).await;
        assert_eq!(routes(&place).await, []);
    });
}

#[test]
fn a_route_by_no_link_or_to_no_network_is_refused() {
    in_namespace(|place| async move {
        let (one, _) = place.pair("one", "other").await;
        assert_eq!(place.refused(HostChange::PutRoute(route(2, 7, None, 77))).await, ENODEV);
        let host_bits = Route { prefix_length: 24, ..route(2, 7, None, one) };
        assert_eq!(place.refused(HostChange::PutRoute(host_bits)).await, EINVAL);
    });
}

#[test]
fn routes_of_other_shapes_are_left_out() {
    in_namespace(|place| async move {
        let (_, _) = place.pair("one", "other").await;
        refuse(&place, RouteType::BlackHole, 1).await;
        refuse(&place, RouteType::Unreachable, 2).await;
        assert_eq!(routes(&place).await, []);
    });
}

#[test]
fn the_kernel_says_by_which_link_table_and_next_hop_a_packet_goes() {
    in_namespace(|place| async move {
        let (one, other) = place.pair("one", "other").await;
        let put = [route(254, 7, None, one), default_route(254, 1, one), default_route(70_000, 2, other)];
        place.apply(put.map(HostChange::PutRoute)).await;
        place
            .apply([
                HostChange::AddAddress { ifindex: one, address: ip(50), prefix_length: 32 },
                HostChange::AddRule(rule(512, None, Some(9), None, 70_000)),
                HostChange::AddRule(rule(1024, None, None, Some(0x80), 70_000)),
                HostChange::AddRule(rule(1536, Some(50), None, None, 70_000)),
            ])
            .await;
        let marked = RouteQuestion { mark: Some(Fwmark(0x80)), ..to(8) };
        let from = RouteQuestion { from: Some(ip(50)), ..to(8) };
        assert_eq!(answer(&place, to(7)).await, Some((one, None, 254)));
        assert_eq!(answer(&place, to(8)).await, Some((one, Some(ip(1)), 254)));
        assert_eq!(answer(&place, to(9)).await, Some((other, Some(ip(2)), 70_000)));
        assert_eq!(answer(&place, marked).await, Some((other, Some(ip(2)), 70_000)));
        assert_eq!(answer(&place, from).await, Some((other, Some(ip(2)), 70_000)));
    });
}

#[test]
fn a_packet_that_would_be_dropped_goes_nowhere() {
    in_namespace(|place| async move {
        let (one, other) = place.pair("one", "other").await;
        assert_eq!(answer(&place, to(1)).await, None, "no route");
        for (last, kind) in [
            (2, RouteType::BlackHole),
            (3, RouteType::Unreachable),
            (4, RouteType::Prohibit),
            (5, RouteType::Throw),
        ] {
            refuse(&place, kind, last).await;
            assert_eq!(answer(&place, to(last)).await, None, "{kind:?}");
        }
        // rp_filter: a source that is behind `one` comes in by `other`.
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        place
            .apply([
                HostChange::PutRoute(route(254, 7, None, one)),
                HostChange::PutRoute(route(254, 8, None, one)),
            ])
            .await;
        let came_in = |ifindex| RouteQuestion { from: Some(ip(8)), in_by: Some(ifindex), ..to(7) };
        for (value, by) in [(1, None), (0, Some((one, None, 254)))] {
            place.apply([HostChange::SetRpFilter { ifindex: other, value }]).await;
            std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "0").unwrap();
            assert_eq!(answer(&place, came_in(other)).await, by, "rp_filter {value}");
        }
    });
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    in_namespace(|place| async move {
        for question in [
            RouteQuestion { in_by: Some(1), ..to(1) },
            RouteQuestion { in_by: Some(77), from: Some(ip(2)), ..to(1) },
        ] {
            let error = place.host.route(question).await.unwrap_err();
            assert!(matches!(error, HostError::Refused { errno: EINVAL | ENODEV, .. }), "{error}");
        }
    });
}
