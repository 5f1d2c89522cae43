//! One table for each parser.

use super::*;
use crate::load::as_text;
use crate::table::{Row, SETTINGS};

fn row(variable: &str) -> &'static Row {
    SETTINGS.iter().find(|row| row.variable == variable).unwrap()
}

/// What a variable's text becomes: the canonical text (`-` if unset), `?` unreadable, `!` refused.
fn text(variable: &str, text: &str) -> String {
    outcome(read(&row(variable).kind, Raw::Text(text)))
}

/// The same for a TOML expression.
fn toml(variable: &str, expression: &str) -> String {
    let table: toml::Table = format!("x = {expression}").parse().unwrap();
    outcome(read(&row(variable).kind, Raw::Toml(&table["x"])))
}

fn outcome(result: Result<Understood, Fault>) -> String {
    match result {
        Ok(understood) => as_text(&understood.value).unwrap_or_else(|| "-".to_owned()),
        Err(Fault::Unreadable(_)) => "?".to_owned(),
        Err(Fault::Refused(_)) => "!".to_owned(),
    }
}

fn check(cases: &[(&str, &str, &str)]) {
    for (variable, written, becomes) in cases {
        assert_eq!(text(variable, written), *becomes, "{variable}={written}");
    }
}

fn check_toml(cases: &[(&str, &str, &str)]) {
    for (variable, written, becomes) in cases {
        assert_eq!(toml(variable, written), *becomes, "{} = {written}", row(variable).key);
    }
}

#[test]
fn switches_take_what_go_takes_and_nothing_else() {
    for word in ["1", "t", "T", "TRUE", "true", "True"] {
        assert_eq!(text("MANAGE_UNTAGGED_ENI", word), "true", "{word}");
        assert_eq!(text("DISABLE_METRICS", word), "false", "the opposite of {word}");
    }
    for word in ["0", "f", "F", "FALSE", "false", "False"] {
        assert_eq!(text("MANAGE_UNTAGGED_ENI", word), "false", "{word}");
        assert_eq!(text("DISABLE_METRICS", word), "true", "the opposite of {word}");
    }
    for word in ["", " true", "true ", "yes", "on", "tRUE", "2", "no", "null"] {
        assert_eq!(text("MANAGE_UNTAGGED_ENI", word), "?", "{word}");
    }
    check_toml(&[
        ("DISABLE_METRICS", "true", "true"),
        ("DISABLE_METRICS", "false", "false"),
        ("DISABLE_METRICS", "\"true\"", "!"),
        ("DISABLE_METRICS", "1", "!"),
    ]);
}

#[test]
fn numbers_are_decimal_and_within_their_range() {
    check(&[
        ("IP_COOLDOWN_PERIOD", "0", "0"),
        ("IP_COOLDOWN_PERIOD", "+30", "30"),
        ("IP_COOLDOWN_PERIOD", "007", "7"),
        ("IP_COOLDOWN_PERIOD", "86400", "86400"),
        ("IP_COOLDOWN_PERIOD", "86401", "!"),
        ("IP_COOLDOWN_PERIOD", "99999999999", "!"),
        ("IP_COOLDOWN_PERIOD", "99999999999999999999", "?"),
        ("IP_COOLDOWN_PERIOD", "-1", "?"),
        ("IP_COOLDOWN_PERIOD", "", "?"),
        ("IP_COOLDOWN_PERIOD", "30s", "?"),
        ("IP_COOLDOWN_PERIOD", "1e3", "?"),
        ("IP_COOLDOWN_PERIOD", " 30", "?"),
        ("AWS_VPC_ENI_MTU", "575", "?"),
        ("AWS_VPC_ENI_MTU", "576", "576"),
        ("AWS_VPC_ENI_MTU", "9001", "9001"),
        ("AWS_VPC_ENI_MTU", "9002", "!"),
        ("MAX_ENI", "0", "?"),
        ("MAX_ENI", "1", "1"),
        ("WARM_IP_TARGET", "0", "-"),
        ("WARM_IP_TARGET", "5", "5"),
        ("WARM_IP_TARGET", "-5", "?"),
        ("WARM_ENI_TARGET", "0", "0"),
        ("HTTP_TIMEOUT", "9", "?"),
        ("HTTP_TIMEOUT", "10", "10"),
    ]);
    check_toml(&[
        ("HTTP_TIMEOUT", "1", "1"),
        ("HTTP_TIMEOUT", "0", "?"),
        ("IP_COOLDOWN_PERIOD", "30", "30"),
        ("IP_COOLDOWN_PERIOD", "30.0", "?"),
        ("IP_COOLDOWN_PERIOD", "\"30\"", "?"),
        ("IP_COOLDOWN_PERIOD", "[30]", "?"),
        ("WARM_IP_TARGET", "0", "-"),
    ]);
}

#[test]
fn marks_have_the_bases_of_go() {
    check(&[
        ("AWS_VPC_K8S_CNI_CONNMARK", "0x80", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0X80", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "128", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0200", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0o200", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0b1000_0000", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0x_80", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "+0x80", "128"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0xffffffff", "4294967295"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0x100000000", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "-0x80", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0x", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0x-8", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "1__2", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "_12", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "12_", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "089", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "é1", "?"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "", "?"),
    ]);
}

#[test]
fn words_are_taken_in_the_spelling_the_peer_takes() {
    check(&[
        ("AWS_VPC_K8S_CNI_LOGLEVEL", "DEBUG", "debug"),
        ("AWS_VPC_K8S_CNI_LOGLEVEL", "Warn", "warn"),
        ("AWS_VPC_K8S_CNI_LOGLEVEL", "fatal", "error"),
        ("AWS_VPC_K8S_CNI_LOGLEVEL", "loud", "?"),
        ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "hashrandom", "hashrandom"),
        ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "Prng", "?"),
        ("NETWORK_POLICY_ENFORCING_MODE", "Strict", "strict"),
        ("NETWORK_POLICY_ENFORCING_MODE", "lax", "?"),
        ("AWS_VPC_K8S_CNI_LOG_FILE", "stdout", "stdout"),
        ("AWS_VPC_K8S_CNI_LOG_FILE", "/var/log/x.log", "?"),
    ]);
}

