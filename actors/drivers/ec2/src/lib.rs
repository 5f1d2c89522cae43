//! The EC2 and instance metadata ports, by the AWS SDK. This crate owns how enid speaks to AWS: credentials, endpoints,
//! timeouts, and what an answer must have to be one. It never retries, never decides, and knows no error code: what EC2
//! refuses is given to the contract's classifier as it came.

mod connect;
mod settings;

mod ec2_answers;
mod ec2_client;
mod ec2_errors;
mod eni_calls;
mod sdk_ec2;

mod imds_answers;
mod imds_client;
mod sdk_imds;

mod words;

pub use connect::connect;
pub use sdk_ec2::SdkEc2;
pub use sdk_imds::SdkImds;
pub use settings::AwsSettings;
