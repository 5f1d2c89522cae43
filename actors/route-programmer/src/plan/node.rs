//! What the node as a whole needs beside its nft table: the rule that the mark leads to, rules for destinations of the main
//! table, and a primary ENI that takes what belongs to pods on others.

use contract::model::{Fwmark, Mac, RulePriority, TableId};
use contract::ports::host::{HostChange, Rule};

use super::seen::Seen;
use crate::state::RouteConfig;

/// Loose: a source must be reachable, by whichever link. The larger of this and what is set for all links is in force, so
/// that nothing but 2 is sure to be enough.
const LOOSE: u32 = 2;

/// How the node should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredNode {
    /// Rules that stand; others of their shapes go.
    pub(crate) rules: Vec<Rule>,
    /// The primary ENI, if answers to pods on other ENIs come in by it. What comes in by a secondary ENI leaves by it too, and
    /// may be judged as strictly as the node likes.
    pub(crate) loose: Option<Mac>,
}

impl DesiredNode {
    pub(crate) fn of(config: &RouteConfig, primary: Mac) -> Self {
        let by_main = |priority, to, mark| Rule { priority, from: None, to, mark, table: TableId::MAIN };
        let marked = by_main(RulePriority::MARK, None, Some(Fwmark::DEFAULT));
        let external = config.by_main.iter().map(|network| {
            // The kernel knows "everywhere" only as no network at all.
            let to = (network.prefix_len() > 0).then(|| network.trunc());
            by_main(RulePriority::TO_EXTERNAL, to, None)
        });
        let needs_mark = config.needs_mark();
        let mut rules: Vec<Rule> = needs_mark.then_some(marked).into_iter().chain(external).collect();
        rules.sort();
        rules.dedup();
        Self { rules, loose: needs_mark.then_some(primary) }
    }

    /// Whether the mark leads where it should.
    pub(super) fn rules_stand(&self, seen: &Seen<'_>) -> bool {
        self.rules.iter().all(|rule| seen.has_rule(rule))
    }

    /// Rules are added before others are removed, and the setting comes last: a kernel that refuses it must not keep the rules
    /// from standing.
    pub(super) fn changes(&self, seen: &Seen<'_>) -> Vec<HostChange> {
        let missing =
            self.rules.iter().filter(|rule| !seen.has_rule(rule)).map(|rule| HostChange::AddRule(*rule));
        let stale = seen.node_rules().iter().filter(|rule| !self.rules.contains(rule));
        let mut changes: Vec<_> = missing.chain(stale.map(|rule| HostChange::RemoveRule(*rule))).collect();
        let strict = self.loose.and_then(|mac| seen.link_of(mac)).filter(|link| {
            // Not told is not known: nothing is written blindly.
            link.rp_filter.is_some_and(|value| value != LOOSE)
        });
        changes.extend(strict.map(|link| HostChange::SetRpFilter { ifindex: link.ifindex, value: LOOSE }));
        changes
    }
}

/// Whether a rule has one of the two shapes that the node's settings ask for.
pub(super) fn is_node_rule(rule: &Rule) -> bool {
    match *rule {
        Rule { priority: RulePriority::MARK, from: None, to: None, mark, table } => {
            mark == Some(Fwmark::DEFAULT) && table == TableId::MAIN
        }
        Rule { priority: RulePriority::TO_EXTERNAL, from: None, mark: None, table, .. } => {
            table == TableId::MAIN
        }
        _ => false,
    }
}
