//! From nothing to a working HealthServer: it owns no fact, so there is nothing to recover but the address it serves.

use std::time::Duration;

use crate::plan::Facts;
use crate::state::{HealthConfig, HealthServer, Http};

impl HealthServer {
    /// Starts with nothing heard. The publishers tell their newest snapshots again.
    #[must_use]
    pub fn recover(config: HealthConfig) -> Self {
        Self {
            facts: Facts { gaps: config.gaps.clone(), ..Facts::default() },
            config,
            http: Http::Down { again_at: Duration::ZERO, failures: 0 },
            changed: true,
            shown: None,
            shown_at: Duration::ZERO,
            began_at: None,
        }
    }
}
