//! Owns which subnets have room.
