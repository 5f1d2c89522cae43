//! Loading as the daemon does it: layers, provenance, every mistake at once, and the environment of the peer's manifest.

#[cfg(test)]
mod layers;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tables;
