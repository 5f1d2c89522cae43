//! ENIs that left the node: the rule with their own address goes too, since the address may be another's soon. Their tables go
//! with their links. An ENI that left in an earlier life is not known any more; what its rule could do to a pod is taken away
//! with that pod's other contradictions.

use std::collections::BTreeSet;

use contract::model::EniView;
use contract::ports::host::Rule;

use super::RouteProgrammer;
use crate::plan::from_eni;

impl RouteProgrammer {
    /// A new view: what the old one had and this one, being whole, has no more, has left.
    pub(crate) fn note_departures(&mut self, view: &EniView) {
        let rules_of = |view: &EniView| -> BTreeSet<Rule> {
            view.enis.iter().filter(|eni| !eni.is_primary()).map(from_eni).collect()
        };
        let there = rules_of(view);
        if view.complete {
            self.departed.extend(rules_of(&self.enis));
        }
        self.departed.retain(|rule| !there.contains(rule));
    }

    /// What was just read has nothing more of them, and nothing that is under way could bring it back.
    pub(crate) fn forget_departures(&mut self) {
        if self.under_way.is_empty() {
            let rules = &self.host.rules;
            self.departed.retain(|rule| rules.contains(rule));
        }
    }
}
