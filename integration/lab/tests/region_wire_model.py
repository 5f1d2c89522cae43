"""Holds an answer against botocore's model of EC2."""

import xml.etree.ElementTree as ElementTree

# Elements of EC2 that are younger than Debian's botocore.
YOUNGER = {"availabilityZoneId", "isPrimaryIpv6", "securityGroupArn", "networkBorderGroup"}


def hold_against_model(session, action, body):
    root = ElementTree.fromstring(body)
    shape = session.get_service_model("ec2").operation_model(action).output_shape
    assert local(root) == f"{action}Response", root.tag
    if shape is None:
        assert [local(child) for child in root] == ["requestId", "return"], body
        return
    for child in root:
        if local(child) not in ("requestId", "return"):
            hold_member(shape, child, action)


def local(element):
    return element.tag.split("}")[1]


def hold_member(shape, element, path):
    name = local(element)
    members = {member.serialization.get("name", key): member for key, member in shape.members.items()}
    if name not in members:
        assert name in YOUNGER, f"{path} tells {name}, which EC2 does not have"
        return
    hold_value(members[name], element, f"{path}.{name}")


def hold_value(shape, element, path):
    kind = shape.type_name
    if kind == "structure":
        for child in element:
            hold_member(shape, child, path)
    elif kind == "list":
        for child in element:
            assert local(child) == "item", f"{path} has {child.tag}"
            hold_value(shape.member, child, path)
    else:
        text = element.text or ""
        if kind == "integer":
            int(text)
        elif kind == "boolean":
            assert text in ("true", "false"), f"{path} is {text}"
        known = getattr(shape, "enum", [])
        # The list of instance types grows each month; every other list is closed enough.
        if known and shape.name != "InstanceType":
            assert text in known, f"{path} is {text}, not one of {known}"
