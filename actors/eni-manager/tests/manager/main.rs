//! EniManager's core, driven by hand: mail and outcomes in, actions out, and time that a test moves.

mod attached;
mod desk;
mod failures;
mod growth;
mod random;
