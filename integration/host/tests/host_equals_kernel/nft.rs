//! Tables of the shape we use, and near misses: the model gives the driver's lines, and refuses what nft refuses. After a
//! refusal, and after somebody flushed, both show the same.

use std::process::{Command, Stdio};

use contract::ports::host::{Host, NftTable};
use host::{Linux, NftError};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};

use crate::place::enter_new_namespace;

/// nft is started two or three times in each.
const CASES: u32 = 60;

const STATEMENTS: [&str; 24] = [
    r#"iifname "eni*""#,
    r#"iifname != "eth0""#,
    r#"oifname != "vlan*""#,
    "ip daddr != @vpc",
    "ip saddr 10.2.0.0/16",
    "ip daddr { 10.1.0.7, 10.4.0.0/16 }",
    "ip daddr != { 10.4.0.7, 10.1.0.0/16 }",
    "ip daddr == 10.1.2.3",
    "fib daddr type != local",
    "ct status ! confirmed",
    "ct mark & 0x80 == 0x80",
    "meta mark set meta mark & 0xffffff7f",
    "ct mark & 128 != 0x80",
    "meta mark 0x4000",
    "meta mark != 7",
    "ct mark set ct mark | 0x80",
    "meta mark set ct mark & 0x80",
    "meta mark set meta mark | 128",
    "meta mark set 7",
    "ct mark set meta mark",
    "counter",
    "ip daddr 10.1.0.0/16",
    "ip daddr @nowhere",
    "fib daddr . iif type local",
];

const ENDS: [&str; 13] = [
    "",
    r#"comment "why; not""#,
    r#"return comment "}""#,
    "accept",
    "return",
    "drop",
    "jump after",
    "goto after",
    "jump nowhere",
    "snat to 10.0.0.10 fully-random",
    "snat to 10.0.0.10 random",
    "snat to 10.0.0.10",
    "masquerade",
];

const HOOKS: [&str; 9] = [
    "type nat hook prerouting priority dstnat + 10; policy accept;",
    "type nat hook prerouting priority -90;",
    "type nat hook postrouting priority srcnat + 10; policy accept;",
    "type nat hook postrouting priority srcnat - 1;",
    "type filter hook prerouting priority mangle; policy accept;",
    "type filter hook forward priority filter; policy drop;",
    "type filter hook input priority srcnat;",
    "type nat hook forward priority 0;",
    "type nat hook output priority -200;",
];

const ELEMENTS: [&str; 5] = ["10.0.0.0/16", "10.1.0.0/16", "10.1.2.0/24", "192.168.0.1", "10.5.1.1/16"];

/// How many of the statements and ends it may have: the last ones only stand in a base chain.
fn some_rule(statements: usize, ends: usize) -> impl Strategy<Value = String> {
    let statements = prop_oneof![
        3 => subsequence(STATEMENTS[..22].to_vec(), 0..4),
        1 => subsequence(STATEMENTS[..statements].to_vec(), 0..3),
    ];
    let end = prop_oneof![6 => select(&ENDS[..8]), 1 => select(&ENDS[..ends])];
    (statements, end).prop_map(|(statements, end)| format!("{} {end}", statements.join(" ")))
}

fn some_body() -> impl Strategy<Value = String> {
    let hook = || prop_oneof![6 => select(&HOOKS[..6]), 1 => select(&HOOKS[..])];
    let chain = || (hook(), prop::collection::vec(some_rule(STATEMENTS.len(), ENDS.len()), 0..3));
    let elements = prop_oneof![4 => subsequence(ELEMENTS[..2].to_vec(), 1..=2), 1 => subsequence(ELEMENTS.to_vec(), 1..=5)];
    (elements, chain(), chain(), prop::collection::vec(some_rule(STATEMENTS.len() - 1, ENDS.len() - 4), 0..2)).prop_map(|(elements, one, other, after)| {
        let rules = |rules: &[String]| rules.iter().map(|rule| format!("    {rule}\n")).collect::<String>();
        format!(
            "set vpc {{ type ipv4_addr; flags interval; elements = {{ {} }}\n}}\nchain pre {{ {}\n{}}}\nchain a {{ {}\n{}}}\n\
             chain after {{\n{}}}\n",
            elements.join(", "),
            one.0,
            rules(&one.1),
            other.0,
            rules(&other.1),
            rules(&after),
        )
    })
}

fn nft(words: &str) {
    let mut command = Command::new("nft");
    assert!(command.args(words.split(' ')).status().unwrap().success(), "{words}");
}

async fn check(bodies: Vec<(String, bool)>) {
    let (_namespace, host) = enter_new_namespace();
    let mut model = Linux::new(0);
    let id = model.add_namespace();
    for (body, flush) in bodies {
        let table = NftTable { family: "ip", name: "enid", body: body.clone() };
        let real = host.replace_nft_table(table.clone()).await;
        let expected = model.replace_nft_table(id, &table);
        assert!(!matches!(expected, Err(NftError::NotModelled(_))), "{expected:?}: {body}");
        assert_eq!(real.is_ok(), expected.is_ok(), "{real:?} {expected:?}: {body}");
        if flush && model.flush_nft_table(id, "ip", "enid") {
            nft("flush table ip enid");
        }
        let real = host.read_nft_table("ip", "enid").await.unwrap();
        assert_eq!(real, model.nft_table(id, "ip", "enid"), "{body}");
    }
    nft("flush ruleset");
    model.flush_nft_ruleset(id);
    assert_eq!(model.nft_table(id, "ip", "enid"), host.read_nft_table("ip", "enid").await.unwrap());
}

#[test]
fn any_table_of_our_shape_reads_back_as_the_kernel_has_it_and_a_refused_one_changes_nothing() {
    let missing = Command::new("nft").arg("--version").stdout(Stdio::null()).status().is_err();
    if missing || !rustix::process::geteuid().is_root() {
        println!("SKIPPED any_table_of_our_shape: it needs root and nft");
        return;
    }
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let bodies = prop::collection::vec((some_body(), prop::bool::weighted(0.2)), 1..3);
    let run = TestRunner::new(config).run(&bodies, |bodies| {
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(check(bodies));
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn a_body_that_is_not_modelled_is_said_so_and_the_old_table_stands() {
    let mut model = Linux::new(0);
    let id = model.add_namespace();
    let mut replace = |name, body: &str| {
        let replaced = model.replace_nft_table(id, &NftTable { family: "ip", name, body: body.to_owned() });
        assert_eq!(model.nft_table(id, "ip", "enid").unwrap(), ["a: drop"]);
        replaced
    };
    replace("enid", "chain a {\n drop\n}").unwrap();
    replace("theirs", "chain a {\n accept\n}").unwrap();
    for body in
        ["map m { }", "chain a {\n tcp dport 1 drop\n}", "chain a { } chain a { }", "chain a {\n queue\n}"]
    {
        assert!(matches!(replace("enid", body), Err(NftError::NotModelled(_))), "{body}");
    }
    for body in ["chain a {\n jump b\n}", "chain a {\n comment \"b\"\n comment \"b\"\n}"] {
        assert!(matches!(replace("enid", body), Err(NftError::Refused(_))), "{body}");
    }
}
