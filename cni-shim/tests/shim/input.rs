//! Bad input of any kind: environment, stdin, arguments. Each gets a CNI error that names the cause.

use cni_shim::env::{self, Call};
use cni_shim::netconf::{Document, STDIN_BYTES_MAX};
use cni_shim::result::CniVersion;
use cni_shim::run::{Answer, answer};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

type Environment = BTreeMap<&'static str, OsString>;

const ARGS: &str = "K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=uid-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=ns1;K8S_POD_NAME=pod1;X=Y";
const CONF: &str = r#"{"cniVersion":"1.0.0","name":"aws-cni","type":"enid-cni"}"#;

fn environment(changes: &[(&'static str, &str)]) -> Environment {
    let mut environment = Environment::new();
    for (name, value) in [
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_NETNS", "/nonexistent/netns"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_ARGS", ARGS),
        ("CNI_PATH", "/opt/cni/bin"),
    ] {
        environment.insert(name, value.into());
    }
    for (name, value) in changes {
        environment.insert(name, value.into());
    }
    environment
}

fn call(environment: &Environment, stdin: &[u8]) -> Answer {
    answer(&|name| environment.get(name).cloned(), &[], stdin, 1)
}

/// (code, message and details) of an error; every error must be a whole CNI error.
fn error_of(answer: &Answer) -> (u64, String) {
    assert!(!answer.ok, "{}", answer.stdout);
    let document: Value = serde_json::from_str(&answer.stdout).expect("an error is JSON");
    assert!(["0.3.1", "0.4.0", "1.0.0", "1.1.0"].contains(&document["cniVersion"].as_str().unwrap()));
    let message = document["msg"].as_str().unwrap();
    assert!(!message.is_empty());
    let code = document["code"].as_u64().unwrap();
    assert_ne!(code, 0);
    (code, format!("{message} {}", document["details"].as_str().unwrap()))
}

fn check(environment: &Environment, stdin: &[u8], code: u64, words: &[&str]) {
    let (found, text) = error_of(&call(environment, stdin));
    assert_eq!(found, code, "{text}");
    for word in words {
        assert!(text.contains(word), "`{text}` should speak of {word}");
    }
}

#[test]
fn a_bad_environment_is_code_4_and_named() {
    let long_id = "a".repeat(254);
    for (changes, words) in [
        (vec![("CNI_COMMAND", "")], vec!["CNI_COMMAND", "missing"]),
        (vec![("CNI_COMMAND", "add")], vec!["CNI_COMMAND", "unknown", "add"]),
        (
            vec![("CNI_COMMAND", "CHECK"), ("CNI_CONTAINERID", ""), ("CNI_NETNS", "")],
            vec!["CNI_CONTAINERID, CNI_NETNS: missing"],
        ),
        (
            vec![("CNI_CONTAINERID", ""), ("CNI_IFNAME", ""), ("CNI_NETNS", "")],
            vec!["CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME: missing"],
        ),
        (vec![("CNI_CONTAINERID", "../x")], vec!["CNI_CONTAINERID"]),
        (vec![("CNI_CONTAINERID", "-x")], vec!["CNI_CONTAINERID"]),
        (vec![("CNI_CONTAINERID", "é")], vec!["CNI_CONTAINERID"]),
        (vec![("CNI_CONTAINERID", &long_id)], vec!["CNI_CONTAINERID"]),
        (vec![("CNI_IFNAME", "sixteen-letters!")], vec!["CNI_IFNAME"]),
        (vec![("CNI_IFNAME", "a/b")], vec!["CNI_IFNAME"]),
        (vec![("CNI_IFNAME", "a b")], vec!["CNI_IFNAME"]),
        (vec![("CNI_IFNAME", "a:b")], vec!["CNI_IFNAME"]),
        (vec![("CNI_IFNAME", "eth%d")], vec!["CNI_IFNAME"]),
        (vec![("CNI_IFNAME", ".")], vec!["CNI_IFNAME"]),
        (vec![("CNI_IFNAME", "..")], vec!["CNI_IFNAME"]),
    ] {
        check(&environment(&changes), CONF.as_bytes(), 4, &words);
    }
}

#[test]
fn a_bad_namespace_or_argument_is_code_4_and_named() {
    for (changes, words) in [
        (vec![("CNI_NETNS", "relative")], vec!["CNI_NETNS"]),
        (vec![("CNI_NETNS", "/nonexistent/netns")], vec!["CNI_NETNS", "does not exist"]),
        (vec![("CNI_NETNS", "/etc/passwd")], vec!["CNI_NETNS", "not a network namespace"]),
        (vec![("CNI_NETNS", "/dev/null")], vec!["CNI_NETNS", "not a network namespace"]),
        (vec![("CNI_NETNS", "/proc/self/ns/net")], vec!["CNI_NETNS", "host's own"]),
        (vec![("CNI_ARGS", "")], vec!["CNI_ARGS", "K8S_POD_NAMESPACE is missing"]),
        (vec![("CNI_ARGS", "K8S_POD_NAMESPACE=a")], vec!["CNI_ARGS", "K8S_POD_NAME is missing"]),
        (vec![("CNI_ARGS", "junk")], vec!["CNI_ARGS", "junk"]),
        (vec![("CNI_ARGS", "WHAT=1")], vec!["CNI_ARGS", "unknown argument `WHAT`"]),
        (vec![("CNI_ARGS", "IgnoreUnknown=maybe")], vec!["CNI_ARGS", "IgnoreUnknown"]),
        (vec![("CNI_ARGS", "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b/c")], vec!["CNI_ARGS", "K8S_POD_NAME"]),
    ] {
        check(&environment(&changes), CONF.as_bytes(), 4, &words);
    }
}

#[test]
fn a_variable_that_is_no_text_is_named() {
    let mut environment = environment(&[]);
    environment.insert("CNI_IFNAME", OsStr::from_bytes(b"\xff").to_owned());
    check(&environment, CONF.as_bytes(), 4, &["CNI_IFNAME", "UTF-8"]);
}

#[test]
fn a_namespace_of_another_kind_is_refused_before_anything_is_asked() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED a_namespace_of_another_kind_is_refused: needs root");
        return;
    }
    let environment = environment(&[("CNI_NETNS", "/proc/self/ns/mnt")]);
    check(&environment, CONF.as_bytes(), 4, &["CNI_NETNS", "not a network namespace"]);
}

