//! A small AWS, pure: `(request, now) -> reply + effects`. It owns what EC2 and the instance metadata service would say about
//! one account in one region: VPCs, subnets with real address bitmaps, instances with their type's limits, ENIs and their
//! attachments, tags. It never does I/O, never reads a clock (`now` counts from the region's own start) and has no randomness:
//! the same calls give the same ids, the same bytes and the same effects.
//!
//! What EC2 refuses is refused in EC2's code and words; what the region does not know is refused loudly, never ignored.
//!
//! ```
//! use region::{InstanceSpec, QueryRequest, Region, RegionSpec};
//! use std::time::Duration;
//!
//! let mut region = Region::new(RegionSpec::default());
//! let vpc = region.add_vpc(&["10.0.0.0/16".parse()?])?;
//! let subnet = region.add_subnet(&vpc, "10.0.1.0/24".parse()?, "a")?;
//! let node = region.launch_instance(InstanceSpec::new("m5.large", &subnet), Duration::ZERO)?.instance;
//!
//! let request = QueryRequest::new("DescribeSubnets").by(&node).with("SubnetId.1", subnet.as_str());
//! let reply = region.handle(request, Duration::from_secs(1));
//! assert_eq!(reply.http_status, 200);
//! assert!(reply.body.contains("<availableIpAddressCount>250</availableIpAddressCount>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod actions;
mod attachment;
mod audit;
mod bitmap;
mod client_tokens;
mod credentials;
mod delivery;
mod effect;
mod eni;
mod error;
mod external;
mod facts;
mod fault;
mod handle;
mod ids;
mod imds;
mod instance;
mod instant;
mod interface;
mod ipv6_space;
mod journal;
mod knobs;
mod launch;
mod limits;
mod networks;
mod outcome;
mod params;
mod past;
mod region;
mod reservation;
mod rules;
mod security_group;
mod subnet;
mod tags;
mod throttle;
mod transition;
mod trunk;
mod unconfirmed;
mod vpc;
mod want;
mod when;
mod xml;

#[cfg(test)]
mod tests;

pub use actions::names as action_names;
pub use credentials::{CredentialKnobs, CredentialRefusal, Presented};
pub use delivery::Delivery;
pub use effect::Effect;
pub use eni::{Attachment, AttachmentState, Eni, InterfaceKind};
pub use error::{ApiError, RegionError};
pub use fault::{Fault, FaultRule};
pub use handle::{QueryReply, QueryRequest};
pub use ids::{
    AssociationId, AttachmentId, EniId, InstanceId, Mac, SecurityGroupId, SubnetId, VlanId, VpcId,
};
pub use imds::{ImdsAnswer, ImdsFault, ImdsFaultRule, ImdsReply, ImdsRequest, TOKEN_TTL_SECONDS_MAX};
pub use instance::{Instance, InstanceSpec, InstanceState, InterfaceSpec};
pub use journal::{Entry, Journal};
pub use knobs::{DescribeLag, ImdsLag, Knobs, NEVER_MILLISECONDS, NoRoom, PageKnobs, PageRefusal, ViewLag};
pub use launch::Launch;
pub use limits::{Limits, instance_types, limits_of};
pub use region::{Region, RegionSpec};
pub use reservation::{CidrReservation, ReservationKind};
pub use security_group::SecurityGroup;
pub use subnet::Subnet;
pub use tags::Tags;
pub use throttle::{BucketSpec, ThrottleCode};
pub use trunk::Association;
pub use vpc::Vpc;
pub use when::{State, When};
