//! ADD and DEL with an address free, one at a time and twenty at once.

use anyhow::Result;

use super::floored::{Bench, Pair};
use super::rows::{Goal, Row};

/// Pods on the node at a time while one after the other comes.
const GROUP: usize = 10;
/// As many at once as design and kubelet have in mind for a node that starts.
const AT_ONCE: usize = 20;

/// Groups of each, in a whole bench and in a short one.
const GROUPS: usize = 20;
const GROUPS_SHORT: usize = 1;

/// Ratios to the floor.
pub(super) const ALONE_MAX: f64 = 1.5;
const AT_ONCE_MAX: f64 = 2.0;

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let groups = if bench.extent.short { GROUPS_SHORT } else { GROUPS };
    // The first of everything is slower: pages are not there yet.
    bench.group(GROUP, 1, (&mut Pair::default(), &mut Pair::default())).await?;
    let (mut adds, mut dels) = (Pair::default(), Pair::default());
    for _ in 0..groups {
        bench.group(GROUP, 1, (&mut adds, &mut dels)).await?;
    }
    tell(bench, "ADD", &adds, (50, Goal::TimesFloor(ALONE_MAX)));
    tell(bench, "ADD", &adds, (99, Goal::None));
    tell(bench, "DEL", &dels, (50, Goal::None));
    let (mut adds, mut dels) = (Pair::default(), Pair::default());
    for _ in 0..groups {
        bench.group(AT_ONCE, AT_ONCE, (&mut adds, &mut dels)).await?;
    }
    let at_once = |verb: &str| format!("{verb}, {AT_ONCE} at once");
    tell(bench, &at_once("ADD"), &adds, (50, Goal::TimesFloor(AT_ONCE_MAX)));
    tell(bench, &at_once("ADD"), &adds, (99, Goal::TimesFloor(AT_ONCE_MAX)));
    tell(bench, &at_once("DEL"), &dels, (50, Goal::None));
    Ok(())
}

pub(super) fn tell(bench: &mut Bench<'_>, what: &str, pair: &Pair, (percent, goal): (usize, Goal)) {
    let values = (pair.product.percentile(percent), Some(pair.floor.percentile(percent)));
    let samples = (pair.product.count(), bench.programs.build);
    let row = Row::measured(format!("{what}, p{percent}"), "ms", values, goal, samples);
    bench.tell(row.because(format!("floor: {}", pair.floor.parts())));
}
