//! Rooms decide without the world.

use crate::repository::{holds, tree};

#[test]
fn state_plan_and_recover_have_no_clock_randomness_environment_or_io() {
    holds(&rules::purity::broken(tree()));
}

#[test]
fn there_is_something_to_hold_pure() {
    let tree = tree();
    let pure = tree.ending(".rs").filter(|(path, _)| rules::purity::is_pure(path));
    assert!(pure.count() > 0, "no room has a state, plan or recover");
}
