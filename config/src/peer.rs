//! The variables of the agent we replace that are no setting here: without meaning for us, or asking for what does not
//! exist yet. The latter are refused by name, never ignored.

use crate::problems::{Problem, Warning};
use crate::read::go;
use crate::table::{Empty, SETTINGS};

/// A variable of the peer that is known and is no setting.
#[derive(Debug, Clone, Copy)]
pub struct PeerVariable {
    /// Its name.
    pub name: &'static str,
    /// What is made of it.
    pub treatment: Treatment,
    /// Why, in a sentence or half of one.
    pub why: &'static str,
}

/// What is made of a variable that is no setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Taken without a word, whatever it says.
    NoMeaning,
    /// A warning if it says anything.
    WarnedWhenSet,
    /// A switch; a warning if it is set to this.
    WarnedWhen(bool),
    /// A switch; an error if it is set to this.
    RefusedWhen(bool, Empty),
    /// An error if it is this word.
    RefusedWord(&'static str),
}

const fn refused_when_true(name: &'static str, why: &'static str) -> PeerVariable {
    PeerVariable { name, treatment: Treatment::RefusedWhen(true, Empty::Unreadable), why }
}

const fn no_meaning(name: &'static str, why: &'static str) -> PeerVariable {
    PeerVariable { name, treatment: Treatment::NoMeaning, why }
}

/// All of them.
pub const PEER_VARIABLES: &[PeerVariable] = &[
    PeerVariable {
        name: "ENABLE_IPv4",
        treatment: Treatment::RefusedWhen(false, Empty::Unreadable),
        why: "enid is IPv4 only for now",
    },
    refused_when_true("ENABLE_IPv6", "IPv6 clusters are not supported yet"),
    refused_when_true("ENABLE_V6_EGRESS", "IPv6 egress is not supported yet"),
    refused_when_true("ENABLE_PREFIX_DELEGATION", "prefix delegation is not supported yet"),
    refused_when_true("ENABLE_POD_ENI", "security groups for pods are not supported yet"),
    refused_when_true("ENABLE_MULTI_NIC", "more than one network card is not supported yet"),
    PeerVariable {
        name: "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
        treatment: Treatment::RefusedWhen(true, Empty::Absent),
        why: "custom networking (ENIConfig) is not supported yet",
    },
    refused_when_true("ENABLE_BANDWIDTH_PLUGIN", "chaining the bandwidth plugin is not supported yet"),
    refused_when_true("DISABLE_POD_V6", "chaining the tuning plugin is not supported yet"),
    refused_when_true("ANNOTATE_POD_IP", "annotating pods is not supported yet"),
    refused_when_true(
        "DISABLE_NETWORK_RESOURCE_PROVISIONING",
        "a node that never calls EC2 is not supported yet",
    ),
    refused_when_true("ENABLE_IMDS_ONLY_MODE", "a node that never calls EC2 is not supported yet"),
    refused_when_true("DISABLE_TCP_EARLY_DEMUX", "changing tcp_early_demux is not supported yet"),
    PeerVariable {
        name: "AWS_MANAGE_ENIS_NON_SCHEDULABLE",
        treatment: Treatment::WarnedWhen(false),
        why: "enid does not watch the node's taints: a cordoned node grows when a pod needs it",
    },
    PeerVariable {
        name: "AWS_EC2_ENDPOINT",
        treatment: Treatment::WarnedWhenSet,
        why: "it does not move calls to EC2; AWS_ENDPOINT_URL_EC2 does",
    },
    PeerVariable {
        name: "AWS_VPC_K8S_PLUGIN_LOG_FILE",
        treatment: Treatment::RefusedWord("stdout"),
        why: "standard output carries the CNI result; the shim writes no log file",
    },
    no_meaning("AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "the shim writes no log file"),
    no_meaning("AWS_VPC_K8S_EGRESS_V4_PLUGIN_LOG_FILE", "there is no egress plugin"),
    no_meaning("AWS_VPC_K8S_EGRESS_V6_PLUGIN_LOG_FILE", "there is no egress plugin"),
    no_meaning("AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER", "without effect in the peer too"),
    no_meaning("ENABLE_NFTABLES", "without effect in the peer too; enid always uses nftables"),
    no_meaning("ENABLE_V4_EGRESS", "for IPv6 clusters only"),
    no_meaning("WARM_PREFIX_TARGET", "for prefix delegation only"),
    no_meaning("ENI_CONFIG_ANNOTATION_DEF", "for custom networking only"),
    no_meaning("ENI_CONFIG_LABEL_DEF", "for custom networking only"),
    no_meaning("POD_SECURITY_GROUP_ENFORCING_MODE", "for security groups for pods only"),
    no_meaning("DISABLE_LEAKED_ENI_CLEANUP", "enid has no periodic search for leaked ENIs"),
    no_meaning("CLUSTER_ENDPOINT", "enid does not call the API server"),
    no_meaning(
        "AWS_MAX_ATTEMPTS",
        "the SDK does not retry: what failed is asked again by enid, after a pause",
    ),
    no_meaning("AWS_RETRY_MODE", "the SDK does not retry: what failed is asked again by enid, after a pause"),
    no_meaning("VPC_CNI_VERSION", "enid reports its own version"),
];

/// Judges one variable of the table: neither, a warning or a problem.
pub(crate) fn judge(variable: &PeerVariable, text: &str) -> Option<Result<Warning, Problem>> {
    let name = variable.name.to_owned();
    let value = text.to_owned();
    let why = variable.why;
    let unreadable = |name, value| {
        Some(Ok(Warning::Ignored { name, value, expected: format!("one of {}", go::BOOL_WORDS) }))
    };
    match variable.treatment {
        Treatment::NoMeaning => None,
        Treatment::WarnedWhenSet if text.is_empty() => None,
        Treatment::WarnedWhenSet => Some(Ok(Warning::NotInForce { name, value, why })),
        Treatment::WarnedWhen(bad) => match go::parse_bool(text) {
            None if text.is_empty() => None,
            None => unreadable(name, value),
            Some(is) => (is == bad).then_some(Ok(Warning::NotInForce { name, value, why })),
        },
        Treatment::RefusedWhen(bad, empty) => match go::parse_bool(text) {
            None if text.is_empty() && empty == Empty::Absent => None,
            None => unreadable(name, value),
            Some(is) => (is == bad).then_some(Err(Problem::Unsupported { name, value, why })),
        },
        Treatment::RefusedWord(word) => {
            (text == word).then_some(Err(Problem::Unsupported { name, value, why }))
        }
    }
}

/// Whether the variable is known at all, as a setting or otherwise.
pub(crate) fn is_known(name: &str) -> bool {
    SETTINGS.iter().any(|row| row.variable == name) || PEER_VARIABLES.iter().any(|v| v.name == name)
}
