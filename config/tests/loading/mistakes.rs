//! What is refused, in which words, and all of it at once.

use config::Problem;

use crate::support::{errors, load, loaded};

#[test]
fn every_mistake_of_every_layer_is_told_at_once() {
    let file = "typo = 1\n[pool]\ncooldown_seconds = \"soon\"\nwarm_ip_targt = 2\n[nonsense]\nx = 1\n[daemon]\nlog_level = 3\n";
    let told = errors(
        Some(file),
        &[
            ("AWS_VPC_ENI_MTU", "9002"),
            ("AWS_VPC_K8S_CNI_VETHPREFIX", "vlan"),
            ("ENABLE_IPv6", "true"),
            ("ENID_WARM_IP_TARGET", "1"),
            ("IP_COOLDOWN_PERIOD", "-1"),
            ("NETWORK_POLICY_ENFORCING_MODE", "lax"),
            ("POD_MTU", ""),
        ],
    );
    let wanted = [
        "pool.cooldown_seconds (file:/etc/enid/enid.toml): \"soon\" is not a whole number of seconds from 0 to 86400",
        "pool.warm_ip_targt (file:/etc/enid/enid.toml): no such setting; did you mean pool.warm_ip_target?",
        "nonsense.x (file:/etc/enid/enid.toml): no such setting",
        "typo (file:/etc/enid/enid.toml): no such setting",
        "daemon.log_level (file:/etc/enid/enid.toml): \"3\" is not one of `debug`, `info`, `warn`, `error`, `fatal`",
        "node.eni_mtu_bytes (env:AWS_VPC_ENI_MTU): \"9002\" is not a whole number of bytes from 576 to 9001",
        "dataplane.veth_prefix (env:AWS_VPC_K8S_CNI_VETHPREFIX): \"vlan\" is not 1 to 4 letters, digits, `-`, `_` or `.`, other than `eth`, `lo`, `vlan`",
        "ENABLE_IPv6=\"true\" is refused: IPv6 clusters are not supported yet",
        "ENID_WARM_IP_TARGET=\"1\": no such setting; did you mean WARM_IP_TARGET?",
        "pool.cooldown_seconds (env:IP_COOLDOWN_PERIOD): \"-1\" is not a whole number of seconds from 0 to 86400",
        "dataplane.network_policy_mode (env:NETWORK_POLICY_ENFORCING_MODE): \"lax\" is not one of `none`, `standard`, `strict`",
        "node.pod_mtu_bytes (env:POD_MTU): \"\" is not a whole number of bytes from 576 to 9001",
    ];
    for line in wanted {
        assert!(told.iter().any(|told| told == line), "missing {line:?} in {told:#?}");
    }
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
}

#[test]
fn a_capability_that_does_not_exist_is_refused_by_name() {
    for (name, value) in [
        ("ENABLE_IPv4", "false"),
        ("ENABLE_IPv6", "1"),
        ("ENABLE_V6_EGRESS", "true"),
        ("ENABLE_PREFIX_DELEGATION", "true"),
        ("ENABLE_POD_ENI", "T"),
        ("ENABLE_MULTI_NIC", "true"),
        ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "true"),
        ("ENABLE_BANDWIDTH_PLUGIN", "true"),
        ("DISABLE_POD_V6", "true"),
        ("ANNOTATE_POD_IP", "true"),
        ("MANAGE_UNTAGGED_ENI", "false"),
        ("DISABLE_NETWORK_RESOURCE_PROVISIONING", "true"),
        ("ENABLE_IMDS_ONLY_MODE", "true"),
        ("DISABLE_TCP_EARLY_DEMUX", "true"),
        ("AWS_VPC_K8S_PLUGIN_LOG_FILE", "stdout"),
        ("AWS_VPC_K8S_CNI_CONNMARK", "0x100"),
    ] {
        let errors = load(None, &[(name, value)]).map(|loaded| loaded.settings).expect_err(name);
        match errors.problems() {
            [Problem::Unsupported { name: told, why, .. }] => assert!(told == name && !why.is_empty()),
            other => panic!("{name}: {other:?}"),
        }
    }
    let told = errors(Some("[dataplane]\nconnection_mark = 256\n"), &[]);
    assert_eq!(
        told,
        ["dataplane.connection_mark=\"256\" is refused: another mark than 0x80 (128) is not supported yet"]
    );
}

