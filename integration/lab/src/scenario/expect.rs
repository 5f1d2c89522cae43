//! What must hold at the end of a scenario. The region's own audit is always asked.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::Count;

/// See the keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// So many calls of these actions.
    #[serde(default)]
    pub journal: BTreeMap<String, Count>,
    /// So many calls that changed something, of any action.
    pub mutating_calls: Option<Count>,
    /// Of the actions that change something, no others than those in `journal`.
    #[serde(default)]
    pub no_other_changes: bool,
    /// Of every deleted pod nothing is left: no link, rule or route on its node, no allocation in the checkpoint.
    #[serde(default)]
    pub nothing_left: bool,
    /// So many ENIs exist, each attached to a node and bound to its end.
    pub enis: Option<Count>,
    /// Every neighbour found its bits of each mark as it had set them.
    #[serde(default)]
    pub marks_kept: bool,
    /// So many packets were dropped because the region does not have their source on that ENI.
    pub spoofed_packets: Option<Count>,
    /// So many datagrams of probes (those that must be answered) and of traffic were not answered.
    pub packets_lost: Option<Count>,
    /// So many links, addresses, routes and rules were deleted while a node was watched.
    pub netlink_deletions: Option<Count>,
    /// So many restarts of these actors, over all nodes and daemons; `*` is every actor that is not named.
    #[serde(default)]
    pub restarts: BTreeMap<String, Count>,
    /// So many ADDs and DELs that daemons answered with these causes (`ok` is one).
    #[serde(default)]
    pub answers: BTreeMap<String, Count>,
}
