//! The rows of the settings table, in the order of the README. Data only.

use super::{Kind, Range, Reading, Row, STRICT, STRICT_OR_EMPTY, Standing, TOLERANT, TOLERANT_OR_EMPTY};

/// No subnet and no node has more addresses: the largest subnet is a /16.
const ADDRESSES_MAX: u32 = 65_536;
/// Longest path Linux takes, without its final zero byte.
const PATH_BYTES_MAX: usize = 4_095;
/// Longest path of a unix socket, without its final zero byte.
const SOCKET_PATH_BYTES_MAX: usize = 107;

const fn range(minimum: u32, maximum: u32, unit: &'static str) -> Kind {
    Kind::Number(Range { minimum, minimum_of_peer: minimum, maximum, zero_is_unset: false, unit })
}

const fn target() -> Kind {
    Kind::Number(Range {
        minimum: 0,
        minimum_of_peer: 0,
        maximum: ADDRESSES_MAX,
        zero_is_unset: true,
        unit: "",
    })
}

const SWITCH: Kind = Kind::Switch { inverted: false };
const INVERTED_SWITCH: Kind = Kind::Switch { inverted: true };
const PATH: Kind = Kind::Path { bytes_max: PATH_BYTES_MAX };

const fn row(
    key: &'static str,
    variable: &'static str,
    kind: Kind,
    reading: Reading,
    meaning: &'static str,
) -> Row {
    Row { key, variable, kind, reading, meaning, standing: Standing::InForce }
}

impl Row {
    const fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }
}

