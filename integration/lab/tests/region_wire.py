"""Drives every action and every refusal of the region with botocore.

Called with the addresses of four regions: an open one, one that forbids tags, one that throttles, one whose account may have
no interface; and then, as `CODE,KEY,TOKEN,ADDRESS`, regions with a stopping instance that refuse its credentials. Every
answer is held against botocore's model of EC2: an element it does not know, or a text that is not of its type, ends the run.
"""

import sys
import urllib.parse

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from region_wire_model import hold_against_model

IMAGE = "ami-0123456789abcdef0"

SESSION = Session()


def connect(url, validates=True, credentials=None):
    key, token = credentials or (None, None)
    signature = {} if credentials else {"signature_version": UNSIGNED}
    client = SESSION.create_client(
        "ec2",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=key and "not looked at",
        aws_session_token=token,
        config=Config(retries={"max_attempts": 0}, parameter_validation=validates, **signature),
    )
    http = client._endpoint.http_session
    send = http.send

    def tapped(request):
        response = send(request)
        if response.status_code == 200:
            action = urllib.parse.parse_qs(as_text(request.body))["Action"][0]
            hold_against_model(SESSION, action, response.content)
        return response

    http.send = tapped
    return client


def as_text(body):
    return body.decode() if isinstance(body, bytes) else body


class Driver:
    """One region, driven; keeps how each action was first done, to try it dry later."""

    def __init__(self, url):
        self.url = url
        self.client = connect(url)
        self.done = {}

    def do(self, action, **parameters):
        answer = self.client._make_api_call(action, parameters)
        self.done.setdefault(action, parameters)
        return answer

    def refused(self, code, action, client=None, **parameters):
        try:
            (client or self.client)._make_api_call(action, parameters)
        except ClientError as error:
            seen = error.response["Error"]
            assert seen["Code"] == code, f"{action} {parameters}: {seen}, not {code}"
            assert seen["Message"], f"{code} without a message"
            return seen["Message"]
        raise AssertionError(f"{action} {parameters} was not refused with {code}")

    def refused_raw(self, code, change):
        """Refused for what botocore would never send: `change` makes the body another one."""
        client = connect(self.url, validates=False)
        client.meta.events.register("before-call.ec2", lambda params, **_: params.update(body=change(params["body"])))
        self.refused(code, "DescribeVpcs", client)

    def try_all_dry(self):
        model = SESSION.get_service_model("ec2")
        for action, parameters in self.done.items():
            if "DryRun" in model.operation_model(action).input_shape.members:
                self.refused("DryRunOperation", action, **{**parameters, "DryRun": True})


