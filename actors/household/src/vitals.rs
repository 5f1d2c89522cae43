//! The kernel's vitals in the words of the contract.

use contract::mail::health_server::ChildHealth;
use kernel::Vitals;

pub(crate) fn children(vitals: Vec<Vitals>) -> Vec<ChildHealth> {
    vitals.into_iter().map(child).collect()
}

fn child(vitals: Vitals) -> ChildHealth {
    ChildHealth {
        running: vitals.running(),
        name: vitals.name,
        state: vitals.state.to_owned(),
        incarnation: vitals.incarnation,
        restarts: vitals.deaths,
        last_cause: vitals.last,
    }
}
