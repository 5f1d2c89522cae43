//! The environment of the peer's shipped manifest, and no environment at all.

use std::net::SocketAddr;
use std::path::PathBuf;

use config::settings::{LogDestination, LogLevel, NetworkPolicyMode, RandomizeSnat};
use config::{Provenance, Settings};

use crate::support::loaded;

/// What the shipped manifest of the agent we replace sets, the values of the downward API included.
const MANIFEST: &[(&str, &str)] = &[
    ("ADDITIONAL_ENI_TAGS", "{}"),
    ("AWS_VPC_CNI_NODE_PORT_SUPPORT", "true"),
    ("AWS_VPC_ENI_MTU", "9001"),
    ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "false"),
    ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "false"),
    ("AWS_VPC_K8S_CNI_LOGLEVEL", "DEBUG"),
    ("AWS_VPC_K8S_CNI_LOG_FILE", "/host/var/log/aws-routed-eni/ipamd.log"),
    ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "prng"),
    ("AWS_VPC_K8S_CNI_VETHPREFIX", "eni"),
    ("AWS_VPC_K8S_PLUGIN_LOG_FILE", "/var/log/aws-routed-eni/plugin.log"),
    ("AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "DEBUG"),
    ("DISABLE_INTROSPECTION", "false"),
    ("DISABLE_METRICS", "false"),
    ("DISABLE_NETWORK_RESOURCE_PROVISIONING", "false"),
    ("DISABLE_TCP_EARLY_DEMUX", "false"),
    ("ENABLE_IMDS_ONLY_MODE", "false"),
    ("ENABLE_IPv4", "true"),
    ("ENABLE_IPv6", "false"),
    ("ENABLE_MULTI_NIC", "false"),
    ("ENABLE_POD_ENI", "false"),
    ("ENABLE_PREFIX_DELEGATION", "false"),
    ("ENABLE_SUBNET_DISCOVERY", "true"),
    ("MY_NODE_NAME", "ip-10-0-0-10.eu-west-1.compute.internal"),
    ("MY_POD_NAME", "aws-node-x7k2p"),
    ("NETWORK_POLICY_ENFORCING_MODE", "standard"),
    ("VPC_CNI_VERSION", "v1.23.1"),
    ("WARM_ENI_TARGET", "1"),
    ("WARM_PREFIX_TARGET", "1"),
];

#[test]
fn the_manifest_of_the_peer_loads_with_two_warnings() {
    let loaded = loaded(None, MANIFEST);
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "AWS_VPC_K8S_CNI_LOG_FILE=\"/host/var/log/aws-routed-eni/ipamd.log\" is ignored: it is not one of `stdout`, `stderr`",
            "NETWORK_POLICY_ENFORCING_MODE=\"standard\" is not in force: enid does not ask the network policy agent yet, no policy is enforced on new pods; beside the agent's socket it is refused",
        ]
    );
    let all: Vec<String> = loaded.provenance.iter().map(ToString::to_string).collect();
    assert_eq!(all.join("\n"), include_str!("manifest.explained").trim_end());
}

#[test]
fn the_manifest_of_the_peer_means_what_it_means_there() {
    let loaded = loaded(None, MANIFEST);
    let Settings { pool, node, subnets, dataplane, ec2, cni, daemon, fault } = loaded.settings.clone();
    assert_eq!((pool.warm_eni_target, pool.warm_ip_target, pool.minimum_ip_target), (1, None, None));
    assert_eq!((pool.cooldown_seconds, pool.waiting_line_max, pool.gather_milliseconds), (30, 1024, 30));
    assert_eq!(node.name.as_deref(), Some("ip-10-0-0-10.eu-west-1.compute.internal"));
    assert_eq!((node.eni_mtu_bytes, node.pod_mtu_bytes, node.max_enis), (9001, None, None));
    assert_eq!(loaded.settings.pod_mtu_bytes(), 9001);
    assert_eq!(node.cluster_name, None);
    assert!(node.manage_untagged_enis && subnets.discovery);
    assert_eq!(dataplane.veth_prefix, "eni");
    assert!(dataplane.node_port_support && !dataplane.external_snat);
    assert_eq!(dataplane.randomize_snat, RandomizeSnat::Prng);
    assert_eq!(dataplane.connection_mark, 0x80);
    assert_eq!(dataplane.network_policy_mode, Some(NetworkPolicyMode::Standard));
    assert!(dataplane.exclude_snat_cidrs.is_empty() && dataplane.external_service_cidrs.is_empty());
    assert!(ec2.additional_eni_tags.is_empty());
    assert_eq!((ec2.call_timeout_seconds, cni.add_deadline_seconds), (10, 90));
    assert_eq!(daemon.socket_path, PathBuf::from("/var/run/aws-node/enid.sock"));
    assert_eq!(daemon.checkpoint_path, PathBuf::from("/var/run/aws-node/ipam.json"));
    assert!(daemon.metrics && daemon.introspection);
    assert_eq!(fault.socket, None);
    assert_eq!(daemon.metrics_bind, SocketAddr::from(([0, 0, 0, 0], 61678)));
    assert_eq!(daemon.introspection_bind, SocketAddr::from(([127, 0, 0, 1], 61679)));
    assert_eq!((daemon.log_level, daemon.log_destination), (LogLevel::Debug, LogDestination::Stderr));
}

#[test]
fn nothing_at_all_is_the_defaults_without_a_word() {
    let loaded = loaded(
        None,
        &[("PATH", "/bin"), ("AWS_REGION", "eu-west-1"), ("KUBERNETES_PORT", "tcp://1.2.3.4:443")],
    );
    assert_eq!(loaded.warnings, []);
    assert!(loaded.provenance.iter().all(|entry| entry.from == Provenance::Default));
    assert_eq!(loaded.settings.daemon.log_level, LogLevel::Info);
}
