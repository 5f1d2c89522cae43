//! Trunks and branches: what may ride on what, under which tag, and what a node sees of it.

use super::support::{World, text, texts};
use crate::{Effect, EniId, InstanceSpec, QueryRequest};

/// A world whose node has a trunk at device 1, and that trunk.
fn world() -> (World, EniId) {
    let mut world = World::new();
    let trunk = make(&mut world, "trunk");
    world.attach(&trunk, 1);
    (world, trunk)
}

fn make(world: &mut World, kind: &str) -> EniId {
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet);
    let body = world.done(create.with("InterfaceType", kind)).body;
    assert_eq!(text(&body, "interfaceType"), kind);
    EniId::parse(&text(&body, "networkInterfaceId")).unwrap()
}

fn associate(trunk: &EniId, branch: &EniId, vlan: u32) -> QueryRequest {
    QueryRequest::new("AssociateTrunkInterface")
        .with("TrunkInterfaceId", trunk)
        .with("BranchInterfaceId", branch)
        .with("VlanId", vlan)
}

fn disassociate(id: &str) -> QueryRequest {
    QueryRequest::new("DisassociateTrunkInterface").with("AssociationId", id)
}

#[test]
fn a_branch_rides_on_a_trunk_and_is_told_as_associated() {
    let (mut world, trunk) = world();
    let branch = make(&mut world, "branch");
    let reply = world.done(associate(&trunk, &branch, 7).with("ClientToken", "one"));
    let id = text(&reply.body, "associationId");
    let members = "<requestId>REQUEST</requestId>
<interfaceAssociation>
<associationId>ASSOCIATION</associationId>
<branchInterfaceId>BRANCH</branchInterfaceId>
<trunkInterfaceId>TRUNK</trunkInterfaceId>
<interfaceProtocol>VLAN</interfaceProtocol>
<vlanId>7</vlanId>
<tagSet/>
</interfaceAssociation>
<clientToken>one</clientToken>";
    let names = [(id.as_str(), "ASSOCIATION"), (branch.as_str(), "BRANCH"), (trunk.as_str(), "TRUNK")];
    let body = world.readable(&reply, &names);
    assert!(body.contains(members), "{body}");
    let state = world.region.eni(&branch).unwrap().clone();
    let associated = Effect::BranchAssociated {
        trunk: trunk.clone(),
        branch: branch.clone(),
        vlan: state.association.clone().unwrap().vlan,
        mac: state.mac,
        subnet: world.subnet.clone(),
        addresses: state.blocks(),
        ipv6_addresses: Vec::new(),
    };
    assert_eq!(reply.effects, vec![associated]);
    let describe = QueryRequest::new("DescribeNetworkInterfaces").with("NetworkInterfaceId.1", &branch);
    let body = world.done(describe).body;
    assert_eq!((text(&body, "status"), text(&body, "interfaceType")), ("associated".into(), "branch".into()));
    assert!(!body.contains("<attachment>"), "{body}");
    let described = world.done(QueryRequest::new("DescribeTrunkInterfaceAssociations"));
    assert_eq!(texts(&described.body, "associationId"), [id.as_str()]);
    let reply = world.done(disassociate(&id));
    assert!(matches!(reply.effects.as_slice(), [Effect::BranchDisassociated { .. }]), "{:?}", reply.effects);
    assert_eq!(world.region.eni(&branch).unwrap().status(), "available");
    world.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &branch));
}

#[test]
fn a_branch_never_shows_in_the_metadata_service() {
    let (mut world, trunk) = world();
    let branch = make(&mut world, "branch");
    world.done(associate(&trunk, &branch, 1));
    let reply = world.region.imds(&world.node, "/latest/meta-data/network/interfaces/macs/", world.now);
    let (trunk, branch) = (world.region.eni(&trunk).unwrap(), world.region.eni(&branch).unwrap());
    assert!(reply.body.contains(&trunk.mac.to_string()), "{}", reply.body);
    assert!(!reply.body.contains(&branch.mac.to_string()), "{}", reply.body);
}

#[test]
fn what_may_not_ride_is_refused() {
    let (mut world, trunk) = world();
    let (one, two, plain) =
        (make(&mut world, "branch"), make(&mut world, "branch"), world.create(&world.subnet.clone()));
    let loose = make(&mut world, "trunk");
    world.done(associate(&trunk, &one, 4_094));
    let unknown = EniId::parse("eni-0123456789abcdef0").unwrap();
    let rows = [
        (associate(&trunk, &two, 4_094), "InvalidParameterValue", "already in use"),
        (associate(&trunk, &two, 0), "InvalidParameterValue", "VlanId"),
        (associate(&trunk, &two, 4_095), "InvalidParameterValue", "VlanId"),
        (associate(&trunk, &one, 2), "InvalidNetworkInterface.InUse", "in use"),
        (associate(&trunk, &plain, 2), "InvalidParameterValue", "type branch"),
        (associate(&plain, &two, 2), "InvalidParameterValue", "type trunk"),
        (associate(&loose, &two, 2), "IncorrectState", "not attached"),
        (associate(&trunk, &unknown, 2), "InvalidNetworkInterfaceID.NotFound", "does not exist"),
        (world.attach_request(&two, 2), "OperationNotPermitted", "is a branch"),
        (world.attach_request(&loose, 2), "InvalidParameterCombination", "already has a trunk"),
        (disassociate("trunk-assoc-0123456789abcdef0"), "InvalidAssociationID.NotFound", "does not exist"),
        (disassociate("assoc-1"), "InvalidAssociationID.Malformed", "expecting"),
        (
            QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &one),
            "InvalidParameterValue",
            "currently in use",
        ),
    ];
    for (request, code, words) in rows {
        let asked = request.params.clone();
        let (code_seen, message) = world.refused(request);
        assert!(code_seen == code && message.contains(words), "{asked:?}: {code_seen}: {message}");
    }
    let attachment = world.region.eni(&trunk).unwrap().attachment.clone().unwrap().id;
    let detach = QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment);
    assert_eq!(world.refused(detach.with("Force", true)).0, "OperationNotPermitted");
}