/// Every setting, in the order of the README.
pub const SETTINGS: &[Row] = &[
    row(
        "pool.warm_eni_target",
        "WARM_ENI_TARGET",
        range(0, ADDRESSES_MAX, "ENIs"),
        TOLERANT,
        "Whole ENIs' worth of addresses in reserve; has no effect when one of the next two is set.",
    ),
    row(
        "pool.warm_ip_target",
        "WARM_IP_TARGET",
        target(),
        TOLERANT,
        "Addresses in reserve; unset (or 0): `warm_eni_target` counts, or the minimum alone.",
    ),
    row(
        "pool.minimum_ip_target",
        "MINIMUM_IP_TARGET",
        target(),
        TOLERANT,
        "Addresses the node has at least; unset (or 0): no such floor.",
    ),
    row(
        "pool.cooldown_seconds",
        "IP_COOLDOWN_PERIOD",
        range(0, 86_400, "seconds"),
        STRICT,
        "An address rests this long after its pod is gone.",
    ),
    row(
        "pool.waiting_line_max",
        "ENID_POOL_WAITING_LINE_MAX",
        range(1, 16_384, "ADDs"),
        STRICT,
        "ADDs that may wait for an address at one time.",
    ),
    row(
        "pool.gather_milliseconds",
        "ENID_POOL_GATHER_MILLISECONDS",
        range(0, 1_000, "milliseconds"),
        STRICT,
        "The demand of a burst is gathered this long, so that one EC2 call serves it.",
    ),
    row(
        "node.name",
        "MY_NODE_NAME",
        Kind::Name,
        STRICT_OR_EMPTY,
        "Name of the Kubernetes node; unset: none is told.",
    ),
    row(
        "node.pod_name",
        "MY_POD_NAME",
        Kind::Name,
        STRICT_OR_EMPTY,
        "Name of the pod the daemon runs in; unset: none is told.",
    ),
    row(
        "node.cluster_name",
        "CLUSTER_NAME",
        Kind::Name,
        STRICT_OR_EMPTY,
        "Name of the cluster, for the tags of ENIs and the filter of subnets; unset: neither.",
    ),
    row(
        "node.eni_mtu_bytes",
        "AWS_VPC_ENI_MTU",
        range(576, 9_001, "bytes"),
        STRICT,
        "MTU of the primary and the secondary ENIs.",
    ),
    row(
        "node.pod_mtu_bytes",
        "POD_MTU",
        range(576, 9_001, "bytes"),
        STRICT,
        "MTU of the pods' links; unset: that of the ENIs.",
    ),
    row(
        "node.max_enis",
        "MAX_ENI",
        range(1, 256, "ENIs"),
        TOLERANT,
        "At most so many ENIs, and never more than the instance type allows; unset: what the type allows.",
    ),
    row(
        "node.manage_untagged_enis",
        "MANAGE_UNTAGGED_ENI",
        SWITCH,
        TOLERANT,
        "ENIs that do not carry this instance's tag are used and released like our own.",
    )
    .standing(Standing::Only {
        value: "true",
        otherwise: "leaving ENIs alone that do not carry this instance's tag does not exist yet",
    }),
    row(
        "subnets.discovery",
        "ENABLE_SUBNET_DISCOVERY",
        SWITCH,
        TOLERANT_OR_EMPTY,
        "Tagged subnets of the node's zone may be used beside its own.",
    ),
    row(
        "dataplane.veth_prefix",
        "AWS_VPC_K8S_CNI_VETHPREFIX",
        Kind::VethPrefix,
        STRICT,
        "First characters of the names of the pods' host-side links.",
    ),
    row(
        "dataplane.node_port_support",
        "AWS_VPC_CNI_NODE_PORT_SUPPORT",
        SWITCH,
        TOLERANT_OR_EMPTY,
        "Replies to NodePort traffic leave by the primary ENI, by which it came.",
    ),
    row(
        "dataplane.external_snat",
        "AWS_VPC_K8S_CNI_EXTERNALSNAT",
        SWITCH,
        TOLERANT_OR_EMPTY,
        "Pod traffic leaves the VPC with the pod's own address: a NAT gateway translates it.",
    ),
    row(
        "dataplane.exclude_snat_cidrs",
        "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
        Kind::Cidrs,
        TOLERANT_OR_EMPTY,
        "Destinations reached with the pod's own address, beside those of the VPC.",
    ),
    row(
        "dataplane.external_service_cidrs",
        "AWS_EXTERNAL_SERVICE_CIDRS",
        Kind::Cidrs,
        TOLERANT_OR_EMPTY,
        "Destinations that are routed by the main table whatever the source.",
    ),
    row(
        "dataplane.randomize_snat",
        "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
        Kind::Choice {
            words: &[("prng", "prng"), ("hashrandom", "hashrandom"), ("none", "none")],
            any_case: false,
        },
        TOLERANT,
        "How SNAT chooses source ports.",
    ),
    row(
        "dataplane.connection_mark",
        "AWS_VPC_K8S_CNI_CONNMARK",
        Kind::Mark,
        TOLERANT,
        "The mark, and its mask, of connections that came in by the primary ENI.",
    )
    .standing(Standing::Only {
        value: "128",
        otherwise: "another mark than 0x80 (128) is not supported yet",
    }),
    row(
        "dataplane.network_policy_mode",
        "NETWORK_POLICY_ENFORCING_MODE",
        Kind::Choice {
            words: &[("none", "none"), ("standard", "standard"), ("strict", "strict")],
            any_case: true,
        },
        STRICT_OR_EMPTY,
        "What the network policy agent is asked to enforce on a new pod; unset: it is not asked.",
    )
    .standing(Standing::WarnedUnless {
        value: "none",
        otherwise: "enid does not ask the network policy agent yet, no policy is enforced on new pods; beside the agent's socket it is refused",
    }),
    row(
        "ec2.call_timeout_seconds",
        "HTTP_TIMEOUT",
        Kind::Number(Range {
            minimum: 1,
            minimum_of_peer: 10,
            maximum: 300,
            zero_is_unset: false,
            unit: "seconds",
        }),
        TOLERANT,
        "One call to EC2 is given up after this.",
    ),
    row(
        "ec2.additional_eni_tags",
        "ADDITIONAL_ENI_TAGS",
        Kind::Tags,
        TOLERANT_OR_EMPTY,
        "Further tags for the ENIs that are created.",
    ),
    row(
        "cni.add_deadline_seconds",
        "ENID_CNI_ADD_DEADLINE_SECONDS",
        range(1, 200, "seconds"),
        STRICT,
        "An ADD may wait this long for its address; kubelet gives a sandbox four minutes.",
    ),
    row(
        "cni.configuration_directory",
        "HOST_CNI_CONFDIR_PATH",
        PATH,
        STRICT,
        "Where the conflist is written, as the daemon sees it.",
    ),
    row(
        "cni.binary_directory",
        "HOST_CNI_BIN_PATH",
        PATH,
        STRICT,
        "Where the shim is installed, as the daemon sees it.",
    ),
    row(
        "daemon.socket_path",
        "ENID_DAEMON_SOCKET_PATH",
        Kind::Path { bytes_max: SOCKET_PATH_BYTES_MAX },
        STRICT,
        "The socket the shim speaks to.",
    ),
    row(
        "daemon.state_directory",
        "ENID_DAEMON_STATE_DIRECTORY",
        PATH,
        STRICT,
        "The lock of the one writer, and what may be lost at a reboot.",
    ),
    row(
        "daemon.checkpoint_path",
        "AWS_VPC_K8S_CNI_BACKING_STORE",
        PATH,
        STRICT_OR_EMPTY,
        "The file that holds the leases.",
    ),
    row(
        "daemon.persistent_directory",
        "ENID_DAEMON_PERSISTENT_DIRECTORY",
        PATH,
        STRICT,
        "What must survive a reboot.",
    ),
    row(
        "daemon.spool_directory",
        "ENID_DAEMON_SPOOL_DIRECTORY",
        PATH,
        STRICT,
        "Where the shim leaves the DELs that came while the daemon was away.",
    ),
    row("daemon.metrics", "DISABLE_METRICS", INVERTED_SWITCH, TOLERANT, "Whether `/metrics` is served."),
    row(
        "daemon.metrics_bind",
        "ENID_DAEMON_METRICS_BIND",
        Kind::Listen,
        STRICT,
        "Where `/metrics` is served.",
    ),
    row(
        "daemon.introspection",
        "DISABLE_INTROSPECTION",
        INVERTED_SWITCH,
        TOLERANT,
        "Whether the introspection pages are served.",
    ),
    row(
        "daemon.introspection_bind",
        "INTROSPECTION_BIND_ADDRESS",
        Kind::Listen,
        STRICT_OR_EMPTY,
        "Where the introspection pages are served.",
    ),
    row(
        "daemon.health_bind",
        "ENID_DAEMON_HEALTH_BIND",
        Kind::Listen,
        STRICT,
        "Where `/livez` and `/readyz` are served.",
    ),
    row(
        "daemon.log_level",
        "AWS_VPC_K8S_CNI_LOGLEVEL",
        Kind::Choice {
            words: &[
                ("debug", "debug"),
                ("info", "info"),
                ("warn", "warn"),
                ("error", "error"),
                ("fatal", "error"),
            ],
            any_case: true,
        },
        TOLERANT_OR_EMPTY,
        "The least severe lines that are logged; `fatal` is `error`.",
    ),
    row(
        "daemon.log_destination",
        "AWS_VPC_K8S_CNI_LOG_FILE",
        Kind::Choice { words: &[("stdout", "stdout"), ("stderr", "stderr")], any_case: false },
        TOLERANT_OR_EMPTY,
        "Where the log goes; files and their rotation are the container runtime's.",
    ),
    row(
        "fault.socket",
        "ENID_FAULT_SOCKET",
        Kind::Path { bytes_max: SOCKET_PATH_BYTES_MAX },
        STRICT,
        "A socket in the state directory over which a test orders the daemon's own actors to panic, stall, flood or break; unset: none.",
    )
    .standing(Standing::NotShipped(
        "it lets whoever reaches it sabotage the daemon, and this build, made without debug assertions as images are, is one for shipping",
    )),
];
