//! What the SDK reports, as the contract's errors: by kind and by type, never by text. What a code means is decided by the
//! contract's classifier alone.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use contract::ports::ec2::Ec2Error;
use std::error::Error;
use std::time::Duration;

use crate::settings::{AwsSettings, seconds};
use crate::words::{find, in_words, shortened};

/// How long each step of a call may take, for telling which one took too long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) call: Duration,
}

impl From<&AwsSettings> for Timeouts {
    fn from(settings: &AwsSettings) -> Self {
        Self { connect: settings.connect_timeout, call: settings.ec2_timeout }
    }
}

/// The error of one request.
pub(crate) fn of_request<E>(error: SdkError<E, HttpResponse>, timeouts: Timeouts) -> Ec2Error
where
    E: Error + ProvideErrorMetadata + 'static,
{
    // Credentials first: the SDK reports their absence as a failed dispatch, and their slowness as one too.
    if let Some(why) = find::<CredentialsError>(&error) {
        return Ec2Error::NoCredentials(in_words(why));
    }
    match error {
        SdkError::TimeoutError(_) => Ec2Error::Timeout { seconds: seconds(timeouts.call) },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Ec2Error::Timeout { seconds: seconds(timeouts.connect) }
        }
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(source) => Ec2Error::Transport(in_words(source)),
            None => Ec2Error::Transport("the request could not be sent".to_owned()),
        },
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let metadata = answer.err().meta();
            if answer.raw().status().is_success() {
                // Not an error of EC2's: an answer that could not be parsed.
                return Ec2Error::Malformed(in_words(answer.err()));
            }
            Ec2Error::Service {
                status,
                code: metadata.code().unwrap_or_default().to_owned(),
                message: shortened(metadata.message().unwrap_or_default()),
            }
        }
        other => match other {
            SdkError::ResponseError(_) => Ec2Error::Malformed(in_words(&other)),
            _ => Ec2Error::Transport(in_words(&other)),
        },
    }
}

/// What a panic inside the SDK said. It has some on odd input, a role name with a space among them.
pub(crate) fn of_panic(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    shortened(format!("the SDK panicked: {text}"))
}
