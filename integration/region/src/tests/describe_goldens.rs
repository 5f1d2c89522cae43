//! The exact bytes of what the Describe calls tell of a small world.

use super::support::{World, golden, text};
use crate::QueryRequest;

fn check(world: &mut World, request: QueryRequest, names: &[(&str, &str)], members: &str) {
    let action = request.param("Action").unwrap().to_owned();
    let reply = world.done(request);
    let expected = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
        <requestId>REQUEST</requestId>
        {}
        </{action}Response>"#,
        members.trim()
    );
    assert_eq!(world.readable(&reply, names), golden(&expected));
}

#[test]
fn describe_subnets_tells_zone_and_room() {
    let mut world = World::new();
    world.region.tag(world.subnet.as_str(), "kubernetes.io/role/cni", "1").unwrap();
    let request = QueryRequest::new("DescribeSubnets").with("SubnetId.1", &world.subnet);
    check(
        &mut world,
        request,
        &[],
        "<subnetSet>
        <item>
        <subnetId>SUBNET</subnetId>
        <subnetArn>arn:aws:ec2:eu-west-1:123456789012:subnet/SUBNET</subnetArn>
        <state>available</state>
        <ownerId>123456789012</ownerId>
        <vpcId>VPC</vpcId>
        <cidrBlock>10.0.1.0/24</cidrBlock>
        <ipv6CidrBlockAssociationSet/>
        <availableIpAddressCount>250</availableIpAddressCount>
        <availabilityZone>eu-west-1a</availabilityZone>
        <availabilityZoneId>euw1-az1</availabilityZoneId>
        <defaultForAz>false</defaultForAz>
        <mapPublicIpOnLaunch>false</mapPublicIpOnLaunch>
        <assignIpv6AddressOnCreation>false</assignIpv6AddressOnCreation>
        <ipv6Native>false</ipv6Native>
        <tagSet>
        <item>
        <key>kubernetes.io/role/cni</key>
        <value>1</value>
        </item>
        </tagSet>
        </item>
        </subnetSet>",
    );
}

#[test]
fn describe_vpcs_tells_every_block() {
    let mut world = World::new();
    let association = world.vpc.as_str().replacen("vpc-", "vpc-cidr-assoc-", 1);
    let request = QueryRequest::new("DescribeVpcs");
    check(
        &mut world,
        request,
        &[(&association, "ASSOCIATION-")],
        "<vpcSet>
        <item>
        <vpcId>VPC</vpcId>
        <ownerId>123456789012</ownerId>
        <state>available</state>
        <cidrBlock>10.0.0.0/16</cidrBlock>
        <cidrBlockAssociationSet>
        <item>
        <associationId>ASSOCIATION-0</associationId>
        <cidrBlock>10.0.0.0/16</cidrBlock>
        <cidrBlockState>
        <state>associated</state>
        </cidrBlockState>
        </item>
        <item>
        <associationId>ASSOCIATION-1</associationId>
        <cidrBlock>100.64.0.0/16</cidrBlock>
        <cidrBlockState>
        <state>associated</state>
        </cidrBlockState>
        </item>
        </cidrBlockAssociationSet>
        <ipv6CidrBlockAssociationSet/>
        <dhcpOptionsId>default</dhcpOptionsId>
        <instanceTenancy>default</instanceTenancy>
        <isDefault>false</isDefault>
        <tagSet/>
        </item>
        </vpcSet>",
    );
}

#[test]
fn describe_instance_types_tells_the_limits_of_every_card() {
    let mut world = World::new();
    let request = QueryRequest::new("DescribeInstanceTypes").with("InstanceType.1", "m5.large");
    check(
        &mut world,
        request,
        &[],
        "<instanceTypeSet>
        <item>
        <instanceType>m5.large</instanceType>
        <bareMetal>false</bareMetal>
        <hypervisor>nitro</hypervisor>
        <networkInfo>
        <maximumNetworkInterfaces>3</maximumNetworkInterfaces>
        <maximumNetworkCards>1</maximumNetworkCards>
        <defaultNetworkCardIndex>0</defaultNetworkCardIndex>
        <networkCards>
        <item>
        <networkCardIndex>0</networkCardIndex>
        <maximumNetworkInterfaces>3</maximumNetworkInterfaces>
        </item>
        </networkCards>
        <ipv4AddressesPerInterface>10</ipv4AddressesPerInterface>
        <ipv6AddressesPerInterface>10</ipv6AddressesPerInterface>
        <ipv6Supported>true</ipv6Supported>
        </networkInfo>
        </item>
        </instanceTypeSet>",
    );
}

const ATTACHED: &str = "<deviceIndex>0</deviceIndex>
        <networkCardIndex>0</networkCardIndex>
        <status>attached</status>
        <attachTime>2026-01-01T00:00:00.000Z</attachTime>
        <deleteOnTermination>true</deleteOnTermination>
        </attachment>";

