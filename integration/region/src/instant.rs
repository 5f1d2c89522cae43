//! Region time to wall time, for the texts that carry one. It owns no clock: the region's start is a knob.

use std::time::Duration;

use time::OffsetDateTime;

/// `2026-11-20T18:47:13.000Z`, as EC2 writes it. Whole seconds: EC2 gives no more.
pub(crate) fn ec2(epoch_unix_seconds: u64, now: Duration) -> String {
    written(epoch_unix_seconds, now, ".000Z")
}

/// `2026-11-20T18:47:13Z`, as the metadata service writes it.
pub(crate) fn imds(epoch_unix_seconds: u64, now: Duration) -> String {
    written(epoch_unix_seconds, now, "Z")
}

/// The wall time, to the second.
pub(crate) fn wall(epoch_unix_seconds: u64, now: Duration) -> OffsetDateTime {
    let seconds = i64::try_from(epoch_unix_seconds.saturating_add(now.as_secs())).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn written(epoch_unix_seconds: u64, now: Duration, end: &str) -> String {
    let at = wall(epoch_unix_seconds, now);
    let (hour, minute, second) = at.to_hms();
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{end}")
}
