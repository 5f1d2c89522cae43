//! The EC2 and instance metadata ports, by the AWS SDK.
