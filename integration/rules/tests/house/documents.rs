//! Documents name what exists.

use rules::documents::broken;

use crate::repository::{holds, tree, workspace};

#[test]
fn documents_name_every_room_and_scenario_and_no_path_that_is_gone() {
    let members: Vec<String> = workspace().into_iter().map(|member| member.path).collect();
    holds(&broken(tree(), &members));
}
