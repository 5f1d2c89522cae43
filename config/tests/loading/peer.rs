//! Every variable that the agent we replace reads, each with a value that asks for something: what becomes of it.

use config::{Problem, Provenance, Warning};

use crate::support::load;

/// What becomes of a variable that asks for something.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It is the value of a setting, in force.
    InForce,
    /// It is the value of a setting, and a warning says that it is not in force.
    TakenWithWarning,
    /// A warning, and no setting.
    Warned,
    /// Refused by its name.
    Refused,
    /// No word about it: it has no meaning here, or is the SDK's own.
    Silent,
}

use Outcome::{InForce, Refused, Silent, TakenWithWarning, Warned};

const VARIABLES: &[(&str, &str, Outcome)] = &[
    ("ADDITIONAL_ENI_TAGS", r#"{"team":"blue"}"#, InForce),
    ("ANNOTATE_POD_IP", "true", Refused),
    ("AWS_EC2_ENDPOINT", "https://ec2.example", Warned),
    ("AWS_ENDPOINT_URL_EC2", "https://ec2.example", Silent),
    ("AWS_EXTERNAL_SERVICE_CIDRS", "192.0.2.0/24", InForce),
    ("AWS_MANAGE_ENIS_NON_SCHEDULABLE", "false", Warned),
    ("AWS_MAX_ATTEMPTS", "5", Silent),
    ("AWS_RETRY_MODE", "adaptive", Silent),
    ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/node", Silent),
    ("AWS_VPC_CNI_NODE_PORT_SUPPORT", "false", InForce),
    ("AWS_VPC_ENI_MTU", "1500", InForce),
    ("AWS_VPC_K8S_CNI_BACKING_STORE", "/var/run/aws-node/other.json", InForce),
    ("AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER", "true", Silent),
    ("AWS_VPC_K8S_CNI_CONNMARK", "0x100", Refused),
    ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "true", Refused),
    ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "192.0.2.0/24", InForce),
    ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "true", InForce),
    ("AWS_VPC_K8S_CNI_LOGLEVEL", "warn", InForce),
    ("AWS_VPC_K8S_CNI_LOG_FILE", "/host/var/log/aws-routed-eni/ipamd.log", Warned),
    ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "hashrandom", InForce),
    ("AWS_VPC_K8S_CNI_VETHPREFIX", "veth", InForce),
    ("AWS_VPC_K8S_EGRESS_V4_PLUGIN_LOG_FILE", "/var/log/a.log", Silent),
    ("AWS_VPC_K8S_EGRESS_V6_PLUGIN_LOG_FILE", "/var/log/a.log", Silent),
    ("AWS_VPC_K8S_PLUGIN_LOG_FILE", "stdout", Refused),
    ("AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "DEBUG", Silent),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token", Silent),
    ("CLUSTER_ENDPOINT", "https://api.example", Silent),
    ("CLUSTER_NAME", "blue", InForce),
    ("DISABLE_INTROSPECTION", "true", InForce),
    ("DISABLE_LEAKED_ENI_CLEANUP", "true", Silent),
    ("DISABLE_METRICS", "true", InForce),
    ("DISABLE_NETWORK_RESOURCE_PROVISIONING", "true", Refused),
    ("DISABLE_POD_V6", "true", Refused),
    ("DISABLE_TCP_EARLY_DEMUX", "true", Refused),
    ("ENABLE_BANDWIDTH_PLUGIN", "true", Refused),
    ("ENABLE_IMDS_ONLY_MODE", "true", Refused),
    ("ENABLE_IPv4", "false", Refused),
    ("ENABLE_IPv6", "true", Refused),
    ("ENABLE_MULTI_NIC", "true", Refused),
    ("ENABLE_NFTABLES", "true", Silent),
    ("ENABLE_POD_ENI", "true", Refused),
    ("ENABLE_PREFIX_DELEGATION", "true", Refused),
    ("ENABLE_SUBNET_DISCOVERY", "false", InForce),
    ("ENABLE_V4_EGRESS", "true", Silent),
    ("ENABLE_V6_EGRESS", "true", Refused),
    ("ENI_CONFIG_ANNOTATION_DEF", "example.com/eniConfig", Silent),
    ("ENI_CONFIG_LABEL_DEF", "topology.kubernetes.io/zone", Silent),
    ("HOST_CNI_BIN_PATH", "/host/bin", InForce),
    ("HOST_CNI_CONFDIR_PATH", "/host/net.d", InForce),
    ("HTTP_TIMEOUT", "20", InForce),
    ("INTROSPECTION_BIND_ADDRESS", "127.0.0.1:61699", InForce),
    ("IP_COOLDOWN_PERIOD", "60", InForce),
    ("MANAGE_UNTAGGED_ENI", "false", Refused),
    ("MAX_ENI", "2", InForce),
    ("MINIMUM_IP_TARGET", "4", InForce),
    ("MY_NODE_NAME", "node", InForce),
    ("MY_POD_NAME", "aws-node-x7k2p", InForce),
    ("NETWORK_POLICY_ENFORCING_MODE", "none", InForce),
    ("NETWORK_POLICY_ENFORCING_MODE", "standard", TakenWithWarning),
    ("NETWORK_POLICY_ENFORCING_MODE", "Strict", TakenWithWarning),
    ("POD_MTU", "1400", InForce),
    ("POD_SECURITY_GROUP_ENFORCING_MODE", "standard", Silent),
    ("VPC_CNI_VERSION", "v1.23.1", Silent),
    ("WARM_ENI_TARGET", "2", InForce),
    ("WARM_IP_TARGET", "2", InForce),
    ("WARM_PREFIX_TARGET", "2", Silent),
];

fn outcome(name: &str, value: &str) -> Outcome {
    let loaded = match load(None, &[(name, value)]) {
        Ok(loaded) => loaded,
        Err(errors) => match errors.problems() {
            [Problem::Unsupported { name: told, why, .. }] if told == name && !why.is_empty() => {
                return Refused;
            }
            other => panic!("{name}={value}: {other:?}"),
        },
    };
    let from = Provenance::Environment(name.to_owned());
    let taken = loaded.provenance.iter().any(|entry| entry.from == from);
    match loaded.warnings.as_slice() {
        [] if taken => InForce,
        [] => Silent,
        [Warning::NotInForce { name: told, .. }] if taken && told == name => TakenWithWarning,
        [Warning::NotInForce { name: told, .. } | Warning::Ignored { name: told, .. }]
            if !taken && told == name =>
        {
            Warned
        }
        other => panic!("{name}={value}: {other:?}"),
    }
}

#[test]
fn every_variable_of_the_peer_is_in_force_refused_by_name_or_known_to_do_no_harm() {
    for (name, value, wanted) in VARIABLES {
        assert_eq!(outcome(name, value), *wanted, "{name}={value}");
    }
}

#[test]
fn no_variable_of_the_peer_is_unknown_in_the_tables_or_missing_here() {
    let here = |name: &str| VARIABLES.iter().any(|(listed, ..)| *listed == name);
    for row in config::table::SETTINGS.iter().filter(|row| !row.variable.starts_with("ENID_")) {
        assert!(here(row.variable), "{}", row.variable);
    }
    for variable in config::peer::PEER_VARIABLES {
        assert!(here(variable.name), "{}", variable.name);
    }
}