#[test]
fn prefixes_paths_names_and_addresses_are_checked() {
    let long = format!("/{}", "s".repeat(107));
    check(&[
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "eni", "eni"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "pods", "pods"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "pods1", "!"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "eth", "!"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "lo", "!"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "vlan", "!"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "a/b", "!"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "", "!"),
        ("HOST_CNI_CONFDIR_PATH", "/etc/cni", "/etc/cni"),
        ("HOST_CNI_CONFDIR_PATH", "etc/cni", "!"),
        ("HOST_CNI_CONFDIR_PATH", "/etc\0", "!"),
        ("HOST_CNI_CONFDIR_PATH", "", "!"),
        ("ENID_DAEMON_SOCKET_PATH", &long, "!"),
        ("ENID_DAEMON_SOCKET_PATH", &long[..107], &long[..107]),
        ("CLUSTER_NAME", "prod", "prod"),
        ("CLUSTER_NAME", "a b", "!"),
        ("CLUSTER_NAME", &"c".repeat(254), "!"),
        ("INTROSPECTION_BIND_ADDRESS", "127.0.0.1:61679", "127.0.0.1:61679"),
        ("INTROSPECTION_BIND_ADDRESS", ":61679", "0.0.0.0:61679"),
        ("INTROSPECTION_BIND_ADDRESS", "localhost:1", "127.0.0.1:1"),
        ("INTROSPECTION_BIND_ADDRESS", "[::1]:61679", "[::1]:61679"),
        ("INTROSPECTION_BIND_ADDRESS", "unix:/x", "!"),
        ("INTROSPECTION_BIND_ADDRESS", "127.0.0.1", "!"),
        ("INTROSPECTION_BIND_ADDRESS", "127.0.0.1:0", "!"),
        ("INTROSPECTION_BIND_ADDRESS", "127.0.0.1:99999", "!"),
    ]);
}

#[test]
fn cidrs_leave_out_what_is_none_in_the_environment_and_refuse_it_in_the_file() {
    check(&[
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "10.1.2.3/8, 192.168.0.0/16", "10.0.0.0/8,192.168.0.0/16"),
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "10.0.0.0/8,10.9.0.0/8", "10.0.0.0/8"),
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "0.0.0.0/0", "0.0.0.0/0"),
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "fd00::/8,10.0.0.0/+8,10.0.0.0/33,10.0.0.0,010.0.0.0/8,", ""),
    ]);
    check_toml(&[
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "[\"10.0.0.0/8\"]", "10.0.0.0/8"),
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "[\"10.0.0.0/8\", \"fd00::/8\"]", "!"),
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "\"10.0.0.0/8\"", "!"),
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "[8]", "!"),
    ]);
    let kind = &row("AWS_EXTERNAL_SERVICE_CIDRS").kind;
    let understood = read(kind, Raw::Text("10.0.0.0/8,oops")).unwrap();
    assert_eq!(understood.left_out, [("oops".to_owned(), "it is not an IPv4 CIDR".to_owned())]);
}

#[test]
fn tags_follow_the_peers_rules_and_ec2s() {
    let many: Vec<String> = (0..46).map(|n| format!("\"k{n}\":\"v\"")).collect();
    check(&[
        ("ADDITIONAL_ENI_TAGS", "{}", ""),
        ("ADDITIONAL_ENI_TAGS", "null", ""),
        ("ADDITIONAL_ENI_TAGS", r#"{"b":"2","a":"1"}"#, "a=1,b=2"),
        ("ADDITIONAL_ENI_TAGS", r#"{"a":"1","a":"2"}"#, "a=2"),
        ("ADDITIONAL_ENI_TAGS", r#"{"a":null}"#, "a="),
        ("ADDITIONAL_ENI_TAGS", r#"{"eks:eni:owner":"me"}"#, "eks:eni:owner=me"),
        ("ADDITIONAL_ENI_TAGS", r#"{"node.k8s.amazonaws.com/x":"1","a":"1"}"#, "a=1"),
        ("ADDITIONAL_ENI_TAGS", r#"{"aws:x":"1","":"2"}"#, ""),
        ("ADDITIONAL_ENI_TAGS", r#"{"a":1}"#, "?"),
        ("ADDITIONAL_ENI_TAGS", "[]", "?"),
        ("ADDITIONAL_ENI_TAGS", "{", "?"),
        ("ADDITIONAL_ENI_TAGS", "", "?"),
        ("ADDITIONAL_ENI_TAGS", &format!("{{{}}}", many.join(",")), "!"),
    ]);
    check_toml(&[
        ("ADDITIONAL_ENI_TAGS", r#"{ team = "blue" }"#, "team=blue"),
        ("ADDITIONAL_ENI_TAGS", r#"{ "aws:x" = "1" }"#, "!"),
        ("ADDITIONAL_ENI_TAGS", "{ a = 1 }", "!"),
        ("ADDITIONAL_ENI_TAGS", "\"{}\"", "!"),
    ]);
}
