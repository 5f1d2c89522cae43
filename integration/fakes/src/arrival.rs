//! How an answer arrives at a client that reads a body to its end before it looks at it, as the SDK does.

use region::Delivery;
use std::future::pending;
use std::time::Duration;
use tokio::time::sleep;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection was refused, closed or reset before one came.
    Before,
    /// The connection was reset within the body.
    Within,
}

/// Waits for an answer with so long a body; for ever if none comes. A connection that is closed while idle harms nobody here: each
/// call has its own.
pub(crate) async fn arrive(delivery: Delivery, body_bytes: usize) -> Result<(), Broken> {
    match delivery {
        Delivery::Deliver | Delivery::CloseIdle { .. } => Ok(()),
        Delivery::Dribble { bytes_per_second } => {
            let bytes = u32::try_from(body_bytes).unwrap_or(u32::MAX);
            sleep(Duration::from_secs(1) * bytes / bytes_per_second.max(1)).await;
            Ok(())
        }
        Delivery::Cut { .. } => Err(Broken::Within),
        Delivery::Hang | Delivery::HangAfterApply => pending().await,
        Delivery::DropBefore
        | Delivery::DropAfterApply
        | Delivery::ResetBefore
        | Delivery::ResetAfterApply
        | Delivery::Refuse => Err(Broken::Before),
    }
}
