//! Rules: added once, removed exactly, kept in the order they are looked at.

use contract::model::{Fwmark, TableId};
use contract::ports::host::Rule;

use crate::event::Event;
use crate::machine::Errno;
use crate::namespace::Namespace;

impl Namespace {
    pub(crate) fn add_rule(&mut self, rule: Rule) -> Result<(), Errno> {
        check(rule)?;
        if !self.rules.contains(&rule) {
            let at = self.rules.partition_point(|known| known.priority <= rule.priority);
            self.rules.insert(at, rule);
            self.has_custom_rules = true;
            self.events.tell(Event::Rule(rule));
        }
        Ok(())
    }

    /// `BUSY` when the kernel would take another rule for this one: the driver refuses then.
    pub(crate) fn remove_rule(&mut self, rule: Rule) -> Result<(), Errno> {
        check(rule)?;
        if !self.rules.contains(&rule) {
            return Ok(());
        }
        if self.rules.iter().find(|known| taken_for(known, rule)) != Some(&rule) {
            return Err(Errno::BUSY);
        }
        self.rules.retain(|known| *known != rule);
        self.has_custom_rules = true;
        self.events.tell(Event::RuleGone(rule));
        Ok(())
    }
}

fn check(rule: Rule) -> Result<(), Errno> {
    let no_network = rule.to.is_some_and(|to| to.prefix_len() == 0 || to != to.trunc());
    if rule.mark == Some(Fwmark(0)) || rule.table == TableId(0) || no_network {
        return Err(Errno::INVAL);
    }
    Ok(())
}

/// What a removal leaves out is "any".
fn taken_for(known: &Rule, rule: Rule) -> bool {
    (known.priority, known.table) == (rule.priority, rule.table)
        && rule.from.is_none_or(|from| known.from == Some(from))
        && rule.to.is_none_or(|to| known.to == Some(to))
        && rule.mark.is_none_or(|mark| known.mark == Some(mark))
}
