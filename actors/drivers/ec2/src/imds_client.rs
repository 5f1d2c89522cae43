//! One key of the metadata service at a time, by IMDSv2. It owns the session token and what an HTTP status means; it never
//! looks into an answer.

use aws_config::imds::client::Client;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_ec2::error::BoxError;
use contract::causes::Cause;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::watch;

use crate::connect::http_client;
use crate::ec2_errors::of_panic;
use crate::settings::AwsSettings;
use crate::words::in_words;

/// Life of a session token. The SDK's own 6 hours would keep a token that the service has forgotten, and with it the
/// credentials, for as long.
const TOKEN_TTL: Duration = Duration::from_secs(300);

/// Why a key could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImdsProblem {
    #[error("{path}: HTTP {status}")]
    Status { path: String, status: u16 },
    #[error("{path}: {detail}")]
    Failed { path: String, detail: String },
    #[error("{path}: not found")]
    NotFound { path: String },
    #[error("{path}: {problem}")]
    Malformed { path: String, problem: String },
    #[error("not answered within {seconds} s")]
    Deadline { seconds: u64 },
}

impl From<ImdsProblem> for Cause {
    fn from(problem: ImdsProblem) -> Self {
        Self::ImdsUnavailable { detail: problem.to_string() }
    }
}

/// A client with a session of its own, which is opened by its first request.
pub(crate) fn build(settings: &AwsSettings) -> Client {
    let key_timeout = settings.imds_key_timeout;
    let builder = || {
        Client::builder()
            .configure(&ProviderConfig::without_region().with_http_client(http_client()))
            .max_attempts(1)
            .token_ttl(TOKEN_TTL)
            .connect_timeout(settings.connect_timeout.min(key_timeout))
            .read_timeout(key_timeout)
            .operation_attempt_timeout(key_timeout)
            .operation_timeout(key_timeout)
    };
    let Some(endpoint) = &settings.imds_endpoint else {
        return builder().build();
    };
    match builder().endpoint(endpoint) {
        Ok(builder) => builder.build(),
        Err(error) => {
            let error: BoxError = error;
            tracing::error!(%endpoint, %error, "the metadata endpoint is no address; the standard one is used");
            builder().build()
        }
    }
}

/// A client that opens a new session when its own is refused.
#[derive(Debug)]
pub(crate) struct ImdsClient {
    settings: AwsSettings,
    /// Counted, so that of several requests that were refused together one makes the new session.
    session: watch::Sender<(u64, Client)>,
}

impl ImdsClient {
    pub(crate) fn new(settings: AwsSettings) -> Self {
        let session = watch::Sender::new((0, build(&settings)));
        Self { settings, session }
    }

    /// The text at `path`, `None` if there is none (404).
    pub(crate) async fn get(&self, path: &str) -> Result<Option<String>, ImdsProblem> {
        let (number, client) = self.session.borrow().clone();
        match get_once(&client, path).await {
            Err(ImdsProblem::Status { status: 401, .. }) => {
                self.session.send_if_modified(|session| {
                    let mine = session.0 == number;
                    if mine {
                        *session = (number.wrapping_add(1), build(&self.settings));
                    }
                    mine
                });
                let (_, client) = self.session.borrow().clone();
                get_once(&client, path).await
            }
            outcome => outcome,
        }
    }
}

async fn get_once(client: &Client, path: &str) -> Result<Option<String>, ImdsProblem> {
    let failed = |detail| ImdsProblem::Failed { path: path.to_owned(), detail };
    match AssertUnwindSafe(client.get(path)).catch_unwind().await {
        Ok(Ok(text)) => Ok(Some(text.into())),
        Ok(Err(ImdsError::ErrorResponse(answer))) => match answer.response().status().as_u16() {
            404 => Ok(None),
            status => Err(ImdsProblem::Status { path: path.to_owned(), status }),
        },
        Ok(Err(error)) => Err(failed(in_words(&error))),
        Err(panic) => Err(failed(of_panic(panic.as_ref()))),
    }
}