#[test]
fn unknown_variables_are_errors_when_ours_warnings_when_the_peers_and_else_not_ours() {
    let loaded = loaded(
        None,
        &[("AWS_VPC_K8S_CNI_EXTERNAL_SNAT", "true"), ("AWS_VPC_CNI_SHINY", "1"), ("WARM_UP", "1")],
    );
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "AWS_VPC_CNI_SHINY is not known",
            "AWS_VPC_K8S_CNI_EXTERNAL_SNAT is not known; did you mean AWS_VPC_K8S_CNI_EXTERNALSNAT?",
        ]
    );
    assert_eq!(errors(None, &[("ENID_FOO", "a\nb")]), ["ENID_FOO=\"a\\nb\": no such setting"]);
}

#[test]
fn what_kubelet_writes_for_a_service_named_enid_is_no_setting() {
    let links = [
        ("ENID_SERVICE_HOST", "10.100.0.9"),
        ("ENID_SERVICE_PORT", "61678"),
        ("ENID_METRICS_SERVICE_PORT_HTTP", "61678"),
        ("ENID_PORT", "tcp://10.100.0.9:61678"),
        ("ENID_PORT_61678_TCP", "tcp://10.100.0.9:61678"),
        ("ENID_PORT_61678_TCP_PROTO", "tcp"),
        ("ENID_PORT_61678_TCP_PORT", "61678"),
        ("ENID_PORT_61678_TCP_ADDR", "10.100.0.9"),
    ];
    assert_eq!(loaded(None, &links).warnings, []);
    for (name, value) in [("ENID_PORT", "61678"), ("ENID_SERVICE_HOST", "x"), ("ENID_PORT_X_TCP", "tcp://a")]
    {
        assert_eq!(errors(None, &[(name, value)]).len(), 1, "{name}={value}");
    }
}

#[test]
fn a_file_that_is_no_toml_or_too_large_is_named_with_the_line() {
    let told = errors(Some("[pool]\ncooldown_seconds = = 3\n"), &[("MAX_ENI", "2"), ("POD_MTU", "1")]);
    assert!(told[0].starts_with("file:/etc/enid/enid.toml: not valid TOML at line 2: "), "{told:#?}");
    assert!(
        told[1].starts_with("node.pod_mtu_bytes (env:POD_MTU)"),
        "the environment is told too: {told:#?}"
    );
    let told = errors(Some(&"#\n".repeat(600_000)), &[]);
    assert_eq!(told, ["file:/etc/enid/enid.toml: 1200000 bytes, and at most 1048576 are read"]);
    let told = errors(Some("pool = 3\n[node.name]\nx = 1\n"), &[]);
    assert_eq!(
        told[0],
        "node.name (file:/etc/enid/enid.toml): \"{ x = 1 }\" is not a name of at most 253 characters without spaces"
    );
    assert_eq!(told[1], "pool (file:/etc/enid/enid.toml): \"3\" is not a section, `[pool]`");
    assert_eq!(told.len(), 2, "what the section hides is no mistake of its own: {told:#?}");
}

#[test]
fn two_listeners_in_one_place_are_refused_unless_one_is_off() {
    let file = "[daemon]\nhealth_bind = \"127.0.0.1:61678\"\n";
    assert_eq!(
        errors(Some(file), &[]),
        [
            "daemon.health_bind (file:/etc/enid/enid.toml) and daemon.metrics_bind (default) are both \"127.0.0.1:61678\": only one can listen there"
        ]
    );
    loaded(Some(file), &[("DISABLE_METRICS", "true")]);
}

#[test]
fn a_long_value_is_shortened_in_its_error() {
    let told = errors(None, &[("POD_MTU", &"9".repeat(5000))]);
    assert!(told[0].len() < 200 && told[0].contains("9…\""), "{told:#?}");
}
