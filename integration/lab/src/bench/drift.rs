//! Another program takes the route to a pod away, on a node with 250: how long until it is back.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::Instant;

use super::floored::Bench;
use super::rows::{Goal, Row};
use super::samples::Samples;
use crate::kernel;
use crate::until;

const TIMES: usize = 5;
const MILLISECONDS_MAX: f64 = 1000.0;

/// What is not back by then is not coming back.
const BACK_MAX: Duration = Duration::from_secs(60);

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let pods = bench.crowd.len();
    let mut back = Samples::default();
    for _ in 0..if bench.extent.short { 1 } else { TIMES } {
        let pod = bench.crowd.get(back.count()).context("too few pods")?;
        let address = address(&pod.result)?;
        let netns = bench.node()?.netns();
        netns.ip(&["route", "del", &format!("{address}/32"), "table", "main"]).await?;
        let begun = Instant::now();
        let wait = until::quiet(BACK_MAX, || async {
            Ok((!kernel::pod_routes(netns)?.contains(&address)).then(|| address.to_string()))
        });
        ensure!(wait.await?.is_none(), "the route to {address} stays away");
        back.took(begun.elapsed());
    }
    let of = (back.count(), bench.programs.build);
    let figure = format!("drift repaired, {pods} pods, the slowest");
    let row = Row::measured(figure, "ms", (back.percentile(100), None), Goal::AtMost(MILLISECONDS_MAX), of);
    bench.tell(row.because("of that, news are gathered for 50 ms".to_owned()));
    Ok(())
}

/// The pod's address, by what its ADD printed.
fn address(result: &Value) -> Result<Ipv4Addr> {
    let network =
        result.pointer("/ips/0/address").and_then(Value::as_str).context("an ADD named no address")?;
    let (address, _) = network.split_once('/').context("an address without a prefix")?;
    Ok(address.parse()?)
}
