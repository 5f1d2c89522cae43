//! What is on disk, what is on its way there, and the answers that wait for it. Pure: the write itself is an action.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{AttachmentKey, LeasePhase};
use std::time::Duration;

use crate::state::{Answer, Pool};

/// A step of an ADD waits this long for a disk that fails: less than its asker waits for all steps together (60 s).
const STEP_PATIENCE: Duration = Duration::from_secs(10);

/// Whoever is served at the last moment still has this long for the disk.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

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
    /// If it is not on disk by then, the ADD has failed. A DEL has not: see [`Answer::but`].
    pub(crate) until: Boottime,
}

impl Pool {
    /// The address of an ADD, once everything up to now is on disk; its deadline is the ADD's own.
    pub(crate) fn grant_when_durable(
        &mut self,
        key: &AttachmentKey,
        answer: Answer,
        until: Boottime,
        now: Boottime,
    ) {
        self.when_durable(key, answer, until.max(now + PATIENCE_MIN));
    }

    /// The answer to a step of an ADD, once everything up to now is on disk.
    pub(crate) fn confirm_when_durable(&mut self, key: &AttachmentKey, answer: Answer, now: Boottime) {
        self.when_durable(key, answer, now + STEP_PATIENCE);
    }

    /// An answer that says what is only true once everything up to now is on disk.
    pub(crate) fn when_durable(&mut self, key: &AttachmentKey, answer: Answer, until: Boottime) {
        // Until this process has written, nobody knows whether what was read is on disk: whoever died may have seen a sync fail.
        self.disk.revision = self.disk.revision.max(1);
        self.once_durable(self.disk.revision, key, answer, until);
    }

    /// The answer to a step that promises nothing new, once the lease itself is on disk.
    pub(crate) fn confirm_when_held(&mut self, key: &AttachmentKey, answer: Answer, now: Boottime) {
        let needs = self.leases.get(key).map_or(0, |held| held.changed_by);
        self.once_durable(needs, key, answer, now + STEP_PATIENCE);
    }

    fn once_durable(&mut self, needs: u64, key: &AttachmentKey, answer: Answer, until: Boottime) {
        if self.disk.durable >= needs {
            self.ready.push(answer);
        } else {
            self.disk.answers.push(Pending { needs, key: key.clone(), answer, until });
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
                // A release is answered: it is safe in memory. An ADD waits on, for the next attempt.
                let released =
                    |pending: &mut Pending| pending.needs <= revision && pending.answer.is_release();
                let released = self.disk.answers.extract_if(.., released);
                self.ready.extend(released.map(|pending| pending.answer));
                self.disk.trouble = Some(cause);
            }
        }
    }

    /// ADDs that have waited for the disk as long as they may have failed.
    pub(crate) fn give_up_on_the_disk(&mut self, now: Boottime) {
        let detail = "it has not answered yet".to_owned();
        let cause = self.disk.trouble.clone().unwrap_or(Cause::CheckpointWrite { detail });
        let late: Vec<Pending> = self.disk.answers.extract_if(.., |pending| pending.until <= now).collect();
        for pending in late {
            if pending.answer.is_step() {
                self.retract(&pending.key, &cause);
                self.unassign(&pending.key);
            }
            self.ready.push(pending.answer.but(&cause));
        }
    }

    /// When the first of them has.
    pub(crate) fn patience_ends(&self) -> Option<Boottime> {
        self.disk.answers.iter().map(|pending| pending.until).min()
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
            && held.changed_by > self.disk.durable
        {
            held.lease.phase = LeasePhase::Wired;
            self.disk.revision += 1;
        }
    }
}
