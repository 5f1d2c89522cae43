//! How long AWS may take, and where it is if the standard variables do not say. Values only.

use std::time::Duration;

/// Settings of both ports. What is `None` is found the standard way: `AWS_REGION`, `AWS_ENDPOINT_URL_EC2`,
/// `AWS_ENDPOINT_URL`, `AWS_EC2_METADATA_SERVICE_ENDPOINT`, the shared configuration files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// The Region. Without one, and without `AWS_REGION`, the metadata service tells.
    pub region: Option<String>,
    /// Where EC2 is, `http://…` or `https://…`.
    pub ec2_endpoint: Option<String>,
    /// Where the metadata service is, `http://…`. Credentials are taken from there too.
    pub imds_endpoint: Option<String>,
    /// A connection must stand within this.
    pub connect_timeout: Duration,
    /// One call of the EC2 port, with all its pages, is given up after this.
    pub ec2_timeout: Duration,
    /// Credentials must be there within this; at most half of `ec2_timeout`, so that it is told which of the two was slow.
    pub credentials_timeout: Duration,
    /// One metadata key must be there within this.
    pub imds_key_timeout: Duration,
    /// One call of the metadata port, with all its keys, is given up after this.
    pub imds_timeout: Duration,
}

impl Default for AwsSettings {
    /// EC2 has 10 s, as in the agent we replace; the metadata service is a hop away and has 1 s per key.
    fn default() -> Self {
        Self {
            region: None,
            ec2_endpoint: None,
            imds_endpoint: None,
            connect_timeout: Duration::from_secs(2),
            ec2_timeout: Duration::from_secs(10),
            credentials_timeout: Duration::from_secs(5),
            imds_key_timeout: Duration::from_secs(1),
            imds_timeout: Duration::from_secs(5),
        }
    }
}

/// Whole seconds, rounded up, for telling how long somebody waited.
pub(crate) fn seconds(timeout: Duration) -> u64 {
    timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0)
}
