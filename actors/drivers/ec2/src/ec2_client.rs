//! A client of EC2: which credentials, endpoint and timeouts it has, and two guards around the SDK. Nothing is sent here.

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ec2::config::{
    ConfigBag, Credentials, IdentityCache, Intercept, ProvideCredentials, RuntimeComponents,
    SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_sdk_ec2::error::BoxError;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use crate::connect::client_for;
use crate::ec2_errors::of_panic;
use crate::imds_client;
use crate::settings::AwsSettings;

/// Local only: the environment and the shared configuration files are read, nothing is sent.
pub(crate) async fn make(settings: &AwsSettings, region: Region) -> Client {
    let http = client_for(settings.ec2_endpoint.as_deref());
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.ec2_timeout)
        .operation_attempt_timeout(settings.ec2_timeout)
        .operation_timeout(settings.ec2_timeout)
        .build();
    let provider = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_http_client(http.clone())
        .with_retry_config(RetryConfig::disabled())
        .with_timeout_config(timeouts.clone());
    let credentials = DefaultCredentialsChain::builder()
        .configure(provider)
        .region(region.clone())
        .imds_client(imds_client::build(settings))
        .build()
        .await;
    let timeout = settings.credentials_timeout.min(settings.ec2_timeout / 2);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .credentials_provider(SharedCredentialsProvider::new(Guarded { credentials, timeout }))
        // Longer than the guard's own: what the cache gives up on is told as a timeout of the call.
        .identity_cache(IdentityCache::lazy().load_timeout(settings.ec2_timeout).build())
        // A stalled body ends with the call's own timeout, and is then told as one.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Ok(name) = AppName::new("enid") {
        loader = loader.app_name(name);
    }
    let shared = loader.load().await;
    let mut config = aws_sdk_ec2::config::Builder::from(&shared).interceptor(WholeAnswer);
    // Not on the loader: there it would be the endpoint of the token service too.
    if let Some(endpoint) = &settings.ec2_endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

/// The standard chain, so that its slowness and a panic in it are errors of credentials. It has a panic for a role whose
/// name is no path.
#[derive(Debug)]
struct Guarded {
    credentials: DefaultCredentialsChain,
    timeout: Duration,
}

impl ProvideCredentials for Guarded {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(async {
            let asked = AssertUnwindSafe(self.credentials.provide_credentials()).catch_unwind();
            match tokio::time::timeout(self.timeout, asked).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => Err(CredentialsError::unhandled(of_panic(panic.as_ref()))),
                // What was had last may still be good, even past its expiry: the metadata service extends it when it cannot
                // renew.
                Err(_) => self
                    .fallback_on_interrupt()
                    .ok_or_else(|| CredentialsError::provider_timed_out(self.timeout)),
            }
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.credentials.fallback_on_interrupt()
    }
}

/// Refuses an answer that was cut off. The SDK takes the end of a text for the end of every element that is open, so that
/// half an answer reads as a whole one with fewer ENIs or addresses in it: a lie that others would act on.
#[derive(Debug)]
struct WholeAnswer;

impl Intercept for WholeAnswer {
    fn name(&self) -> &'static str {
        "WholeAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let whole = response.body().bytes().is_some_and(|text| text.trim_ascii_end().ends_with(b"Response>"));
        if response.status().is_success() && !whole {
            return Err("it does not end as an answer does".into());
        }
        Ok(())
    }
}
