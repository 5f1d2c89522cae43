//! What is on disk, what is on its way there, and the answers that wait for it. Pure: the write itself is an action.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{AttachmentKey, LeasePhase};

use crate::state::{Answer, Pool};

/// What is on disk, and what is on its way there. Changes are numbered; one write is under way at a time and carries all
/// that has changed until it begins (group commit).
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// The newest change.
    pub(crate) revision: u64,
    /// The newest change on disk.
    pub(crate) durable: u64,
    /// A write is under way.
    pub(crate) writing: bool,
    /// After a failure: not before.
    pub(crate) retry_at: Boottime,
    /// The last write failed.
    pub(crate) trouble: Option<Cause>,
    /// Answers that wait for their change to be durable.
    pub(crate) answers: Vec<Pending>,
}

/// An answer that is only true once a change is on disk.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Which change.
    pub(crate) needs: u64,
    /// About whom.
    pub(crate) key: AttachmentKey,
    /// What is then said.
    pub(crate) answer: Answer,
}

impl Pool {
    /// An answer that says what is only true once everything up to now is on disk.
    pub(crate) fn when_durable(&mut self, key: &AttachmentKey, answer: Answer) {
        if self.disk.durable >= self.disk.revision {
            self.ready.push(answer);
        } else {
            self.disk.answers.push(Pending { needs: self.disk.revision, key: key.clone(), answer });
        }
    }

    /// A write has ended.
    pub(crate) fn written(&mut self, revision: u64, result: Result<(), Cause>, now: Boottime) {
        self.disk.writing = false;
        match result {
            Ok(()) => {
                self.disk.durable = self.disk.durable.max(revision);
                self.disk.trouble = None;
                let durable = self.disk.durable;
                let answers = self.disk.answers.extract_if(.., |pending| pending.needs <= durable);
                self.ready.extend(answers.map(|pending| pending.answer));
            }
            Err(cause) => {
                self.disk.retry_at = now + self.config.retry_after;
                let failed: Vec<Pending> =
                    self.disk.answers.extract_if(.., |pending| pending.needs <= revision).collect();
                for pending in failed {
                    if pending.answer.is_step() {
                        self.retract(&pending.key, &cause);
                        self.unassign(&pending.key);
                    }
                    self.ready.push(pending.answer.but(&cause));
                }
                self.disk.trouble = Some(cause);
            }
        }
    }

    /// What an ADD of this attachment still waits to hear will not come true.
    pub(crate) fn retract(&mut self, key: &AttachmentKey, cause: &Cause) {
        let of_add = |pending: &mut Pending| &pending.key == key && !pending.answer.is_release();
        let retracted = self.disk.answers.extract_if(.., of_add);
        self.ready.extend(retracted.map(|pending| pending.answer.but(cause)));
    }

    /// An assignment that is not on disk was told to nobody: the lease is on its way still, and is undone when its stream
    /// ends. One that is on disk stays, whatever becomes of a later ADD.
    pub(crate) fn unassign(&mut self, key: &AttachmentKey) {
        if let Some(held) = self.leases.get_mut(key)
            && held.lease.phase == LeasePhase::Assigned
            && held.assigned_by > self.disk.durable
        {
            held.lease.phase = LeasePhase::Wired;
            self.disk.revision += 1;
        }
    }
}
