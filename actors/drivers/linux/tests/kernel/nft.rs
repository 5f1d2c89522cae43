//! The nft table: replaced whole, read back, others untouched.

use std::process::{Command, Stdio};
use std::time::Duration;

use contract::ports::host::{Host, HostError, NftTable};
use linux::LinuxHost;

use crate::place::{Place, TIMEOUT, in_namespace, on_own_thread, runtime};

const BODY: &str = r#"
set vpc { type ipv4_addr; flags interval; elements = { 10.1.0.0/16, 10.0.0.0/16 }
}
chain pre { type nat hook prerouting priority dstnat + 10; policy accept;
    iifname "eni*" ip daddr != @vpc fib daddr type != local counter ct mark set ct mark | 0x80
}
chain mangle { type filter hook prerouting priority mangle; policy accept;
    iifname "eth0" fib daddr . iif type local ct mark set ct mark | 0x80
    iifname "eni*" ct mark & 0x80 == 0x80 meta mark set meta mark | 0x80 comment "restore"
}
chain post { type nat hook postrouting priority srcnat + 10; policy accept;
    oifname != "vlan*" fib daddr type != local snat to 10.0.0.10 fully-random
}
"#;

const LINES: [&str; 8] = [
    "set vpc: type ipv4_addr flags interval { 10.0.0.0/16, 10.1.0.0/16 }",
    "mangle: type filter hook prerouting priority -150; policy accept",
    r#"mangle: iifname "eth0" fib daddr . iif type local ct mark set ct mark | 0x80"#,
    r#"mangle: iifname "eni*" ct mark & 0x80 == 0x80 meta mark set meta mark | 0x80 comment "restore""#,
    "post: type nat hook postrouting priority 110; policy accept",
    r#"post: oifname != "vlan*" fib daddr type != local snat to 10.0.0.10 fully-random"#,
    "pre: type nat hook prerouting priority -90; policy accept",
    r#"pre: iifname "eni*" ip daddr != @vpc fib daddr type != local ct mark set ct mark | 0x80"#,
];

fn table(body: &str) -> NftTable {
    NftTable { family: "ip", name: "enid", body: body.to_owned() }
}

fn needs_nft() -> bool {
    let missing = Command::new("nft").arg("--version").stdout(Stdio::null()).status().is_err();
    if missing {
        println!("SKIPPED: there is no nft command");
    }
    missing
}

pub(crate) fn with_nft<F: Future<Output = ()>>(test: impl FnOnce(Place) -> F + Send + 'static) {
    if !needs_nft() {
        in_namespace(test);
    }
}

#[test]
fn a_table_reads_back_as_what_it_means() {
    with_nft(|Place { host, .. }| async move {
        assert_eq!(host.read_nft_table("ip", "enid").await.unwrap(), None);
        for _ in 0..2 {
            host.replace_nft_table(table(BODY)).await.unwrap();
            assert_eq!(host.read_nft_table("ip", "enid").await.unwrap().unwrap(), LINES);
        }
        host.replace_nft_table(table("")).await.unwrap();
        assert_eq!(host.read_nft_table("ip", "enid").await.unwrap(), Some(vec![]));
    });
}

#[test]
fn its_own_lines_are_a_body_of_the_same_meaning() {
    with_nft(|Place { host, .. }| async move {
        let lines = |chain: &str| -> String {
            LINES
                .iter()
                .filter_map(|line| line.strip_prefix(chain)?.strip_prefix(": "))
                .fold(String::new(), |all, line| all + line + "\n")
        };
        let set = "set vpc { type ipv4_addr; flags interval; elements = { 10.0.0.0/16, 10.1.0.0/16 }\n}\n";
        let chains = ["pre", "mangle", "post"].map(|chain| format!("chain {chain} {{\n{}}}\n", lines(chain)));
        host.replace_nft_table(table(&(set.to_owned() + &chains.concat()))).await.unwrap();
        assert_eq!(host.read_nft_table("ip", "enid").await.unwrap().unwrap(), LINES);
    });
}

#[test]
fn a_bad_body_leaves_the_old_table_and_says_why() {
    with_nft(|Place { host, .. }| async move {
        host.replace_nft_table(table(BODY)).await.unwrap();
        for (body, why) in [
            ("chain pre {\n nonsense\n}", "syntax error"),
            ("chain pre {\n jump nowhere\n}", "No such file"),
            ("}\ndelete table ip theirs\ntable ip x {", "brace"),
        ] {
            let error = host.replace_nft_table(table(body)).await.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert_eq!(host.read_nft_table("ip", "enid").await.unwrap().unwrap(), LINES);
        }
    });
}

#[test]
fn no_other_table_is_touched() {
    with_nft(|Place { host, .. }| async move {
        let theirs = NftTable { family: "ip", name: "theirs", body: "chain a {\n drop\n}".into() };
        let same_name = NftTable { family: "ip6", name: "enid", body: "chain b {\n drop\n}".into() };
        host.replace_nft_table(theirs).await.unwrap();
        host.replace_nft_table(same_name).await.unwrap();
        host.replace_nft_table(table(BODY)).await.unwrap();
        assert_eq!(host.read_nft_table("ip", "theirs").await.unwrap().unwrap(), ["a: drop"]);
        assert_eq!(host.read_nft_table("ip6", "enid").await.unwrap().unwrap(), ["b: drop"]);
    });
}

#[test]
fn an_nft_that_hangs_is_ended_by_the_timeout() {
    on_own_thread(|| {
        let folder = tempfile::tempdir().unwrap();
        let (slow, pid) = (folder.path().join("nft"), folder.path().join("pid"));
        let script = format!("#!/bin/sh\necho $$ > {}.new\nmv {0}.new {0}\nexec sleep 600\n", pid.display());
        // Written by another process: a child that another test forks while we hold it open would keep it from being executed.
        let written = std::process::Command::new("sh")
            .args(["-c", r#"printf %s "$1" > "$0" && chmod 755 "$0""#])
            .arg(&slow)
            .arg(script)
            .status();
        assert!(written.unwrap().success());
        runtime().block_on(async {
            let host = LinuxHost::connect(Duration::from_secs(1)).unwrap().with_nft(&slow);
            let error = host.read_nft_table("ip", "enid").await.unwrap_err();
            assert!(matches!(error, HostError::Timeout { milliseconds: 1000, .. }), "{error}");
            let pid = std::fs::read_to_string(&pid).unwrap();
            let process = std::path::PathBuf::from("/proc").join(pid.trim());
            let gone = async {
                while process.exists() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(TIMEOUT, gone).await.unwrap();
        });
    });
}
