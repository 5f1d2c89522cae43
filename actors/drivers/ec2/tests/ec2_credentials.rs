//! Credentials and the standard variables. The environment of a test is not its own, so each case runs in a child whose
//! environment is made here.

#[path = "support/server.rs"]
mod server;

use contract::model::InstanceId;
use ec2::{AwsSettings, connect};
use server::{Reply, Server, session_and_role};
use std::time::Duration;

const CHILD: &str = "ENID_TEST_CHILD";

/// Runs this test again in a child with this environment alone; gives what its one call ended with.
async fn child(test: &str, environment: &[(&str, &str)]) -> String {
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env_clear()
        .env(CHILD, "1")
        .env("HOME", "/nonexistent")
        .envs(environment.iter().copied())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .find_map(|line| line.split_once("outcome: "))
        .map(|(_, outcome)| outcome.to_owned())
        .unwrap_or_else(|| panic!("no outcome: {text} {errors}"))
}

/// In a child: asks EC2 as the environment says, and tells what came.
async fn told_by_child(settings: AwsSettings) -> bool {
    let is_child = std::env::var_os(CHILD).is_some();
    if is_child {
        let (ec2, imds) = connect(settings);
        // The Region is in the environment, or it is learned.
        drop(imds.node().await);
        let outcome = match ec2.attached_interfaces(InstanceId::new("i-1")).await {
            Ok(enis) => format!("{} interfaces", enis.len()),
            Err(cause) => format!("{}: {cause}", cause.label()),
        };
        println!("outcome: {outcome}");
    }
    is_child
}

fn none() -> Reply {
    Reply::ok("<DescribeNetworkInterfacesResponse></DescribeNetworkInterfacesResponse>")
}

#[tokio::test]
async fn the_standard_variables_say_where_aws_is_and_who_we_are() {
    if told_by_child(AwsSettings::default()).await {
        return;
    }
    let test = "the_standard_variables_say_where_aws_is_and_who_we_are";
    let mut ec2 = Server::start(|_| none()).await;
    let endpoint_of_ec2 = ec2.endpoint.clone();
    let metadata = Server::start(|request| session_and_role(request).unwrap_or(Reply::new(404, ""))).await;
    let keys =
        [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "us-east-2")];
    for endpoint in ["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"] {
        let where_it_is = [
            (endpoint, endpoint_of_ec2.as_str()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.endpoint.as_str()),
        ];
        let outcome = child(test, &[&keys[..], &where_it_is[..]].concat()).await;
        assert_eq!(outcome, "0 interfaces", "{endpoint}");
        let authorization = &ec2.asked()[0].headers["authorization"];
        assert!(authorization.contains("Credential=AKIAENV/"), "{authorization}");
        assert!(authorization.contains("/us-east-2/ec2/"), "{authorization}");

        let outcome = child(test, &[&keys[2..], &where_it_is[..]].concat()).await;
        assert_eq!(outcome, "0 interfaces", "{endpoint}, by the node's role");
        let authorization = &ec2.asked()[0].headers["authorization"];
        assert!(authorization.contains("Credential=ASIANODE/"), "{authorization}");
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_cause_says_so() {
    // Only the timeout of the credentials is short, so that it is this one which ends a silence.
    let hasty = AwsSettings {
        credentials_timeout: Duration::from_millis(500),
        imds_timeout: Duration::from_millis(100),
        imds_key_timeout: Duration::from_secs(60),
        ec2_timeout: Duration::from_secs(5),
        ..AwsSettings::default()
    };
    if told_by_child(hasty).await {
        return;
    }
    let test = "without_credentials_nothing_is_sent_and_the_cause_says_so";
    let mut ec2 = Server::start(|_| none()).await;
    let endpoint_of_ec2 = ec2.endpoint.clone();
    let role_list = "/latest/meta-data/iam/security-credentials/";
    let role_is = |answer: Reply| {
        Server::start(move |request| match request.path.as_str() {
            path if path.starts_with("/latest/meta-data/iam/") => {
                if path == role_list {
                    answer.clone()
                } else {
                    Reply::new(404, "")
                }
            }
            _ => session_and_role(request).unwrap_or(Reply::new(404, "")),
        })
    };
    for (what, metadata) in [
        ("no role", role_is(Reply::new(404, "")).await),
        ("a role that is no name", role_is(Reply::ok("<html> no\nname")).await),
        ("a role without credentials", role_is(Reply::ok("other-role")).await),
        ("silence", role_is(Reply::Silence).await),
        ("no metadata at all", Server::start(|_| Reply::Silence).await),
    ] {
        let environment = [
            ("AWS_ENDPOINT_URL_EC2", endpoint_of_ec2.as_str()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.endpoint.as_str()),
            ("AWS_REGION", "us-east-2"),
        ];
        let outcome = child(test, &environment).await;
        assert!(outcome.starts_with("Credentials: no usable AWS credentials for"), "{what}: {outcome}");
        assert_eq!(ec2.asked().len(), 0, "{what}");
    }
}
