//! The `enid` command as an operator types it: what it prints, where, and with which code it ends. Needs no root.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use lab::Binaries;
use std::path::Path;
use std::process::{Command, Output};

/// The built daemon, with this environment alone.
fn enid(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let daemon = Binaries::locate().unwrap().daemon;
    Command::new(daemon).args(arguments).env_clear().envs(environment.iter().copied()).output().unwrap()
}

fn explain(file: &Path, environment: &[(&str, &str)]) -> Output {
    enid(&["config", "explain", "--config", &file.display().to_string()], environment)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn explain_tells_every_setting_with_its_layer_and_what_is_not_done_yet() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("enid.toml");
    std::fs::write(&file, "[pool]\nwarm_ip_target = 5\ncooldown_seconds = 20\n").unwrap();
    let told = explain(&file, &[("IP_COOLDOWN_PERIOD", "7"), ("DISABLE_METRICS", "maybe")]);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let (out, path) = (text(&told.stdout), file.display());
    for line in [
        format!("pool.warm_ip_target = \"5\" (file:{path})"),
        "pool.cooldown_seconds = \"7\" (env:IP_COOLDOWN_PERIOD)".to_owned(),
        "pool.gather_milliseconds = \"30\" (default)".to_owned(),
        "node.name is not set (default)".to_owned(),
    ] {
        assert!(out.lines().any(|told| told == line), "{line} is missing in\n{out}");
    }
    assert!(out.contains("warning: DISABLE_METRICS=\"maybe\" is ignored"), "{out}");
    assert!(out.contains("not yet: the introspection pages"), "{out}");
    assert_eq!(text(&told.stderr), "");
    let settings = out.lines().filter(|line| line.ends_with(')') && line.contains('.')).count();
    assert!(settings >= 30, "only {settings} settings:\n{out}");
}

#[test]
fn explain_tells_all_that_is_wrong_at_once_on_stderr_and_ends_with_2() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("enid.toml");
    std::fs::write(&file, "[pool]\ncooldown_secs = 20\n").unwrap();
    let refused = explain(&file, &[("AWS_VPC_ENI_MTU", "9002"), ("ENABLE_IPv6", "true")]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(text(&refused.stdout), "");
    let error = text(&refused.stderr);
    assert!(error.starts_with("enid: "), "{error}");
    for words in [
        "pool.cooldown_secs",
        "did you mean pool.cooldown_seconds?",
        "node.eni_mtu_bytes (env:AWS_VPC_ENI_MTU)",
        "ENABLE_IPv6=\"true\" is refused",
    ] {
        assert!(error.contains(words), "{words} is missing in\n{error}");
    }
    assert_eq!(error.lines().count(), 3, "{error}");
    let missing = explain(Path::new("/nonexistent/enid.toml"), &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("cannot read the settings in /nonexistent/enid.toml"));
}

#[test]
fn the_fault_socket_is_for_builds_with_debug_assertions_and_the_state_directory() {
    let told = |path: &str| explain(Path::new("/dev/null"), &[("ENID_FAULT_SOCKET", path)]);
    let asked = told("/var/run/aws-node/fault.sock");
    // The daemon beside this test is of its profile.
    if cfg!(debug_assertions) {
        let line = "fault.socket = \"/var/run/aws-node/fault.sock\" (env:ENID_FAULT_SOCKET)";
        assert!(text(&asked.stdout).contains(line), "{}", text(&asked.stderr));
    } else {
        assert_eq!(asked.status.code(), Some(2));
        assert!(text(&asked.stderr).contains("is refused"), "{}", text(&asked.stderr));
    }
    let elsewhere = told("/tmp/fault.sock");
    assert_eq!(elsewhere.status.code(), Some(2));
    assert!(text(&elsewhere.stderr).contains("not directly in daemon.state_directory"));
}

#[test]
fn version_is_one_json_object_and_an_unknown_word_ends_with_2() {
    let version = enid(&["version"], &[]);
    assert_eq!(version.status.code(), Some(0));
    let version: serde_json::Value = serde_json::from_slice(&version.stdout).unwrap();
    for key in ["version", "source_digest", "protocol"] {
        assert!(version.get(key).is_some(), "{version}");
    }
    let unknown = enid(&["config", "explian"], &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("explian"));
    assert_eq!(text(&unknown.stdout), "");
}
