//! The spool: DELs that shims could not bring while nobody listened. Each is done as if it came now, and its record goes only
//! once that is durable. A container id is never used again, so a record that is old cannot release somebody else's address.

use contract::model::AttachmentKey;
use protocol::spool::{self, Record, SpoolError};
use std::path::PathBuf;
use std::time::Duration;

use crate::del;
use crate::front::Front;

/// The longest one look at the spool may take.
pub(crate) const WORK_OFF_MAX: Duration = Duration::from_secs(120);

/// New records of one look: what is left is for the next one.
const RECORDS_AT_ONCE: usize = 8;

/// How long rooms get to release what lies there, before the socket opens all the same: a release that needs longer must not
/// keep new pods waiting.
const FIRST_SHARE: Duration = Duration::from_secs(20);

/// Works the spool off; how many DELs are done. What cannot be done stays for the next look.
pub(crate) async fn work_off(front: &Front) -> u64 {
    match tokio::time::timeout(FIRST_SHARE, every_record(front)).await {
        Ok(done) => done,
        Err(_) => {
            tracing::warn!("the spool is not worked off yet");
            0
        }
    }
}

async fn every_record(front: &Front) -> u64 {
    let directory = front.config.spool.clone();
    let read = tokio::task::spawn_blocking(move || spool::read(&directory)).await;
    let contents = match read {
        Ok(Ok(contents)) => contents,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the spool cannot be read");
            return 0;
        }
        Err(_) => return 0,
    };
    for other in contents.others {
        set_aside(&other);
    }
    let mut done = 0;
    let mut records = contents.records.into_iter();
    loop {
        let batch: Vec<_> = records
            .by_ref()
            .take(RECORDS_AT_ONCE)
            .map(|(path, record)| one(front, path, record))
            .collect();
        if batch.is_empty() {
            return done;
        }
        done += futures::future::join_all(batch)
            .await
            .into_iter()
            .map(u64::from)
            .sum::<u64>();
    }
}

async fn one(front: &Front, path: PathBuf, record: Record) -> bool {
    let key = AttachmentKey {
        network: record.network.clone(),
        container_id: record.container_id.clone(),
        ifname: record.ifname.clone(),
    };
    if let Err(cause) = del::release(front, key).await {
        tracing::warn!(path = %path.display(), %cause, "a spooled DEL is not done yet");
        return false;
    }
    let directory = front.config.spool.clone();
    let removed = tokio::task::spawn_blocking(move || {
        spool::remove(&directory, &record.network, &record.container_id, &record.ifname)
    })
    .await;
    match removed {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a spooled DEL is done, and its record stays");
            false
        }
        Err(_) => false,
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
