//! The real node in virtual time: it holds, what is planted is found, and what failed replays.

mod finds;
mod holds;
mod replay;
