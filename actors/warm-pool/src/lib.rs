//! Owns leases and the waiting line.
