//! A daemon that was killed comes back to its pods while EC2 does not answer.

use anyhow::{Result, ensure};
use std::time::Duration;
use tokio::time::Instant;

use super::floored::{Bench, settings};
use super::rows::{Goal, Row};
use super::samples::Samples;
use crate::metrics;

const TIMES: usize = 5;
const MILLISECONDS_MAX: f64 = 500.0;

/// Where nobody answers (RFC 5737, and no address of the lab's).
const NOBODY: &str = "http://203.0.113.99";

/// A daemon with wrong settings ends at once.
const REFUSAL_MAX: Duration = Duration::from_secs(20);

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let mut alone = settings();
    alone.environment.insert("AWS_ENDPOINT_URL_EC2".to_owned(), NOBODY.to_owned());
    let mut wrong = settings();
    wrong.environment.insert("ENID_NO_SUCH_SETTING".to_owned(), String::new());
    let (mut started, mut boxed) = (Samples::default(), Samples::default());
    let pods = bench.crowd.len();
    for _ in 0..if bench.extent.short { 1 } else { TIMES } {
        let node = bench.node()?;
        node.kill_daemon().await?;
        let begun = Instant::now();
        node.daemon_that_ends(&wrong, REFUSAL_MAX).await?;
        boxed.took(begun.elapsed());
        started.took(node.start_daemon(&alone).await?);
        let (_, page) = node.health("/metrics").await?;
        let leased = metrics::leased_addresses(&page);
        ensure!(leased == u64::try_from(pods).ok(), "{leased:?} of {pods} leases came back");
    }
    // It serves: one more pod comes.
    let more = bench.sandboxes(1).await?;
    let wired = bench.add(more, &mut Samples::default()).await?;
    bench.crowd.extend(wired);
    let values = (started.percentile(50), None);
    let of = (started.count(), bench.programs.build);
    let figure = format!("start to serving, {pods} pods, no EC2, p50");
    let row = Row::measured(figure, "ms", values, Goal::AtMost(MILLISECONDS_MAX), of);
    let note = format!(
        "of that, making the container and refusing wrong settings take {:.0} ms",
        boxed.percentile(50)
    );
    bench.tell(row.because(note));
    Ok(())
}
