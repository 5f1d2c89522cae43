//! ClientToken: the one protection there is against a lost answer.

use super::support::{World, milliseconds, text};
use crate::{Fault, FaultRule, QueryRequest, When};

fn create(world: &World, description: &str) -> QueryRequest {
    QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", &world.subnet)
        .with("Description", description)
        .with("ClientToken", "4f0e")
}

#[test]
fn the_same_token_with_the_same_parameters_gives_the_same_interface() {
    let mut world = World::new();
    let first = world.done(create(&world, "a"));
    let shuffled = QueryRequest::new("CreateNetworkInterface")
        .with("ClientToken", "4f0e")
        .with("Description", "a")
        .with("SubnetId", &world.subnet);
    let second = world.done(shuffled);
    assert_eq!(text(&first.body, "networkInterfaceId"), text(&second.body, "networkInterfaceId"));
    assert_eq!((first.effects.len(), second.effects.len()), (1, 0));
    assert_eq!(world.region.enis().count(), 2);
    let mutated: Vec<bool> = world.region.journal().entries().map(|entry| entry.mutated).collect();
    assert_eq!(mutated, [true, false]);
}

#[test]
fn the_same_token_with_other_parameters_is_refused() {
    let mut world = World::new();
    world.done(create(&world, "a"));
    assert_eq!(world.refused(create(&world, "b")).0, "IdempotentParameterMismatch");
    assert_eq!(world.region.enis().count(), 2);
}

#[test]
fn a_refused_create_does_not_use_up_its_token() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.account_enis_max = 1);
    assert_eq!(world.refused(create(&world, "a")).0, "NetworkInterfaceLimitExceeded");
    world.knobs(|knobs| knobs.account_enis_max = 9);
    world.done(create(&world, "b"));
}

#[test]
fn a_create_whose_answer_was_lost_is_found_again_by_its_token() {
    let mut world = World::new();
    let rule = FaultRule::new("CreateNetworkInterface", When::Nth(1), Fault::ApplyThenDrop);
    world.region.add_fault(rule).unwrap();
    world.ask(create(&world, "a"));
    assert_eq!(world.region.enis().count(), 2);
    world.done(create(&world, "a"));
    assert_eq!(world.region.enis().count(), 2);
}

#[test]
fn the_token_of_a_deleted_interface_finds_nothing_for_a_day() {
    let mut world = World::new();
    let eni = text(&world.done(create(&world, "a")).body, "networkInterfaceId");
    world.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", eni));
    assert_eq!(world.refused(create(&world, "a")).0, "InvalidNetworkInterfaceID.NotFound");
    world.now = milliseconds(24 * 3_600 * 1_000);
    world.done(create(&world, "a"));
}
