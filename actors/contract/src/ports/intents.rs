//! What EniManager is about to do to ENIs, on a disk that survives a reboot. Written down before EC2 is asked, so that no ENI is
//! made twice, or made and forgotten.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::ec2::EniOrder;
use crate::causes::Cause;
use crate::model::{EniId, InstanceId};

/// One thing that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Intent {
    /// An ENI is made and attached. Ends once EC2 shows it attached and it goes with the instance.
    Coming {
        /// As it was sent, or will be.
        order: EniOrder,
        /// Which it is, once EC2 has said so.
        eni: Option<EniId>,
    },
    /// An ENI is taken away. Ends once it is deleted.
    Going {
        /// Which.
        eni: EniId,
    },
}

/// All that is under way on one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentImage {
    /// On which: a disk may be copied to another, whose ENIs these are not.
    pub instance: InstanceId,
    /// In any order.
    pub intents: Vec<Intent>,
}

/// What was found on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadedIntents {
    /// The image; `None` on a fresh node.
    pub image: Option<IntentImage>,
    /// A file that could not be used and was set aside under this name, with the reason.
    pub set_aside: Option<(PathBuf, String)>,
}

/// The port. One writer; a write is durable when it answers.
pub trait Intents: Send + Sync + 'static {
    /// Reads what is there. A corrupt file is set aside, never a failure; a disk that cannot be read is one. A write that had
    /// begun when its caller went away ends before.
    fn load(&self) -> BoxFuture<'static, Result<LoadedIntents, Cause>>;

    /// Makes the image durable, whole. After a failure either image may be there.
    fn write(&self, image: IntentImage) -> BoxFuture<'static, Result<(), Cause>>;
}
