//! EC2's refusals, each code and sentence written once, and what can go wrong when a region is built by plain calls.
//! It never decides whether a call is to be refused.

use ipnet::Ipv4Net;

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
    #[error("{cidr} is not between /16 and /28, or has host bits")]
    BlockSize {
        /// The block.
        cidr: Ipv4Net,
    },
    /// A subnet that none of its VPC's blocks holds.
    #[error("{cidr} is not inside any block of {vpc}")]
    OutsideVpc {
        /// The subnet's block.
        cidr: Ipv4Net,
        /// The VPC.
        vpc: String,
    },
    /// A block that another one shares addresses with.
    #[error("{cidr} overlaps {other}")]
    Overlap {
        /// The block asked for.
        cidr: Ipv4Net,
        /// The block that is there.
        other: Ipv4Net,
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

    pub(crate) fn throttled(code: &str, message: &str) -> Self {
        Self::new(code, message).with_status(503)
    }

    pub(crate) fn dry_run() -> Self {
        Self::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").with_status(412)
    }
}
