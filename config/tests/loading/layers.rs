//! Which layer counts, what that is called, and what the peer tolerates.

use config::Warning;

use crate::support::{explained, loaded};

#[test]
fn the_environment_is_above_the_file_and_the_file_above_the_defaults() {
    let file = "[pool]\ncooldown_seconds = 40\nwarm_ip_target = 3\n[node]\nmax_enis = 2\n";
    let loaded = loaded(Some(file), &[("IP_COOLDOWN_PERIOD", "50"), ("WARM_IP_TARGET", "0")]);
    assert_eq!(loaded.settings.pool.cooldown_seconds, 50);
    assert_eq!(loaded.settings.pool.warm_ip_target, None, "0 is unset, and it is above the file's 3");
    assert_eq!(loaded.settings.node.max_enis, Some(2));
    for (key, text) in [
        ("pool.cooldown_seconds", "pool.cooldown_seconds = \"50\" (env:IP_COOLDOWN_PERIOD)"),
        ("pool.warm_ip_target", "pool.warm_ip_target is not set (env:WARM_IP_TARGET)"),
        ("node.max_enis", "node.max_enis = \"2\" (file:/etc/enid/enid.toml)"),
        ("pool.gather_milliseconds", "pool.gather_milliseconds = \"30\" (default)"),
        ("node.pod_mtu_bytes", "node.pod_mtu_bytes is not set (default)"),
    ] {
        assert_eq!(explained(&loaded, key), text);
    }
}

#[test]
fn lists_and_tags_of_a_higher_layer_replace_those_below() {
    let file = "[dataplane]\nexclude_snat_cidrs = [\"10.0.0.0/8\", \"11.0.0.0/8\"]\n\
                [ec2.additional_eni_tags]\nteam = \"blue\"\nunit = \"a\"\n";
    let environment = [
        ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "12.0.0.0/8,junk"),
        ("ADDITIONAL_ENI_TAGS", r#"{"team":"red"}"#),
    ];
    let below = loaded(Some(file), &[]);
    assert_eq!(below.settings.dataplane.exclude_snat_cidrs.len(), 2);
    assert_eq!(below.settings.ec2.additional_eni_tags.len(), 2);
    let above = loaded(Some(file), &environment);
    assert_eq!(above.settings.dataplane.exclude_snat_cidrs, ["12.0.0.0/8".parse().unwrap()]);
    assert_eq!(above.settings.ec2.additional_eni_tags, [("team".to_owned(), "red".to_owned())]);
    assert_eq!(
        above.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: \"junk\" is left out: it is not an IPv4 CIDR"]
    );
}

#[test]
fn a_variable_that_the_peer_tolerates_is_absent_and_the_layer_below_counts() {
    let file = "[pool]\nwarm_eni_target = 4\n[dataplane]\nexternal_snat = true\n";
    let loaded = loaded(
        Some(file),
        &[
            ("WARM_ENI_TARGET", "-2"),
            ("AWS_VPC_K8S_CNI_EXTERNALSNAT", ""),
            ("DISABLE_METRICS", ""),
            ("HTTP_TIMEOUT", "3"),
            ("MAX_ENI", "many"),
        ],
    );
    assert_eq!(loaded.settings.pool.warm_eni_target, 4);
    assert!(loaded.settings.dataplane.external_snat);
    assert!(loaded.settings.daemon.metrics);
    assert_eq!(loaded.settings.ec2.call_timeout_seconds, 10);
    let ignored: Vec<&str> = loaded
        .warnings
        .iter()
        .map(|warning| match warning {
            Warning::Ignored { name, .. } => name.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(ignored, ["WARM_ENI_TARGET", "MAX_ENI", "HTTP_TIMEOUT", "DISABLE_METRICS"]);
}

#[test]
fn switches_of_the_peer_that_say_nothing_readable_are_absent_with_a_warning() {
    let loaded = loaded(
        None,
        &[
            ("ENABLE_IPv6", ""),
            ("ENABLE_IPv4", "maybe"),
            ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", ""),
            ("AWS_MANAGE_ENIS_NON_SCHEDULABLE", "false"),
        ],
    );
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
    assert!(warnings[0].starts_with("ENABLE_IPv4=\"maybe\" is ignored"), "{warnings:#?}");
    assert!(warnings[1].starts_with("ENABLE_IPv6=\"\" is ignored"), "{warnings:#?}");
    assert!(
        warnings[2].starts_with("AWS_MANAGE_ENIS_NON_SCHEDULABLE=\"false\" is not in force"),
        "{warnings:#?}"
    );
}

#[test]
fn a_pod_mtu_above_that_of_the_enis_is_doubtful() {
    let loaded = loaded(None, &[("AWS_VPC_ENI_MTU", "1500"), ("POD_MTU", "9001")]);
    assert_eq!(loaded.settings.pod_mtu_bytes(), 9001);
    assert!(matches!(loaded.warnings.as_slice(), [Warning::Doubtful { key: "node.pod_mtu_bytes", .. }]));
}
