//! The ENIs that are there in the end: as many as expected, and none that belongs to nobody or would outlive its node.

use anyhow::Result;
use region::{Eni, InstanceId, Region};
use std::cell::Cell;
use std::time::Duration;

use super::{Seen, Stage};
use crate::scenario::Count;
use crate::until;

/// What is still to be attached, bound or deleted is so within this.
const SETTLES_SECONDS_MAX: u64 = 20;

impl Stage<'_> {
    pub(super) async fn of_enis(&self, expected: Count) -> Result<Vec<Seen>> {
        let nodes: Vec<&str> = self.world.node_names().collect();
        let nodes: Vec<_> = nodes.into_iter().map(|name| self.world.node(name)).collect::<Result<_>>()?;
        let nodes: Vec<InstanceId> = nodes.into_iter().map(|node| node.instance.clone()).collect();
        let there = Cell::new(0);
        let look = || async {
            let nodes = nodes.clone();
            let (many, astray) =
                self.world.region().ask(move |desk| count_enis(&desk.region, &nodes)).await?;
            there.set(many);
            let settled = expected.fits(many) && astray.is_empty();
            Ok((!settled).then(|| astray.join("\n")))
        };
        let astray = until::quiet(Duration::from_secs(SETTLES_SECONDS_MAX), look).await?;
        let astray = astray.into_iter().filter(|text| !text.is_empty()).collect();
        Ok(vec![
            Seen::counted("enis", expected, there.get(), None),
            Seen::list("enis", "each attached, and bound to its node's end", astray),
        ])
    }
}

/// How many there are beside those of instances that are no nodes, and which are attached to nothing or would outlive their node.
fn count_enis(region: &Region, nodes: &[InstanceId]) -> (u64, Vec<String>) {
    let of_node = |eni: &&Eni| eni.attachment.as_ref().is_none_or(|at| nodes.contains(&at.instance));
    let wrong = region.enis().filter(of_node).filter_map(|eni| match &eni.attachment {
        None => Some(format!("{} is attached to nothing", eni.id)),
        Some(attachment) if !attachment.delete_on_termination => {
            Some(format!("{} would outlive {}", eni.id, attachment.instance))
        }
        Some(_) => None,
    });
    (region.enis().filter(of_node).count().try_into().unwrap_or(u64::MAX), wrong.collect())
}
