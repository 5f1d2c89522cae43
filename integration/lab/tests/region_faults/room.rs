//! Room in subnets, on ENIs and in the account: rows 12 to 18 and 27.

use region::{Knobs, NoRoom, QueryRequest, ReservationKind, SubnetId};

use crate::rig::{Rig, assign, assign_prefixes, text, texts};

const NO_ADDRESS: &str = "The specified subnet does not have enough free addresses to satisfy the request.";
const NO_BLOCK: &str = "The specified subnet does not have enough free cidr blocks to satisfy the request.";

async fn free(rig: &Rig, subnet: &SubnetId) -> String {
    let request = QueryRequest::new("DescribeSubnets").with("SubnetId.1", subnet);
    text(&rig.done(request).await, "availableIpAddressCount")
}

fn named(eni: &region::EniId, address: &str) -> QueryRequest {
    QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", eni)
        .with("PrivateIpAddress.1", address)
}

fn unassign(eni: &region::EniId, address: &str) -> QueryRequest {
    QueryRequest::new("UnassignPrivateIpAddresses")
        .with("NetworkInterfaceId", eni)
        .with("PrivateIpAddress.1", address)
}

#[tokio::test]
async fn row_12_an_eni_takes_as_many_addresses_as_its_type_has_all_or_none() {
    let rig = Rig::new().await;
    let refused = (
        400,
        "PrivateIpAddressLimitExceeded".to_owned(),
        "Number of private addresses will exceed limit.".to_owned(),
    );
    assert_eq!(rig.refused(assign(&rig.primary, 10)).await, refused, "its own address counts");
    assert_eq!(rig.slots(&rig.primary).await, 1, "none was given");
    rig.done(assign_prefixes(&rig.primary, 2)).await;
    rig.done(assign(&rig.primary, 7)).await;
    assert_eq!(rig.refused(assign(&rig.primary, 1)).await, refused, "a prefix takes the place of one");
    assert_eq!(rig.slots(&rig.primary).await, 10);
}

#[tokio::test]
async fn row_13_a_full_subnet_gives_no_address() {
    let rig = Rig::new().await;
    let eni = rig.create(&rig.small).await;
    let refused = (400, "InsufficientFreeAddressesInSubnet".to_owned(), NO_ADDRESS.to_owned());
    assert_eq!(rig.refused(assign(&eni, 11)).await, refused, "all or nothing");
    rig.done(assign(&eni, 10)).await;
    assert_eq!(rig.refused(assign(&eni, 1)).await, refused);
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &rig.small);
    assert_eq!(rig.refused(create).await, refused);
    assert_eq!(free(&rig, &rig.small).await, "0");
}

#[tokio::test]
async fn row_14_a_fragmented_subnet_gives_no_prefix_until_a_whole_block_is_free() {
    let rig = Rig::new().await;
    let eni = rig.create(&rig.medium).await;
    for address in ["10.0.3.16", "10.0.3.32", "10.0.3.48"] {
        rig.done(named(&eni, address)).await;
    }
    assert_eq!(free(&rig, &rig.medium).await, "55");
    let refused = (400, "InsufficientCidrBlocks".to_owned(), NO_BLOCK.to_owned());
    assert_eq!(rig.refused(assign_prefixes(&eni, 1)).await, refused);
    rig.done(unassign(&eni, "10.0.3.32")).await;
    assert_eq!(text(&rig.done(assign_prefixes(&eni, 1)).await, "ipv4Prefix"), "10.0.3.32/28");
}

#[tokio::test]
async fn row_15_a_subnet_without_room_may_say_so_in_another_code() {
    let rig = Rig::with(Knobs { no_room: NoRoom::InvalidParameterValue, ..Knobs::default() }).await;
    let eni = rig.create(&rig.small).await;
    let message = "There aren't sufficient free Ipv4 addresses or prefixes";
    let refused = (400, "InvalidParameterValue".to_owned(), message.to_owned());
    assert_eq!(rig.refused(assign_prefixes(&eni, 1)).await, refused);
    assert_eq!(rig.refused(assign(&eni, 11)).await, refused);
    assert_eq!(rig.slots(&eni).await, 1);
}

