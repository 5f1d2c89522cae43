//! STATUS and CHECK, each beside the execution of an empty program.

use anyhow::{Context, Result};
use floor::Program;

use super::floored::{Bench, program};
use super::rows::{Goal, Row};
use super::samples::Samples;
use crate::cni::Verb;

const TIMES: usize = 100;
const TIMES_SHORT: usize = 3;

const STATUS_MILLISECONDS_MAX: f64 = 3.0;
const CHECK_MILLISECONDS_MAX: f64 = 5.0;

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let sandboxes = bench.sandboxes(1).await?;
    let mut wired = bench.add(sandboxes, &mut Samples::default()).await?;
    let pod = wired.pop().context("no pod")?;
    let status = program(bench.node()?, Verb::Status, None, None).await?;
    let check = program(bench.node()?, Verb::Check, Some(&pod.pod.sandbox), Some(&pod.result)).await?;
    let empty = Program { path: bench.programs.empty.clone(), ..status.clone() };
    let mut samples = [Samples::default(), Samples::default(), Samples::default()];
    for _ in 0..if bench.extent.short { TIMES_SHORT } else { TIMES } {
        bench.in_turn(&[&empty, &status, &check], &mut samples).await?;
    }
    let [empty, status, check] = samples;
    for (what, samples, most) in
        [("STATUS", status, STATUS_MILLISECONDS_MAX), ("CHECK", check, CHECK_MILLISECONDS_MAX)]
    {
        let values = (samples.percentile(50), Some(empty.percentile(50)));
        let of = (samples.count(), bench.programs.build);
        let row = Row::measured(format!("{what}, exec to exit, p50"), "ms", values, Goal::AtMost(most), of);
        bench.tell(row.because("floor: an empty program".to_owned()));
    }
    let size = std::fs::metadata(&bench.programs.binaries.shim).context("the shim")?.len();
    let most = Goal::AtMost(2.0);
    bench.tell(Row::measured(
        "the shim, static".to_owned(),
        "MiB",
        (mebibytes(size), None),
        most,
        (1, "shim"),
    ));
    bench.crowd.push(pod);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes of programs and processes are exact f64s")]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
