//! `fault` and `clear_faults`: calls that go wrong from now on, and no longer.

use anyhow::Result;
use serde::Deserialize;

use super::Take;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Fault`]: the keys are those of `[[region.fault]]`. Calls are counted from here.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Fault(region::FaultRule);

/// See [`super::Step::ClearFaults`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearFaults {}

impl Take for Fault {
    fn check(&self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let rule = self.0.clone();
        let shown = format!("{}: {:?}", rule.action, rule.fault);
        stage.world.region().ask(move |desk| desk.region.add_fault(rule)).await??;
        Ok(shown)
    }
}

impl Take for ClearFaults {
    fn check(&self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        stage.world.region().ask(|desk| desk.region.clear_faults()).await?;
        Ok("cleared".to_owned())
    }
}
