//! `cargo lab bench`: what the product takes, beside what it must take at least, in one run. The floor is measured like the
//! product, between its samples, so that what the machine does besides happens to both; `integration/lab/BENCH.md` says what each
//! figure is.

mod actor;
mod adds;
mod crowd;
mod drift;
mod floored;
mod growth;
mod hand;
mod rows;
mod samples;
mod start;
mod verbs;

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use tokio::time::Instant;

use crate::audience::Say;
use crate::binaries::Binaries;
use floored::Bench;
pub use rows::{BenchReport, Row, Verdict};

/// Which builds are measured, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The daemon and the floor as they are developed, not as they are shipped.
    pub dev: bool,
    /// A few samples of each figure: enough to see that it can be measured.
    pub short: bool,
}

/// What is executed.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The product, as it is shipped if that is what is measured.
    pub(crate) binaries: Binaries,
    /// The product as it is developed: its actors can be harmed.
    pub(crate) developed: Binaries,
    /// The bench's hand inside a node.
    pub(crate) floor: PathBuf,
    /// The empty program, built as the shim is.
    pub(crate) empty: PathBuf,
    /// How daemon and floor were built.
    pub(crate) build: &'static str,
}

/// Measures every figure that can be measured now.
///
/// # Errors
/// When something is not built, or the lab or the product fails: a bench of something broken says nothing.
pub async fn run(extent: Extent, say: Say<'_>) -> Result<BenchReport> {
    let begun = Instant::now();
    let programs = Programs::locate(extent.dev)?;
    programs.binaries.verify().await?;
    let mut bench = Bench::prepare(&programs, extent, say).await?;
    match measure(&mut bench).await {
        Ok(()) => Ok(bench.report(begun.elapsed())),
        Err(error) => Err(bench.explained(&error)),
    }
}

/// From the node that is nearly empty to the one that is full, and from the daemon that runs to those that start.
async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    adds::measure(bench).await.context("ADD and DEL")?;
    verbs::measure(bench).await.context("STATUS and CHECK")?;
    crowd::measure(bench).await.context("a full node")?;
    drift::measure(bench).await.context("drift")?;
    start::measure(bench).await.context("the start")?;
    growth::measure(bench).await.context("growth")?;
    actor::measure(bench).await.context("an actor's restart")
}

impl Programs {
    /// Finds what was built.
    fn locate(dev: bool) -> Result<Self> {
        let developed = Binaries::locate()?;
        let debug = developed.daemon.parent().context("the daemon has no directory")?;
        let target = debug.parent().context("no target directory")?;
        let (directory, build) =
            if dev { (debug.to_path_buf(), "dev") } else { (target.join("release"), "release") };
        let empty = if dev { debug.join("empty") } else { target.join("shim/empty") };
        let found = Self {
            binaries: Binaries { daemon: directory.join("enid"), shim: developed.shim.clone() },
            developed,
            floor: directory.join("floor"),
            empty,
            build,
        };
        for path in [&found.binaries.daemon, &found.floor, &found.empty] {
            if !path.is_file() {
                bail!(
                    "{} is not there: start the bench as `cargo lab bench`, which builds it",
                    path.display()
                );
            }
        }
        Ok(found)
    }
}
