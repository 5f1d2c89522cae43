//! What the protobuf compiler makes of `proto/cri.proto`; its documentation is there.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]

tonic::include_proto!("runtime.v1");
