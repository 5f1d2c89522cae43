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
    bench.hear(Ok(told));
    assert_eq!(bench.of(pod.address).len(), 3);
    // A link that is taken down, and up again, has lost its routes, of which nobody is told.
    let link = bench.host.links.iter().find(|link| link.ifindex == 50).unwrap();
    let told = |up| HostEvent::Link(Box::new(Link { behind: None, up, ..link.clone() }));
    let told = vec![told(false), told(true)];
    bench.host.routes.retain(|route| route.ifindex != 50);
    bench.hear(Ok(told));
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
    bench.settle();
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn what_was_lost_on_the_way_is_looked_for() {
    let (mut bench, pod) = with_pod();
    lose_rule(&mut bench, to_pod(&pod));
    bench.hear(Ok(vec![HostEvent::Lost]));
    assert_eq!(bench.of(pod.address).len(), 3);
}

#[test]
fn while_the_kernel_cannot_be_listened_to_it_is_looked_at_more_often_and_that_is_told() {
    let (mut bench, pod) = with_pod();
    lose_rule(&mut bench, to_pod(&pod));
    bench.hear(Err(refused("listen to nftables")));
    assert_eq!(bench.of(pod.address).len(), 3, "what was missed until then");
    let trouble = bench.view.clone().unwrap().trouble.unwrap().to_string();
    assert_eq!(
        trouble,
        "programming the host failed at listen to the kernel: listen to nftables: Operation not permitted (os error 1)"
    );
    lose_rule(&mut bench, to_pod(&pod));
    bench.pass(Duration::from_secs(29));
    assert!(!bench.listening && bench.of(pod.address).len() == 2);
    bench.pass(Duration::from_secs(1));
    assert!(bench.listening && bench.of(pod.address).len() == 3);
    bench.hear(Ok(vec![]));
    assert_eq!(bench.view.unwrap().trouble, None);
}

#[test]
fn the_table_is_read_when_something_in_it_changed_and_left_alone_if_it_means_the_same() {
    let mut bench = ready();
    bench.hear(Ok(vec![HostEvent::NftTable]));
    assert_eq!(bench.log, Vec::<String>::new());
    assert!(bench.nft.flush_nft_table(bench.nft_place, "ip", "enid"));
    bench.hear(Ok(vec![HostEvent::NftTable]));
    assert_eq!(bench.log, ["replace the table"]);
}
