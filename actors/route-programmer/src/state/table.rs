//! The node's nft table over time: what it should be, what was last read, and what is under way. It is read at the start and
//! from time to time, compared by meaning, and replaced only if it means something else: a restart replaces nothing.

use std::time::Duration;

use contract::causes::Cause;
use contract::ports::host::HostError;

use super::peace::Peace;
use super::reads::backoff;
use super::{RouteAction, RouteProgrammer};
use crate::plan::{FAMILY, NAME, Table, table};

/// Pause after it could not be read or replaced, doubled each time.
const AGAIN_FIRST: Duration = Duration::from_millis(200);

/// Between two readings of a table that somebody keeps changing: each is a process.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// The longest such pause.
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// The table.
#[derive(Debug, Default)]
pub(crate) struct TableState {
    /// `None` while it is not known what it should be.
    wanted: Option<Table>,
    /// As last read; `None` when it has to be read first.
    held: Option<Vec<String>>,
    under_way: bool,
    /// It was just replaced: what is read now is what became of that.
    replaced: bool,
    /// It was once what it should be.
    stood: bool,
    /// Something in it was changed: what is held is not what it is.
    touched: bool,
    read_at: Duration,
    peace: Peace,
    again_at: Duration,
    failures: u32,
    /// Why it is not what it should be.
    pub(crate) trouble: Option<Cause>,
}

impl TableState {
    /// Whether new pods may rely on it: it was right once, or it is not known yet what is right and the one of an earlier life
    /// stands.
    fn serves(&self) -> bool {
        self.stood || (self.wanted.is_none() && self.held.as_ref().is_some_and(|lines| !lines.is_empty()))
    }

    /// It is to be read, whoever changed it.
    pub(crate) fn look_again(&mut self) {
        self.touched = true;
    }

    fn is_wrong(&self) -> bool {
        match (&self.wanted, &self.held) {
            (Some(wanted), Some(held)) => wanted.lines() != *held,
            _ => false,
        }
    }

    /// Which of reading and view came last does not matter.
    fn note_standing(&mut self) {
        self.stood |= self.wanted.is_some() && self.held.is_some() && !self.is_wrong();
    }

    fn failed(&mut self, step: &str, detail: String, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.again_at = now + backoff(AGAIN_FIRST, self.failures, AGAIN_MOST);
        let step = format!("{step} nft table {FAMILY} {NAME}");
        self.trouble = Some(Cause::HostWiring { step, detail });
    }
}

impl RouteProgrammer {
    /// The survey changed: perhaps the table should be another.
    pub(crate) fn table_again(&mut self) {
        let Some(uplink) = &self.survey.uplink else {
            return;
        };
        // What was right stays right while a view does not know the VPC.
        if let Some(wanted) = table(&self.config, uplink, &self.enis.vpc_cidrs) {
            self.table.wanted = Some(wanted);
            self.table.note_standing();
        }
    }

    /// What is due, and when to look again. The table comes after the rule that its mark needs.
    pub(crate) fn turn_table(&mut self, now: Duration) -> Option<Duration> {
        if self.table.under_way {
            return None;
        }
        let read_at = match &self.table {
            TableState { held: None, .. } => now,
            TableState { touched: true, .. } => self.table.read_at + READ_AGAIN,
            _ => self.table.read_at + self.listening.look_every(),
        };
        // Whatever it is by now: what was read last is not what it should be, and it is replaced whole.
        let wrong = self.table.is_wrong() && self.survey.mark_leads;
        let due_at = if wrong { now } else { read_at }.max(self.table.again_at);
        if due_at > now {
            return Some(due_at);
        }
        self.table.under_way = true;
        match self.table.wanted.as_ref().filter(|_| wrong) {
            Some(wanted) => self.outbox.push(RouteAction::ReplaceTable(wanted.to_make())),
            None => {
                self.table.touched = false;
                self.outbox.push(RouteAction::ReadTable);
            }
        }
        None
    }

    /// A reading ended.
    pub(crate) fn table_read(&mut self, result: Result<Option<Vec<String>>, HostError>, now: Duration) {
        let table = &mut self.table;
        table.under_way = false;
        let replaced = std::mem::take(&mut table.replaced);
        match result {
            Ok(lines) => {
                table.held = Some(lines.unwrap_or_default());
                table.read_at = now;
                table.note_standing();
                if !table.is_wrong() {
                    (table.failures, table.trouble) = (0, None);
                    if replaced {
                        table.peace.healed(now);
                    }
                } else if let Some(pause) = table.peace.broken(now).filter(|_| !replaced) {
                    table.again_at = now + pause;
                } else if replaced {
                    // Another program writes it too, or nft says it in words we do not know.
                    table.failed("replace", "it does not read back as what was written".to_owned(), now);
                }
            }
            Err(error) => {
                // What was told of it is not forgotten.
                table.touched = true;
                table.failed("read", error.to_string(), now);
            }
        }
    }

    /// A replacement ended; what became of it is read.
    pub(crate) fn table_replaced(&mut self, result: Result<(), HostError>, now: Duration) {
        let table = &mut self.table;
        table.under_way = false;
        match result {
            Ok(()) => {
                (table.held, table.replaced) = (None, true);
                self.changes = self.changes.saturating_add(1);
            }
            Err(error) => {
                // Without an answer it may have been made.
                table.held = None;
                table.failed("replace", error.to_string(), now);
            }
        }
    }

    /// Whether a new pod's connections leave as they should. On a node that translates, a pod that starts too early would reach
    /// nothing outside, and its first connections would stay that way; so its ADD waits, and is told what for. Where somebody
    /// else translates, a pod needs nothing of the table that its peers cannot wait for.
    pub(crate) fn outward(&self) -> Result<(), Cause> {
        if self.config.snat.is_none() || self.table.serves() {
            return Ok(());
        }
        let detail = match (&self.table.trouble, &self.table.wanted) {
            (Some(trouble), _) => trouble.to_string(),
            (None, None) => "the blocks of the VPC are not known".to_owned(),
            (None, Some(_)) => format!("nft table {FAMILY} {NAME} does not stand"),
        };
        Err(Cause::NotTranslating { detail })
    }
}
