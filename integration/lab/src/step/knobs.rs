//! `knobs`: EC2 as it is from now on.

use anyhow::Result;
use serde::Deserialize;

use super::Take;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Knobs`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Knobs {
    /// All knobs: those that are left out are at their defaults.
    knobs: region::Knobs,
}

impl Take for Knobs {
    fn check(&self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let mut knobs = self.knobs.clone();
        stage
            .world
            .region()
            .ask(move |desk| {
                // The wall clock does not jump because EC2 becomes slower.
                knobs.epoch_unix_seconds = desk.region.knobs().epoch_unix_seconds;
                desk.region.set_knobs(knobs)
            })
            .await??;
        Ok("replaced".to_owned())
    }
}
