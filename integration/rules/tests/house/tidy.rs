//! The shape of every source file.

use crate::repository::{holds, tree};

#[test]
fn source_files_open_with_their_purpose_stay_short_and_have_names() {
    holds(&rules::tidy::broken(tree()));
}
