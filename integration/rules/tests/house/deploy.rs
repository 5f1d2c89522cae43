//! What is deployed is what is tested.

use crate::repository::{holds, tree};

#[test]
fn deploy_files_say_what_the_settings_the_sources_and_the_scenarios_say() {
    holds(&rules::deploy::broken(tree()));
}
