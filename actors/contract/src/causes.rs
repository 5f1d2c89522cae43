//! The one vocabulary of reasons: a refusal, a wait or a degradation has the same typed cause in the CNI error, the metric
//! label, `/readyz` and the log.

use std::net::Ipv4Addr;

use crate::model::{EniId, SubnetId};

/// Why something cannot be done, or cannot be done yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// No address is free, and more are on their way.
    #[error("every address is in use; more are being asked from EC2")]
    PoolEmpty,
    /// No address is free, all ENIs are full, and the node may have no more.
    #[error("node address limit reached: max={max} in_use={in_use}")]
    NodeAddressLimit {
        /// Addresses that pods could have on the attached ENIs.
        max: u32,
        /// Of these, how many are leased, resting or pinned.
        in_use: u32,
    },
    /// The subnet has no free address for this.
    #[error("subnet {subnet} has no free address: {detail}")]
    SubnetExhausted {
        /// Which.
        subnet: SubnetId,
        /// EC2's words.
        detail: String,
    },
    /// EC2 limits how often we may call.
    #[error("EC2 throttles {action}")]
    Throttled {
        /// The EC2 action.
        action: &'static str,
    },
    /// The node's role may not do this.
    #[error("not authorized for ec2:{action}: {detail}")]
    Unauthorized {
        /// The EC2 action.
        action: &'static str,
        /// EC2's words.
        detail: String,
    },
    /// No usable credentials.
    #[error("no usable AWS credentials for {action}: {detail}")]
    Credentials {
        /// The EC2 action.
        action: &'static str,
        /// What the SDK or EC2 said.
        detail: String,
    },
    /// EC2 does not answer in time.
    #[error("EC2 did not answer {action} within {timeout_seconds} s")]
    Ec2Timeout {
        /// The EC2 action.
        action: &'static str,
        /// How long we waited.
        timeout_seconds: u64,
    },
    /// EC2 cannot be reached, or answers with a failure of its own.
    #[error("EC2 is unavailable for {action}: {detail}")]
    Ec2Unavailable {
        /// The EC2 action.
        action: &'static str,
        /// What happened.
        detail: String,
    },
    /// EC2 refused for a reason with no special meaning here.
    #[error("EC2 refused {action}: {code}: {detail}")]
    Ec2Refused {
        /// The EC2 action.
        action: &'static str,
        /// EC2's code.
        code: String,
        /// EC2's words.
        detail: String,
    },
    /// The instance metadata service does not answer, or answers nonsense.
    #[error("instance metadata is unavailable: {detail}")]
    ImdsUnavailable {
        /// What happened.
        detail: String,
    },
    /// The instance type is in no table, and EC2 has not told its limits yet.
    #[error("limits of instance type {instance_type} are not known yet")]
    LimitsUnknown {
        /// The type.
        instance_type: String,
    },
    /// The waiting line is full.
    #[error("the waiting line is full: {bound} ADDs are waiting")]
    LineFull {
        /// Its bound.
        bound: u32,
    },
    /// The ADD waited as long as it may.
    #[error("waited {waited_seconds} s for an address: {because}")]
    WaitedTooLong {
        /// How long.
        waited_seconds: u64,
        /// Why none came.
        because: Box<Cause>,
    },
    /// A newer request for the same attachment, or its DEL, took its place.
    #[error("superseded: {by}")]
    Superseded {
        /// By what.
        by: &'static str,
    },
    /// The request itself is wrong.
    #[error("{field}: {problem}")]
    BadRequest {
        /// Which part.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no lease for this attachment, or not in the phase that the step needs.
    #[error("no lease to {step} for {key}")]
    NoLease {
        /// What was to be done.
        step: &'static str,
        /// For which attachment.
        key: String,
    },
    /// The shim could not wire the pod's side.
    #[error("wiring the pod failed at {step}: {detail}")]
    PodWiring {
        /// Which operation.
        step: String,
        /// What the kernel said.
        detail: String,
    },
    /// The host side could not be programmed or verified.
    #[error("programming the host failed at {step}: {detail}")]
    HostWiring {
        /// Which operation.
        step: String,
        /// What the kernel said.
        detail: String,
    },
    /// The ENI's link has not appeared on the host.
    #[error("{eni} is attached, but its link {mac} is not on the host yet")]
    LinkMissing {
        /// Which ENI.
        eni: EniId,
        /// Its MAC.
        mac: String,
    },
    /// The node does not give connections that leave the VPC its address yet: a pod would reach nothing outside.
    #[error("connections that leave the VPC are not translated yet: {detail}")]
    NotTranslating {
        /// Why not.
        detail: String,
    },
    /// A lease could not be made durable.
    #[error("the checkpoint could not be written: {detail}")]
    CheckpointWrite {
        /// What the disk said.
        detail: String,
    },
    /// The checkpoint cannot be read: the disk is at fault, not the content.
    #[error("the checkpoint could not be read: {detail}")]
    CheckpointRead {
        /// What the disk said.
        detail: String,
    },
    /// What EC2 is to be asked cannot be kept on the persistent disk, so no ENI is made or taken away.
    #[error("what is under way in EC2 cannot be kept on disk: {detail}")]
    IntentDisk {
        /// What the disk said.
        detail: String,
    },
    /// The kernel shows an address in use that no lease explains.
    #[error("{address} is in use behind link {ifindex}, and no lease explains it")]
    UnexplainedUse {
        /// The address.
        address: Ipv4Addr,
        /// The host-side link.
        ifindex: u32,
    },
    /// Two daemons would write the same state.
    #[error("another agent serves this node: {detail}")]
    NotTheOnlyWriter {
        /// What was found.
        detail: String,
    },
    /// The runtime could not be told of this daemon: its list of plugins, or the mark for STATUS, is not as it should be.
    #[error("the runtime cannot be told of enid: {detail}")]
    NotAnnounced {
        /// What stood in the way.
        detail: String,
    },
    /// A room is starting, restarting or parked.
    #[error("{room} is not available: {detail}")]
    RoomUnavailable {
        /// Which.
        room: &'static str,
        /// What the kernel knows.
        detail: String,
    },
    /// The message made its handler panic twice.
    #[error("{room} cannot handle this request")]
    Poisoned {
        /// Which room.
        room: &'static str,
    },
}

