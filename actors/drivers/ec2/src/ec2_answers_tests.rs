//! What an answer must have.

use super::*;
use aws_sdk_ec2::types::{
    NetworkCardInfo, NetworkInfo, NetworkInterfaceAttachment, NetworkInterfacePrivateIpAddress,
};

fn private(address: &str, primary: bool) -> NetworkInterfacePrivateIpAddress {
    NetworkInterfacePrivateIpAddress::builder().private_ip_address(address).primary(primary).build()
}

fn whole() -> aws_sdk_ec2::types::builders::NetworkInterfaceBuilder {
    NetworkInterface::builder()
        .network_interface_id("eni-1")
        .mac_address("02:00:00:00:00:01")
        .subnet_id("subnet-1")
        .private_ip_address("10.0.0.5")
        .private_ip_addresses(private("10.0.0.9", false))
        .private_ip_addresses(private("10.0.0.5", true))
        .private_ip_addresses(private("10.0.0.6", false))
        .tag_set(Tag::builder().key("a").value("b").build())
        .tag_set(Tag::builder().value("nothing").build())
        .attachment(
            NetworkInterfaceAttachment::builder()
                .attachment_id("eni-attach-1")
                .instance_id("i-1")
                .device_index(1)
                .status(AttachmentStatus::Attached)
                .build(),
        )
}

#[test]
fn an_eni_is_read_with_its_own_address_apart() {
    let eni = eni(&whole().build()).unwrap().unwrap();
    assert_eq!(eni.primary_address, Ipv4Addr::new(10, 0, 0, 5));
    assert_eq!(eni.secondary_addresses, [Ipv4Addr::new(10, 0, 0, 6), Ipv4Addr::new(10, 0, 0, 9)]);
    assert_eq!(eni.tags, [("a".to_owned(), "b".to_owned())]);
    let attachment = eni.attachment.unwrap();
    assert_eq!((attachment.card, attachment.device, attachment.state), (0, 1, AttachmentState::Attached));
}

#[test]
fn an_eni_without_ipv4_is_left_out_and_does_not_spoil_the_rest() {
    let bare = NetworkInterface::builder().network_interface_id("eni-2").mac_address("02:00:00:00:00:02");
    assert_eq!(eni(&bare.build()), Ok(None));
}

#[test]
fn an_eni_that_cannot_be_understood_spoils_the_answer() {
    let attachment = |device: Option<i32>| {
        let attachment = NetworkInterfaceAttachment::builder().attachment_id("eni-attach-1");
        attachment.instance_id("i-1").set_device_index(device).build()
    };
    for (bad, words) in [
        (whole().set_network_interface_id(None), "it has no networkInterfaceId"),
        (whole().set_mac_address(None), "eni-1: it has no macAddress"),
        (whole().mac_address("02:00"), "eni-1: macAddress: `02:00` is not six hex bytes separated by colons"),
        (whole().subnet_id(""), "eni-1: it has no subnetId"),
        (whole().private_ip_address("10.0.0"), "eni-1: `10.0.0` is no IPv4 address"),
        (whole().private_ip_addresses(private("::1", false)), "eni-1: `::1` is no IPv4 address"),
        (whole().set_private_ip_address(None), "eni-1 has addresses, and no privateIpAddress"),
        (
            whole()
                .attachment(NetworkInterfaceAttachment::builder().instance_id("i-1").device_index(1).build()),
            "eni-1: it has no attachment attachmentId",
        ),
        (whole().attachment(attachment(None)), "eni-1: it has no attachment deviceIndex"),
        (whole().attachment(attachment(Some(-1))), "eni-1: attachment: deviceIndex is -1"),
    ] {
        assert_eq!(eni(&bad.build()), Err(words.to_owned()));
    }
}

#[test]
fn a_subnet_needs_its_block_and_its_room() {
    let whole =
        || Subnet::builder().subnet_id("subnet-1").cidr_block("10.0.0.0/24").available_ip_address_count(7);
    assert_eq!(subnet(&whole().build()).unwrap().unwrap().free_addresses, 7);
    assert_eq!(subnet(&whole().available_ip_address_count(-3).build()).unwrap().unwrap().free_addresses, 0);
    assert_eq!(subnet(&whole().set_cidr_block(None).build()), Ok(None));
    for (bad, words) in [
        (whole().set_subnet_id(None), "it has no subnetId"),
        (whole().cidr_block("10.0.0.0"), "subnet-1: cidrBlock `10.0.0.0` is no block"),
        (whole().set_available_ip_address_count(None), "subnet-1: it has no availableIpAddressCount"),
    ] {
        assert_eq!(subnet(&bad.build()), Err(words.to_owned()));
    }
}

#[test]
fn limits_are_those_of_the_default_card() {
    let card = |index, enis| {
        NetworkCardInfo::builder().network_card_index(index).maximum_network_interfaces(enis).build()
    };
    let network = NetworkInfo::builder()
        .maximum_network_interfaces(20)
        .ipv4_addresses_per_interface(50)
        .default_network_card_index(1);
    let of = |network: NetworkInfo| limits(&InstanceTypeInfo::builder().network_info(network).build());
    let two = network.clone().network_cards(card(0, 5)).network_cards(card(1, 15)).build();
    assert_eq!(of(two), Ok(InstanceLimits { enis: 15, addresses_per_eni: 50 }));
    assert_eq!(of(network.clone().build()), Ok(InstanceLimits { enis: 20, addresses_per_eni: 50 }));
    for (bad, words) in [
        (network.clone().set_ipv4_addresses_per_interface(None), "it has no ipv4AddressesPerInterface"),
        (network.maximum_network_interfaces(0), "maximumNetworkInterfaces is 0"),
    ] {
        assert_eq!(of(bad.build()), Err(words.to_owned()));
    }
    assert_eq!(limits(&InstanceTypeInfo::builder().build()), Err("it has no networkInfo".to_owned()));
}