#[test]
fn the_type_says_how_many_branches_and_whether_there_may_be_a_trunk() {
    let (mut world, trunk) = world();
    for vlan in 1..=9 {
        let branch = make(&mut world, "branch");
        world.done(associate(&trunk, &branch, vlan));
    }
    let tenth = make(&mut world, "branch");
    let (code, message) = world.refused(associate(&trunk, &tenth, 10));
    assert_eq!(code, "AttachmentLimitExceeded");
    assert!(message.contains("limit of 9 for m5.large"), "{message}");
    for (instance_type, code) in
        [("t3.medium", "InvalidParameterCombination"), ("m3.large", "InvalidParameterCombination")]
    {
        let mut world = World::of(instance_type);
        let trunk = make(&mut world, "trunk");
        let request = world.attach_request(&trunk, 1);
        assert_eq!(world.refused(request).0, code, "{instance_type}");
    }
    let unknown = crate::instance_types().find(|(_, limits)| limits.trunking.is_none()).unwrap().0;
    let mut world = World::of(unknown);
    let trunk = make(&mut world, "trunk");
    let request = world.attach_request(&trunk, 1);
    assert_eq!(world.refused(request).0, "UnsupportedOperation");
}

#[test]
fn a_repeated_associate_gives_the_same_association_and_another_is_a_mismatch() {
    let (mut world, trunk) = world();
    let branch = make(&mut world, "branch");
    let request = associate(&trunk, &branch, 3).with("ClientToken", "t");
    let first = text(&world.done(request.clone()).body, "associationId");
    assert_eq!(text(&world.done(request.clone()).body, "associationId"), first);
    let other = associate(&trunk, &branch, 4).with("ClientToken", "t");
    assert_eq!(world.refused(other).0, "IdempotentParameterMismatch");
    let end = disassociate(&first).with("ClientToken", "t");
    world.done(end.clone());
    assert_eq!(world.done(end).effects, Vec::new(), "the second one changes nothing");
    assert_eq!(world.refused(request).0, "InvalidAssociationID.NotFound");
    assert_eq!(world.refused(disassociate(&first)).0, "InvalidAssociationID.NotFound");
}

#[test]
fn termination_ends_every_association() {
    let (mut world, trunk) = world();
    let branch = make(&mut world, "branch");
    world.done(associate(&trunk, &branch, 3));
    let effects = world.region.terminate_instance(&world.node.clone(), world.now).unwrap();
    let parted = effects.iter().position(|effect| matches!(effect, Effect::BranchDisassociated { .. }));
    let unplugged =
        effects.iter().position(|effect| matches!(effect, Effect::EniDetached { eni, .. } if *eni == trunk));
    assert!(parted.is_some() && parted < unplugged, "{effects:?}");
    assert_eq!(world.region.eni(&branch).unwrap().status(), "available");
    assert_eq!(world.region.audit(), Vec::<String>::new());
}

#[test]
fn a_trunk_and_its_branch_are_of_one_zone() {
    let (mut world, trunk) = world();
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.elsewhere);
    let body = world.done(create.with("InterfaceType", "branch")).body;
    let far = EniId::parse(&text(&body, "networkInterfaceId")).unwrap();
    assert_eq!(world.refused(associate(&trunk, &far, 1)).0, "InvalidParameterCombination");
    let efa = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet);
    assert_eq!(world.refused(efa.clone().with("InterfaceType", "efa")).0, "UnsupportedOperation");
    assert_eq!(world.refused(efa.with("InterfaceType", "lambda")).0, "InvalidParameterValue");
    let spec = InstanceSpec::new("m5.large", &world.subnet);
    world.region.launch_instance(spec, world.now).unwrap();
}

#[test]
fn the_audit_finds_a_shared_tag_and_a_branch_on_nothing() {
    let (mut world, trunk) = world();
    let (one, two) = (make(&mut world, "branch"), make(&mut world, "branch"));
    world.done(associate(&trunk, &one, 3));
    world.done(associate(&trunk, &two, 4));
    let mut shared = world.region.clone();
    let first = shared.enis[&one].association.clone();
    shared.enis.get_mut(&two).unwrap().association = first;
    let found = shared.audit();
    assert!(found.iter().any(|text| text.contains("share a VLAN")), "{found:?}");
    let mut loose = world.region.clone();
    loose.enis.get_mut(&trunk).unwrap().attachment = None;
    let found = loose.audit();
    assert!(found.iter().any(|text| text.contains("which is no attached trunk")), "{found:?}");
    world.region.enis.get_mut(&world.primary).unwrap().kind = crate::InterfaceKind::Trunk;
    let found = world.region.audit();
    assert!(found.iter().any(|text| text.contains("has 2 trunks")), "{found:?}");
}
