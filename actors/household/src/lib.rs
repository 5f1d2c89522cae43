//! The supervision tree as data, over any world: the daemon gives it the drivers, a simulation the fakes, and both run the same
//! children with the same links. Nothing is decided here, and nothing is done.

mod children;
mod doors;
mod vitals;
mod world;

pub use children::{Children, Views};
pub use doors::{Doors, Sockets};
pub use world::{Household, World};
