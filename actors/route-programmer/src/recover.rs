//! From the kernel alone to a working RouteProgrammer. What should stand comes later, as views; until then nothing is planned.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use contract::model::EniView;
use contract::ports::host::HostSnapshot;

use crate::plan::Survey;
use crate::state::{Listening, RouteConfig, RouteProgrammer, TableState};

impl RouteProgrammer {
    /// Starts from the host as it is. Nothing of an earlier life is needed: every rule and route is in the snapshot, and who
    /// asked for one asks again.
    #[must_use]
    pub fn recover(config: RouteConfig, snapshot: HostSnapshot) -> Self {
        Self {
            config,
            enis: EniView::unknown(),
            leases: Vec::new(),
            unwired: BTreeSet::new(),
            host: snapshot,
            reads: crate::state::first_reading(),
            doubted: false,
            listening: Listening::default(),
            survey: Survey::default(),
            survey_stale: true,
            just_read: false,
            missing_since: BTreeMap::new(),
            jobs: VecDeque::new(),
            next_job: 0,
            plans: VecDeque::new(),
            looks: VecDeque::new(),
            repairs: BTreeMap::new(),
            table: TableState::default(),
            departed: BTreeSet::new(),
            under_way: BTreeMap::new(),
            changes: 0,
            outbox: Vec::new(),
            published: None,
        }
    }
}
