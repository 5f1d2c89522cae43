//! The crate's own tests, by what they hold it to. They see its inside only to break it on purpose.

mod support;

mod audit;
mod bitmap;
mod describe;
mod describe_goldens;
mod faults;
mod goldens;
mod imds;
mod life;
mod limits;
mod parameters;
mod past;
mod property;
mod refusals;
mod tokens;
mod when;
