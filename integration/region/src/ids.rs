//! The names of things: ids with the shape EC2 gives them, MAC addresses, and the mint that makes them from a seed and a
//! counter. An id that was parsed is well formed; whether it exists is the region's to say.

use std::fmt;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Hex digits of an id today.
const ID_DIGITS: usize = 17;
/// Hex digits of an id from before 2018, still accepted.
const ID_DIGITS_OLD: usize = 8;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $malformed:literal, $not_found:literal, $words:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What such an id begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Reads an id.
            ///
            /// # Errors
            /// EC2's `…Malformed` code if it is not the prefix and 8 or 17 hex digits.
            pub fn parse(text: &str) -> Result<Self, ApiError> {
                if well_formed($prefix, text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(malformed($malformed, $prefix, text))
            }

            pub(crate) fn mint(mint: &mut Mint) -> Self {
                Self(mint.id($prefix))
            }

            /// The id as it goes over the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// EC2's answer when nothing has this id.
            #[must_use]
            pub fn not_found(&self) -> ApiError {
                ApiError::new($not_found, format!($words, self.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A VPC.
    VpcId, "vpc-", "InvalidVpcID.Malformed", "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"
);
id!(
    /// A subnet.
    SubnetId, "subnet-", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"
);
id!(
    /// A security group.
    SecurityGroupId, "sg-", "InvalidGroupId.Malformed", "InvalidGroup.NotFound", "The security group '{}' does not exist"
);
id!(
    /// An instance.
    InstanceId, "i-", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"
);
id!(
    /// An elastic network interface.
    EniId,
    "eni-",
    "InvalidNetworkInterfaceID.Malformed",
    "InvalidNetworkInterfaceID.NotFound",
    "The networkInterface ID '{}' does not exist"
);
id!(
    /// The attachment of an ENI to an instance.
    AttachmentId,
    "eni-attach-",
    "InvalidNetworkInterfaceAttachmentId.Malformed",
    "InvalidAttachmentID.NotFound",
    "The networkInterfaceAttachment ID '{}' does not exist"
);

id!(
    /// The association of a branch with a trunk.
    AssociationId,
    "trunk-assoc-",
    "InvalidAssociationID.Malformed",
    "InvalidAssociationID.NotFound",
    "The association ID '{}' does not exist"
);

// === impl InstanceId ===

impl InstanceId {
    /// The last 12 digits, upper case: enough to tell instances apart in names that must not hold an id.
    pub(crate) fn tail(&self) -> String {
        let at = self.0.len().saturating_sub(12);
        self.0.get(at..).unwrap_or(&self.0).to_uppercase()
    }
}

/// The id of a VLAN on a trunk: 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// Reads it.
    ///
    /// # Errors
    /// It is no number, or 0, or one that 802.1Q keeps.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let number = text.parse().ok().filter(|number| (1..=4094).contains(number));
        number.map(Self).ok_or_else(|| {
            ApiError::invalid_value(format!("Value ({text}) for parameter VlanId is invalid."))
        })
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A MAC address; locally administered (02:…), unique in the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Makes ids that look random and never repeat: every step is a bijection of the counter.
#[derive(Debug, Clone)]
pub(crate) struct Mint {
    seed: u64,
    ids: u64,
    macs: u64,
    blocks: u16,
    requests: u64,
}

impl Mint {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: mix(seed), ids: 0, macs: 0, blocks: 0, requests: 0 }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        let number = mix(self.seed.wrapping_add(self.ids));
        format!("{prefix}0{number:016x}")
    }

    /// An odd factor is invertible modulo 2^40, so 2^40 MACs pass before one repeats.
    pub(crate) fn mac(&mut self) -> Mac {
        self.macs += 1;
        let number = self.macs.wrapping_mul(0x9e_3779_b97f).wrapping_add(self.seed);
        let [.., a, b, c, d, e] = number.to_be_bytes();
        Mac([0x02, a, b, c, d, e])
    }

    /// An IPv6 block of Amazon's: a /56, 65,536 of which pass before one repeats.
    pub(crate) fn ipv6_block(&mut self) -> Ipv6Net {
        self.blocks = self.blocks.wrapping_add(1);
        let [high, low] = self.blocks.to_be_bytes();
        let network = Ipv6Addr::new(0x2a05, 0xd018, high.into(), u16::from(low) << 8, 0, 0, 0, 0);
        Ipv6Net::new_assert(network, 56)
    }

    /// A request id: a version 4 UUID by its shape.
    pub(crate) fn request_id(&mut self) -> String {
        self.requests += 1;
        let high = mix(self.seed ^ 0x5245_5155_4553_5421).wrapping_add(self.requests);
        let bytes = (u128::from(mix(high)) << 64) | u128::from(mix(!high));
        uuid::Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid().to_string()
    }
}

/// The finaliser of splitmix64: a bijection that leaves no visible order.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn well_formed(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        [ID_DIGITS, ID_DIGITS_OLD].contains(&digits.len())
            && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn malformed(code: &str, prefix: &str, text: &str) -> ApiError {
    let message = if text.starts_with(prefix) {
        format!("Invalid id: \"{text}\"")
    } else {
        format!("Invalid id: \"{text}\" (expecting \"{prefix}...\")")
    };
    ApiError::new(code, message)
}
