//! Which source a binary was made from.
