//! What a fabric has to do for the region to be true: links in guests, addresses it lets through. It carries facts, no orders.

use ipnet::{Ipv4Net, Ipv6Net};

use crate::ids::{EniId, InstanceId, Mac, SubnetId, VlanId};

/// One change of the world, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An ENI exists, attached to nothing.
    EniCreated {
        /// The ENI.
        eni: EniId,
        /// Its subnet.
        subnet: SubnetId,
        /// Its MAC.
        mac: Mac,
        /// Addresses (/32) and prefixes (/28), primary first.
        addresses: Vec<Ipv4Net>,
        /// IPv6 addresses (/128) and prefixes (/80).
        ipv6_addresses: Vec<Ipv6Net>,
    },
    /// The guest gets a link.
    EniAttached {
        /// The instance.
        instance: InstanceId,
        /// The ENI.
        eni: EniId,
        /// Its MAC.
        mac: Mac,
        /// Device index on the card.
        device_index: u32,
        /// Network card.
        card: u32,
        /// Its subnet.
        subnet: SubnetId,
        /// Addresses (/32) and prefixes (/28) it has now, primary first.
        addresses: Vec<Ipv4Net>,
        /// IPv6 addresses (/128) and prefixes (/80) it has now.
        ipv6_addresses: Vec<Ipv6Net>,
    },
    /// The metadata service shows the ENI with everything it was attached with.
    EniVisible {
        /// The instance.
        instance: InstanceId,
        /// The ENI.
        eni: EniId,
    },
    /// The guest loses the link.
    EniDetached {
        /// The instance.
        instance: InstanceId,
        /// The ENI.
        eni: EniId,
        /// Its MAC.
        mac: Mac,
    },
    /// The ENI is gone, and its addresses with it.
    EniDeleted {
        /// The ENI.
        eni: EniId,
    },
    /// The ENI carries one more address or prefix.
    AddressAdded {
        /// The ENI.
        eni: EniId,
        /// /32, or /28 for a prefix.
        address: Ipv4Net,
    },
    /// The ENI carries it no more.
    AddressRemoved {
        /// The ENI.
        eni: EniId,
        /// /32, or /28 for a prefix.
        address: Ipv4Net,
    },
    /// The ENI carries one more IPv6 address or prefix.
    Ipv6Added {
        /// The ENI.
        eni: EniId,
        /// /128, or /80 for a prefix.
        address: Ipv6Net,
    },
    /// The ENI carries it no more.
    Ipv6Removed {
        /// The ENI.
        eni: EniId,
        /// /128, or /80 for a prefix.
        address: Ipv6Net,
    },
    /// A branch rides on a trunk: the trunk's guest gets and sends its packets under this tag.
    BranchAssociated {
        /// The trunk.
        trunk: EniId,
        /// The branch.
        branch: EniId,
        /// The tag.
        vlan: VlanId,
        /// The branch's MAC.
        mac: Mac,
        /// The branch's subnet.
        subnet: SubnetId,
        /// Addresses (/32) and prefixes (/28) the branch has now, primary first.
        addresses: Vec<Ipv4Net>,
        /// IPv6 addresses (/128) and prefixes (/80) the branch has now.
        ipv6_addresses: Vec<Ipv6Net>,
    },
    /// It rides no more.
    BranchDisassociated {
        /// The trunk.
        trunk: EniId,
        /// The branch.
        branch: EniId,
        /// The tag it had.
        vlan: VlanId,
    },
}
