//! The calls that make an ENI, move it and take it away, and the one that asks after it: each the parameters it sends and what it
//! reads of the answer. Timeouts and errors are the port's.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{NetworkInterfaceAttachmentChanges, ResourceType, Tag, TagSpecification};
use contract::model::{AttachmentId, EniId, InstanceId};
use contract::ports::ec2::{Ec2Error, EniDescription, EniOrder};
use std::net::Ipv4Addr;

use crate::ec2_answers;
use crate::ec2_errors::{Timeouts, of_request};
use crate::sdk_ec2::AsyncWork;

pub(crate) fn create(order: EniOrder) -> impl AsyncWork<EniDescription> {
    move |client: Client, timeouts: Timeouts| async move {
        let groups = order.groups.iter().map(|group| group.as_str().to_owned()).collect();
        // EC2 refuses a count of 0; an ENI that is asked for none has its own address alone.
        let more = (order.secondary_addresses > 0).then(|| integer(order.secondary_addresses));
        let answer = client
            .create_network_interface()
            .subnet_id(order.subnet.as_str())
            .description(order.description)
            .set_groups(Some(groups))
            .set_secondary_private_ip_address_count(more)
            .tag_specifications(tags(order.tags))
            .client_token(order.token)
            .send()
            .await
            .map_err(|error| of_request(error, timeouts))?;
        // Whatever is wrong here, the ENI may be there: the caller asks again with the same token.
        let made = answer.network_interface().ok_or("it has no networkInterface".to_owned());
        let made = made.and_then(ec2_answers::eni).map_err(Ec2Error::Malformed)?;
        made.ok_or_else(|| Ec2Error::Malformed("the ENI it made has no IPv4 address".to_owned()))
    }
}

pub(crate) fn attach(
    eni: EniId,
    instance: InstanceId,
    card: u32,
    device: u32,
) -> impl AsyncWork<AttachmentId> {
    move |client: Client, timeouts: Timeouts| async move {
        let answer = client
            .attach_network_interface()
            .network_interface_id(eni.as_str())
            .instance_id(instance.as_str())
            .device_index(integer(device))
            // Types of several cards want it said, the first one included.
            .network_card_index(integer(card))
            .send()
            .await
            .map_err(|error| of_request(error, timeouts))?;
        let id =
            ec2_answers::required("attachmentId", answer.attachment_id()).map_err(Ec2Error::Malformed)?;
        Ok(AttachmentId::new(id))
    }
}

pub(crate) fn delete_on_termination(eni: EniId, attachment: AttachmentId) -> impl AsyncWork<()> {
    move |client: Client, timeouts: Timeouts| async move {
        let change = NetworkInterfaceAttachmentChanges::builder()
            .attachment_id(attachment.as_str())
            .delete_on_termination(true)
            .build();
        client
            .modify_network_interface_attribute()
            .network_interface_id(eni.as_str())
            .attachment(change)
            .send()
            .await
            .map_err(|error| of_request(error, timeouts))?;
        Ok(())
    }
}

pub(crate) fn unassign(eni: EniId, addresses: Vec<Ipv4Addr>) -> impl AsyncWork<()> {
    move |client: Client, timeouts: Timeouts| async move {
        client
            .unassign_private_ip_addresses()
            .network_interface_id(eni.as_str())
            .set_private_ip_addresses(Some(addresses.iter().map(Ipv4Addr::to_string).collect()))
            .send()
            .await
            .map_err(|error| of_request(error, timeouts))?;
        Ok(())
    }
}

pub(crate) fn detach(attachment: AttachmentId) -> impl AsyncWork<()> {
    move |client: Client, timeouts: Timeouts| async move {
        client
            .detach_network_interface()
            .attachment_id(attachment.as_str())
            .send()
            .await
            .map_err(|error| of_request(error, timeouts))?;
        Ok(())
    }
}

pub(crate) fn delete(eni: EniId) -> impl AsyncWork<()> {
    move |client: Client, timeouts: Timeouts| async move {
        client
            .delete_network_interface()
            .network_interface_id(eni.as_str())
            .send()
            .await
            .map_err(|error| of_request(error, timeouts))?;
        Ok(())
    }
}

pub(crate) fn describe(eni: EniId) -> impl AsyncWork<EniDescription> {
    move |client: Client, timeouts: Timeouts| async move {
        let answer = client
            .describe_network_interfaces()
            .network_interface_ids(eni.as_str())
            .send()
            .await
            .map_err(|error| of_request(error, timeouts))?;
        let named = |found: &&aws_sdk_ec2::types::NetworkInterface| {
            found.network_interface_id() == Some(eni.as_str())
        };
        let Some(found) = answer.network_interfaces().iter().find(named) else {
            return Err(Ec2Error::Malformed(format!("it says nothing about {eni}")));
        };
        let read = ec2_answers::eni(found).map_err(Ec2Error::Malformed)?;
        read.ok_or_else(|| Ec2Error::Malformed(format!("{eni} has no IPv4 address")))
    }
}

fn tags(tags: Vec<(String, String)>) -> TagSpecification {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(ResourceType::NetworkInterface).set_tags(Some(tags)).build()
}

/// Counts and indexes of a node are far below this bound.
fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
