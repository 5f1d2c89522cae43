//! The room on the bench: drift, views and readings.

use super::*;
use contract::model::LeasePhase;

#[test]
fn drift_is_found_by_the_next_reading_and_repaired() {
    let (mut bench, pod) = with_pod();
    let before = bench.host.clone();
    bench.host.rules.retain(|rule| rule.priority.0 == 32_766);
    bench.host.routes.retain(|route| route.table == TableId::MAIN && route.to != pod.address);
    bench.pass(A_LOOK);
    let sorted = |mut host: HostSnapshot| {
        host.rules.sort();
        host.routes.sort();
        host
    };
    assert_eq!(sorted(bench.host), sorted(before));
}

#[test]
fn a_unit_that_cannot_be_repaired_holds_up_no_other_and_is_tried_ever_less() {
    let (mut bench, pod) = with_pod();
    bench.host.rules.retain(|rule| rule.priority.0 == 32_766);
    let tries = Rc::new(Cell::new(0u32));
    let count = Rc::clone(&tries);
    bench.fault = Box::new(move |change| {
        let eni = matches!(change, HostChange::AddRule(rule) if rule.priority.0 == 32_765);
        eni.then(|| count.set(count.get() + 1)).map(|()| Fault::Refuse)
    });
    bench.pass(A_LOOK);
    assert_eq!(bench.of(pod.address).len(), 3);
    bench.pass(Duration::from_secs(600));
    assert!((5..40).contains(&tries.get()), "{} tries in ten minutes", tries.get());
    assert!(bench.view.unwrap().trouble.is_some());
}

#[test]
fn what_a_view_wants_waits_for_a_reading_that_is_newer_than_the_view() {
    let (mut bench, pod) = with_pod();
    let late = wiring(1, 11);
    bench.host.links.push(veth(&late, 60));
    bench.pass(A_LOOK);
    bench.log.clear();
    // The held snapshot does not show what was made since.
    bench.host.rules.push(rule(512, None, Some(late.address), TableId::MAIN));
    bench.tell(RouteMail::Leases(leases([pod.address, late.address])));
    bench.settle();
    assert_eq!(
        bench.log,
        ["read", "put route 10.0.1.11/32 by link 60 in table main", "add rule 1536: from 10.0.1.11 lookup 2",]
    );
}

#[test]
fn a_change_made_while_the_host_is_being_read_is_not_forgotten() {
    let (mut bench, pod) = with_pod();
    let second = wiring(1, 11);
    bench.host.links.push(veth(&second, 51));
    let mut answer = bench.wire(&second, 51);
    bench.perform(0); // its reading; its changes are held
    bench.now += A_LOOK;
    bench.turn(); // the slow reading is held behind them
    let position = bench.held.iter().position(|action| matches!(action, RouteAction::Read { .. })).unwrap();
    let RouteAction::Read { number, .. } = bench.held.remove(position) else { unreachable!() };
    let old = bench.host.clone();
    bench.tell(RouteMail::Leases(leases([pod.address, second.address])));
    while !bench.held.is_empty() {
        bench.perform(0);
    }
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    bench.made.clear();
    bench.room.learn(RouteOutcome::Read { number, result: Ok(old) }, bench.now);
    bench.settle();
    assert_eq!(bench.made, []);
}

#[test]
fn the_rule_of_an_eni_that_left_goes_once_a_whole_view_says_so_and_comes_back_with_it() {
    let of_eni = rule(32_765, Some(address(1, 5)), None, TableId(2));
    let mut bench = ready();
    let foreign = rule(32_765, Some(address(1, 5)), None, TableId(10_001));
    bench.host.rules.push(foreign);
    bench.tell(RouteMail::Enis(contract::model::EniView { complete: false, ..enis(0..1) }));
    bench.pass(A_LOOK);
    assert!(bench.host.rules.contains(&of_eni), "absence in a view that is not whole");
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.tell(RouteMail::Enis(enis(0..1)));
    bench.settle();
    assert!(!bench.host.rules.contains(&of_eni));
    assert!(bench.host.rules.contains(&foreign));
    bench.pass(A_LOOK);
    assert!(bench.room.departed.is_empty());
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.settle();
    assert!(bench.host.rules.contains(&of_eni));
}

#[test]
fn a_rule_that_an_earlier_eni_left_for_an_address_that_is_a_pods_now_is_taken_away() {
    let mut bench = ready();
    let pod = wiring(0, 11);
    bench.host.links.push(veth(&pod, 50));
    let left = rule(32_765, Some(pod.address), None, TableId(2));
    let foreign = rule(32_765, Some(pod.address), None, TableId(10_001));
    bench.host.rules.extend([left, foreign]);
    let _answer = bench.wire(&pod, 50);
    bench.pass(Duration::from_secs(1));
    assert!(!bench.host.rules.contains(&left) && bench.host.rules.contains(&foreign));
}

#[test]
fn a_thousand_lease_views_cost_no_reading() {
    let (mut bench, pod) = with_pod();
    let before = bench.reads;
    for phase in [LeasePhase::Wired, LeasePhase::Assigned].into_iter().cycle().take(1000) {
        let mut view = leases([]);
        view.leases.push(lease(pod.address, phase));
        bench.tell(RouteMail::Leases(view));
        bench.settle();
    }
    assert_eq!(bench.reads, before);
}

#[test]
fn a_reading_that_a_silent_change_may_have_overtaken_does_not_end_an_unwire() {
    let (mut bench, pod) = with_pod();
    let held = |bench: &Bench| bench.held.iter().map(kind).collect::<Vec<_>>();
    let of_pod = |rule: &Rule| rule.to == Some(pod.address.into()) || rule.from == Some(pod.address);
    bench.host.rules.retain(|rule| !of_pod(rule));
    bench.host.routes.retain(|route| route.to != pod.address);
    bench.now += A_LOOK;
    bench.turn();
    while !held(&bench).contains(&"program") {
        bench.perform(0);
    }
    let mut answer = bench.unwire(pod.address);
    let _asks_for_a_reading = bench.unwire(address(1, 11));
    assert_eq!(held(&bench), ["program", "read"]);
    bench.perform(1);
    bench.fault = Box::new(|_| Some(Fault::SilentlyDone));
    bench.perform(0);
    bench.fault = Box::new(|_| None);
    bench.pass(Duration::from_secs(1));
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!(bench.made.len(), 2, "the silent change and what takes it back: {:?}", bench.made);
    assert!(bench.of(pod.address).is_empty());
}

fn kind(action: &RouteAction) -> &'static str {
    match action {
        RouteAction::Read { .. } => "read",
        RouteAction::Program { .. } => "program",
        _ => "other",
    }
}
