//! The checkpoint: leases on disk. `ipam.json`, in the schema of the agent we replace, is the sole truth for assigned
//! leases; what is our own stands beside it, and each of its records is harmless if stale.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::Boottime;
use crate::causes::Cause;
use crate::model::{Lease, Leaving};

/// An address that rests after use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooling {
    /// The address.
    pub address: Ipv4Addr,
    /// Rests until then, time since this boot.
    pub until: Boottime,
}

/// All that is written: leases that are assigned go to `ipam.json`, the others and what rests to our own file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckpointImage {
    /// Every lease, by address.
    pub leases: Vec<Lease>,
    /// Every resting address.
    pub cooling: Vec<Cooling>,
    /// What is being given back to EC2, by ENI.
    pub leaving: Vec<Leaving>,
}

/// What was found on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The image. Empty on a fresh node.
    pub image: CheckpointImage,
    /// Files that could not be used and were set aside under these names, with the reason.
    pub set_aside: Vec<(PathBuf, String)>,
    /// Our own file was of an earlier boot: its times mean nothing now.
    pub earlier_boot: bool,
}

/// The checkpoint port. One writer; a write is durable (file and directory synced) when it answers.
pub trait Checkpoint: Send + Sync + 'static {
    /// Reads what is there. A corrupt or foreign file is set aside, never a failure; a disk that cannot be read is one.
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>>;

    /// Makes the image durable, whole. Only files whose content changed are written, and by the first write of a process, or one after a failure, all. A write that had begun when its caller
    /// went away still ends before the next load.
    fn write(&self, image: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>>;
}
