//! What the kernel tells is missed at once, repaired once a reading confirms it, and is never the truth by itself.

use super::*;

/// Takes a rule away, and gives what the kernel tells of that.
fn lose_rule(bench: &mut Bench, lost: Rule) -> Vec<HostEvent> {
    bench.host.rules.retain(|rule| *rule != lost);
    vec![HostEvent::RuleGone(lost)]
}

fn to_pod(pod: &contract::model::PodWiring) -> Rule {
    rule(512, None, Some(pod.address), TableId::MAIN)
}

#[test]
fn what_somebody_takes_away_is_put_back_as_soon_as_the_kernel_tells() {
    let (mut bench, pod) = with_pod();
    let reads = bench.reads;
    // What is behind its link was never read.
    let route = *bench.host.routes.iter().find(|route| route.to == pod.address).unwrap();
    bench.host.routes.retain(|other| *other != route);
    bench.hear(Ok(vec![HostEvent::RouteGone(route)]));
    assert_eq!((bench.of(pod.address).len(), bench.reads - reads), (3, 1), "{:?}", bench.log);
    let told = lose_rule(&mut bench, to_pod(&pod));
    // Within half a minute of the last repair it takes its time.
    bench.hear(Ok(told));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.of(pod.address).len(), 3);
    // A link that is taken down, and up again, has lost its routes, of which nobody is told.
    let link = bench.host.links.iter().find(|link| link.ifindex == 50).unwrap();
    let told = |up| HostEvent::Link(Box::new(Link { behind: None, up, ..link.clone() }));
    let told = vec![told(false), told(true)];
    bench.host.routes.retain(|route| route.ifindex != 50);
    bench.hear(Ok(told));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.of(pod.address).len(), 3);
    assert!(bench.view.unwrap().trouble.is_none());
}

#[test]
fn what_we_did_ourselves_and_what_is_not_ours_cost_no_reading() {
    let (mut bench, pod) = with_pod();
    let reads = bench.reads;
    let foreign = rule(900, Some(address(0, 77)), None, TableId(100));
    let own = bench.host.rules.iter().copied().map(HostEvent::Rule).collect::<Vec<_>>();
    let links = bench.host.links.iter().map(|link| HostEvent::Link(Box::new(link.clone())));
    let events = own.into_iter().chain(links).chain([HostEvent::Rule(foreign), HostEvent::RuleGone(foreign)]);
    let events = events.collect();
    bench.hear(Ok(events));
    bench.hear(Ok(vec![]));
    let _answer = bench.unwire(pod.address);
    bench.settle();
    bench.hear(Ok(vec![HostEvent::RuleGone(to_pod(&pod)), HostEvent::LinkGone(50)]));
    assert_eq!(bench.reads - reads, 1, "the one of the unwire: {:?}", bench.log);
}

#[test]
fn news_that_are_out_of_date_change_nothing() {
    let (mut bench, pod) = with_pod();
    bench.hear(Ok(vec![HostEvent::RuleGone(to_pod(&pod))]));
    bench.hear(Ok(vec![HostEvent::Rule(rule(1536, Some(pod.address), None, TableId::MAIN))]));
    assert_eq!((bench.made.len(), bench.of(pod.address).len()), (0, 3), "{:?}", bench.log);
}

#[test]
fn what_is_told_while_the_kernel_is_read_is_not_forgotten() {
    let (mut bench, pod) = with_pod();
    let _answer = bench.unwire(address(1, 99));
    bench.turn();
    let reading = bench.held.iter().position(|action| matches!(action, RouteAction::Read { .. })).unwrap();
    // The reading passed the rule before it was taken away.
    let seen = bench.host.clone();
    let told = lose_rule(&mut bench, to_pod(&pod));
    bench.listening = false;
    bench.room.learn(RouteOutcome::Heard(Ok(told)), bench.now);
    let RouteAction::Read { number, .. } = bench.held.remove(reading) else { panic!() };
    bench.room.learn(RouteOutcome::Read { number, result: Ok(seen) }, bench.now);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn what_was_lost_on_the_way_is_looked_for() {
    let (mut bench, pod) = with_pod();
    lose_rule(&mut bench, to_pod(&pod));
    assert!(bench.nft.flush_nft_table(bench.nft_place, "ip", "enid"));
    bench.hear(Ok(vec![HostEvent::Lost]));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.of(pod.address).len(), 3);
    assert!(bench.log.iter().any(|entry| entry == "replace the table"), "{:?}", bench.log);
}

