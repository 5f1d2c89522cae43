//! The crate's own tests, by what they hold it to. They see its inside only to break it on purpose.

mod support;

mod audit;
mod bitmap;
mod describe;
mod describe_goldens;
mod faults;
mod goldens;
mod imds;
mod instances;
mod ipv6;
mod life;
mod limits;
mod parameters;
mod past;
mod property;
mod property_nouns;
mod refusals;
mod reservations;
mod tokens;
mod trunk;
mod when;