#[test]
fn a_bad_configuration_is_told_by_its_own_code() {
    let with = |field: &str, value: Value| {
        let mut conf: Value = serde_json::from_str(CONF).unwrap();
        conf[field] = value;
        conf.to_string().into_bytes()
    };
    let long = format!("/{}", "a".repeat(2000));
    let deep = "[".repeat(100_000).into_bytes();
    for (stdin, code, words) in [
        (vec![], 6, vec!["not a JSON object"]),
        (b"{".to_vec(), 6, vec!["not a JSON object", "EOF"]),
        (b"[]".to_vec(), 6, vec!["not a JSON object"]),
        (b"\xff\xfe".to_vec(), 6, vec!["not a JSON object"]),
        (deep, 6, vec!["recursion"]),
        (vec![b' '; STDIN_BYTES_MAX + 1], 6, vec!["longer than 1048576"]),
        (with("cniVersion", json!("1.2.0")), 1, vec!["1.2.0", "0.3.1, 0.4.0, 1.0.0, 1.1.0"]),
        (with("cniVersion", json!("0.2.0")), 1, vec!["0.2.0"]),
        (with("cniVersion", Value::Null), 1, vec!["0.1.0"]),
        (with("cniVersion", json!(1)), 7, vec!["cniVersion"]),
        (with("name", Value::Null), 7, vec!["name", "missing"]),
        (with("name", json!("a/b")), 7, vec!["name"]),
        (with("name", json!(["x"])), 7, vec!["name", "string"]),
        (with("vethPrefix", json!("fives")), 7, vec!["vethPrefix"]),
        (with("vethPrefix", json!("../")), 7, vec!["vethPrefix"]),
        (with("vethPrefix", json!("eth")), 7, vec!["vethPrefix"]),
        (with("prevResult", json!({"cniVersion": "1.0.0"})), 7, vec!["prevResult", "first plugin"]),
        (with("stateDirectory", json!("relative")), 7, vec!["stateDirectory"]),
        (with("stateDirectory", json!(long)), 7, vec!["stateDirectory"]),
        (with("spoolDirectory", json!(3)), 7, vec!["spoolDirectory"]),
        (with("deadlineSeconds", json!(0)), 7, vec!["deadlineSeconds"]),
        (with("deadlineSeconds", json!(201)), 7, vec!["deadlineSeconds"]),
        (with("deadlineSeconds", json!("5")), 7, vec!["deadlineSeconds"]),
    ] {
        check(&environment(&[]), &stdin, code, &words);
    }
}

