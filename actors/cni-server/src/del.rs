//! DEL: one question to WarmPool, which takes the host side down and puts the address to rest. Idempotent.

use contract::causes::Cause;
use contract::mail::warm_pool::PoolMail;
use contract::model::AttachmentKey;
use protocol::DelRequest;
use std::time::Duration;

use crate::front::{Front, no_answer};
use crate::translate;

/// The shim gives a DEL ten seconds before it spools it.
const RELEASE_DEADLINE: Duration = Duration::from_secs(9);

/// Serves one DEL.
///
/// # Errors
/// Why the attachment is not released yet; one that nobody knows is.
pub async fn serve(front: &Front, request: DelRequest) -> Result<(), Cause> {
    let released =
        match translate::spoken(request.protocol).and_then(|()| translate::attachment(request.attachment)) {
            Ok((key, _)) => release(front, key).await,
            Err(cause) => Err(cause),
        };
    front.answered("DEL", released.as_ref().copied(), false);
    released
}

/// Releases an attachment; one that nobody knows is released already.
pub(crate) async fn release(front: &Front, key: AttachmentKey) -> Result<(), Cause> {
    let asked = front.pool.ask(RELEASE_DEADLINE, |reply| PoolMail::Release { key: key.clone(), reply }).await;
    let released = asked.map_err(no_answer("warm-pool")).flatten();
    match &released {
        Ok(Some(address)) => tracing::info!(%key, %address, "del_pod"),
        Ok(None) => tracing::debug!(%key, "del_pod: nobody has it"),
        Err(cause) => tracing::warn!(%key, cause = cause.label(), text = %cause, "del_pod failed"),
    }
    released.map(drop)
}
