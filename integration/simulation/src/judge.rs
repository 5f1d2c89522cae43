//! Watches every turn of every room: counts it, asks the room for its audit and the model for its own, and keeps what was wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fakes::{Shared, SharedWorld};

use crate::model::{AFTERMATH, Model};
use crate::script::How;

/// What a run has shown so far.
#[derive(Debug, Default)]
struct Record {
    steps: u64,
    violations: Vec<(u64, String)>,
    /// Rooms within a turn: one that begins anew while it stands here has panicked.
    turning: BTreeMap<&'static str, bool>,
    orders: BTreeMap<String, How>,
    /// Rooms whose last life was ended by an order.
    ended_on_order: BTreeSet<String>,
    /// The second of each room's newest turn, and its turns in that second.
    pace: BTreeMap<&'static str, (u64, u32)>,
    trace: u64,
    adds: Adds,
    /// Changes in EC2 that were looked at.
    changes: u64,
}

/// A busy room turns some hundred times a second; one that asks to be woken again and again, a thousand times.
const TURNS_A_SECOND_MAX: u32 = 600;

/// ADDs that came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adds {
    /// The pod has its address.
    pub succeeded: u64,
    /// Refused, with an excuse.
    pub excused: u64,
}

impl Adds {
    pub(crate) fn and(self, more: Self) -> Self {
        Self { succeeded: self.succeeded + more.succeeded, excused: self.excused + more.excused }
    }
}

/// The judge of one run.
#[derive(Clone)]
pub(crate) struct Judge {
    record: Shared<Record>,
    model: Shared<Model>,
    world: SharedWorld,
}

impl Judge {
    pub(crate) fn new(model: Shared<Model>, world: SharedWorld) -> Self {
        Self { record: Shared::default(), model, world }
    }

    /// Something was wrong.
    pub(crate) fn violated(&self, what: impl Into<String>) {
        self.record.with(|record| {
            let step = record.steps;
            record.violations.push((step, what.into()));
        });
    }

    /// The first thing that was wrong, and after how many steps.
    pub(crate) fn first_violation(&self) -> Option<(u64, String)> {
        self.record.with(|record| record.violations.first().cloned())
    }

    pub(crate) fn steps(&self) -> u64 {
        self.record.with(|record| record.steps)
    }

    /// A number that two runs share only if the same rooms took their turns at the same times, with the same changes in EC2.
    pub(crate) fn trace(&self) -> u64 {
        self.record.with(|record| record.trace)
    }

    /// An ADD came to an end that is in order.
    pub(crate) fn added(&self, succeeded: bool) {
        let one = Adds { succeeded: succeeded.into(), excused: (!succeeded).into() };
        self.record.with(|record| record.adds = record.adds.and(one));
    }

    pub(crate) fn adds(&self) -> Adds {
        self.record.with(|record| record.adds)
    }

    /// A room is to die.
    pub(crate) fn order(&self, room: &str, how: How) {
        self.record.with(|record| record.orders.insert(room.to_owned(), how));
    }

    /// Takes an order that is given in this form.
    pub(crate) fn obey(&self, room: &str, fits: impl Fn(How) -> bool) -> Option<How> {
        let now = self.world.now();
        let how = self.record.with(|record| {
            let how = record.orders.get(room).copied().filter(|how| fits(*how))?;
            record.orders.remove(room);
            record.ended_on_order.insert(room.to_owned());
            // It is no panic of its own.
            record.turning.remove(room);
            Some(how)
        })?;
        self.model.with(|model| model.dies(room, now));
        Some(how)
    }

    /// An incarnation of a room is made, in a daemon that has had one of it or not. In fair weather none ends without an order.
    pub(crate) fn begins(&self, room: &'static str, again: bool) {
        let ordered = self.record.with(|record| record.ended_on_order.remove(room));
        let now = self.world.now();
        self.model.with(|model| model.lives_again(room, now));
        let fair_for = self.model.with(|model| model.fair_for(now));
        if again && !ordered && fair_for >= AFTERMATH {
            self.violated(format!("{room} ended by itself in fair weather"));
        }
        let panicked = self.record.with(|record| record.turning.remove(room));
        if panicked == Some(true) {
            self.violated(format!("{room} panicked by itself"));
        }
    }

    pub(crate) fn turn_begins(&self, room: &'static str) {
        self.record.with(|record| record.turning.insert(room, true));
    }

    pub(crate) fn turn_ended(&self, room: &'static str, audit: Vec<String>) {
        let now = self.world.now();
        let changes = self.world.with(|world| world.region.journal().mutations());
        let (turns, changed) = self.record.with(|record| {
            record.turning.insert(room, false);
            record.steps += 1;
            record.trace = fold(record.trace, room, now, changes);
            let (second, turns) = record.pace.entry(room).or_default();
            *turns = if std::mem::replace(second, now.as_secs()) == now.as_secs() { *turns + 1 } else { 1 };
            (*turns, std::mem::replace(&mut record.changes, changes) != changes)
        });
        if turns > TURNS_A_SECOND_MAX {
            self.violated(format!("{room} took {turns} turns in a second"));
        }
        for violation in audit {
            self.violated(format!("{room}: {violation}"));
        }
        let broken = self.model.with(|model| {
            model.look_around(now);
            self.world.with(|world| {
                let by_change = if changed { model.broken_by_change(world, now) } else { Vec::new() };
                [model.broken(world), by_change].concat()
            })
        });
        for violation in broken {
            self.violated(violation);
        }
    }
}

/// FNV-1a over a turn: whose, when, and after how many changes in EC2.
fn fold(trace: u64, room: &str, now: Duration, changes: u64) -> u64 {
    let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX).to_le_bytes();
    room.bytes()
        .chain(micros)
        .chain(changes.to_le_bytes())
        .fold(trace ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
