//! EC2's answers as the contract's nouns. Pure.

use contract::model::{AttachmentId, EniId, InstanceId, Mac, SecurityGroupId, SubnetId};
use contract::ports::ec2::{
    AttachmentState, Ec2Error, EniAttachment, EniDescription, InstanceLimits, SubnetDescription,
};
use roxmltree::{Document, Node};
use std::net::Ipv4Addr;
use std::str::FromStr;

pub(super) fn interfaces(body: &str) -> Result<Vec<EniDescription>, String> {
    let document = document(body)?;
    items(&document.root_element(), "networkInterfaceSet").map(|eni| interface(&eni)).collect()
}

pub(super) fn created(body: &str) -> Result<EniDescription, String> {
    let document = document(body)?;
    let made = child(&document.root_element(), "networkInterface").ok_or("networkInterface is missing")?;
    interface(&made)
}

pub(super) fn attachment(body: &str) -> Result<AttachmentId, String> {
    Ok(AttachmentId::new(needed(&document(body)?.root_element(), "attachmentId")?))
}

/// An answer that says nothing but that it is done.
pub(super) fn done(body: &str) -> Result<(), String> {
    match text(&document(body)?.root_element(), "return") {
        Some("true") => Ok(()),
        other => Err(format!("it returns {other:?}")),
    }
}

fn interface(eni: &Node<'_, '_>) -> Result<EniDescription, String> {
    let secondary = |address: &Node<'_, '_>| text(address, "primary") != Some("true");
    let addresses = items(eni, "privateIpAddressesSet").filter(secondary);
    let mut secondary_addresses: Vec<Ipv4Addr> =
        addresses.map(|address| value(&address, "privateIpAddress")).collect::<Result<_, _>>()?;
    secondary_addresses.sort_unstable();
    Ok(EniDescription {
        id: EniId::new(needed(eni, "networkInterfaceId")?),
        mac: value::<Mac>(eni, "macAddress")?,
        subnet: SubnetId::new(needed(eni, "subnetId")?),
        primary_address: value(eni, "privateIpAddress")?,
        secondary_addresses,
        groups: items(eni, "groupSet")
            .map(|group| needed(&group, "groupId").map(SecurityGroupId::new))
            .collect::<Result<_, _>>()?,
        attachment: child(eni, "attachment").map(|attachment| attached(&attachment)).transpose()?,
        tags: tags(eni),
    })
}

fn attached(attachment: &Node<'_, '_>) -> Result<EniAttachment, String> {
    Ok(EniAttachment {
        id: AttachmentId::new(needed(attachment, "attachmentId")?),
        instance: InstanceId::new(needed(attachment, "instanceId")?),
        card: value(attachment, "networkCardIndex").unwrap_or(0),
        device: value(attachment, "deviceIndex")?,
        state: match text(attachment, "status") {
            Some("attached") => AttachmentState::Attached,
            Some("detaching") => AttachmentState::Detaching,
            Some("detached") => AttachmentState::Detached,
            _ => AttachmentState::Attaching,
        },
        delete_on_termination: text(attachment, "deleteOnTermination") == Some("true"),
    })
}

pub(super) fn assigned(body: &str) -> Result<Vec<Ipv4Addr>, String> {
    let document = document(body)?;
    let assigned = items(&document.root_element(), "assignedPrivateIpAddressesSet");
    let addresses: Vec<Ipv4Addr> =
        assigned.map(|address| value(&address, "privateIpAddress")).collect::<Result<_, _>>()?;
    if addresses.is_empty() { Err("it assigns nothing".to_owned()) } else { Ok(addresses) }
}

pub(super) fn subnets(body: &str) -> Result<Vec<SubnetDescription>, String> {
    let document = document(body)?;
    let read = |subnet: Node<'_, '_>| {
        Ok(SubnetDescription {
            id: SubnetId::new(needed(&subnet, "subnetId")?),
            cidr: value(&subnet, "cidrBlock")?,
            free_addresses: value(&subnet, "availableIpAddressCount")?,
            tags: tags(&subnet),
        })
    };
    items(&document.root_element(), "subnetSet").map(read).collect()
}

pub(super) fn limits(body: &str) -> Result<InstanceLimits, String> {
    let document = document(body)?;
    let one = items(&document.root_element(), "instanceTypeSet").next().ok_or("it names no type")?;
    let network = child(&one, "networkInfo").ok_or("networkInfo is missing")?;
    Ok(InstanceLimits {
        enis: value(&network, "maximumNetworkInterfaces")?,
        addresses_per_eni: value(&network, "ipv4AddressesPerInterface")?,
    })
}

/// A refusal, as it was written.
pub(super) fn error(status: u16, body: &str) -> Ec2Error {
    let told = Document::parse(body).ok().and_then(|document| {
        let error = document.descendants().find(|node| node.has_tag_name("Error"))?;
        let word = |name| text(&error, name).unwrap_or_default().to_owned();
        Some((word("Code"), word("Message")))
    });
    let (code, message) = told.unwrap_or_default();
    Ec2Error::Service { status, code, message }
}

/// An answer of EC2's, and all of it: the calls here ask for more than one node has, so that a second page is nobody's.
fn document(body: &str) -> Result<Document<'_>, String> {
    let document = Document::parse(body).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !root.tag_name().name().ends_with("Response") {
        return Err(format!("it is a {}", root.tag_name().name()));
    }
    match text(&root, "nextToken") {
        Some(_) => Err("it has another page".to_owned()),
        None => Ok(document),
    }
}

fn child<'a, 'b>(of: &Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    // Every element is in EC2's one namespace: names alone tell them apart.
    of.children().find(|node| node.tag_name().name() == name)
}

fn items<'a, 'b: 'a>(of: &Node<'a, 'b>, name: &str) -> impl Iterator<Item = Node<'a, 'b>> + use<'a, 'b> {
    let set = child(of, name);
    set.into_iter().flat_map(|set| set.children().filter(|node| node.tag_name().name() == "item"))
}

fn text<'a>(of: &Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(of, name)?.text()
}

fn needed<'a>(of: &Node<'a, '_>, name: &str) -> Result<&'a str, String> {
    text(of, name).ok_or_else(|| format!("{name} is missing"))
}

fn value<T: FromStr>(of: &Node<'_, '_>, name: &str) -> Result<T, String> {
    let text = needed(of, name)?;
    text.parse().map_err(|_| format!("{name}: `{text}`"))
}

fn tags(of: &Node<'_, '_>) -> Vec<(String, String)> {
    let tag = |item: Node<'_, '_>| {
        Some((text(&item, "key")?.to_owned(), text(&item, "value").unwrap_or_default().to_owned()))
    };
    items(of, "tagSet").filter_map(tag).collect()
}
