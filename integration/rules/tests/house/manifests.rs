//! Versions, features, lints and profiles stand in one place.

use crate::repository::{holds, tree};

#[test]
fn manifests_take_versions_features_and_lints_from_the_workspace() {
    holds(&rules::manifests::broken(tree()));
}
