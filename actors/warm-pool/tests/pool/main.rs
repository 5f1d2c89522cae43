//! WarmPool's core, driven by hand: mail and outcomes in, actions and answers out, and time that a test moves.

mod add;
mod del;
mod demand;
mod desk;
mod disk;
mod line;
mod random;
mod restart;
