//! The room on the bench: questions about the host as it is.

use super::*;
use contract::model::Damage;
use std::net::Ipv4Addr;
use tokio::sync::oneshot;

type Told = oneshot::Receiver<Result<Vec<Damage>, Cause>>;

fn check(bench: &mut Bench, address: Ipv4Addr, ifindex: u32) -> Told {
    let (reply, answer) = oneshot::channel();
    bench.tell(RouteMail::Check { address, ifindex: Some(ifindex), reply });
    answer
}

fn labels(mut told: Told) -> Vec<&'static str> {
    told.try_recv().unwrap().unwrap().iter().map(Damage::label).collect()
}

#[test]
fn a_pod_that_stands_is_whole_by_a_reading_that_began_after_the_question() {
    let (mut bench, pod) = with_pod();
    let mut told = check(&mut bench, pod.address, 50);
    assert!(told.try_recv().is_err(), "not by what was read before");
    bench.settle();
    assert_eq!((labels(told), bench.log.clone()), (vec![], vec!["read".to_owned()]));
    assert_eq!(bench.made, []);
}

#[test]
fn what_is_gone_is_named_and_then_repaired() {
    let (mut bench, pod) = with_pod();
    bench.host.rules.retain(|rule| rule.to != Some(pod.address.into()));
    bench.host.routes.retain(|route| route.to != pod.address);
    let told = check(&mut bench, pod.address, 50);
    bench.settle();
    assert_eq!(labels(told), ["HostRouteMissing", "ToRuleMissing"]);
    let again = check(&mut bench, pod.address, 50);
    bench.settle();
    assert_eq!(labels(again), [""; 0]);
}

#[test]
fn the_side_of_the_eni_counts_too() {
    let (mut bench, pod) = with_pod();
    bench.fault = Box::new(|_| Some(Fault::Refuse));
    bench.host.routes.retain(|route| route.table != TableId(2));
    let told = check(&mut bench, pod.address, 50);
    bench.settle();
    assert_eq!(labels(told), ["EniSide"]);
}

#[test]
fn an_address_that_no_eni_has_is_damage_only_once_the_view_is_whole() {
    let (mut bench, _) = with_pod();
    let nowhere = Ipv4Addr::new(10, 9, 9, 9);
    let told = check(&mut bench, nowhere, 50);
    bench.settle();
    assert_eq!(labels(told), ["AddressNotAttached"]);
    bench.tell(RouteMail::Enis(EniView { complete: false, ..enis(0..2) }));
    let mut told = check(&mut bench, nowhere, 50);
    bench.settle();
    assert_eq!(told.try_recv().unwrap().unwrap_err().cni_code(), 11);
}

#[test]
fn a_host_that_cannot_be_read_wholly_is_an_error_and_not_damage() {
    let (mut bench, pod) = with_pod();
    bench.blind = 1;
    let mut told = check(&mut bench, pod.address, 50);
    bench.settle();
    assert!(told.try_recv().unwrap().is_err());
    bench.pass(A_LOOK);
    bench.host.complete = false;
    let mut told = check(&mut bench, pod.address, 50);
    bench.settle();
    assert!(told.try_recv().unwrap().is_err());
}

#[test]
fn pods_namespaces_are_read_for_whoever_asks_what_they_carry_and_for_nobody_else() {
    let (mut bench, pod) = with_pod();
    let mut whole = check(&mut bench, pod.address, 50);
    let _gone = bench.unwire(address(1, 77));
    bench.settle();
    assert_eq!(whole.try_recv(), Ok(Ok(vec![])));
    assert_eq!(bench.log, ["read", "read"]);
    bench.log.clear();
    // One that is under way does not tell.
    let _check = check(&mut bench, pod.address, 50);
    bench.turn();
    let (reply, mut answer) = oneshot::channel();
    bench.tell(RouteMail::Carried { addresses: BTreeSet::from([pod.address]), reply });
    bench.settle();
    assert_eq!(answer.try_recv(), Ok(Ok(BTreeSet::from([pod.address]))));
    assert_eq!(bench.log, ["read", "read pods"]);
    bench.pass(A_LOOK);
    assert_eq!(bench.log.last().unwrap(), "read pods");
}

#[test]
fn what_a_namespace_carries_is_told_and_only_what_was_asked_for() {
    let (mut bench, pod) = with_pod();
    let other = Ipv4Addr::new(10, 0, 1, 11);
    bench.host.links.last_mut().unwrap().behind = Some(vec![pod.address, Ipv4Addr::new(10, 0, 1, 12)]);
    let (reply, mut answer) = oneshot::channel();
    bench.tell(RouteMail::Carried { addresses: BTreeSet::from([pod.address, other]), reply });
    bench.settle();
    assert_eq!(answer.try_recv(), Ok(Ok(BTreeSet::from([pod.address]))));
}

#[test]
fn questions_are_bounded_and_share_one_reading() {
    let (mut bench, pod) = with_pod();
    let reads = bench.reads;
    let mut told: Vec<Told> = (0..=JOBS_MAX).map(|_| check(&mut bench, pod.address, 50)).collect();
    bench.settle();
    let last = told.pop().unwrap().try_recv().unwrap();
    assert!(last.unwrap_err().to_string().contains("are waiting"));
    assert!(told.into_iter().all(|told| labels(told).is_empty()));
    // One was under way when the others came.
    assert!(bench.reads - reads <= 2, "{} readings", bench.reads - reads);
}
