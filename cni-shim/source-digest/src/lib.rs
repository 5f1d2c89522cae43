//! Which source a binary was made from: a digest over the product's sources, taken when it was built. The lab takes the same
//! digest of the working tree and refuses binaries that differ, so that no test ever runs against an old one.

mod sources;

pub use sources::{DigestError, of_tree};

/// The digest of the sources this binary was made from: 64 hex digits.
pub const BUILT_FROM: &str = env!("ENID_SOURCE_DIGEST");

/// Version of the product.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
