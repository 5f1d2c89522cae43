//! What containerd executes for every pod. It reads one CNI call, asks the daemon over its unix socket, wires the inside
//! of the pod's namespace as the daemon's plan says, and prints one CNI result or one CNI error. It decides no address and
//! no route, executes no other program, and writes only the spool of DELs and three settings of its own host link.

pub mod error;

pub mod env;
pub mod names;
pub mod netconf;
pub mod plan;
pub mod prev_result;
pub mod result;

pub mod client;
pub mod clock;
pub mod netlink;
pub mod netns;
pub mod wiring;

pub mod add;
pub mod check;
pub mod damage;
pub mod del;
pub mod gc;
pub mod status;
pub mod version;

pub mod run;
