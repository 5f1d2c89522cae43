//! The model against the real kernel, in namespaces of the test's own. It sends no packet.

#[cfg(test)]
mod sequences;
