//! No machine's paths, no registry's hosts, no unfinished work.

use crate::repository::{holds, tree};

#[test]
fn no_forbidden_word_stands_in_the_repository() {
    holds(&rules::words::broken(tree()));
}
