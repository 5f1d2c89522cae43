//! The room on the bench: order, retries, waits and bounds.

use super::jobs::ATTEMPTS_MAX;
use super::*;
use crate::bench::*;
use contract::model::TableId;
use contract::ports::host::HostChange;
use std::cell::Cell;
use std::rc::Rc;

mod looks;
mod news;
mod outward;
mod repairs;
mod storm;

type Answered = Result<(), Cause>;

/// A node with ENIs 0 and 1 set up, and the room at rest.
fn ready() -> Bench {
    let mut bench = Bench::new(node(2));
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.settle();
    assert_eq!(bench.room.survey.standing.keys().copied().collect::<Vec<_>>(), [TableId(2), TableId::MAIN]);
    bench.made.clear();
    bench.log.clear();
    bench
}

/// The same with a pod on the secondary ENI.
fn with_pod() -> (Bench, contract::model::PodWiring) {
    let mut bench = ready();
    let pod = wiring(1, 10);
    bench.host.links.push(veth(&pod, 50));
    let mut answer = bench.wire(&pod, 50);
    bench.settle();
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    bench.tell(RouteMail::Leases(leases([pod.address])));
    bench.settle();
    bench.made.clear();
    bench.log.clear();
    (bench, pod)
}

fn words(cause: Result<Answered, tokio::sync::oneshot::error::TryRecvError>) -> String {
    cause.unwrap().unwrap_err().to_string()
}

#[test]
fn a_plain_restart_changes_nothing() {
    let (mut bench, pod) = with_pod();
    bench.restart();
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.tell(RouteMail::Leases(leases([pod.address])));
    bench.pass(2 * A_LOOK);
    assert_eq!(bench.made, []);
    let view = bench.view.unwrap();
    assert_eq!((view.read, view.enis_ready, view.trouble, view.changes), (true, 2, None, 0));
}

#[test]
fn a_wired_pod_has_its_route_and_rules_and_the_answer_comes_after_the_proof() {
    let (bench, pod) = with_pod();
    assert_eq!(
        bench.of(pod.address).into_keys().collect::<Vec<_>>(),
        [
            "add rule 1536: from 10.0.1.10 lookup 2",
            "add rule 512: to 10.0.1.10 lookup main",
            "put route 10.0.1.10/32 by link 50 in table main",
        ]
    );
}

#[test]
fn a_pod_is_wired_against_its_own_link_and_the_reading_in_hand() {
    let mut bench = ready();
    let pod = wiring(1, 10);
    bench.host.links.push(veth(&pod, 50));
    let reads = bench.reads;
    let mut answer = bench.wire(&pod, 50);
    bench.settle();
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!((bench.of(pod.address).len(), bench.reads), (3, reads));
    // Nor is its link forgotten by a reading that passed it before it was there.
    assert!(bench.room.host.links.iter().any(|link| link.ifindex == 50));
}

#[test]
fn what_contradicts_since_the_reading_is_found_by_the_proof_and_read_anew() {
    let pod = wiring(1, 10);
    let mut bench = ready();
    bench.host.links.push(veth(&pod, 50));
    bench.host.rules.insert(0, rule(1536, Some(pod.address), None, TableId::MAIN));
    let reads = bench.reads;
    let mut answer = bench.wire(&pod, 50);
    bench.pass(Duration::from_secs(1));
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!((bench.of(pod.address).len(), bench.reads - reads), (3, 1), "{:?}", bench.log);
}

