//! Owns attached ENIs and their addresses, and every EC2 mutation.
