//! The ENIs that are there in the end: as many as expected, and none that belongs to nobody or would outlive its node.

use anyhow::Result;
use std::cell::Cell;
use std::time::Duration;

use super::{Seen, Stage};
use crate::scenario::Count;
use crate::until;

/// What is still to be attached, bound or deleted is so within this.
const SETTLES_SECONDS_MAX: u64 = 20;

impl Stage<'_> {
    pub(super) async fn of_enis(&self, expected: Count) -> Result<Vec<Seen>> {
        let there = Cell::new(0);
        let look = || async {
            let (many, astray) = self.world.region().ask(|desk| astray(&desk.region)).await?;
            there.set(many);
            let complaint = if expected.fits(many) { astray } else { [astray, vec![String::new()]].concat() };
            Ok((!complaint.is_empty()).then(|| complaint.join("\n").trim_end().to_owned()))
        };
        let complaint = until::quiet(Duration::from_secs(SETTLES_SECONDS_MAX), look).await?;
        let astray = complaint.into_iter().filter(|text| !text.is_empty()).collect();
        Ok(vec![
            Seen::counted("enis", expected, there.get(), None),
            Seen::list("enis", "each attached, and bound to its node's end", astray),
        ])
    }
}

/// How many there are, and those that are attached to nothing or would outlive their node.
fn astray(region: &region::Region) -> (u64, Vec<String>) {
    let wrong = region.enis().filter_map(|eni| match &eni.attachment {
        None => Some(format!("{} is attached to nothing", eni.id)),
        Some(attachment) if !attachment.delete_on_termination => {
            Some(format!("{} would outlive {}", eni.id, attachment.instance))
        }
        Some(_) => None,
    });
    (region.enis().count().try_into().unwrap_or(u64::MAX), wrong.collect())
}
