//! What is under way, on disk: EC2 is asked for an ENI only after that is written down. While the disk does not take it, no ENI is
//! made and none is taken away; nothing else depends on it. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::InstanceId;
use contract::ports::intents::{Intent, IntentImage, LoadedIntents};

use crate::call::Call;

/// What the disk has.
#[derive(Debug)]
pub(crate) struct Notes {
    /// What an earlier life left, until it is taken up.
    found: Option<IntentImage>,
    /// What is surely there; `None` while that is not known.
    durable: Option<IntentImage>,
    /// The disk has been read: before that, what is there must not be replaced.
    read: bool,
    /// Reads and writes, one at a time.
    call: Call,
}

/// What to do with the disk.
pub(crate) enum Errand {
    Read,
    Write(IntentImage),
}

impl Notes {
    /// What the disk was found to have, or why it could not be read.
    pub(crate) fn recover(loaded: Result<LoadedIntents, Cause>, now: Boottime, seed: u64) -> Self {
        let mut notes = Self { found: None, durable: None, read: false, call: Call::default() };
        notes.loaded(loaded, now, seed);
        notes
    }

    pub(crate) fn loaded(&mut self, loaded: Result<LoadedIntents, Cause>, now: Boottime, seed: u64) {
        if let Some(loaded) = self.call.ended(loaded, now, seed) {
            self.read = true;
            self.durable = loaded.image.clone();
            self.found = loaded.image;
        }
    }

    /// What an earlier life had under way on this instance, once.
    pub(crate) fn take_found(&mut self, instance: &InstanceId) -> Vec<Intent> {
        let found = self.found.take().filter(|image| &image.instance == instance);
        found.map(|image| image.intents).unwrap_or_default()
    }

    pub(crate) fn written(
        &mut self,
        image: IntentImage,
        result: Result<(), Cause>,
        now: Boottime,
        seed: u64,
    ) {
        // After a failure either image may be there, so nothing is surely there.
        self.durable = self.call.ended(result, now, seed).map(|()| image);
    }

    /// What is to be done so that the disk has `wished`. A fresh node with nothing under way has nothing to write.
    pub(crate) fn errand(&mut self, wished: IntentImage, now: Boottime) -> Option<Errand> {
        if !self.call.may_start(now) {
            return None;
        }
        let errand = if !self.read {
            Errand::Read
        } else if self.durable.as_ref() == Some(&wished) || self.is_blank(&wished) {
            return None;
        } else {
            Errand::Write(wished)
        };
        self.call.under_way = true;
        Some(errand)
    }

    fn is_blank(&self, wished: &IntentImage) -> bool {
        let nothing_there = self.durable.as_ref().is_none_or(|image| image.intents.is_empty());
        wished.intents.is_empty() && nothing_there && self.call.trouble.is_none()
    }

    /// The disk surely has this.
    pub(crate) fn has(&self, intent: &Intent) -> bool {
        self.durable.as_ref().is_some_and(|image| image.intents.contains(intent))
    }

    /// Something new may be begun.
    pub(crate) fn may_begin(&self, now: Boottime) -> bool {
        self.read && (self.call.under_way || self.call.backoff.open(now))
    }

    /// A write has failed, and none is under way.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.call.under_way && self.call.trouble.is_some()
    }

    pub(crate) fn trouble(&self) -> Option<&Cause> {
        self.call.trouble.as_ref()
    }

    /// When the disk may be asked again, if it must be.
    pub(crate) fn wake_at(&self) -> Option<Boottime> {
        self.call.next_at().filter(|_| self.call.trouble.is_some())
    }
}
