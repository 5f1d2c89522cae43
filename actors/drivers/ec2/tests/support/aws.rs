//! AWS as a test says: metadata as on a node, EC2's answers in its own words, and the calls of the port in short.

#[path = "server.rs"]
pub(crate) mod server;

use contract::causes::Cause;
use contract::model::{EniId, InstanceId, SubnetId};
use contract::ports::ec2::Ec2;
use ec2::{AwsSettings, connect};
use server::{Reply, Request, Server, session_and_role};
use std::net::Ipv4Addr;
use std::sync::Arc;

pub(crate) const NS: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

pub(crate) fn settings(server: &Server) -> AwsSettings {
    AwsSettings {
        region: Some("eu-west-1".to_owned()),
        ec2_endpoint: Some(server.endpoint.clone()),
        imds_endpoint: Some(server.endpoint.clone()),
        ..AwsSettings::default()
    }
}

/// A port, and the server it speaks to: metadata as on a node, EC2 as the test says.
pub(crate) async fn aws(
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Arc<dyn Ec2>, Server) {
    let server =
        Server::start(move |request| session_and_role(request).unwrap_or_else(|| answer(request))).await;
    (connect(settings(&server)).0, server)
}

pub(crate) fn response(action: &str, inside: &str) -> Reply {
    Reply::ok(format!(
        r#"<?xml version="1.0"?><{action}Response xmlns="{NS}"><requestId>r</requestId>{inside}</{action}Response>"#
    ))
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::new(
        status,
        format!(
            "<?xml version=\"1.0\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>\
             </Errors><RequestID>r</RequestID></Response>"
        ),
    )
}

pub(crate) fn posted(server: &mut Server) -> Vec<Request> {
    server.asked().into_iter().filter(|request| request.method == "POST").collect()
}

pub(crate) fn eni_xml(number: u8) -> String {
    format!(
        "<item><networkInterfaceId>eni-{number}</networkInterfaceId><subnetId>subnet-1</subnetId>\
         <macAddress>02:00:00:00:00:0{number}</macAddress><privateIpAddress>10.0.0.{number}0</privateIpAddress>\
         <privateIpAddressesSet><item><privateIpAddress>10.0.0.{number}0</privateIpAddress><primary>true</primary>\
         </item><item><privateIpAddress>10.0.0.{number}1</privateIpAddress><primary>false</primary></item>\
         </privateIpAddressesSet><attachment><attachmentId>eni-attach-{number}</attachmentId><instanceId>i-1</instanceId><deviceIndex>{number}</deviceIndex>\
         <networkCardIndex>1</networkCardIndex><status>attached</status></attachment></item>"
    )
}

pub(crate) async fn interfaces(ec2: &Arc<dyn Ec2>) -> Result<usize, Cause> {
    ec2.attached_interfaces(InstanceId::new("i-1")).await.map(|enis| enis.len())
}

pub(crate) async fn assign(ec2: &Arc<dyn Ec2>, count: u32) -> Result<Vec<Ipv4Addr>, Cause> {
    ec2.assign_addresses(EniId::new("eni-1"), SubnetId::new("subnet-1"), count).await
}
