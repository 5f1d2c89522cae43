//! To WarmPool: the steps of an ADD, a DEL, and what the ENIs carry.

use std::net::Ipv4Addr;

use crate::causes::Cause;
use crate::model::{AttachmentKey, EniView, Pod, TableId};
use crate::{Boottime, Reply};

/// One life line: the stream of one shim process, unique in one life of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// An ADD asks for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// For which attachment. Asking again for the same one gives the same address.
    pub key: AttachmentKey,
    /// The pod.
    pub pod: Pod,
    /// When the shim began: its place in the line, kept when mail is sent again.
    pub arrived_at: Boottime,
    /// Answer by then.
    pub deadline: Boottime,
    /// The life line of this ADD.
    pub stream: StreamId,
    /// Wall time of the request, nanoseconds since 1970, for the checkpoint.
    pub unix_nanoseconds: i64,
}

/// The address, and where its ENI is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseGrant {
    /// The address.
    pub address: Ipv4Addr,
    /// Table of its ENI.
    pub table: TableId,
    /// Device number of its ENI.
    pub device: u32,
}

/// Mail for WarmPool.
#[derive(Debug)]
pub enum PoolMail {
    /// ADD, step 1: reserve an address, or stand in line. Answered once the reservation is durable.
    Lease {
        /// Who and until when.
        request: LeaseRequest,
        /// The address, or why not.
        reply: Reply<Result<LeaseGrant, Cause>>,
    },
    /// ADD, step 2: both sides stand. Needs no write: to the disk it is a reservation still, which is undone in the same way.
    Wired {
        /// Whose.
        key: AttachmentKey,
        /// By which life line; an older one is superseded.
        stream: StreamId,
        /// Done, or why not.
        reply: Reply<Result<(), Cause>>,
    },
    /// ADD, step 3: the result is about to go out. Answered once the assignment is in the checkpoint.
    Assign {
        /// Whose.
        key: AttachmentKey,
        /// By which life line.
        stream: StreamId,
        /// Done, or why not.
        reply: Reply<Result<(), Cause>>,
    },
    /// The shim is gone. A waiter leaves the line; a lease that is not assigned is undone after a grace.
    StreamClosed {
        /// Whose.
        key: AttachmentKey,
        /// Which life line.
        stream: StreamId,
    },
    /// DEL: the waiter leaves, the host side is taken down, the address rests. An unknown attachment is a success.
    /// Answered once it is durable: the address that was released, if there was one.
    Release {
        /// Whose.
        key: AttachmentKey,
        /// Done, or why not.
        reply: Reply<Result<Option<Ipv4Addr>, Cause>>,
    },
    /// EniManager's newest view.
    Enis(EniView),
}