#[tokio::test]
async fn row_16_five_addresses_are_kept_and_no_prefix_lies_over_them() {
    let rig = Rig::new().await;
    assert_eq!(free(&rig, &rig.small).await, "11");
    let eni = rig.create(&rig.small).await;
    for kept in ["10.0.2.0", "10.0.2.1", "10.0.2.2", "10.0.2.3", "10.0.2.15"] {
        let (_, code, message) = rig.refused(named(&eni, kept)).await;
        assert_eq!(code, "InvalidParameterValue");
        assert_eq!(message, "Address is in subnet's reserved address range");
    }
    assert_eq!(rig.refused(assign_prefixes(&eni, 1)).await.1, "InsufficientCidrBlocks");
    // The node's own address lies in the first block, which is broken anyway.
    let wide = rig.create(&rig.subnet).await;
    assert_eq!(free(&rig, &rig.subnet).await, "249");
    assert_eq!(rig.refused(assign_prefixes(&wide, 15)).await.1, "InsufficientCidrBlocks");
    rig.done(assign_prefixes(&wide, 14)).await;
    assert_eq!(free(&rig, &rig.subnet).await, "25", "a prefix counts sixteen");
}

async fn reserve(rig: &Rig, cidr: &'static str, kind: ReservationKind) {
    let subnet = rig.medium.clone();
    let reserved =
        move |region: &mut region::Region| region.add_cidr_reservation(&subnet, cidr.parse().unwrap(), kind);
    rig.region(reserved).await.unwrap();
}

#[tokio::test]
async fn row_17_prefixes_come_out_of_their_reservation_first_and_nothing_counted_out_of_an_explicit_one() {
    let rig = Rig::new().await;
    reserve(&rig, "10.0.3.32/28", ReservationKind::Prefix).await;
    reserve(&rig, "10.0.3.16/28", ReservationKind::Explicit).await;
    let eni = rig.create(&rig.medium).await;
    assert_eq!(text(&rig.done(assign_prefixes(&eni, 1)).await, "ipv4Prefix"), "10.0.3.32/28");
    let refused = (400, "InsufficientCidrBlocks".to_owned(), NO_BLOCK.to_owned());
    assert_eq!(rig.refused(assign_prefixes(&eni, 1)).await, refused, "a whole block is free, and set aside");
    rig.done(assign(&eni, 26)).await;
    assert_eq!(free(&rig, &rig.medium).await, "16", "only what is set aside is left");
    let refused = (400, "InsufficientFreeAddressesInSubnet".to_owned(), NO_ADDRESS.to_owned());
    assert_eq!(rig.refused(assign(&eni, 1)).await, refused);
    rig.done(named(&eni, "10.0.3.20")).await;
}

#[tokio::test]
async fn row_18_an_assign_tells_of_the_new_alone_and_a_freed_address_is_given_again_at_once() {
    let rig = Rig::new().await;
    let first = texts(&rig.done(assign(&rig.primary, 2)).await, "privateIpAddress");
    let second = texts(&rig.done(assign(&rig.primary, 1)).await, "privateIpAddress");
    assert_eq!((first.len(), second.len()), (2, 1));
    assert!(!first.contains(&second[0]));
    rig.done(unassign(&rig.primary, &first[0])).await;
    let again = texts(&rig.done(assign(&rig.primary, 1)).await, "privateIpAddress");
    assert_eq!(again, first[..1]);
}

#[tokio::test]
async fn row_27_the_account_has_so_many_enis_and_no_more() {
    let rig = Rig::with(Knobs { account_enis_max: 2, ..Knobs::default() }).await;
    let eni = rig.create(&rig.subnet).await;
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &rig.subnet);
    let (status, code, _) = rig.refused(create.clone()).await;
    assert_eq!((status, code.as_str()), (400, "NetworkInterfaceLimitExceeded"));
    rig.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni)).await;
    rig.done(create).await;
}
