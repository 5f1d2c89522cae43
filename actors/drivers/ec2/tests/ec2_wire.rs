//! What is sent to EC2, how a list is read to its end, and what a call needs before it can be sent.

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "support/aws.rs"]
mod aws;

use aws::server::{Server, session_and_role};
use aws::{assign, aws, eni_xml, interfaces, posted, response, settings};
use contract::model::{InstanceId, InstanceType, VpcId};
use contract::ports::ec2::{AttachmentState, Ec2, InstanceLimits};
use ec2::{AwsSettings, SdkEc2, connect};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn each_call_sends_what_ec2_expects_and_reads_what_it_says() {
    let (ec2, mut server) = aws(|request| {
        let action = request.body.split('&').next().unwrap().trim_start_matches("Action=");
        let inside = match action {
            "DescribeNetworkInterfaces" => format!("<networkInterfaceSet>{}</networkInterfaceSet>", eni_xml(2)),
            "AssignPrivateIpAddresses" => "<networkInterfaceId>eni-1</networkInterfaceId>\
                <assignedPrivateIpAddressesSet><item><privateIpAddress>10.0.0.7</privateIpAddress></item><item>\
                <privateIpAddress>10.0.0.8</privateIpAddress></item></assignedPrivateIpAddressesSet>"
                .to_owned(),
            "DescribeSubnets" => "<subnetSet><item><subnetId>subnet-1</subnetId><cidrBlock>10.0.0.0/24</cidrBlock>\
                <availableIpAddressCount>250</availableIpAddressCount><tagSet><item><key>k</key><value>v</value>\
                </item></tagSet></item><item><subnetId>subnet-2</subnetId><cidrBlock>x</cidrBlock></item></subnetSet>"
                .to_owned(),
            _ => "<instanceTypeSet><item><instanceType>m5.large</instanceType><networkInfo>\
                <maximumNetworkInterfaces>3</maximumNetworkInterfaces>\
                <ipv4AddressesPerInterface>10</ipv4AddressesPerInterface></networkInfo></item></instanceTypeSet>"
                .to_owned(),
        };
        response(action, &inside)
    })
    .await;
    let enis = ec2.attached_interfaces(InstanceId::new("i-1")).await.unwrap();
    assert_eq!((enis[0].id.as_str(), enis[0].secondary_addresses.len()), ("eni-2", 1));
    let attachment = enis[0].attachment.clone().unwrap();
    assert_eq!((attachment.card, attachment.device, attachment.state), (1, 2, AttachmentState::Attached));
    assert_eq!(assign(&ec2, 2).await, Ok(vec![Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::new(10, 0, 0, 8)]));
    let subnets = ec2.subnets(VpcId::new("vpc-1"), "eu-west-1a".to_owned()).await.unwrap();
    assert_eq!(subnets.len(), 1, "the one that cannot be understood is left out");
    assert_eq!((subnets[0].free_addresses, subnets[0].tags.len()), (250, 1));
    let limits = ec2.instance_limits(InstanceType::new("m5.large")).await;
    assert_eq!(limits, Ok(InstanceLimits { enis: 3, addresses_per_eni: 10 }));

    let posted = posted(&mut server);
    let bodies: Vec<_> = posted.iter().map(|request| request.body.as_str()).collect();
    assert_eq!(
        bodies,
        [
            "Action=DescribeNetworkInterfaces&Version=2016-11-15&MaxResults=1000\
             &Filter.1.Name=attachment.instance-id&Filter.1.Value.1=i-1",
            "Action=AssignPrivateIpAddresses&Version=2016-11-15&NetworkInterfaceId=eni-1\
             &SecondaryPrivateIpAddressCount=2",
            "Action=DescribeSubnets&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1\
             &Filter.2.Name=availability-zone&Filter.2.Value.1=eu-west-1a&MaxResults=1000",
            "Action=DescribeInstanceTypes&Version=2016-11-15&InstanceType.1=m5.large",
        ]
    );
    for request in &posted {
        assert_eq!(
            (request.path.as_str(), &request.headers["content-type"][..]),
            ("/", "application/x-www-form-urlencoded")
        );
        assert!(request.headers["authorization"].contains("Credential=ASIANODE/"), "{request:?}");
        assert!(request.headers["authorization"].contains("/eu-west-1/ec2/aws4_request"), "{request:?}");
        assert_eq!(request.headers["x-amz-security-token"], "session");
        assert!(request.headers["x-amz-user-agent"].contains("app/enid"), "{request:?}");
    }
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_no_further() {
    let page = |token: &str, inside: &str| {
        let next = if token.is_empty() { String::new() } else { format!("<nextToken>{token}</nextToken>") };
        response(
            "DescribeNetworkInterfaces",
            &format!("<networkInterfaceSet>{inside}</networkInterfaceSet>{next}"),
        )
    };
    let (ec2, mut server) = aws(move |request| match request.body.split("NextToken=").nth(1) {
        None => page("one", &eni_xml(1)),
        Some(token) if token.starts_with("one") => page("two", ""),
        Some(_) => page("", &eni_xml(2)),
    })
    .await;
    assert_eq!(interfaces(&ec2).await, Ok(2));
    assert_eq!(posted(&mut server).len(), 3);

    let (ec2, mut server) = aws(move |_| page("same", "")).await;
    assert!(interfaces(&ec2).await.unwrap_err().to_string().contains("the same page again"));
    assert_eq!(posted(&mut server).len(), 2);

    let count = AtomicUsize::new(0);
    let (ec2, mut server) = aws(move |_| page(&count.fetch_add(1, Ordering::SeqCst).to_string(), "")).await;
    assert!(interfaces(&ec2).await.unwrap_err().to_string().contains("does not end after 10 pages"));
    assert_eq!(posted(&mut server).len(), 10);
}

#[tokio::test]
async fn the_region_is_learned_and_nothing_waits_for_it() {
    let server = Server::start(|request| {
        session_and_role(request).unwrap_or_else(|| response("DescribeNetworkInterfaces", ""))
    })
    .await;
    let (tell, told) = tokio::sync::watch::channel(None);
    let ec2: Arc<dyn Ec2> = Arc::new(SdkEc2::new(AwsSettings { region: None, ..settings(&server) }, told));
    let cause = interfaces(&ec2).await.unwrap_err();
    assert!(cause.to_string().contains("the Region is not known"), "{cause}");
    tell.send_replace(Some("ap-south-1".to_owned()));
    assert_eq!(interfaces(&ec2).await, Ok(0));
    let mut server = server;
    let posted = posted(&mut server);
    assert_eq!(posted.len(), 1);
    assert!(posted[0].headers["authorization"].contains("/ap-south-1/ec2/"), "{posted:?}");
}

#[test]
fn both_ports_are_made_without_a_runtime_and_without_a_network() {
    let nowhere = Some("http://192.0.2.1".to_owned());
    let (ec2, imds) = connect(AwsSettings { imds_endpoint: nowhere, ..AwsSettings::default() });
    drop((ec2.attached_interfaces(InstanceId::new("i-1")), imds.node()));
}

#[tokio::test]
async fn a_call_that_was_abandoned_does_no_harm_to_the_next() {
    let (ec2, _server) = aws(|_| response("DescribeNetworkInterfaces", "")).await;
    for _ in 0..20 {
        let mut call = Box::pin(interfaces(&ec2));
        polled_once(&mut call).await;
    }
    assert_eq!(interfaces(&ec2).await, Ok(0));
}

async fn polled_once<F: Future + Unpin>(call: &mut F) {
    tokio::select! {
        biased;
        _ = call => {}
        () = tokio::task::yield_now() => {}
    }
}
