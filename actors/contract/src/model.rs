//! The nouns: what an ENI, an attachment, a lease and a wiring plan are. Values only; no behaviour beyond their own meaning.

mod address;
mod attachment;
mod damage;
mod eni;
mod lease;
mod node;
mod route_table;
mod subnet;
mod veth;
mod wiring;

pub use address::{Mac, MacError};
pub use attachment::{AttachmentKey, Pod};
pub use damage::Damage;
pub use eni::{Eni, EniAddress, EniView, Growth, Leaving};
pub use lease::{Lease, LeasePhase, LeaseView, PoolCounts};
pub use node::{AttachmentId, EniId, InstanceId, InstanceType, NodeFacts, SecurityGroupId, SubnetId, VpcId};
pub use route_table::{Fwmark, RulePriority, TableId};
pub use subnet::{Subnet, SubnetMark, SubnetView};
pub use veth::{HostVeth, VethError, VethPrefix};
pub use wiring::{HostSide, POD_GATEWAY, PodWiring, WiringOperation, WiringPlan};
