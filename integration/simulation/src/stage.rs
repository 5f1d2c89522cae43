//! What everybody in one run shares.

use std::time::Duration;

use fakes::{Dice, Shared, SharedWorld};

use crate::doors::Porch;
use crate::judge::Judge;
use crate::model::Model;
use crate::plant::Plant;

/// A kernel is up for so long before anything of ours starts.
const UPTIME: Duration = Duration::from_secs(20);

/// What everybody in one run shares. Clones are the same stage.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) world: SharedWorld,
    pub(crate) model: Shared<Model>,
    pub(crate) judge: Judge,
    pub(crate) porch: Porch,
    pub(crate) plant: Option<Plant>,
    booted_at: Shared<Duration>,
    dice: Shared<Dice>,
}

impl Stage {
    pub(crate) fn new(world: SharedWorld, model: Model, plant: Option<Plant>, seed: u64) -> Self {
        let model = Shared::new(model);
        Self {
            judge: Judge::new(model.clone(), world.clone()),
            world,
            model,
            porch: Porch::default(),
            plant,
            booted_at: Shared::default(),
            dice: Shared::new(Dice::new(seed).for_purpose(3)),
        }
    }

    /// Time since this boot of the node.
    pub(crate) fn boottime(&self) -> Duration {
        let booted_at = self.booted_at.with(|at| *at);
        self.world.now().saturating_sub(booted_at) + UPTIME
    }

    /// The node boots.
    pub(crate) fn boots(&self) {
        let now = self.world.now();
        self.booted_at.with(|at| *at = now);
    }

    /// A pause of at most this many milliseconds.
    pub(crate) async fn dawdle(&self, milliseconds: u64) {
        let pause = self.dice.with(|dice| dice.up_to_milliseconds(milliseconds));
        tokio::time::sleep(pause).await;
    }

    /// A number of the run's own.
    pub(crate) fn roll(&self) -> u64 {
        self.dice.with(Dice::roll)
    }
}