#[test]
fn what_the_other_verbs_need_is_told_by_its_own_code() {
    let conf = |version: &str, key: &str, value: Value| {
        let mut conf: Value = serde_json::from_str(CONF).unwrap();
        conf["cniVersion"] = version.into();
        conf["stateDirectory"] = "/nonexistent".into();
        conf[key] = value;
        conf.to_string().into_bytes()
    };
    let result =
        json!({"interfaces": [{"name": "eth0", "sandbox": "/x"}], "ips": [{"address": "10.0.0.7/32"}]});
    for (verb, stdin, code, words) in [
        ("CHECK", conf("0.3.1", "prevResult", json!({})), 1, vec!["0.3.1", "no CHECK", "0.4.0"]),
        ("CHECK", conf("1.0.0", "prevResult", Value::Null), 7, vec!["prevResult", "missing"]),
        ("CHECK", conf("1.0.0", "prevResult", json!({})), 7, vec!["prevResult", "no interface eth0"]),
        ("CHECK", conf("1.0.0", "prevResult", result), 7, vec!["prevResult", "no IPv4 address"]),
        ("STATUS", conf("1.0.0", "x", json!(1)), 1, vec!["1.0.0", "no STATUS", "1.1.0"]),
        ("STATUS", conf("1.1.0", "x", json!(1)), 50, vec!["in this boot"]),
        ("GC", conf("1.0.0", "cni.dev/valid-attachments", json!([])), 1, vec!["no GC"]),
        ("GC", conf("1.1.0", "x", json!(1)), 7, vec!["cni.dev/valid-attachments"]),
        (
            "GC",
            conf("1.1.0", "cni.dev/valid-attachments", json!([{"ifname": "eth0"}])),
            7,
            vec!["containerID"],
        ),
        ("GC", conf("1.1.0", "cni.dev/valid-attachments", json!([])), 11, vec!["not answering"]),
        ("GC", conf("1.1.0", "cni.dev/attachments", json!([])), 11, vec!["not answering"]),
    ] {
        check(&environment(&[("CNI_COMMAND", verb)]), &stdin, code, &words);
    }
}

