//! A node with 250 pods: an ADD more, and what the daemon takes while nothing happens.

use anyhow::{Context, Result, bail, ensure};
use std::time::Duration;

use super::adds;
use super::floored::{Bench, Pair};
use super::rows::{Goal, Row};
use super::samples::Samples;
use super::verbs::mebibytes;
use crate::{metrics, until};

const PODS: usize = 250;
const PODS_SHORT: usize = 4;
/// Pods that come at once on the way there.
const AT_ONCE: usize = 10;
const GROUPS: usize = 5;

/// Long enough for one of the daemon's looks at pods' namespaces.
const IDLE: Duration = Duration::from_secs(310);
const IDLE_SHORT: Duration = Duration::from_secs(1);

/// By then every address that was used has rested.
const REST_MAX: Duration = Duration::from_secs(60);

/// `USER_HZ` is 100 on every architecture that EKS has.
const MILLISECONDS_PER_TICK: u64 = 10;

const MEBIBYTES_MAX: f64 = 25.0;
const MILLICORES_MAX: f64 = 1.0;

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let (pods, idle, groups) =
        if bench.extent.short { (PODS_SHORT, IDLE_SHORT, 1) } else { (PODS, IDLE, GROUPS) };
    while bench.crowd.len() < pods {
        let more = bench.sandboxes(AT_ONCE.min(pods - bench.crowd.len())).await?;
        let wired = bench.add(more, &mut Samples::default()).await?;
        bench.crowd.extend(wired);
    }
    let (mut adds, mut dels) = (Pair::default(), Pair::default());
    for _ in 0..groups {
        bench.group(AT_ONCE, 1, (&mut adds, &mut dels)).await?;
    }
    adds::tell(bench, &format!("ADD beside {pods} pods"), &adds, (50, Goal::TimesFloor(adds::ALONE_MAX)));
    watch(bench, pods, idle).await
}

/// Addresses of the pods that went rest for some seconds, and the kernel is read when they have.
async fn at_rest(bench: &Bench<'_>) -> Result<()> {
    let node = bench.node()?;
    let wait = until::quiet(REST_MAX, || async {
        let (_, page) = node.health("/metrics").await?;
        let resting =
            metrics::resting_addresses(&page).context("the daemon tells of no resting addresses")?;
        Ok((resting > 0).then(|| format!("{resting} addresses rest still")))
    });
    match wait.await? {
        None => Ok(()),
        Some(complaint) => bail!(complaint),
    }
}

async fn watch(bench: &mut Bench<'_>, pods: usize, idle: Duration) -> Result<()> {
    at_rest(bench).await?;
    let pid = bench.node()?.daemon_pid()?;
    let before = (busy(pid)?, calls(bench).await?);
    tokio::time::sleep(idle).await;
    let busy = busy(pid)?.saturating_sub(before.0);
    let calls = calls(bench).await?.saturating_sub(before.1);
    let seconds = idle.as_secs_f64();
    let of = (1, bench.programs.build);
    let beside = format!("{pods} pods, idle");
    let resident = memory(pid, "VmRSS")?;
    let parts = format!(
        "{:.1} of its own, {:.1} of its program",
        mebibytes(memory(pid, "RssAnon")?),
        mebibytes(memory(pid, "RssFile")?)
    );
    let values = (mebibytes(resident), None);
    let row = Row::measured(format!("{beside}: RSS"), "MiB", values, Goal::AtMost(MEBIBYTES_MAX), of);
    bench.tell(row.because(parts));
    let millicores = busy.as_secs_f64() / seconds * 1000.0;
    let goal = Goal::AtMost(MILLICORES_MAX);
    let row = Row::measured(format!("{beside}: CPU"), "mcore", (millicores, None), goal, of);
    bench.tell(row.because(format!("watched for {seconds} s; no probe and no scrape comes meanwhile")));
    let hourly = f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / seconds * 3600.0;
    let row =
        Row::measured(format!("{beside}: EC2 calls an hour"), "calls", (hourly, None), Goal::AtMost(0.0), of);
    bench.tell(row.because(format!("{calls} in {seconds} s; what is rarer was not seen")));
    Ok(())
}

/// Calls to EC2 so far.
async fn calls(bench: &Bench<'_>) -> Result<u64> {
    bench.world.region().ask(|desk| desk.region.journal().total()).await
}

/// A line of the process's status, bytes.
fn memory(pid: i32, line: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the daemon is gone")?;
    let kibibytes = status
        .lines()
        .find_map(|said| said.strip_prefix(line)?.strip_prefix(':')?.split_whitespace().next()?.parse().ok());
    let kibibytes: u64 = kibibytes.with_context(|| format!("the kernel tells no {line}"))?;
    Ok(kibibytes * 1024)
}

/// What the process's threads took so far, those that ended included. In the kernel's hundredths of a second.
fn busy(pid: i32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the daemon is gone")?;
    // The name, in brackets, may contain anything; user and system time are the 12th and 13th field behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: Vec<u64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(ticks.len() == 2, "the kernel tells no time of {pid}");
    Ok(Duration::from_millis(ticks.iter().sum::<u64>() * MILLISECONDS_PER_TICK))
}