impl Cause {
    /// One word for a metric label and for `/readyz`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::PoolEmpty => "PoolEmpty",
            Self::NodeAddressLimit { .. } => "NodeAddressLimit",
            Self::SubnetExhausted { .. } => "SubnetExhausted",
            Self::Throttled { .. } => "Throttled",
            Self::Unauthorized { .. } => "Unauthorized",
            Self::Credentials { .. } => "Credentials",
            Self::Ec2Timeout { .. } => "Ec2Timeout",
            Self::Ec2Unavailable { .. } => "Ec2Unavailable",
            Self::Ec2Refused { .. } => "Ec2Refused",
            Self::ImdsUnavailable { .. } => "ImdsUnavailable",
            Self::LimitsUnknown { .. } => "LimitsUnknown",
            Self::LineFull { .. } => "LineFull",
            Self::WaitedTooLong { because, .. } => because.label(),
            Self::Superseded { .. } => "Superseded",
            Self::BadRequest { .. } => "BadRequest",
            Self::NoLease { .. } => "NoLease",
            Self::PodWiring { .. } => "PodWiring",
            Self::HostWiring { .. } => "HostWiring",
            Self::LinkMissing { .. } => "LinkMissing",
            Self::NotTranslating { .. } => "NotTranslating",
            Self::CheckpointWrite { .. } => "CheckpointWrite",
            Self::CheckpointRead { .. } => "CheckpointRead",
            Self::IntentDisk { .. } => "IntentDisk",
            Self::UnexplainedUse { .. } => "UnexplainedUse",
            Self::NotTheOnlyWriter { .. } => "NotTheOnlyWriter",
            Self::NotAnnounced { .. } => "NotAnnounced",
            Self::RoomUnavailable { .. } => "RoomUnavailable",
            Self::Poisoned { .. } => "Poisoned",
        }
    }

    /// The CNI error code: 11 (try again later) where a retry can help by itself, 7 and 5 as the specification has them.
    #[must_use]
    pub fn cni_code(&self) -> u32 {
        match self {
            Self::BadRequest { .. } => 7,
            Self::PodWiring { .. } | Self::HostWiring { .. } => 5,
            Self::Poisoned { .. } => 100,
            _ => 11,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_ended_keeps_the_label_of_what_it_waited_for() {
        let cause = Cause::WaitedTooLong {
            waited_seconds: 90,
            because: Box::new(Cause::NodeAddressLimit { max: 9, in_use: 9 }),
        };
        assert_eq!(cause.label(), "NodeAddressLimit");
        assert_eq!(cause.cni_code(), 11);
        assert_eq!(
            cause.to_string(),
            "waited 90 s for an address: node address limit reached: max=9 in_use=9"
        );
    }
}
