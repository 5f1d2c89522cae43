//! Where the newest picture hangs: outside of any incarnation, so that what was shown last is shown while this room restarts.

use std::sync::Arc;

use tokio::sync::watch;

use crate::plan::Picture;

/// The newest picture and its ready flag. Clones show the same board.
#[derive(Clone, Debug)]
pub struct HealthBoard {
    pictures: Arc<watch::Sender<Arc<Picture>>>,
    ready: Arc<watch::Sender<bool>>,
}

impl Default for HealthBoard {
    fn default() -> Self {
        Self::new()
    }
}

impl HealthBoard {
    /// A board that says that nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pictures: Arc::new(watch::Sender::new(Arc::new(Picture::unknown()))),
            ready: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Follows ready: what `grpc.health.v1.Health` answers.
    #[must_use]
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Follows the whole picture.
    #[must_use]
    pub fn pictures(&self) -> watch::Receiver<Arc<Picture>> {
        self.pictures.subscribe()
    }

    /// Hangs up a picture, and gives back the one that hung there.
    pub(crate) fn show(&self, picture: Arc<Picture>) -> Arc<Picture> {
        let ready = picture.ready;
        let before = self.pictures.send_replace(picture);
        self.ready.send_if_modified(|shown| std::mem::replace(shown, ready) != ready);
        before
    }
}
