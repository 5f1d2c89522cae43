//! Waiting for a condition: asked again and again until it holds or its time is over. Nothing in the lab waits for a time to
//! pass and hopes.

use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a condition: short against what is measured (an ADD takes about 10 ms), long against a look.
const PAUSE_MILLISECONDS: u64 = 2;

/// The time between two looks.
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(PAUSE_MILLISECONDS)).await;
}

/// Asks until the answer is nothing to complain about; the last complaint comes back when the time is over.
///
/// # Errors
/// The last complaint, or the error of a look that failed.
pub async fn quiet<F, A>(limit: Duration, mut look: F) -> Result<Option<String>>
where
    F: FnMut() -> A,
    A: Future<Output = Result<Option<String>>>,
{
    let deadline = Instant::now() + limit;
    loop {
        let complaint = look().await?;
        if complaint.is_none() || Instant::now() >= deadline {
            return Ok(complaint);
        }
        pause().await;
    }
}