#[test]
fn an_error_is_told_in_the_version_that_was_asked_in() {
    let stdin = CONF.replace("1.0.0", "0.4.0");
    let answer = call(&environment(&[]), stdin.as_bytes());
    assert!(answer.stdout.starts_with(r#"{"cniVersion":"0.4.0","code":4,"#), "{}", answer.stdout);
}

#[test]
fn an_mtu_that_cannot_be_used_is_9001_and_an_absent_one_is_the_daemons_choice() {
    let mtu = |value: Value| {
        let mut conf: Value = serde_json::from_str(CONF).unwrap();
        conf["mtu"] = value;
        let document = Document::parse(conf.to_string().as_bytes()).unwrap();
        document.for_add().unwrap().mtu_bytes
    };
    for (value, bytes) in [
        (Value::Null, 0),
        (json!(""), 0),
        (json!("1500"), 1500),
        (json!(1500), 1500),
        (json!("576"), 576),
        (json!(9001), 9001),
        (json!("575"), 9001),
        (json!(9002), 9001),
        (json!(-1), 9001),
        (json!(1500.5), 9001),
        (json!("jumbo"), 9001),
        (json!([1500]), 9001),
    ] {
        assert_eq!(mtu(value.clone()), bytes, "{value}");
    }
}

#[test]
fn a_del_is_not_refused_for_what_it_does_not_need() {
    let environment = environment(&[("CNI_COMMAND", "DEL"), ("CNI_NETNS", ""), ("CNI_ARGS", "junk")]);
    let read = env::read(&|name| environment.get(name).cloned()).unwrap();
    let Call::Del(call) = read else {
        panic!("{read:?}");
    };
    assert_eq!((call.netns, call.pod.name.as_str()), (None, ""));
    let conf = CONF
        .replace(r#""type""#, r#""vethPrefix":"way too long","prevResult":{},"deadlineSeconds":"x","type""#);
    assert_eq!(Document::parse(conf.as_bytes()).unwrap().for_del().unwrap().name, "aws-cni");
}

#[test]
fn without_a_command_only_the_question_for_its_version_is_answered() {
    let nothing = |_: &str| None;
    let told = answer(&nothing, &["version".into()], &b""[..], 1);
    assert!(told.ok && told.stdout.contains("source_digest"), "{}", told.stdout);
    assert_eq!(error_of(&answer(&nothing, &[], &b""[..], 1)).0, 4);
    assert_eq!(error_of(&answer(&nothing, &["--help".into()], &b""[..], 1)).0, 4);
}

#[test]
fn a_panic_prints_a_cni_error_and_exits_with_1() {
    if std::env::var_os("ENID_TEST_PANIC").is_some() {
        cni_shim::run::speak_when_panicking();
        panic!("on purpose");
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "input::a_panic_prints_a_cni_error_and_exits_with_1", "--nocapture"])
        .env("ENID_TEST_PANIC", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    // The test harness may have begun the line.
    let document = &stdout[stdout.find('{').unwrap()..];
    let error: Value = serde_json::from_str(document.trim()).unwrap();
    assert_eq!(error["code"], 100);
    assert!(error["details"].as_str().unwrap().contains("on purpose"), "{stdout}");
}

fn some_text() -> impl Strategy<Value = OsString> {
    prop_oneof![
        proptest::collection::vec(1_u8.., 0..40).prop_map(|bytes| OsStr::from_bytes(&bytes).to_owned()),
        "[a-z0-9=;._/%-]{0,40}".prop_map(OsString::from),
        Just(OsString::from(ARGS)),
        Just(OsString::from("eth0")),
    ]
}

/// Never the path of a namespace, and never a whole configuration for DEL: nothing outside this process is touched.
fn some_environment() -> impl Strategy<Value = Environment> {
    let command = prop_oneof![
        6 => Just(OsString::from("ADD")),
        2 => Just(OsString::from("DEL")),
        1 => Just(OsString::from("VERSION")),
        1 => Just(OsString::from("CHECK")),
        1 => Just(OsString::from("GC")),
        1 => Just(OsString::from("STATUS")),
        1 => some_text(),
    ];
    let optional = || proptest::option::weighted(0.9, some_text());
    (command, optional(), optional(), optional(), optional()).prop_map(
        |(command, id, netns, ifname, args)| {
            let mut environment = environment(&[]);
            environment.insert("CNI_COMMAND", command);
            let rest =
                [("CNI_CONTAINERID", id), ("CNI_NETNS", netns), ("CNI_IFNAME", ifname), ("CNI_ARGS", args)];
            for (name, value) in rest {
                if let Some(value) = value {
                    environment.insert(name, value);
                }
            }
            environment
        },
    )
}

fn some_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(|text| json!(text)),
        Just(json!({})),
        Just(json!([[], "x"])),
        Just(json!("0.4.0")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_panic_and_every_refusal_is_a_cni_error(
        environment in some_environment(),
        stdin in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let answer = call(&environment, &stdin);
        if answer.ok {
            prop_assert!(answer.stdout.contains("supportedVersions"));
        } else {
            error_of(&answer);
        }
    }

    #[test]
    fn no_configuration_panics(
        field in prop_oneof![
            Just("cniVersion"), Just("name"), Just("vethPrefix"), Just("mtu"), Just("prevResult"),
            Just("stateDirectory"), Just("spoolDirectory"), Just("deadlineSeconds"), Just("type"), Just("cni.dev/valid-attachments"),
        ],
        value in some_value(),
    ) {
        let mut conf: Value = serde_json::from_str(CONF).unwrap();
        conf[field] = value;
        let document = Document::parse(conf.to_string().as_bytes()).unwrap();
        if let Ok(add) = document.for_add() {
            prop_assert!(add.veth_prefix.len() <= 4);
            prop_assert!(add.mtu_bytes == 0 || (576..=9001).contains(&add.mtu_bytes));
            prop_assert!(document.for_del().is_ok());
        }
        if let Ok(check) = document.for_check("eth0") {
            prop_assert!(check.veth_prefix.len() <= 4);
        }
        if let Ok(gc) = document.for_gc() {
            prop_assert_eq!(gc.common.version, CniVersion::V1_1_0);
        }
    }
}
