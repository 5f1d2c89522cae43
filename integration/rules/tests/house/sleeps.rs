//! The places where sleeping has a reason.

use rules::sleeps::{Allowed, broken};

use crate::repository::{holds, tree};

const ALLOWED: &[Allowed<'_>] = &[
    Allowed {
        path: "actors/kernel",
        why: "backoff before a restart, and an order to block; its tests sleep in paused time, which costs nothing and lets other tasks run",
    },
    Allowed {
        path: "actors/cni-server/src/add.rs",
        why: "the end of a stream is told again, bounded, to a room whose mailbox is full: nobody announces that it has room",
    },
    Allowed {
        path: "actors/drivers/linux/src/netlink/channel.rs",
        why: "pause between attempts at a dump, while the kernel still tells one that was given up: it does not say when it is through",
    },
    Allowed {
        path: "actors/health-server/src/http/listener.rs",
        why: "a connection's time limit, raced against its reads and writes",
    },
    Allowed {
        path: "cni-shim/src/add.rs",
        why: "backoff between attempts to reach a daemon that restarts: no event says that it is back",
    },
    Allowed {
        path: "cni-shim/src/check.rs",
        why: "pause between attempts to reach a daemon that restarts: no event says that it is back",
    },
    Allowed {
        path: "cni-shim/src/del.rs",
        why: "pause between attempts at a full socket: the kernel does not say when it has room",
    },
    Allowed {
        path: "integration/fakes",
        why: "a call travels for a while of the world's time, which is virtual: sleeping is what moves it",
    },
    Allowed {
        path: "integration/simulation",
        why: "time passes in a script, and it is virtual: sleeping is what moves it",
    },
    Allowed {
        path: "integration/lab",
        why: "the region's scripted latencies happen in real time, and conditions of other processes are polled",
    },
];

#[test]
fn nobody_sleeps_without_a_reason() {
    holds(&broken(tree(), ALLOWED));
}
