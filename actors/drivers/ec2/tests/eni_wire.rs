//! The calls for whole ENIs: what is sent, to the letter, and what is made of the answers.

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "support/aws.rs"]
mod aws;

use aws::server::{Reply, Request};
use aws::{aws, eni_xml, error, posted, response};
use contract::causes::Cause;
use contract::model::{AttachmentId, EniId, InstanceId, SecurityGroupId, SubnetId};
use contract::ports::ec2::{Ec2, EniDescription, EniOrder};
use std::net::Ipv4Addr;
use std::sync::Arc;

fn order(secondary_addresses: u32) -> EniOrder {
    EniOrder {
        token: "i-1-07-3e8-0".to_owned(),
        subnet: SubnetId::new("subnet-1"),
        secondary_addresses,
        groups: vec![SecurityGroupId::new("sg-1"), SecurityGroupId::new("sg-2")],
        description: "aws-K8S-i-1".to_owned(),
        tags: vec![
            ("cluster.k8s.amazonaws.com/name".to_owned(), "prod".to_owned()),
            ("node.k8s.amazonaws.com/createdAt".to_owned(), "2026-01-01T00:01:00Z".to_owned()),
        ],
    }
}

/// ENI 2 as Create tells it: attached to nothing.
fn made() -> String {
    "<networkInterface><networkInterfaceId>eni-2</networkInterfaceId><subnetId>subnet-1</subnetId>\
     <macAddress>02:00:00:00:00:02</macAddress><privateIpAddress>10.0.0.20</privateIpAddress><groupSet><item>\
     <groupId>sg-1</groupId></item></groupSet><privateIpAddressesSet><item><privateIpAddress>10.0.0.20\
     </privateIpAddress><primary>true</primary></item><item><privateIpAddress>10.0.0.21</privateIpAddress>\
     <primary>false</primary></item></privateIpAddressesSet></networkInterface>"
        .to_owned()
}

fn answers(request: &Request) -> Reply {
    let action = request.body.split('&').next().unwrap().trim_start_matches("Action=");
    let inside = match action {
        "CreateNetworkInterface" => made(),
        "AttachNetworkInterface" => "<attachmentId>eni-attach-2</attachmentId>".to_owned(),
        "DescribeNetworkInterfaces" => format!("<networkInterfaceSet>{}</networkInterfaceSet>", eni_xml(2)),
        _ => "<return>true</return>".to_owned(),
    };
    response(action, &inside)
}

async fn each(ec2: &Arc<dyn Ec2>) -> Vec<Result<Option<EniDescription>, Cause>> {
    let (eni, attachment) = (EniId::new("eni-2"), AttachmentId::new("eni-attach-2"));
    let none = |result: Result<(), Cause>| result.map(|()| None);
    vec![
        ec2.create_interface(order(9)).await.map(Some),
        ec2.attach_interface(eni.clone(), InstanceId::new("i-1"), 0, 2).await.map(|_| None),
        none(ec2.delete_on_termination(eni.clone(), attachment.clone()).await),
        ec2.interface(eni.clone()).await,
        none(ec2.unassign_addresses(eni.clone(), vec![Ipv4Addr::new(10, 0, 0, 21)]).await),
        none(ec2.detach_interface(attachment).await),
        none(ec2.delete_interface(eni).await),
    ]
}

#[tokio::test]
async fn each_call_sends_what_ec2_expects_and_reads_what_it_says() {
    let (ec2, mut server) = aws(answers).await;
    let told = each(&ec2).await;
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    let made = told[0].clone().unwrap().unwrap();
    assert_eq!((made.id.as_str(), made.attachment), ("eni-2", None));
    assert_eq!(made.secondary_addresses, [Ipv4Addr::new(10, 0, 0, 21)]);
    assert_eq!(made.groups, [SecurityGroupId::new("sg-1")]);
    let found = told[3].clone().unwrap().unwrap();
    assert_eq!(found.attachment.unwrap().id, AttachmentId::new("eni-attach-2"));
    let posted = posted(&mut server);
    let bodies: Vec<_> =
        posted.iter().map(|request| request.body.replace("&Version=2016-11-15", "")).collect();
    assert_eq!(
        bodies,
        [
            "Action=CreateNetworkInterface&TagSpecification.1.ResourceType=network-interface\
             &TagSpecification.1.Tag.1.Key=cluster.k8s.amazonaws.com%2Fname&TagSpecification.1.Tag.1.Value=prod\
             &TagSpecification.1.Tag.2.Key=node.k8s.amazonaws.com%2FcreatedAt\
             &TagSpecification.1.Tag.2.Value=2026-01-01T00%3A01%3A00Z&ClientToken=i-1-07-3e8-0&SubnetId=subnet-1\
             &Description=aws-K8S-i-1&SecurityGroupId.1=sg-1&SecurityGroupId.2=sg-2&SecondaryPrivateIpAddressCount=9",
            "Action=AttachNetworkInterface&NetworkCardIndex=0&NetworkInterfaceId=eni-2&InstanceId=i-1&DeviceIndex=2",
            "Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId=eni-2\
             &Attachment.AttachmentId=eni-attach-2&Attachment.DeleteOnTermination=true",
            "Action=DescribeNetworkInterfaces&NetworkInterfaceId.1=eni-2",
            "Action=UnassignPrivateIpAddresses&NetworkInterfaceId=eni-2&PrivateIpAddress.1=10.0.0.21",
            "Action=DetachNetworkInterface&AttachmentId=eni-attach-2",
            "Action=DeleteNetworkInterface&NetworkInterfaceId=eni-2",
        ]
    );
}

#[tokio::test]
async fn the_same_order_is_sent_to_the_letter_and_an_eni_of_its_own_address_alone_is_asked_for_without_a_count()
 {
    let (ec2, mut server) = aws(answers).await;
    for _ in 0..2 {
        ec2.create_interface(order(0)).await.unwrap();
    }
    let posted = posted(&mut server);
    assert_eq!(posted[0].body, posted[1].body);
    assert!(!posted[0].body.contains("SecondaryPrivateIpAddressCount"));
}

#[tokio::test]
async fn an_eni_that_is_not_there_is_no_failure_to_who_asks_for_it_or_deletes_it() {
    let gone = |_: &Request| {
        error(400, "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-2' does not exist")
    };
    let (ec2, _server) = aws(gone).await;
    let told = each(&ec2).await;
    let well: Vec<bool> = told.iter().map(Result::is_ok).collect();
    assert_eq!(well, [false, false, false, true, false, false, true]);
    assert_eq!(told[3], Ok(None));
}

#[tokio::test]
async fn a_subnet_without_room_for_an_eni_is_named() {
    let full = |_: &Request| error(400, "InsufficientFreeAddressesInSubnet", "not enough free addresses");
    let (ec2, _server) = aws(full).await;
    let Err(Cause::SubnetExhausted { subnet, .. }) = ec2.create_interface(order(9)).await else { panic!() };
    assert_eq!(subnet, SubnetId::new("subnet-1"));
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_the_eni_is_none() {
    let (ec2, _server) = aws(|request| {
        let action = request.body.split('&').next().unwrap().trim_start_matches("Action=");
        response(action, "")
    })
    .await;
    for told in [
        ec2.create_interface(order(9)).await.map(|_| ()),
        ec2.attach_interface(EniId::new("eni-2"), InstanceId::new("i-1"), 0, 2).await.map(|_| ()),
        ec2.interface(EniId::new("eni-2")).await.map(|_| ()),
    ] {
        assert_eq!(told.unwrap_err().label(), "Ec2Unavailable");
    }
}