def build(region):
    """A VPC with two families, subnets in two zones, a group, an instance with a trunk."""
    world = {}
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "cluster", "Value": "blue"}]}]
    vpc = region.do("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True, TagSpecifications=tags)["Vpc"]
    assert vpc["Tags"] == [{"Key": "cluster", "Value": "blue"}], vpc
    world["vpc"] = vpc["VpcId"]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    assert block.endswith("/56"), block
    ipv6 = block.replace("00::/56", "01::/64")
    for name, cidr, zone, more in (
        ("subnet", "10.0.1.0/24", "eu-west-1a", {"Ipv6CidrBlock": ipv6}),
        ("small", "10.0.2.0/28", "eu-west-1a", {}),
        ("far", "10.0.3.0/24", "eu-west-1b", {}),
    ):
        made = region.do("CreateSubnet", VpcId=world["vpc"], CidrBlock=cidr, AvailabilityZone=zone, **more)["Subnet"]
        assert (made["CidrBlock"], made["AvailabilityZone"]) == (cidr, zone), made
        world[name] = made["SubnetId"]
    world["ipv6"] = ipv6
    group = region.do("CreateSecurityGroup", GroupName="pods", Description="of pods", VpcId=world["vpc"])
    world["group"] = group["GroupId"]
    launched = region.do(
        "RunInstances",
        ImageId=IMAGE,
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=2,
        IamInstanceProfile={"Name": "node"},
        NetworkInterfaces=[
            {"DeviceIndex": 0, "SubnetId": world["subnet"], "Groups": [world["group"]], "Ipv6AddressCount": 1},
            {"DeviceIndex": 1, "SubnetId": world["subnet"], "InterfaceType": "trunk", "DeleteOnTermination": True},
        ],
    )
    instances = launched["Instances"]
    assert len(instances) == 2, instances
    world["node"], world["other"] = (instance["InstanceId"] for instance in instances)
    interfaces = instances[0]["NetworkInterfaces"]
    world["primary"], world["trunk"] = (interface["NetworkInterfaceId"] for interface in interfaces)
    world["attachment"] = interfaces[0]["Attachment"]["AttachmentId"]
    assert interfaces[0]["Ipv6Addresses"][0]["Ipv6Address"].startswith(ipv6.split("::")[0]), interfaces[0]
    return world


def create(region, subnet, **parameters):
    return region.do("CreateNetworkInterface", SubnetId=subnet, **parameters)["NetworkInterface"]["NetworkInterfaceId"]


def change_interfaces(region, world):
    eni = create(region, world["subnet"], Description="one", Ipv4PrefixCount=1, Ipv6PrefixCount=1)
    attached = region.do(
        "AttachNetworkInterface", NetworkInterfaceId=eni, InstanceId=world["node"], DeviceIndex=2, NetworkCardIndex=0
    )
    shown = region.do("DescribeNetworkInterfaces", NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
    assert shown["Attachment"]["DeviceIndex"] == 2 and shown["Status"] == "in-use", shown
    assert shown["Ipv4Prefixes"][0]["Ipv4Prefix"] == "10.0.1.16/28", shown
    assert shown["Ipv6Prefixes"][0]["Ipv6Prefix"].endswith("/80"), shown
    given = region.do("AssignPrivateIpAddresses", NetworkInterfaceId=eni, SecondaryPrivateIpAddressCount=2)
    addresses = [item["PrivateIpAddress"] for item in given["AssignedPrivateIpAddresses"]]
    region.do("UnassignPrivateIpAddresses", NetworkInterfaceId=eni, PrivateIpAddresses=addresses)
    given = region.do("AssignIpv6Addresses", NetworkInterfaceId=eni, Ipv6AddressCount=2)["AssignedIpv6Addresses"]
    taken = region.do("UnassignIpv6Addresses", NetworkInterfaceId=eni, Ipv6Addresses=given)["UnassignedIpv6Addresses"]
    assert taken == given and len(given) == 2, (given, taken)
    region.do("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=eni, Groups=[world["group"]])
    for attribute, member in (
        ("groupSet", "Groups"),
        ("description", "Description"),
        ("sourceDestCheck", "SourceDestCheck"),
        ("attachment", "Attachment"),
    ):
        told = region.do("DescribeNetworkInterfaceAttribute", NetworkInterfaceId=eni, Attribute=attribute)
        assert told[member], told
    region.do("DetachNetworkInterface", AttachmentId=attached["AttachmentId"])
    region.do("DeleteNetworkInterface", NetworkInterfaceId=eni)


def ride(region, world):
    branch = create(region, world["subnet"], InterfaceType="branch")
    told = region.do("AssociateTrunkInterface", BranchInterfaceId=branch, TrunkInterfaceId=world["trunk"], VlanId=9)
    association = told["InterfaceAssociation"]["AssociationId"]
    assert (told["InterfaceAssociation"]["VlanId"], told["InterfaceAssociation"]["InterfaceProtocol"]) == (
        9,
        "VLAN",
    ), told
    shown = region.do("DescribeTrunkInterfaceAssociations", AssociationIds=[association])["InterfaceAssociations"]
    assert shown[0]["BranchInterfaceId"] == branch, shown
    region.refused(
        "InvalidNetworkInterface.InUse",
        "AssociateTrunkInterface",
        BranchInterfaceId=branch,
        TrunkInterfaceId=world["trunk"],
        VlanId=10,
    )
    trunk = region.do("DescribeNetworkInterfaces", NetworkInterfaceIds=[world["trunk"]])["NetworkInterfaces"][0]
    region.refused("OperationNotPermitted", "DetachNetworkInterface", AttachmentId=trunk["Attachment"]["AttachmentId"])
    region.do("DisassociateTrunkInterface", AssociationId=association)
    region.refused("InvalidAssociationID.NotFound", "DisassociateTrunkInterface", AssociationId=association)
    region.refused("InvalidAssociationID.Malformed", "DisassociateTrunkInterface", AssociationId="assoc-1")


def describe(region, world):
    region.do("CreateTags", Resources=[world["primary"], world["subnet"]], Tags=[{"Key": "cluster", "Value": "blue"}])
    filters = [{"Name": "tag:cluster", "Values": ["bl*"]}]
    assert len(region.do("DescribeNetworkInterfaces", Filters=filters)["NetworkInterfaces"]) == 1
    assert len(region.do("DescribeSubnets", Filters=filters)["Subnets"]) == 1
    told = region.do("DescribeTags", Filters=[{"Name": "resource-type", "Values": ["network-interface"]}])["Tags"]
    assert [tag["ResourceId"] for tag in told] == [world["primary"]], told
    region.do("DeleteTags", Resources=[world["primary"], world["subnet"]], Tags=[{"Key": "cluster"}])
    reservations = region.do("DescribeInstances", InstanceIds=[world["node"]])["Reservations"]
    assert reservations[0]["Instances"][0]["State"] == {"Code": 16, "Name": "running"}, reservations
    limits = region.do("DescribeInstanceTypes", InstanceTypes=["m5.large"])["InstanceTypes"][0]["NetworkInfo"]
    assert (limits["MaximumNetworkInterfaces"], limits["Ipv6AddressesPerInterface"]) == (3, 10), limits
    assert region.do("DescribeVpcs")["Vpcs"][0]["VpcId"] == world["vpc"]
    groups = region.do("DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [world["vpc"]]}])["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {"default", "pods"}, groups
    zones = region.do("DescribeAvailabilityZones")["AvailabilityZones"]
    assert [zone["ZoneName"] for zone in zones] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"], zones
    pages(region, world)


def pages(region, world):
    made = [create(region, world["subnet"]) for _ in range(12)]
    paginator = region.client.get_paginator("describe_network_interfaces")
    seen = [
        eni["NetworkInterfaceId"]
        for page in paginator.paginate(PaginationConfig={"PageSize": 5})
        for eni in page["NetworkInterfaces"]
    ]
    assert len(seen) == len(set(seen)) and set(made) <= set(seen), seen
    token = region.do("DescribeNetworkInterfaces", MaxResults=5)["NextToken"]
    region.refused("InvalidPaginationToken", "DescribeSubnets", NextToken=token)
    for eni in made:
        region.do("DeleteNetworkInterface", NetworkInterfaceId=eni)
    types = [
        kind["InstanceType"]
        for page in region.client.get_paginator("describe_instance_types").paginate()
        for kind in page["InstanceTypes"]
    ]
    assert len(types) == len(set(types)) > 1_000, len(types)


def refuse_ids(region, world):
    zeros = "0123456789abcdef0"
    for code, action, parameters in (
        ("InvalidVpcID", "DescribeVpcs", lambda end: {"VpcIds": [f"vpc-{end}"]}),
        ("InvalidSubnetID", "DescribeSubnets", lambda end: {"SubnetIds": [f"subnet-{end}"]}),
        ("InvalidInstanceID", "DescribeInstances", lambda end: {"InstanceIds": [f"i-{end}"]}),
        ("InvalidNetworkInterfaceID", "DescribeNetworkInterfaces", lambda end: {"NetworkInterfaceIds": [f"eni-{end}"]}),
    ):
        region.refused(f"{code}.NotFound", action, **parameters(zeros))
        region.refused(f"{code}.Malformed", action, **parameters("x"))
    region.refused("InvalidGroup.NotFound", "DescribeSecurityGroups", GroupIds=[f"sg-{zeros}"])
    region.refused("InvalidGroup.NotFound", "DescribeSecurityGroups", GroupNames=["pods"])
    region.refused("InvalidGroupId.Malformed", "DescribeSecurityGroups", GroupIds=["sg-x"])
    region.refused("InvalidAttachmentID.NotFound", "DetachNetworkInterface", AttachmentId=f"eni-attach-{zeros}")
    region.refused("InvalidNetworkInterfaceAttachmentId.Malformed", "DetachNetworkInterface", AttachmentId="eni-attach-x")
    region.refused("InvalidID", "CreateTags", Resources=["ami-1"], Tags=[{"Key": "a", "Value": "b"}])
    region.refused("InvalidInstanceType", "DescribeInstanceTypes", InstanceTypes=["z9.none"])
    region.refused(
        "InvalidAMIID.NotFound",
        "RunInstances",
        ImageId="ami-1",
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=world["subnet"],
    )


def refuse_networks(region, world):
    region.refused("InvalidVpc.Range", "CreateVpc", CidrBlock="10.0.0.0/8")
    region.refused("InvalidSubnet.Range", "CreateSubnet", VpcId=world["vpc"], CidrBlock="172.16.0.0/24")
    region.refused("InvalidSubnet.Conflict", "CreateSubnet", VpcId=world["vpc"], CidrBlock="10.0.1.0/25")
    region.refused("InvalidGroup.Duplicate", "CreateSecurityGroup", GroupName="pods", Description="again", VpcId=world["vpc"])
    region.refused("VPCIdNotSpecified", "CreateSecurityGroup", GroupName="new", Description="no VPC")
    other = region.do("CreateVpc", CidrBlock="172.16.0.0/16")["Vpc"]["VpcId"]
    foreign = region.do("DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [other]}])["SecurityGroups"][0][
        "GroupId"
    ]
    region.refused("InvalidParameter", "CreateNetworkInterface", SubnetId=world["subnet"], Groups=[foreign])


def refuse_interfaces(region, world):
    subnet, node, primary = world["subnet"], world["node"], world["primary"]
    own = region.do("DescribeNetworkInterfaces", NetworkInterfaceIds=[primary])["NetworkInterfaces"][0]["PrivateIpAddress"]
    eni = create(region, subnet)
    region.refused("InvalidIPAddress.InUse", "AssignPrivateIpAddresses", NetworkInterfaceId=eni, PrivateIpAddresses=[own])
    region.refused(
        "PrivateIpAddressLimitExceeded",
        "AssignPrivateIpAddresses",
        NetworkInterfaceId=primary,
        SecondaryPrivateIpAddressCount=10,
    )
    region.refused("PrivateIpAddressLimitExceeded", "AssignIpv6Addresses", NetworkInterfaceId=primary, Ipv6AddressCount=10)
    region.refused("InvalidParameterValue", "AssignPrivateIpAddresses", NetworkInterfaceId=eni, PrivateIpAddresses=["10.9.9.9"])
    region.refused(
        "InvalidParameterCombination",
        "AssignPrivateIpAddresses",
        NetworkInterfaceId=eni,
        SecondaryPrivateIpAddressCount=1,
        Ipv4PrefixCount=1,
    )
    region.refused("InsufficientCidrBlocks", "CreateNetworkInterface", SubnetId=world["small"], Ipv4PrefixCount=1)
    region.refused(
        "InsufficientFreeAddressesInSubnet",
        "CreateNetworkInterface",
        SubnetId=world["small"],
        SecondaryPrivateIpAddressCount=11,
    )
    region.refused("OperationNotPermitted", "DetachNetworkInterface", AttachmentId=world["attachment"])
    attach = {"InstanceId": node, "NetworkInterfaceId": eni, "NetworkCardIndex": 0}
    region.do("AttachNetworkInterface", DeviceIndex=2, **attach)
    region.refused("InvalidNetworkInterface.InUse", "AttachNetworkInterface", DeviceIndex=3, **attach)
    more = create(region, subnet)
    region.refused("AttachmentLimitExceeded", "AttachNetworkInterface", DeviceIndex=3, **{**attach, "NetworkInterfaceId": more})
    asked = {"SubnetId": subnet, "Description": "one", "ClientToken": "one"}
    region.do("CreateNetworkInterface", **asked)
    region.refused("IdempotentParameterMismatch", "CreateNetworkInterface", **{**asked, "Description": "two"})
    region.refused("UnsupportedOperation", "CreateNetworkInterface", SubnetId=subnet, InterfaceType="efa")
    tags = [{"Key": f"key-{index}", "Value": ""} for index in range(51)]
    region.refused("TagLimitExceeded", "CreateTags", Resources=[eni], Tags=tags)
    ended = region.do("TerminateInstances", InstanceIds=[world["other"]])["TerminatingInstances"][0]
    assert (ended["PreviousState"]["Name"], ended["CurrentState"]["Name"]) == ("running", "terminated"), ended
    region.refused(
        "IncorrectState", "AttachNetworkInterface", DeviceIndex=1, InstanceId=world["other"], NetworkInterfaceId=more
    )


def refuse_requests(region):
    loose = connect(region.url, validates=False)
    region.refused("MissingParameter", "DeleteNetworkInterface", loose)
    region.refused("InvalidParameterValue", "DescribeVpcs", loose, MaxResults=4)
    region.refused_raw("MissingAction", lambda body: {"Version": body["Version"]})
    region.refused_raw("NoSuchVersion", lambda body: {**body, "Version": "2010-01-01"})
    region.refused_raw("InvalidAction", lambda body: {**body, "Action": "RebootEverything"})
    region.refused_raw("UnknownParameter", lambda body: {**body, "Colour": "red"})
    region.refused_raw("InvalidQueryParameter", lambda body: urllib.parse.urlencode(body) + "&Version=2016-11-15")


def refuse_credentials(code, key, token, url):
    region = Driver(url)
    region.refused(code, "DescribeVpcs", connect(url, credentials=(key, token)))
    region.refused("AuthFailure", "DescribeVpcs", connect(url, credentials=("nobody", "nothing")))
    node = region.do("DescribeInstances")["Reservations"][0]["Instances"][0]
    assert node["State"] == {"Code": 64, "Name": "stopping"}, node["State"]
    region.refused(
        "IncorrectInstanceState",
        "AttachNetworkInterface",
        DeviceIndex=1,
        InstanceId=node["InstanceId"],
        NetworkInterfaceId=create(region, node["SubnetId"]),
    )


def main(arguments):
    region, forbids, throttles, small = (Driver(address) for address in arguments[:4])
    world = build(region)
    change_interfaces(region, world)
    ride(region, world)
    describe(region, world)
    refuse_ids(region, world)
    refuse_networks(region, world)
    refuse_interfaces(region, world)
    refuse_requests(region)
    region.try_all_dry()
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]
    forbids.refused("UnauthorizedOperation", "CreateVpc", CidrBlock="10.0.0.0/16", TagSpecifications=tags)
    for code, action in (
        ("RequestLimitExceeded", "DescribeVpcs"),
        ("Throttling", "DescribeSubnets"),
        ("EC2ThrottledException", "DescribeTags"),
    ):
        throttles.do(action)
        throttles.refused(code, action)
    vpc = small.do("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = small.do("CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    small.refused("NetworkInterfaceLimitExceeded", "CreateNetworkInterface", SubnetId=subnet)
    small.refused("InvalidNextToken", "DescribeVpcs", NextToken="none")
    for argument in arguments[4:]:
        refuse_credentials(*argument.split(","))


if __name__ == "__main__":
    main(sys.argv[1:])
