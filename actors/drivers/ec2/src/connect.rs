//! Both ports, ready to be asked. Nothing here waits for the network: a client of EC2 is made when the first call needs it
//! and the Region is known.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use contract::ports::ec2::Ec2;
use contract::ports::imds::Imds;
use std::sync::Arc;

use crate::sdk_ec2::SdkEc2;
use crate::sdk_imds::SdkImds;
use crate::settings::AwsSettings;

/// Makes both ports. It does no I/O, needs no runtime and cannot fail: what is wrong with an endpoint or with credentials is
/// told by the first call that needs them.
///
/// Connections live on the runtime that the calls are made on, and are kept for later calls: make all calls on one runtime
/// that outlives them.
#[must_use]
pub fn connect(settings: AwsSettings) -> (Arc<dyn Ec2>, Arc<dyn Imds>) {
    let imds = SdkImds::new(settings.clone());
    let ec2 = SdkEc2::new(settings, imds.region());
    (Arc::new(ec2), Arc::new(imds))
}

/// The client for EC2 at this endpoint, and for the credentials that go with it. An endpoint in plain text is somebody's own
/// stand-in: it needs no certificates, and a node without any can use it.
pub(crate) fn client_for(endpoint: Option<&str>) -> SharedHttpClient {
    match endpoint {
        Some(endpoint) if endpoint.starts_with("http://") => http_client(),
        _ => https_client(),
    }
}

/// Speaks TLS to `https` endpoints and plain text to `http` ones.
fn https_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// Speaks plain text only, and needs no certificates.
pub(crate) fn http_client() -> SharedHttpClient {
    Builder::new().build_http()
}
