//! The model against the real kernel, in namespaces of the test's own. It sends no packet.

#[cfg(test)]
mod nft;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod place;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod shim;
#[cfg(test)]
mod watcher;
#[cfg(test)]
mod world;
