//! EC2's refusals, each code and sentence written once, and what can go wrong when a region is built by plain calls.
//! It never decides whether a call is to be refused.

use ipnet::{IpNet, Ipv4Net};

/// A refusal as EC2 gives it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// `Error/Code`.
    pub code: String,
    /// `Error/Message`.
    pub message: String,
    /// HTTP status.
    pub status: u16,
}

/// Why a region could not be built as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// EC2 itself would refuse it.
    #[error("the region refuses: {0}")]
    Refused(#[from] ApiError),
    /// A VPC without a block.
    #[error("a VPC needs at least one CIDR block")]
    NoCidr,
    /// A block whose length EC2 does not allow.
    #[error(
        "{cidr} is not of a size EC2 takes (/16 to /28; IPv6: /44 to /60, or /64 for a subnet, in steps of 4), or has host bits"
    )]
    BlockSize {
        /// The block.
        cidr: IpNet,
    },
    /// A subnet that none of its VPC's blocks holds.
    #[error("{cidr} is not inside any block of {vpc}")]
    OutsideVpc {
        /// The subnet's block.
        cidr: IpNet,
        /// The VPC.
        vpc: String,
    },
    /// A block that another one shares addresses with.
    #[error("{cidr} overlaps {other}")]
    Overlap {
        /// The block asked for.
        cidr: IpNet,
        /// The block that is there.
        other: IpNet,
    },
    /// A reservation whose block cannot be one.
    #[error("{cidr} cannot be set aside: it has host bits, or is for prefixes and holds none")]
    Reservation {
        /// The block.
        cidr: Ipv4Net,
    },
    /// A reservation that its subnet does not hold.
    #[error("{cidr} is not inside {subnet}")]
    OutsideSubnet {
        /// The block.
        cidr: Ipv4Net,
        /// The subnet.
        subnet: String,
    },
    /// No such type in the limits table.
    #[error("no limits are known for instance type {0}")]
    UnknownInstanceType(String),
    /// A knob or a fault names an action that the region does not have.
    #[error("the region has no action {0}")]
    UnknownAction(String),
    /// A rule without any condition.
    #[error("a rule needs a condition")]
    NoCondition,
    /// A listener that refuses connections cannot tell calls apart.
    #[error(
        "connections are refused by time alone: `refuse` goes with every call, and `always` or `between`"
    )]
    RefusesByTime,
    /// A path that no request to the metadata service can have.
    #[error("{0} is not a path: it begins with `/` or `*`")]
    Path(String),
    /// A fault rate that can never be met.
    #[error("a rate of {hits} in {of} is not a rate")]
    Rate {
        /// Calls hit.
        hits: u64,
        /// Out of so many.
        of: u64,
    },
}

// === impl ApiError ===

impl ApiError {
    /// A refusal with EC2's usual status, 400.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400 }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn invalid_value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
    }

    pub(crate) fn unknown_parameter(parameter: &str) -> Self {
        Self::new("UnknownParameter", format!("The parameter {parameter} is not recognized"))
    }

    /// EC2 knows it, this region does not: said so, rather than ignored.
    pub(crate) fn not_simulated(what: &str) -> Self {
        Self::new("UnsupportedOperation", format!("The simulated region does not implement {what}"))
    }

    pub(crate) fn no_free_address() -> Self {
        Self::new(
            "InsufficientFreeAddressesInSubnet",
            "The specified subnet does not have enough free addresses to satisfy the request.",
        )
    }

    pub(crate) fn no_free_block() -> Self {
        Self::new(
            "InsufficientCidrBlocks",
            "The specified subnet does not have enough free cidr blocks to satisfy the request.",
        )
    }

    pub(crate) fn address_limit() -> Self {
        Self::new("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
    }

    pub(crate) fn address_in_use(address: impl std::fmt::Display) -> Self {
        Self::new("InvalidIPAddress.InUse", format!("Address {address} is in use."))
    }

    pub(crate) fn outside_subnet() -> Self {
        Self::invalid_value("Address does not fall within the subnet's address range")
    }

    pub(crate) fn reserved_address() -> Self {
        Self::invalid_value("Address is in subnet's reserved address range")
    }

    pub(crate) fn prefix_outside_subnet(prefix: impl std::fmt::Display) -> Self {
        Self::invalid_value(format!("Prefix {prefix} does not fall within the subnet's address range"))
    }

    pub(crate) fn not_assigned(eni: impl std::fmt::Display) -> Self {
        Self::invalid_value(format!("Some of the specified addresses are not assigned to interface {eni}"))
    }

    pub(crate) fn interface_in_use(eni: impl std::fmt::Display) -> Self {
        Self::new("InvalidNetworkInterface.InUse", format!("Interface: [{eni}] in use."))
    }

    pub(crate) fn group_not_found(group: impl std::fmt::Display) -> Self {
        Self::new("InvalidGroup.NotFound", format!("The security group '{group}' does not exist"))
    }

    pub(crate) fn no_default_vpc() -> Self {
        Self::new("VPCIdNotSpecified", "No default VPC for this user")
    }

    pub(crate) fn throttled(code: &str, message: &str) -> Self {
        Self::new(code, message).with_status(503)
    }

    pub(crate) fn dry_run() -> Self {
        Self::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").with_status(412)
    }
}
