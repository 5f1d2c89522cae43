//! The exact bytes of each mutating action's success, ids aside.

use super::support::{World, golden, text};
use crate::{Effect, QueryRequest};

const RETURN_TRUE: &str = "<return>true</return>";

fn simple(action: &str, members: &str) -> String {
    golden(&format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
        <requestId>REQUEST</requestId>
        {members}
        </{action}Response>"#
    ))
}

const CREATED: &str = r#"
        <networkInterface>
        <networkInterfaceId>ENI</networkInterfaceId>
        <subnetId>SUBNET</subnetId>
        <vpcId>VPC</vpcId>
        <availabilityZone>eu-west-1a</availabilityZone>
        <availabilityZoneId>euw1-az1</availabilityZoneId>
        <description>aws-K8S-i-1 &amp; &lt;co&gt;</description>
        <ownerId>123456789012</ownerId>
        <requesterManaged>false</requesterManaged>
        <status>available</status>
        <macAddress>MAC</macAddress>
        <privateIpAddress>10.0.1.5</privateIpAddress>
        <privateDnsName>ip-10-0-1-5.eu-west-1.compute.internal</privateDnsName>
        <sourceDestCheck>true</sourceDestCheck>
        <groupSet>
        <item>
        <groupId>GROUP</groupId>
        <groupName>default</groupName>
        </item>
        </groupSet>
        <tagSet>
        <item>
        <key>node</key>
        <value>one</value>
        </item>
        </tagSet>
        <privateIpAddressesSet>
        <item>
        <privateIpAddress>10.0.1.5</privateIpAddress>
        <privateDnsName>ip-10-0-1-5.eu-west-1.compute.internal</privateDnsName>
        <primary>true</primary>
        </item>
        <item>
        <privateIpAddress>10.0.1.6</privateIpAddress>
        <privateDnsName>ip-10-0-1-6.eu-west-1.compute.internal</privateDnsName>
        <primary>false</primary>
        </item>
        </privateIpAddressesSet>
        <ipv4PrefixSet/>
        <ipv6AddressesSet/>
        <ipv6PrefixSet/>
        <interfaceType>interface</interfaceType>
        </networkInterface>
        <clientToken>token-1</clientToken>"#;

#[test]
fn a_created_interface_is_told_whole() {
    let mut world = World::new();
    let request = QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", &world.subnet)
        .with("Description", "aws-K8S-i-1 & <co>")
        .with("SecurityGroupId.1", &world.group)
        .with("SecondaryPrivateIpAddressCount", 1)
        .with("TagSpecification.1.ResourceType", "network-interface")
        .with("TagSpecification.1.Tag.1.Key", "node")
        .with("TagSpecification.1.Tag.1.Value", "one")
        .with("ClientToken", "token-1");
    let reply = world.done(request);
    let eni = text(&reply.body, "networkInterfaceId");
    let mac = text(&reply.body, "macAddress");
    let body = world.readable(&reply, &[(&eni, "ENI"), (&mac, "MAC")]);
    assert_eq!(body, simple("CreateNetworkInterface", CREATED.trim()));
    assert!(eni.starts_with("eni-0") && eni.len() == 21, "{eni}");
    assert!(mac.starts_with("02:"), "{mac}");
}

#[test]
fn an_attach_answers_with_attachment_and_card() {
    let mut world = World::new();
    let eni = world.create(&world.subnet.clone());
    let reply = world.done(world.attach_request(&eni, 1));
    let attachment = text(&reply.body, "attachmentId");
    assert!(attachment.starts_with("eni-attach-0"), "{attachment}");
    let body = world.readable(&reply, &[(&attachment, "ATTACHMENT")]);
    let members = "<attachmentId>ATTACHMENT</attachmentId>\n<networkCardIndex>0</networkCardIndex>";
    assert_eq!(body, simple("AttachNetworkInterface", members));
}

#[test]
fn changes_without_anything_to_tell_answer_true() {
    let mut world = World::new();
    let eni = world.create(&world.subnet.clone());
    let attachment = world.attach(&eni, 1);
    let address = text(&world.done(world.assign_request(&eni, 1)).body, "privateIpAddress");
    let requests = [
        QueryRequest::new("ModifyNetworkInterfaceAttribute")
            .with("NetworkInterfaceId", &eni)
            .with("Attachment.AttachmentId", &attachment)
            .with("Attachment.DeleteOnTermination", true),
        QueryRequest::new("UnassignPrivateIpAddresses")
            .with("NetworkInterfaceId", &eni)
            .with("PrivateIpAddress.1", &address),
        QueryRequest::new("CreateTags")
            .with("ResourceId.1", &eni)
            .with("Tag.1.Key", "a")
            .with("Tag.1.Value", "b"),
        QueryRequest::new("DeleteTags").with("ResourceId.1", &eni).with("Tag.1.Key", "a"),
        QueryRequest::new("DetachNetworkInterface").with("AttachmentId", &attachment),
        QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni),
    ];
    for request in requests {
        let action = request.param("Action").unwrap().to_owned();
        let reply = world.done(request);
        assert_eq!(world.readable(&reply, &[]), simple(&action, RETURN_TRUE));
    }
}

#[test]
fn assigned_addresses_are_the_lowest_free_ones_and_told_as_a_list() {
    let mut world = World::new();
    let request = world.assign_request(&world.primary.clone(), 2);
    let reply = world.done(request);
    let members = "<networkInterfaceId>PRIMARY</networkInterfaceId>
        <assignedPrivateIpAddressesSet>
        <item>
        <privateIpAddress>10.0.1.5</privateIpAddress>
        </item>
        <item>
        <privateIpAddress>10.0.1.6</privateIpAddress>
        </item>
        </assignedPrivateIpAddressesSet>
        <assignedIpv4PrefixSet/>";
    assert_eq!(world.readable(&reply, &[]), simple("AssignPrivateIpAddresses", members));
    let added = |address: &str| Effect::AddressAdded {
        eni: world.primary.clone(),
        address: format!("{address}/32").parse().unwrap(),
    };
    assert_eq!(reply.effects, vec![added("10.0.1.5"), added("10.0.1.6")]);
}

#[test]
fn an_assigned_prefix_is_an_aligned_free_block() {
    let mut world = World::new();
    let request = QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", &world.primary)
        .with("Ipv4PrefixCount", 1);
    let reply = world.done(request);
    let members = "<networkInterfaceId>PRIMARY</networkInterfaceId>
        <assignedPrivateIpAddressesSet/>
        <assignedIpv4PrefixSet>
        <item>
        <ipv4Prefix>10.0.1.16/28</ipv4Prefix>
        </item>
        </assignedIpv4PrefixSet>";
    assert_eq!(world.readable(&reply, &[]), simple("AssignPrivateIpAddresses", members));
    assert_eq!(world.region.subnet(&world.subnet).unwrap().free(), 256 - 5 - 1 - 16);
}

#[test]
fn an_error_has_the_shape_of_ec2_errors() {
    let mut world = World::new();
    let reply = world.ask(
        QueryRequest::new("DescribeSubnets").with("Filter.1.Name", "a'b<").with("Filter.1.Value.1", "x"),
    );
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
        <Response>
        <Errors>
        <Error>
        <Code>InvalidParameterValue</Code>
        <Message>The filter 'a'b&lt;' is invalid</Message>
        </Error>
        </Errors>
        <RequestID>REQUEST</RequestID>
        </Response>"#;
    assert_eq!(world.readable(&reply, &[]), golden(expected));
    assert_eq!(reply.http_status, 400);
}