#[test]
fn while_the_kernel_cannot_be_listened_to_it_is_looked_at_more_often_and_that_is_told() {
    let (mut bench, pod) = with_pod();
    lose_rule(&mut bench, to_pod(&pod));
    bench.hear(Err(refused("listen to nftables")));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.of(pod.address).len(), 3, "what was missed until then");
    let trouble = bench.view.clone().unwrap().trouble.unwrap().to_string();
    assert_eq!(
        trouble,
        "programming the host failed at listen to the kernel: listen to nftables: Operation not permitted (os error 1)"
    );
    lose_rule(&mut bench, to_pod(&pod));
    bench.pass(Duration::from_secs(28));
    assert!(!bench.listening && bench.of(pod.address).len() == 2);
    bench.pass(Duration::from_secs(2));
    assert!(bench.listening && bench.of(pod.address).len() == 3);
    bench.hear(Ok(vec![]));
    assert_eq!(bench.view.unwrap().trouble, None);
}

#[test]
fn the_table_is_read_when_something_in_it_changed_and_left_alone_if_it_means_the_same() {
    let mut bench = ready();
    bench.pass(Duration::from_secs(1));
    bench.hear(Ok(vec![HostEvent::NftTable]));
    assert_eq!(bench.log, Vec::<String>::new());
    assert!(bench.nft.flush_nft_table(bench.nft_place, "ip", "enid"));
    bench.pass(Duration::from_secs(1));
    // An nft that fails makes nobody forget what was told.
    bench.nft_gone = true;
    bench.hear(Ok(vec![HostEvent::NftTable]));
    assert_eq!(bench.log, Vec::<String>::new());
    bench.nft_gone = false;
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.log, ["replace the table"]);
}

#[test]
fn whoever_undoes_every_repair_at_once_makes_neither_rule_nor_table_come_back_without_a_pause() {
    let (mut bench, pod) = with_pod();
    let seconds = 20;
    for _ in 0..seconds * 10 {
        let mut told = lose_rule(&mut bench, to_pod(&pod));
        bench.nft.flush_nft_table(bench.nft_place, "ip", "enid");
        told.push(HostEvent::NftTable);
        bench.hear(Ok(told));
        bench.pass(Duration::from_millis(100));
    }
    let replaced = bench.log.iter().filter(|entry| *entry == "replace the table").count();
    assert!((3..10).contains(&bench.made.len()), "{} repairs", bench.made.len());
    assert!((3..10).contains(&replaced), "{replaced} replacements");
    let trouble = bench.view.clone().unwrap().trouble.unwrap().to_string();
    assert!(trouble.contains("undoes it again and again"), "{trouble}");
    bench.pass(Duration::from_secs(60));
    assert_eq!((bench.of(pod.address).len(), bench.view.unwrap().trouble), (3, None));
}

