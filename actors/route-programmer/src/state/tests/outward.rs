//! The room on the bench: the node's nft table, and the rules and the setting that belong to it.

use super::*;
use contract::model::{Fwmark, RulePriority};
use contract::ports::host::{NftTable, Rule};

const REPLACE: &str = "replace the table";

fn replacements(bench: &Bench) -> usize {
    bench.log.iter().filter(|entry| *entry == REPLACE).count()
}

fn lines(bench: &Bench) -> Vec<String> {
    bench.nft.nft_table(bench.nft_place, "ip", "enid").unwrap_or_default()
}

fn external() -> RouteConfig {
    RouteConfig { snat: None, ..config() }
}

/// A view that does not know the VPC.
fn blind_view() -> contract::model::EniView {
    contract::model::EniView { vpc_cidrs: Vec::new(), ..enis(0..2) }
}

#[test]
fn the_table_is_made_once_after_its_rule_and_a_restart_makes_nothing() {
    let mut bench = Bench::new(node(1));
    bench.tell(RouteMail::Enis(enis(0..1)));
    bench.settle();
    assert!(
        lines(&bench).iter().any(|line| line.contains("snat to 10.0.0.5 fully-random")),
        "{:?}",
        lines(&bench)
    );
    let rule = "add rule 1024: fwmark 0x80/0x80 lookup main";
    let of = |wanted: &str| bench.log.iter().position(|entry| entry == wanted).unwrap();
    assert!(of(rule) < of(REPLACE), "{:?}", bench.log);
    assert!(bench.log.contains(&"set rp_filter 2 on link 2".to_owned()), "{:?}", bench.log);

    bench.log.clear();
    bench.restart();
    bench.tell(RouteMail::Enis(enis(0..1)));
    bench.pass(2 * A_LOOK);
    assert_eq!((replacements(&bench), bench.made.len()), (0, 0), "{:?}", bench.log);
    assert_eq!(bench.view.unwrap().changes, 0);
}

#[test]
fn after_a_restart_the_table_that_stands_serves_whether_it_was_read_before_the_view_came_or_after() {
    for read_first in [true, false] {
        let mut bench = ready();
        bench.restart();
        if read_first {
            bench.settle();
        }
        bench.tell(RouteMail::Enis(enis(0..2)));
        let mut answer = bench.plan(&wiring(1, 10));
        bench.settle();
        assert!(answer.try_recv().is_ok_and(|plan| plan.is_ok()), "{read_first}");
    }
}

#[test]
fn a_table_that_somebody_flushed_is_back_at_the_next_look_and_a_foreign_one_is_left_alone() {
    let mut bench = ready();
    let before = lines(&bench);
    let theirs = NftTable { family: "ip", name: "theirs", body: "chain a {\n drop\n}".into() };
    bench.nft.replace_nft_table(bench.nft_place, &theirs).unwrap();
    assert!(bench.nft.flush_nft_table(bench.nft_place, "ip", "enid"));
    bench.pass(A_LOOK);
    assert_eq!(lines(&bench), before);
    assert_eq!(bench.nft.nft_table(bench.nft_place, "ip", "theirs").unwrap(), ["a: drop"]);
    assert_eq!(replacements(&bench), 1);
}

#[test]
fn a_block_that_joins_the_vpc_is_in_the_table_at_once_and_a_view_without_blocks_takes_none_away() {
    let mut bench = ready();
    let mut view = enis(0..2);
    view.vpc_cidrs.push("100.64.0.0/16".parse().unwrap());
    bench.tell(RouteMail::Enis(view));
    bench.settle();
    let set = "set own-address: type ipv4_addr flags interval { 10.0.0.0/16, 100.64.0.0/16 }";
    assert_eq!(lines(&bench)[0], set);
    bench.tell(RouteMail::Enis(blind_view()));
    bench.pass(2 * A_LOOK);
    assert_eq!((lines(&bench)[0].as_str(), replacements(&bench)), (set, 1));
}

#[test]
fn while_the_vpc_is_not_known_what_stands_stays_and_serves() {
    let mut bench = ready();
    bench.log.clear();
    bench.restart();
    bench.tell(RouteMail::Enis(blind_view()));
    let mut answer = bench.plan(&wiring(1, 10));
    bench.pass(2 * A_LOOK);
    assert!(answer.try_recv().unwrap().is_ok());
    assert_eq!(replacements(&bench), 0);
    assert!(!lines(&bench).is_empty());
}

#[test]
fn a_pod_that_would_reach_nothing_outside_waits_and_is_told_what_for() {
    let mut bench = Bench::new(node(2));
    bench.tell(RouteMail::Enis(blind_view()));
    let mut early = bench.plan(&wiring(1, 10));
    // Longer than a call that never answers, and the restart it costs.
    bench.pass(Duration::from_secs(44));
    assert!(early.try_recv().is_err());
    bench.pass(Duration::from_secs(2));
    assert_eq!(
        early.try_recv().unwrap().unwrap_err().to_string(),
        "connections that leave the VPC are not translated yet: the blocks of the VPC are not known"
    );
    let mut late = bench.plan(&wiring(1, 10));
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.settle();
    assert!(late.try_recv().unwrap().is_ok());
}

