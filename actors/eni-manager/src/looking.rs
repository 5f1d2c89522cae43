//! Who looks at an ENI: one at a time, since an answer does not say whose question it is. Pure.

use contract::model::EniId;
use std::collections::BTreeSet;

use crate::actor::EniAction;

/// Whether this call may be made now: an ENI is looked at by one at a time.
pub(crate) fn may_begin(looking: &mut BTreeSet<EniId>, action: &EniAction) -> bool {
    match action {
        EniAction::Look { eni } => looking.insert(eni.clone()),
        _ => true,
    }
}
