//! An ENI, its addresses and its attachment, as EC2 sees it this instant. What the metadata service shows is a later copy, kept
//! elsewhere.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::ids::{AttachmentId, EniId, InstanceId, Mac, SecurityGroupId, SubnetId, VpcId};
use crate::tags::Tags;
use crate::trunk::Association;

/// What an ENI is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InterfaceKind {
    /// The ordinary one.
    #[default]
    Interface,
    /// It carries branches.
    Trunk,
    /// It rides on a trunk, and is attached to nothing.
    Branch,
}

/// How far an attachment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentState {
    /// Asked for; the guest has no link yet.
    Attaching,
    /// The guest has its link.
    Attached,
    /// To be taken away; the guest still has its link.
    Detaching,
}

/// The attachment of an ENI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// The instance.
    pub instance: InstanceId,
    /// Device index on the card.
    pub device_index: u32,
    /// Network card.
    pub card: u32,
    /// Whether the ENI goes with the instance. False until somebody says otherwise, for one attached by call.
    pub delete_on_termination: bool,
    /// When it was asked for, since the region's start.
    pub attach_time: Duration,
    /// How far it has come.
    pub state: AttachmentState,
}

/// An elastic network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eni {
    /// Its id.
    pub id: EniId,
    /// What it is for.
    pub kind: InterfaceKind,
    /// Its MAC.
    pub mac: Mac,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its availability zone.
    pub zone: String,
    /// Its own address.
    pub primary: Ipv4Addr,
    /// Secondary addresses, in the order they came.
    pub secondaries: Vec<Ipv4Addr>,
    /// Prefixes, in the order they came.
    pub prefixes: Vec<Ipv4Net>,
    /// IPv6 addresses, in the order they came.
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// IPv6 prefixes, in the order they came.
    pub ipv6_prefixes: Vec<Ipv6Net>,
    /// Its groups.
    pub groups: Vec<SecurityGroupId>,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
    /// Whether packets with a foreign source are dropped.
    pub source_dest_check: bool,
    /// Where it is attached, if anywhere.
    pub attachment: Option<Attachment>,
    /// The trunk it rides on, if it is a branch and rides.
    pub association: Option<Association>,
    /// From when on other calls find it, since the region's start.
    pub visible_at: Duration,
}

// === impl InterfaceKind ===

impl InterfaceKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Trunk => "trunk",
            Self::Branch => "branch",
        }
    }
}

// === impl AttachmentState ===

impl AttachmentState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
        }
    }
}

// === impl Eni ===

impl Eni {
    /// `NetworkInterface.status`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.attachment.as_ref().map(|attachment| attachment.state) {
            None if self.association.is_some() => "associated",
            None => "available",
            Some(AttachmentState::Attaching) => "attaching",
            Some(AttachmentState::Attached) => "in-use",
            Some(AttachmentState::Detaching) => "detaching",
        }
    }

    /// Slots filled, of the type's addresses per ENI: a prefix fills one.
    #[must_use]
    pub fn slots(&self) -> u32 {
        u32::try_from(1 + self.secondaries.len() + self.prefixes.len()).unwrap_or(u32::MAX)
    }

    /// Every address, primary first, without prefixes.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        let mut addresses = vec![self.primary];
        addresses.extend(&self.secondaries);
        addresses
    }

    /// Every address and prefix as blocks, primary first.
    #[must_use]
    pub fn blocks(&self) -> Vec<Ipv4Net> {
        let mut blocks: Vec<Ipv4Net> = self.addresses().into_iter().map(Ipv4Net::from).collect();
        blocks.extend(&self.prefixes);
        blocks
    }

    /// IPv6 slots filled, of the type's IPv6 addresses per ENI: a prefix fills one.
    #[must_use]
    pub fn ipv6_slots(&self) -> u32 {
        u32::try_from(self.ipv6_addresses.len() + self.ipv6_prefixes.len()).unwrap_or(u32::MAX)
    }

    /// Every IPv6 address (/128) and prefix (/80) as blocks, addresses first.
    #[must_use]
    pub fn ipv6_blocks(&self) -> Vec<Ipv6Net> {
        let mut blocks: Vec<Ipv6Net> = self.ipv6_addresses.iter().copied().map(Ipv6Net::from).collect();
        blocks.extend(&self.ipv6_prefixes);
        blocks
    }

    pub(crate) fn is_attached_by(&self, id: &AttachmentId) -> bool {
        self.attachment.as_ref().is_some_and(|attachment| attachment.id == *id)
    }

    pub(crate) fn attached_to(&self, instance: &InstanceId) -> Option<&Attachment> {
        self.attachment.as_ref().filter(|attachment| attachment.instance == *instance)
    }
}
