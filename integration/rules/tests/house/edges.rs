//! The table of crate edges. Dependencies point one way: rooms to contract and kernel, drivers to contract, the daemon to
//! all product crates, and nobody to integration.

use rules::edges::{Kept, Row, Table, broken};

use crate::repository::{holds, workspace};

/// What an actor may name: no other actor, no driver.
const ROOM: &[&str] = &["contract", "kernel"];
const DRIVER: &[&str] = &["contract"];
const NONE: &[&str] = &[];

const ROWS: &[Row<'_>] = &[
    Row { path: "actors/contract", may_name: NONE },
    Row { path: "actors/kernel", may_name: NONE },
    Row { path: "actors/eni-manager", may_name: ROOM },
    Row { path: "actors/subnet-scout", may_name: ROOM },
    Row { path: "actors/warm-pool", may_name: ROOM },
    Row { path: "actors/route-programmer", may_name: ROOM },
    Row { path: "actors/health-server", may_name: ROOM },
    Row { path: "actors/cni-server", may_name: &["contract", "kernel", "protocol"] },
    Row { path: "actors/drivers/ec2", may_name: DRIVER },
    Row { path: "actors/drivers/linux", may_name: DRIVER },
    Row { path: "actors/drivers/checkpoint", may_name: DRIVER },
    Row {
        path: "actors/household",
        may_name: &[
            "contract",
            "kernel",
            "eni-manager",
            "subnet-scout",
            "warm-pool",
            "route-programmer",
            "health-server",
            "cni-server",
            "config",
            "source-digest",
        ],
    },
    Row {
        path: "actors/daemon",
        may_name: &[
            "contract",
            "kernel",
            "household",
            "ec2",
            "linux",
            "checkpoint",
            "protocol",
            "source-digest",
            "config",
        ],
    },
    Row { path: "cni-shim", may_name: &["protocol", "source-digest"] },
    Row { path: "cni-shim/protocol", may_name: NONE },
    Row { path: "cni-shim/source-digest", may_name: NONE },
    Row { path: "config", may_name: &["contract"] },
    Row { path: "integration/region", may_name: NONE },
    Row { path: "integration/host", may_name: &["contract", "linux", "checkpoint", "cni-shim", "protocol"] },
    Row { path: "integration/fakes", may_name: &["contract", "kernel", "region", "host"] },
    Row {
        path: "integration/simulation",
        may_name: &[
            "contract",
            "kernel",
            "household",
            "cni-server",
            "health-server",
            "warm-pool",
            "protocol",
            "config",
            "region",
            "host",
            "fakes",
        ],
    },
    Row { path: "integration/floor", may_name: &["cni-shim", "protocol"] },
    Row { path: "integration/floor/empty", may_name: NONE },
    Row { path: "integration/lab", may_name: &["config", "floor", "region", "source-digest"] },
    Row { path: "integration/flows", may_name: &["lab", "protocol", "region", "source-digest"] },
    Row { path: "integration/rules", may_name: NONE },
    Row { path: "integration/launcher", may_name: NONE },
];

const KEPT: &[Kept<'_>] = &[
    Kept {
        package: "aws-",
        keepers: &["actors/drivers/ec2"],
        why: "one crate names the SDK; everyone else speaks to the EC2 and instance metadata ports of `contract`",
    },
    Kept {
        package: "rtnetlink",
        keepers: &["actors/drivers/linux", "integration/floor", "integration/lab"],
        why: "the kernel is reached through the host port of `contract`",
    },
    Kept {
        package: "netlink-",
        keepers: &["actors/drivers/linux", "integration/floor", "integration/lab"],
        why: "the kernel is reached through the host port of `contract`",
    },
    Kept {
        package: "actix-rt",
        keepers: &["actors/kernel", "actors/daemon"],
        why: "only the daemon starts the system that the kernel's threads live in",
    },
    Kept {
        package: "actix",
        keepers: &["actors/kernel"],
        why: "a room is a `Core`, and the kernel's one generic actor runs it",
    },
    Kept {
        package: "actix-",
        keepers: &["actors/kernel"],
        why: "a room is a `Core`, and the kernel's one generic actor runs it",
    },
    Kept {
        package: "anyhow",
        keepers: &["actors/daemon", "integration"],
        why: "a room has one typed error, a variant for each failed step",
    },
    Kept {
        package: "clap",
        keepers: &["actors/daemon", "integration"],
        why: "a library has no command line",
    },
];

const TABLE: Table<'_> = Table {
    rows: ROWS,
    fakes: &["region", "host", "fakes"],
    kept: KEPT,
    alone: &["integration/floor/empty", "integration/launcher"],
};

#[test]
fn every_dependency_between_crates_is_in_the_table() {
    holds(&broken(&workspace(), &TABLE));
}
