//! What the rooms ask of the world. Every port answers by its own timeout: a slow world is an outcome, never a hang.

pub mod checkpoint;
pub mod ec2;
pub mod host;
pub mod imds;
pub mod intents;
