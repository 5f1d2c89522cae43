//! The one place where EC2's codes become causes: for the SDK driver and for the fakes alike. Pure.

use crate::causes::Cause;
use crate::model::SubnetId;

/// What came back instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ec2Error {
    /// EC2 answered with an error.
    Service {
        /// HTTP status.
        status: u16,
        /// `Error/Code`; empty if the body had none.
        code: String,
        /// `Error/Message`.
        message: String,
    },
    /// No answer within the timeout.
    Timeout {
        /// The timeout, seconds.
        seconds: u64,
    },
    /// No usable credentials, so nothing was sent.
    NoCredentials(String),
    /// The connection failed, or broke.
    Transport(String),
    /// An answer that is no answer: not the XML it should be, or without a member we need.
    Malformed(String),
}

/// The cause behind an EC2 error. `subnet` is the one the call concerned, for errors that mean it has no room.
///
/// ```
/// use contract::ports::ec2::{classify, Ec2Error};
/// let error = Ec2Error::Service { status: 503, code: "RequestLimitExceeded".into(), message: "Request limit exceeded.".into() };
/// assert_eq!(classify("DescribeSubnets", None, error).label(), "Throttled");
/// ```
#[must_use]
pub fn classify(action: &'static str, subnet: Option<&SubnetId>, error: Ec2Error) -> Cause {
    match error {
        Ec2Error::Timeout { seconds } => Cause::Ec2Timeout { action, timeout_seconds: seconds },
        Ec2Error::NoCredentials(detail) => Cause::Credentials { action, detail },
        Ec2Error::Transport(detail) => Cause::Ec2Unavailable { action, detail },
        Ec2Error::Malformed(detail) => {
            Cause::Ec2Unavailable { action, detail: format!("unusable answer: {detail}") }
        }
        Ec2Error::Service { status, code, message } => by_code(action, subnet, status, code, message),
    }
}

fn by_code(
    action: &'static str,
    subnet: Option<&SubnetId>,
    status: u16,
    code: String,
    message: String,
) -> Cause {
    if no_room(&code, &message)
        && let Some(subnet) = subnet
    {
        return Cause::SubnetExhausted { subnet: subnet.clone(), detail: message };
    }
    match code.as_str() {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottledException"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "EC2ThrottledException" => Cause::Throttled { action },
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" | "OptInRequired" => {
            Cause::Unauthorized { action, detail: message }
        }
        "AuthFailure"
        | "RequestExpired"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed"
        | "UnrecognizedClientException" => {
            Cause::Credentials { action, detail: format!("{code}: {message}") }
        }
        "" => Cause::Ec2Unavailable { action, detail: format!("HTTP {status} without an error code") },
        _ if status >= 500 => Cause::Ec2Unavailable { action, detail: format!("{code}: {message}") },
        _ => Cause::Ec2Refused { action, code, detail: message },
    }
}

/// What was asked of one ENI; `None` if EC2 says that there is no such ENI.
///
/// # Errors
/// Any other cause, as it is.
pub fn known_to_ec2<T>(result: Result<T, Cause>) -> Result<Option<T>, Cause> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Cause::Ec2Refused { code, .. }) if code == "InvalidNetworkInterfaceID.NotFound" => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// The three spellings of a subnet without room; the third hides behind a code that means anything.
fn no_room(code: &str, message: &str) -> bool {
    matches!(code, "InsufficientFreeAddressesInSubnet" | "InsufficientCidrBlocks")
        || (code == "InvalidParameterValue" && message.contains("aren't sufficient free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(status: u16, code: &str, message: &str) -> &'static str {
        let subnet = SubnetId::new("subnet-1");
        let error = Ec2Error::Service { status, code: code.into(), message: message.into() };
        classify("AssignPrivateIpAddresses", Some(&subnet), error).label()
    }

    #[test]
    fn each_code_has_its_cause() {
        for (status, code, message, expected) in [
            (
                400,
                "InsufficientFreeAddressesInSubnet",
                "The specified subnet does not have …",
                "SubnetExhausted",
            ),
            (400, "InsufficientCidrBlocks", "The specified subnet does not have …", "SubnetExhausted"),
            (
                400,
                "InvalidParameterValue",
                "There aren't sufficient free Ipv4 addresses or prefixes",
                "SubnetExhausted",
            ),
            (400, "InvalidParameterValue", "something else", "Ec2Refused"),
            (503, "RequestLimitExceeded", "Request limit exceeded.", "Throttled"),
            (400, "Throttling", "Rate exceeded", "Throttled"),
            (403, "UnauthorizedOperation", "You are not authorized …", "Unauthorized"),
            (401, "AuthFailure", "AWS was not able to validate …", "Credentials"),
            (400, "RequestExpired", "Request has expired.", "Credentials"),
            (500, "InternalError", "An internal error has occurred", "Ec2Unavailable"),
            (503, "Unavailable", "The service is unavailable.", "Ec2Unavailable"),
            (502, "", "", "Ec2Unavailable"),
            (
                400,
                "PrivateIpAddressLimitExceeded",
                "Number of private addresses will exceed limit.",
                "Ec2Refused",
            ),
        ] {
            assert_eq!(label(status, code, message), expected, "{code}");
        }
    }

    #[test]
    fn an_eni_that_ec2_does_not_know_is_no_failure() {
        let refusal = |code: &str| Cause::Ec2Refused {
            action: "DeleteNetworkInterface",
            code: code.to_owned(),
            detail: String::new(),
        };
        assert_eq!(known_to_ec2::<()>(Err(refusal("InvalidNetworkInterfaceID.NotFound"))), Ok(None));
        assert_eq!(known_to_ec2(Ok(7)), Ok(Some(7)));
        let in_use = refusal("InvalidNetworkInterface.InUse");
        assert_eq!(known_to_ec2::<()>(Err(in_use.clone())), Err(in_use));
    }

    #[test]
    fn no_room_without_a_subnet_to_blame_is_a_plain_refusal() {
        let error = Ec2Error::Service {
            status: 400,
            code: "InsufficientFreeAddressesInSubnet".into(),
            message: String::new(),
        };
        assert_eq!(classify("DescribeSubnets", None, error).label(), "Ec2Refused");
    }
}