#[test]
fn routes_that_go_with_a_links_last_address_or_are_replaced_by_something_else_are_missed_too() {
    let (mut bench, pod) = with_pod();
    let address = ([169, 254, 9, 9].into(), 16);
    let (address, prefix_length) = address;
    bench.hear(Ok(vec![HostEvent::Address { ifindex: 50, address, prefix_length }]));
    bench.host.routes.retain(|route| route.ifindex != 50);
    bench.hear(Ok(vec![HostEvent::AddressGone { ifindex: 50, address, prefix_length }]));
    assert_eq!(bench.of(pod.address).len(), 3);
    bench.pass(Duration::from_secs(60));
    bench.host.routes.retain(|route| route.to != pod.address);
    let replaced = HostEvent::RoutesReplaced { table: TableId::MAIN, to: pod.address, prefix_length: 32 };
    bench.hear(Ok(vec![replaced]));
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn what_is_undone_before_its_end_is_heard_of_is_not_counted_as_made() {
    let mut bench = ready();
    let pod = wiring(1, 10);
    bench.host.links.push(veth(&pod, 50));
    bench.tell(RouteMail::Leases(leases([pod.address])));
    let _answer = bench.wire(&pod, 50);
    bench.perform(0);
    let program = bench.held.iter().position(|action| matches!(action, RouteAction::Program { .. })).unwrap();
    let RouteAction::Program { target, changes, questions } = bench.held.remove(program) else { panic!() };
    // The kernel made all of it and told of all of it, and of what somebody did next.
    changes.iter().for_each(|change| make(&mut bench.host, change));
    let told = lose_rule(&mut bench, to_pod(&pod));
    let answers = questions.iter().map(|question| Ok(lead(&bench.host, question))).collect();
    bench.hear(Ok(told));
    bench
        .room
        .learn(RouteOutcome::Programmed { target, done: changes.len(), stopped: None, answers }, bench.now);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.of(pod.address).len(), 3, "{:?}", bench.log);
}

#[test]
fn an_address_that_is_another_pods_now_is_not_led_to_a_namespace_that_lingers() {
    let (mut bench, pod) = with_pod();
    // Everything was read while the first pod had it; then its pod goes, and its link stays.
    bench.host.links.last_mut().unwrap().behind = Some(vec![pod.address]);
    bench.pass(A_LOOK);
    let _answer = bench.unwire(pod.address);
    bench.settle();
    bench.host.links.last_mut().unwrap().behind = Some(vec![]);
    let next =
        contract::model::PodWiring { host_mac: contract::model::Mac([2, 9, 9, 9, 9, 9]), ..pod.clone() };
    bench.host.links.push(veth(&next, 60));
    let mut answer = bench.wire(&next, 60);
    bench.settle();
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    bench.tell(RouteMail::Leases(leases([pod.address])));
    bench.pass(Duration::from_secs(1));
    let to = bench.host.routes.iter().filter(|route| route.to == pod.address);
    assert_eq!(to.map(|route| route.ifindex).collect::<Vec<_>>(), [60], "{:?}", bench.log);
}

#[test]
fn a_link_that_was_read_while_its_pod_was_made_is_repaired_like_any_other() {
    let mut bench = ready();
    let pod = wiring(1, 10);
    bench.host.links.push(Link { behind: Some(vec![]), ..veth(&pod, 50) });
    bench.pass(A_LOOK);
    let _answer = bench.wire(&pod, 50);
    bench.settle();
    bench.tell(RouteMail::Leases(leases([pod.address])));
    bench.host.links.last_mut().unwrap().behind = Some(vec![pod.address]);
    let route = *bench.host.routes.iter().find(|route| route.to == pod.address).unwrap();
    bench.host.routes.retain(|other| *other != route);
    bench.hear(Ok(vec![HostEvent::RouteGone(route)]));
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn pods_namespaces_are_looked_at_however_often_the_rest_is_read_and_what_failed_is_read_again() {
    let (mut bench, _) = with_pod();
    for _ in 0..11 {
        let _answer = bench.unwire(address(1, 99));
        bench.pass(Duration::from_secs(60));
    }
    assert_eq!(bench.log.iter().filter(|entry| *entry == "read pods").count(), 2, "{:?}", bench.log);
    bench.log.clear();
    bench.blind = 1;
    bench.pass(A_LOOK);
    assert!(bench.view.clone().unwrap().trouble.is_none());
    assert_eq!(bench.log, ["read pods", "read pods"]);
    bench.log.clear();
    bench.host.complete = false;
    bench.pass(A_LOOK);
    assert!(bench.log.len() > 10, "what was not read wholly: {:?}", bench.log);
}