#[test]
fn a_rule_of_ours_that_is_gone_since_the_reading_is_put_back_with_a_new_pod() {
    let mut bench = ready();
    let pod = wiring(1, 10);
    bench.host.links.push(veth(&pod, 50));
    // The main table leads to the pod without it, so the proof does not miss it.
    bench.room.host.rules.push(rule(512, None, Some(pod.address), TableId::MAIN));
    let mut answer = bench.wire(&pod, 50);
    bench.settle();
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn a_link_that_is_not_there_by_itself_is_looked_for_among_all() {
    let mut bench = ready();
    let pod = wiring(1, 10);
    let reads = bench.reads;
    let mut answer = bench.wire(&pod, 50);
    bench.settle();
    assert_eq!(
        words(answer.try_recv()),
        "programming the host failed at find the host link: no link has index 50"
    );
    assert_eq!(bench.reads - reads, 1);
}

#[test]
fn a_pod_whose_packets_would_leave_by_the_wrong_link_is_refused_with_the_route_that_is_wrong() {
    let mut bench = ready();
    let pod = wiring(1, 10);
    bench.host.links.push(veth(&pod, 50));
    // Somebody's rule comes before ours and sends the pod's packets out of the primary ENI.
    bench.host.rules.push(rule(100, Some(pod.address), None, TableId::MAIN));
    let mut answer = bench.wire(&pod, 50);
    bench.pass(Duration::from_secs(2));
    assert_eq!(
        words(answer.try_recv()),
        "programming the host failed at verify the route from 10.0.1.10 to 198.51.100.1: leads out by link 2, expected 3"
    );
}

#[test]
fn a_plan_waits_for_its_eni_and_is_answered_when_that_stands() {
    let mut bench = Bench::new(node(1));
    bench.tell(RouteMail::Enis(enis(0..2)));
    let mut answer = bench.plan(&wiring(1, 10));
    let mut primary = bench.plan(&wiring(0, 10));
    bench.pass(Duration::from_secs(3));
    assert!(answer.try_recv().is_err());
    assert!(primary.try_recv().unwrap().is_ok());
    bench.host.links.push(eni_link(1));
    bench.pass(Duration::from_secs(1));
    assert!(answer.try_recv().unwrap().is_ok());
}

#[test]
fn an_eni_is_set_up_as_soon_as_the_kernel_tells_of_its_link() {
    let mut bench = Bench::new(node(1));
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.settle();
    let mut answer = bench.plan(&wiring(1, 10));
    bench.settle();
    bench.host.links.push(eni_link(1));
    bench.hear(Ok(vec![HostEvent::Link(Box::new(eni_link(1)))]));
    assert!(answer.try_recv().unwrap().is_ok());
}

#[test]
fn a_plan_whose_eni_never_shows_is_refused_with_what_is_missing() {
    let mut bench = Bench::new(node(1));
    bench.tell(RouteMail::Enis(enis(0..2)));
    let mut missing = bench.plan(&wiring(1, 10));
    let mut unknown = bench.plan(&wiring(3, 10));
    bench.pass(Duration::from_secs(9));
    assert!(missing.try_recv().is_err());
    bench.pass(Duration::from_secs(1));
    assert!(matches!(missing.try_recv().unwrap(), Err(Cause::LinkMissing { .. })));
    assert_eq!(
        unknown.try_recv().unwrap().unwrap_err().to_string(),
        "programming the host failed at find the ENI: no attached ENI is known with table 4"
    );
    // Once nobody waits, looking for the link costs ever less.
    let before = bench.reads;
    bench.pass(Duration::from_secs(600));
    assert!(bench.reads - before < 40, "{} readings in ten minutes", bench.reads - before);
}

#[test]
fn a_plan_for_an_eni_that_cannot_be_set_up_says_which_step_fails() {
    let mut bench = Bench::new(node(2));
    bench.fault = Box::new(|change| matches!(change, HostChange::AddRule(_)).then_some(Fault::Refuse));
    bench.tell(RouteMail::Enis(enis(0..2)));
    let mut answer = bench.plan(&wiring(1, 10));
    bench.pass(Duration::from_secs(11));
    let said = answer.try_recv().unwrap().unwrap_err().to_string();
    assert!(
        said.starts_with("programming the host failed at add rule 32765: from 10.0.1.5 lookup 2: "),
        "{said}"
    );
    assert_eq!(bench.view.unwrap().trouble.unwrap().label(), "HostWiring");
}

#[test]
fn after_a_restart_a_wire_waits_for_the_views_to_come_back() {
    let (mut bench, pod) = with_pod();
    bench.restart();
    let mut answer = bench.wire(&pod, 50);
    bench.settle();
    assert!(answer.try_recv().is_err());
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.settle();
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!(bench.of(pod.address).into_values().collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn unwire_leaves_nothing_and_what_is_not_there_is_a_success() {
    let (mut bench, pod) = with_pod();
    for changes in [3, 0] {
        bench.made.clear();
        let mut answer = bench.unwire(pod.address);
        bench.settle();
        assert_eq!(answer.try_recv(), Ok(Ok(())));
        assert_eq!(bench.made.len(), changes);
    }
    assert!(bench.of(pod.address).is_empty());
}

#[test]
fn a_lease_view_that_is_behind_does_not_bring_an_unwired_address_back() {
    let (mut bench, pod) = with_pod();
    let _answer = bench.unwire(pod.address);
    bench.settle();
    bench.tell(RouteMail::Leases(leases([pod.address])));
    bench.pass(2 * A_LOOK);
    assert!(bench.of(pod.address).is_empty());
    bench.tell(RouteMail::Leases(leases([])));
    bench.tell(RouteMail::Leases(leases([pod.address])));
    bench.settle();
    assert!(bench.of(pod.address).is_empty());
    // Once it is wired again it is repaired like any other.
    let _answer = bench.wire(&pod, 50);
    bench.settle();
    bench.host.rules.retain(|rule| rule.to != Some(pod.address.into()));
    bench.pass(A_LOOK);
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn an_address_is_not_called_gone_by_a_reading_that_is_not_whole() {
    let (mut bench, pod) = with_pod();
    let rules = std::mem::take(&mut bench.host.rules);
    bench.host.complete = false;
    let mut answer = bench.unwire(pod.address);
    bench.settle();
    assert!(answer.try_recv().is_err());
    // However many readings in a row: pods come and go, and that fails no DEL.
    for _ in 0..10 {
        bench.pass(Duration::from_millis(200));
        assert!(answer.try_recv().is_err());
    }
    bench.host.rules = rules;
    bench.host.complete = true;
    bench.pass(Duration::from_millis(200));
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert!(bench.of(pod.address).is_empty());
}

#[test]
fn an_address_that_is_unwired_and_wired_again_ends_wired_in_that_order() {
    let (mut bench, pod) = with_pod();
    let mut down = bench.unwire(pod.address);
    bench.host.links.retain(|link| link.ifindex != 50);
    bench.host.links.push(veth(&pod, 51));
    let mut up = bench.wire(&pod, 51);
    let mut down_again = bench.unwire(pod.address);
    let mut up_again = bench.wire(&pod, 51);
    bench.settle();
    for answer in [&mut down, &mut up, &mut down_again, &mut up_again] {
        assert_eq!(answer.try_recv(), Ok(Ok(())));
    }
    assert!(bench.of(pod.address).contains_key("put route 10.0.1.10/32 by link 51 in table main"));
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn a_change_without_an_answer_is_read_back_before_it_is_repeated() {
    for fault in [Fault::SilentlyDone, Fault::SilentlyLost] {
        let mut bench = ready();
        let pod = wiring(1, 10);
        bench.host.links.push(veth(&pod, 50));
        let once = Cell::new(true);
        bench.fault = Box::new(move |change| {
            (matches!(change, HostChange::AddRule(_)) && once.replace(false)).then_some(fault)
        });
        let mut answer = bench.wire(&pod, 50);
        bench.pass(Duration::from_secs(1));
        assert_eq!(answer.try_recv(), Ok(Ok(())), "{fault:?}");
        let silent = "add rule 512: to 10.0.1.10 lookup main";
        assert_eq!(bench.log.iter().filter(|entry| *entry == silent).count(), 1, "{:?}", bench.log);
        assert_eq!(bench.log.iter().filter(|entry| *entry == "read").count(), 1, "{:?}", bench.log);
        assert_eq!(bench.of(pod.address).len(), 3);
    }
}

#[test]
fn a_kernel_that_keeps_refusing_is_told_after_three_attempts_and_a_blind_one_too() {
    let mut bench = ready();
    let pod = wiring(1, 10);
    bench.host.links.push(veth(&pod, 50));
    let tries = Rc::new(Cell::new(0));
    let count = Rc::clone(&tries);
    bench.fault = Box::new(move |change| {
        matches!(change, HostChange::AddRule(_)).then(|| count.set(count.get() + 1)).map(|()| Fault::Refuse)
    });
    let mut answer = bench.wire(&pod, 50);
    bench.pass(Duration::from_secs(2));
    assert!(words(answer.try_recv()).contains("add rule 512: to 10.0.1.10 lookup main"));
    assert_eq!(tries.get(), 3);

    let mut answer = bench.unwire(pod.address);
    bench.blind = ATTEMPTS_MAX;
    bench.pass(Duration::from_secs(2));
    assert!(words(answer.try_recv()).contains("read the host"));
}

#[test]
fn one_failed_reading_fails_nobody() {
    let (mut bench, pod) = with_pod();
    bench.blind = 1;
    let mut answer = bench.unwire(pod.address);
    bench.pass(Duration::from_secs(1));
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!(bench.view.unwrap().trouble, None);
}

#[test]
fn what_is_waiting_is_bounded_and_the_one_too_many_is_told() {
    let mut bench = Bench::new(node(1));
    bench.tell(RouteMail::Enis(enis(0..1)));
    bench.settle();
    bench.held.clear();
    let _waiting: Vec<_> = (0..JOBS_MAX).map(|_| bench.unwire(address(0, 10))).collect();
    let mut answer = bench.unwire(address(0, 10));
    bench.settle();
    assert_eq!(words(answer.try_recv()), "route-programmer is not available: 1024 requests are waiting");
}
