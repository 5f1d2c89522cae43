//! Parameters: everything unknown, missing, malformed or repeated is refused, nothing is ignored.

use super::support::{World, text};
use crate::QueryRequest;

fn check(request: QueryRequest, code: &str, message: &str) {
    let mut world = World::new();
    let (code_seen, message_seen) = world.refused(request);
    assert_eq!((code_seen.as_str(), message_seen.as_str()), (code, message));
}

#[test]
fn unknown_actions_and_versions_are_refused() {
    let message = "The action RebootEverything is not valid for this web service.";
    check(QueryRequest::new("RebootEverything"), "InvalidAction", message);
    let old = QueryRequest::default().with("Action", "DescribeVpcs").with("Version", "2010-01-01");
    check(old, "NoSuchVersion", "The requested version (2010-01-01) of service AmazonEC2 does not exist");
    let bare = QueryRequest::default().with("Action", "DescribeVpcs");
    check(bare, "MissingParameter", "The request must contain the parameter Version");
    check(
        QueryRequest::default(),
        "MissingAction",
        "The request is missing an action or a required parameter.",
    );
}

#[test]
fn unknown_parameters_are_refused_by_name() {
    for name in
        ["Colour", "SubnetId", "SubnetId.0", "SubnetId.01", "SubnetId.N", "SubnetId.1.member", "VpcId.1", ""]
    {
        let request = QueryRequest::new("DescribeSubnets").with(name, "x");
        check(request, "UnknownParameter", &format!("The parameter {name} is not recognized"));
    }
}

#[test]
fn what_ec2_has_and_the_region_has_not_is_refused_loudly() {
    let request =
        QueryRequest::new("CreateNetworkInterface").with("SubnetId", "subnet-1").with("EnablePrimaryIpv6", 1);
    let message = "The simulated region does not implement the parameter EnablePrimaryIpv6";
    check(request, "UnsupportedOperation", message);
}

#[test]
fn missing_parameters_are_named() {
    for (action, missing) in [
        ("CreateNetworkInterface", "SubnetId"),
        ("AttachNetworkInterface", "NetworkInterfaceId"),
        ("DetachNetworkInterface", "AttachmentId"),
        ("AssignPrivateIpAddresses", "NetworkInterfaceId"),
        ("CreateTags", "ResourceId"),
    ] {
        let message = format!("The request must contain the parameter {missing}");
        check(QueryRequest::new(action), "MissingParameter", &message);
    }
}

#[test]
fn malformed_ids_are_told_from_unknown_ones() {
    let describe = |id: &str| QueryRequest::new("DescribeNetworkInterfaces").with("NetworkInterfaceId.1", id);
    check(describe("eni-xyz"), "InvalidNetworkInterfaceID.Malformed", "Invalid id: \"eni-xyz\"");
    check(describe("eni-0123"), "InvalidNetworkInterfaceID.Malformed", "Invalid id: \"eni-0123\"");
    check(
        describe("i-0123456789abcdef0"),
        "InvalidNetworkInterfaceID.Malformed",
        "Invalid id: \"i-0123456789abcdef0\" (expecting \"eni-...\")",
    );
    check(
        describe("eni-0123456789abcdef0"),
        "InvalidNetworkInterfaceID.NotFound",
        "The networkInterface ID 'eni-0123456789abcdef0' does not exist",
    );
    let subnet = QueryRequest::new("CreateNetworkInterface").with("SubnetId", "subnet-0123456789abcdef0");
    check(subnet, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist");
    let instance = QueryRequest::new("DescribeInstances").with("InstanceId.1", "i-0123456789abcdef0");
    check(instance, "InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist");
    let type_ = QueryRequest::new("DescribeInstanceTypes")
        .with("InstanceType.1", "m5.large")
        .with("InstanceType.2", "z9.a");
    check(type_, "InvalidInstanceType", "The following supplied instance types do not exist: [z9.a]");
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for value in ["-1", "two", "", "4294967296"] {
        let request = QueryRequest::new("DescribeSubnets").with("MaxResults", value);
        check(
            request,
            "InvalidParameterValue",
            &format!("Value ({value}) for parameter MaxResults is invalid."),
        );
    }
    let request = QueryRequest::new("DescribeSubnets").with("DryRun", "yes");
    check(request, "InvalidParameterValue", "Value (yes) for parameter DryRun is invalid.");
}

#[test]
fn a_repeated_parameter_is_refused() {
    let request = QueryRequest::new("DescribeSubnets").with("MaxResults", 5).with("MaxResults", 6);
    check(request, "InvalidQueryParameter", "The parameter MaxResults may only be specified once");
    let request = QueryRequest::new("DescribeSubnets").with("Action", "CreateTags");
    check(request, "InvalidQueryParameter", "The parameter Action may only be specified once");
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut world = World::new();
    let request =
        QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet).with("DryRun", true);
    let reply = world.ask(request);
    assert_eq!((reply.http_status, text(&reply.body, "Code").as_str()), (412, "DryRunOperation"));
    assert_eq!(world.region.enis().count(), 1);
}

#[test]
fn what_ec2_cannot_try_dry_has_no_such_parameter() {
    for action in [
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
        "AssignIpv6Addresses",
        "UnassignIpv6Addresses",
    ] {
        check(
            QueryRequest::new(action).with("DryRun", true),
            "UnknownParameter",
            "The parameter DryRun is not recognized",
        );
    }
}

#[test]
fn contradicting_parameters_are_refused() {
    let mut world = World::new();
    let both = world.assign_request(&world.primary.clone(), 1).with("PrivateIpAddress.1", "10.0.1.9");
    assert_eq!(world.refused(both).0, "InvalidParameterCombination");
    let none = QueryRequest::new("AssignPrivateIpAddresses").with("NetworkInterfaceId", &world.primary);
    assert_eq!(world.refused(none).0, "MissingParameter");
    let zero = world.assign_request(&world.primary.clone(), 0);
    assert_eq!(world.refused(zero).0, "InvalidParameterValue");
    let two = QueryRequest::new("ModifyNetworkInterfaceAttribute")
        .with("NetworkInterfaceId", &world.primary)
        .with("Description.Value", "a")
        .with("SourceDestCheck.Value", false);
    assert_eq!(world.refused(two).0, "InvalidParameterCombination");
}

#[test]
fn tags_that_ec2_would_not_take_are_refused_and_none_is_set() {
    let mut world = World::new();
    let aws = QueryRequest::new("CreateTags")
        .with("ResourceId.1", &world.subnet)
        .with("Tag.1.Key", "good")
        .with("Tag.2.Key", "aws:bad");
    assert_eq!(world.refused(aws).0, "InvalidParameterValue");
    let unknown = QueryRequest::new("CreateTags")
        .with("ResourceId.1", &world.subnet)
        .with("ResourceId.2", "eni-0123456789abcdef0")
        .with("Tag.1.Key", "good");
    assert_eq!(world.refused(unknown).0, "InvalidNetworkInterfaceID.NotFound");
    assert!(world.region.subnet(&world.subnet).unwrap().tags.is_empty());
    let other_type = QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", &world.subnet)
        .with("TagSpecification.1.ResourceType", "instance")
        .with("TagSpecification.1.Tag.1.Key", "a");
    assert_eq!(world.refused(other_type).0, "InvalidParameterValue");
}
