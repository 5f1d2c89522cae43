//! The spool: DELs that shims could not bring while nobody listened. Each is done as if it came now, and its record goes only
//! once that is durable. A container id is never used again, so a record that is old cannot release somebody else's address.

use contract::model::AttachmentKey;
use futures::StreamExt;
use protocol::spool::{self, Contents, Record, SpoolError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::del;
use crate::front::Front;

/// One look at the spool ends by then: a release that needs longer must not keep new pods waiting, and is for the next look.
pub(crate) const WORK_OFF_MAX: Duration = Duration::from_secs(20);

/// DELs under way at once: WarmPool does them one after another anyway.
const RECORDS_AT_ONCE: usize = 8;

/// Works the spool off; how many DELs are done. What cannot be done stays for the next look.
pub(crate) async fn work_off(front: Arc<Front>) -> u64 {
    let mut done = 0;
    let all = every_record(front, &mut done);
    if tokio::time::timeout(WORK_OFF_MAX, all).await.is_err() {
        tracing::warn!("the spool is not worked off yet");
    }
    done
}

async fn every_record(front: Arc<Front>, done: &mut u64) {
    let directory = front.config.spool.clone();
    let read = tokio::task::spawn_blocking(move || {
        let Contents { records, others } = spool::read(&directory)?;
        for other in others {
            set_aside(&other);
        }
        Ok::<_, SpoolError>(records)
    });
    let records = match read.await {
        Ok(Ok(records)) => records,
        Ok(Err(error)) => return tracing::warn!(%error, "the spool cannot be read"),
        Err(error) => return tracing::warn!(%error, "the spool was not read to its end"),
    };
    let mut released = futures::stream::iter(records)
        .map(|(path, record)| one(front.clone(), path, record))
        .buffer_unordered(RECORDS_AT_ONCE);
    while let Some(is_done) = released.next().await {
        *done += u64::from(is_done);
    }
}

async fn one(front: Arc<Front>, path: PathBuf, record: Record) -> bool {
    let key =
        AttachmentKey { network: record.network, container_id: record.container_id, ifname: record.ifname };
    if let Err(cause) = del::release(&front, key).await {
        tracing::warn!(path = %path.display(), %cause, "a spooled DEL is not done yet");
        return false;
    }
    let removed = tokio::task::spawn_blocking(move || remove(&path)).await;
    match removed {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a spooled DEL is done, and its record stays");
            false
        }
        Err(_) => false,
    }
}

/// Removes the file that was read, which need not have the name that a shim would give it. Not synced: one that is back after a
/// power cut releases what is released.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn set_aside(error: &SpoolError) {
    match error {
        SpoolError::NoRecord { path, problem } => match spool::set_aside(path) {
            Ok(aside) => {
                tracing::warn!(aside = %aside.display(), problem, "a file in the spool is no record")
            }
            Err(error) => tracing::warn!(%error, problem, "a file in the spool is no record, and stays"),
        },
        other => tracing::warn!(error = %other, "a file in the spool cannot be read"),
    }
}
