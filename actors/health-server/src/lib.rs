//! Owns the picture shown outside.
