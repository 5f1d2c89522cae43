//! The two commands, and what CI runs.

use crate::repository::{holds, tree};

#[test]
fn the_readme_names_the_two_commands_and_ci_runs_the_one_that_checks() {
    holds(&rules::commands::broken(tree()));
}
