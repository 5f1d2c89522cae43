//! What each kind of failure becomes: an error of EC2's, an answer that is none, and no answer.

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "support/aws.rs"]
mod aws;

use aws::server::{Reply, Server, session_and_role};
use aws::{assign, aws, eni_xml, error, interfaces, posted, response, settings};
use contract::causes::Cause;
use contract::model::SubnetId;
use ec2::{AwsSettings, connect};
use std::time::Duration;

#[tokio::test]
async fn each_kind_of_failure_has_its_cause_and_is_asked_once() {
    let truncated = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n<DescribeNetworkInterfacesResponse>";
    let half = "<DescribeNetworkInterfacesResponse><networkInterfaceSet>";
    let no_mac = eni_xml(1).replace("macAddress", "other");
    let cases: Vec<(Reply, &str, &str)> = vec![
        (error(503, "RequestLimitExceeded", "Request limit exceeded."), "Throttled", ""),
        (error(403, "UnauthorizedOperation", "You are not"), "Unauthorized", "You are not"),
        (error(401, "AuthFailure", "not able to validate"), "Credentials", "not able to validate"),
        (error(400, "RequestExpired", "Request has expired."), "Credentials", "expired"),
        (error(500, "InternalError", "internal"), "Ec2Unavailable", "InternalError"),
        (error(400, "InvalidParameterValue", "bad"), "Ec2Refused", "InvalidParameterValue: bad"),
        (Reply::new(502, "<html><body>Bad Gateway</body></html>"), "Ec2Unavailable", "HTTP 502"),
        (Reply::new(504, ""), "Ec2Unavailable", "HTTP 504"),
        (Reply::new(403, "<html>proxy"), "Ec2Unavailable", "HTTP 403"),
        (Reply::ok(half), "Ec2Unavailable", "unusable answer: "),
        (Reply::ok(format!("{half}{}", eni_xml(1))), "Ec2Unavailable", "does not end as an answer does"),
        (Reply::ok("{}"), "Ec2Unavailable", "unusable answer"),
        (Reply::ok(""), "Ec2Unavailable", "unusable answer"),
        (response("DescribeSubnets", ""), "Ec2Unavailable", "unusable answer: "),
        (
            response(
                "DescribeNetworkInterfaces",
                &format!("<networkInterfaceSet>{no_mac}</networkInterfaceSet>"),
            ),
            "Ec2Unavailable",
            "unusable answer: eni-1: it has no macAddress",
        ),
        (Reply::Raw(truncated.to_owned()), "Ec2Unavailable", ""),
        (Reply::Raw(String::new()), "Ec2Unavailable", ""),
        (Reply::Raw("SSH-2.0-OpenSSH\r\n".to_owned()), "Ec2Unavailable", ""),
    ];
    for (reply, label, words) in cases {
        let told = reply.clone();
        let (ec2, mut server) = aws(move |_| told.clone()).await;
        let cause = interfaces(&ec2).await.unwrap_err();
        assert_eq!(cause.label(), label, "{cause} for {reply:?}");
        assert!(cause.to_string().contains(words), "{cause} for {reply:?}");
        assert!(cause.to_string().contains("DescribeNetworkInterfaces"), "{cause}");
        assert_eq!(posted(&mut server).len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_subnet_without_room_is_named() {
    for (status, code, message) in [
        (
            400,
            "InsufficientFreeAddressesInSubnet",
            "The specified subnet does not have enough free addresses",
        ),
        (400, "InvalidParameterValue", "There aren't sufficient free Ipv4 addresses or prefixes"),
    ] {
        let (ec2, _server) = aws(move |_| error(status, code, message)).await;
        let cause = assign(&ec2, 1).await.unwrap_err();
        assert_eq!(
            cause,
            Cause::SubnetExhausted { subnet: SubnetId::new("subnet-1"), detail: message.to_owned() }
        );
    }
}

#[tokio::test]
async fn an_assignment_that_says_too_little_is_unusable_so_that_it_is_read_back() {
    for inside in [
        "",
        "<assignedPrivateIpAddressesSet><item/></assignedPrivateIpAddressesSet>",
        "<assignedPrivateIpAddressesSet><item><privateIpAddress>10.0</privateIpAddress></item>\
         </assignedPrivateIpAddressesSet>",
        "<networkInterfaceId>eni-9</networkInterfaceId><assignedPrivateIpAddressesSet><item>\
         <privateIpAddress>10.0.0.7</privateIpAddress></item></assignedPrivateIpAddressesSet>",
    ] {
        let (ec2, _server) = aws(move |_| response("AssignPrivateIpAddresses", inside)).await;
        let cause = assign(&ec2, 1).await.unwrap_err();
        assert!(cause.to_string().contains("unusable answer"), "{cause} for {inside}");
    }
    let (ec2, mut server) = aws(|_| Reply::new(500, "")).await;
    assert_eq!(assign(&ec2, 0).await, Ok(vec![]), "nothing is asked for nothing");
    assert_eq!(posted(&mut server).len(), 0);
}

#[tokio::test]
async fn a_refused_connection_is_told_as_one() {
    let metadata = Server::start(|request| session_and_role(request).unwrap_or(Reply::Silence)).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let ec2 = connect(AwsSettings { ec2_endpoint: Some(endpoint), ..settings(&metadata) }).0;
    let cause = interfaces(&ec2).await.unwrap_err();
    assert_eq!(cause.label(), "Ec2Unavailable");
    assert!(cause.to_string().to_lowercase().contains("refused"), "{cause}");
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_an_answer() {
    let metadata = Server::start(|request| session_and_role(request).unwrap_or(Reply::Silence)).await;
    for endpoint in ["", "not an address", "http://", "ftp://127.0.0.1:1", "http://name.invalid"] {
        let ec2 = connect(AwsSettings { ec2_endpoint: Some(endpoint.to_owned()), ..settings(&metadata) }).0;
        let cause = interfaces(&ec2).await.unwrap_err();
        assert!(["Ec2Unavailable", "Ec2Timeout"].contains(&cause.label()), "{endpoint}: {cause}");
    }
}

#[tokio::test]
async fn silence_ends_with_the_timeout() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n<DescribeNetw".to_owned();
    for reply in [Reply::Silence, Reply::Stall(half), Reply::Stall("HTTP/1.1 2".to_owned())] {
        let server =
            Server::start(move |request| session_and_role(request).unwrap_or_else(|| reply.clone())).await;
        let ec2 = connect(AwsSettings { ec2_timeout: Duration::from_millis(400), ..settings(&server) }).0;
        let began = tokio::time::Instant::now();
        let expected = Cause::Ec2Timeout { action: "DescribeNetworkInterfaces", timeout_seconds: 1 };
        assert_eq!(interfaces(&ec2).await, Err(expected));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