#[test]
fn without_nft_the_trouble_is_told_and_only_pods_whose_node_translates_are_refused() {
    for (config, served) in [(config(), false), (external(), true)] {
        let mut bench = Bench::with(config, node(2));
        bench.nft_gone = true;
        bench.tell(RouteMail::Enis(enis(0..2)));
        let mut answer = bench.plan(&wiring(1, 10));
        bench.pass(Duration::from_secs(46));
        assert_eq!(answer.try_recv().unwrap().is_ok(), served);
        let trouble = bench.view.clone().unwrap().trouble.unwrap().to_string();
        assert!(trouble.contains("read nft table ip enid: nft: cannot start nft"), "{trouble}");
        bench.nft_gone = false;
        bench.pass(A_LOOK);
        assert_eq!(bench.view.unwrap().trouble, None);
    }
}

#[test]
fn once_the_table_stood_a_broken_nft_refuses_nobody() {
    let mut bench = ready();
    bench.nft_gone = true;
    bench.pass(A_LOOK);
    let mut answer = bench.plan(&wiring(1, 10));
    bench.settle();
    assert!(answer.try_recv().unwrap().is_ok());
    assert!(bench.view.unwrap().trouble.is_some());
}

#[test]
fn without_its_rule_no_table_is_made() {
    let mut bench = Bench::new(node(1));
    bench.fault = Box::new(|change| matches!(change, HostChange::AddRule(_)).then_some(Fault::Refuse));
    bench.tell(RouteMail::Enis(enis(0..1)));
    bench.pass(Duration::from_secs(60));
    assert_eq!(replacements(&bench), 0);
    bench.fault = Box::new(|_| None);
    bench.pass(Duration::from_secs(60));
    assert_eq!(replacements(&bench), 1);
}

#[test]
fn what_reads_back_as_something_else_is_told_and_written_ever_less() {
    let mut bench = ready();
    bench.log.clear();
    bench.nft_says = Some("restore: something new".into());
    bench.pass(Duration::from_secs(600));
    assert!((2..40).contains(&replacements(&bench)), "{} in ten minutes", replacements(&bench));
    let trouble = bench.view.unwrap().trouble.unwrap().to_string();
    assert!(trouble.contains("does not read back as what was written"), "{trouble}");
}

#[test]
fn settings_bring_and_take_the_nodes_rules_and_nobody_elses() {
    let by_main = |priority, to: Option<&str>, mark| Rule {
        priority: RulePriority(priority),
        from: None,
        to: to.map(|to| to.parse().unwrap()),
        mark,
        table: TableId::MAIN,
    };
    let marked = by_main(1024, None, Some(Fwmark::DEFAULT));
    let external_rule = |to| by_main(1535, Some(to), None);
    let mut bench = ready();
    let foreign = [
        Rule { table: TableId(7), ..marked },
        by_main(1024, None, Some(Fwmark(0x100))),
        Rule { from: Some(address(1, 10)), ..external_rule("192.0.2.0/24") },
    ];
    bench.host.rules.extend(foreign);
    bench.host.rules.push(external_rule("203.0.113.0/24"));
    let networks = ["192.0.2.0/24", "198.51.100.7/32"];
    let by_main = networks.map(|network| network.parse().unwrap()).to_vec();
    bench.config = RouteConfig { snat: None, node_ports: false, by_main, ..config() };
    bench.restart();
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.settle();
    let mut made: Vec<String> = bench.made.iter().map(crate::plan::in_words).collect();
    made.sort();
    assert_eq!(
        made,
        [
            "add rule 1535: to 192.0.2.0/24 lookup main",
            "add rule 1535: to 198.51.100.7 lookup main",
            "remove rule 1024: fwmark 0x80/0x80 lookup main",
            "remove rule 1535: to 203.0.113.0/24 lookup main",
        ]
    );
    assert!(foreign.iter().all(|rule| bench.host.rules.contains(rule)));
    assert_eq!(lines(&bench), Vec::<String>::new());
}

#[test]
fn the_primary_eni_becomes_loose_and_no_other() {
    let bench = ready();
    let filters: Vec<_> = bench.host.links.iter().map(|link| (link.name.as_str(), link.rp_filter)).collect();
    assert_eq!(filters, [("eth0", Some(2)), ("eth1", Some(1))]);
    let mut bench = Bench::with(RouteConfig { node_ports: false, ..external() }, node(2));
    bench.tell(RouteMail::Enis(enis(0..2)));
    bench.settle();
    assert!(bench.host.links.iter().all(|link| link.rp_filter == Some(1)));
}
