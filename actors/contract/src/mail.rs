//! What the rooms say to one another: one file per receiver. A question carries its `Reply`; everything else is a hint or a
//! snapshot. Facts travel as snapshots, so that a lost message is mended by the next one.

pub mod cni_server;
pub mod eni_manager;
pub mod health_server;
pub mod route_programmer;
pub mod subnet_scout;
pub mod warm_pool;
