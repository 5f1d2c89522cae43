//! The step that harms one actor of a daemon, over the socket that a build for shipping refuses.

use anyhow::{Result, ensure};
use serde::Deserialize;

/// Where a daemon of the lab takes orders, if a step of its scenario gives one.
pub const FAULT_SOCKET: &str = "/var/run/aws-node/fault.sock";

/// See [`Step::Actor`](super::Step::Actor).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Where.
    pub node: Option<String>,
    /// Its name, as metrics have it.
    pub actor: String,
    /// What it is to suffer.
    pub order: Order,
    /// For so long, where it lasts.
    pub milliseconds: Option<u64>,
}

/// What an actor is to suffer; the words are the daemon's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// It panics at once.
    Panic,
    /// It panics over whatever it takes in next.
    PanicNext,
    /// Its thread blocks for so long, or until it is thrown away.
    Stall,
    /// It keeps itself busy with mail to itself for so long, or until it is thrown away.
    Flood,
    /// Its calls are made from now on, and their outcome never comes.
    StallEffects,
    /// Its connection is broken.
    Break,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::PanicNext => "panic_next",
            Self::Stall => "stall",
            Self::Flood => "flood",
            Self::StallEffects => "stall_effects",
            Self::Break => "break",
        }
    }
}

impl Actor {
    /// The order as the daemon reads it.
    #[must_use]
    pub fn line(&self) -> String {
        let duration = self.milliseconds.map(|milliseconds| format!(" {milliseconds}"));
        format!("{} {}{}", self.order.word(), self.actor, duration.unwrap_or_default())
    }

    /// Is the metric about this actor?
    pub(super) fn is_in(&self, metric: Option<&str>) -> bool {
        metric.is_some_and(|metric| metric.contains(&format!("child=\"{}\"", self.actor)))
    }

    /// Is it one order, with a duration exactly if it lasts?
    pub(super) fn sense(&self) -> Result<()> {
        let lasts = matches!(self.order, Order::Stall | Order::Flood);
        ensure!(
            lasts == self.milliseconds.is_some(),
            "{} {} milliseconds",
            self.order.word(),
            if lasts { "needs" } else { "has no" }
        );
        ensure!(
            !self.actor.is_empty() && self.actor.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "`{}` is no actor's name",
            self.actor
        );
        Ok(())
    }
}