const ADDRESSES: &str = "<privateIpAddressesSet>
        <item>
        <privateIpAddress>10.0.1.4</privateIpAddress>
        <privateDnsName>ip-10-0-1-4.eu-west-1.compute.internal</privateDnsName>
        <primary>true</primary>
        </item>
        </privateIpAddressesSet>
        <ipv4PrefixSet/>
        <ipv6AddressesSet/>
        <ipv6PrefixSet/>
        <interfaceType>interface</interfaceType>";

const GROUPS: &str = "<groupSet>
        <item>
        <groupId>GROUP</groupId>
        <groupName>default</groupName>
        </item>
        </groupSet>";

const PLACEMENT: &str = "<placement>
        <availabilityZone>eu-west-1a</availabilityZone>
        <availabilityZoneId>euw1-az1</availabilityZoneId>
        <tenancy>default</tenancy>
        </placement>";

fn attachment_of_primary(world: &mut World) -> String {
    let request = QueryRequest::new("DescribeNetworkInterfaces").with("NetworkInterfaceId.1", &world.primary);
    text(&world.done(request).body, "attachmentId")
}

#[test]
fn describe_interfaces_tells_the_attachment() {
    let mut world = World::new();
    let attachment = attachment_of_primary(&mut world);
    let request = QueryRequest::new("DescribeNetworkInterfaces")
        .with("Filter.1.Name", "attachment.instance-id")
        .with("Filter.1.Value.1", &world.node);
    check(
        &mut world,
        request,
        &[(&attachment, "ATTACHMENT")],
        &format!(
            "<networkInterfaceSet>
        <item>
        <networkInterfaceId>PRIMARY</networkInterfaceId>
        <subnetId>SUBNET</subnetId>
        <vpcId>VPC</vpcId>
        <availabilityZone>eu-west-1a</availabilityZone>
        <availabilityZoneId>euw1-az1</availabilityZoneId>
        <description/>
        <ownerId>123456789012</ownerId>
        <requesterManaged>false</requesterManaged>
        <status>in-use</status>
        <macAddress>PRIMARY-MAC</macAddress>
        <privateIpAddress>10.0.1.4</privateIpAddress>
        <privateDnsName>ip-10-0-1-4.eu-west-1.compute.internal</privateDnsName>
        <sourceDestCheck>true</sourceDestCheck>
        {GROUPS}
        <attachment>
        <attachmentId>ATTACHMENT</attachmentId>
        <instanceId>NODE</instanceId>
        <instanceOwnerId>123456789012</instanceOwnerId>
        {ATTACHED}
        <tagSet/>
        {ADDRESSES}
        </item>
        </networkInterfaceSet>"
        ),
    );
}

#[test]
fn describe_instances_tells_the_interfaces() {
    let mut world = World::new();
    let attachment = attachment_of_primary(&mut world);
    let request = QueryRequest::new("DescribeInstances").with("InstanceId.1", &world.node);
    check(
        &mut world,
        request,
        &[(&attachment, "ATTACHMENT")],
        &format!(
            "<reservationSet>
        <item>
        <reservationId>RESERVATION</reservationId>
        <ownerId>123456789012</ownerId>
        <groupSet/>
        <instancesSet>
        <item>
        <instanceId>NODE</instanceId>
        <imageId>ami-0123456789abcdef0</imageId>
        <instanceState>
        <code>16</code>
        <name>running</name>
        </instanceState>
        <amiLaunchIndex>0</amiLaunchIndex>
        <instanceType>m5.large</instanceType>
        <launchTime>2026-01-01T00:00:00.000Z</launchTime>
        {PLACEMENT}
        <privateDnsName>ip-10-0-1-4.eu-west-1.compute.internal</privateDnsName>
        <subnetId>SUBNET</subnetId>
        <vpcId>VPC</vpcId>
        <privateIpAddress>10.0.1.4</privateIpAddress>
        <sourceDestCheck>true</sourceDestCheck>
        {GROUPS}
        <tagSet/>
        <networkInterfaceSet>
        <item>
        <networkInterfaceId>PRIMARY</networkInterfaceId>
        <subnetId>SUBNET</subnetId>
        <vpcId>VPC</vpcId>
        <description/>
        <ownerId>123456789012</ownerId>
        <status>in-use</status>
        <macAddress>PRIMARY-MAC</macAddress>
        <privateIpAddress>10.0.1.4</privateIpAddress>
        <privateDnsName>ip-10-0-1-4.eu-west-1.compute.internal</privateDnsName>
        <sourceDestCheck>true</sourceDestCheck>
        {GROUPS}
        <attachment>
        <attachmentId>ATTACHMENT</attachmentId>
        {ATTACHED}
        {ADDRESSES}
        </item>
        </networkInterfaceSet>
        </item>
        </instancesSet>
        </item>
        </reservationSet>"
        ),
    );
}
