//! Carries out what the region says of an answer's way: whole, in pieces, late, or not at all.

use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use region::Delivery;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

use super::line::{CloseAfter, Line};
use super::{Answer, Dropped};

/// Pieces per second of a body that trickles, if it has as many bytes.
const PIECES_PER_SECOND: u32 = 10;

/// A body on its way.
#[derive(Debug)]
pub(super) struct Sent {
    rest: Bytes,
    /// Announced, and never sent.
    missing_bytes: u64,
    pace: Option<Pace>,
    /// The bytes before the break have had their turn to go out.
    is_flushed: bool,
    _close: Option<CloseAfter>,
}

#[derive(Debug)]
struct Pace {
    piece_bytes: usize,
    pause: Duration,
    next: Pin<Box<Sleep>>,
}

/// Sends an answer as the region says.
pub(super) async fn deliver(delivery: Delivery, line: &Line, answer: Response<Bytes>) -> Answer {
    match delivery {
        Delivery::Deliver => Ok(answer.map(Sent::whole)),
        Delivery::DropAfterApply | Delivery::DropBefore => Err(Dropped),
        Delivery::ResetAfterApply | Delivery::ResetBefore | Delivery::Refuse => {
            line.end_in_reset()?;
            Err(Dropped)
        }
        // The connection stays open until the caller has had enough.
        Delivery::HangAfterApply | Delivery::Hang => std::future::pending().await,
        Delivery::Cut { bytes } => {
            line.end_in_reset()?;
            Ok(answer.map(|body| Sent::cut(body, bytes)))
        }
        Delivery::Dribble { bytes_per_second } => {
            Ok(answer.map(|body| Sent { pace: Some(Pace::of(bytes_per_second)), ..Sent::whole(body) }))
        }
        Delivery::CloseIdle { milliseconds } => {
            let close = line.close_after(Duration::from_millis(milliseconds));
            Ok(answer.map(|body| Sent { _close: Some(close), ..Sent::whole(body) }))
        }
    }
}

// === impl Sent ===

impl Sent {
    pub(super) fn whole(body: Bytes) -> Self {
        Self { rest: body, missing_bytes: 0, pace: None, is_flushed: false, _close: None }
    }

    fn cut(mut body: Bytes, bytes: u64) -> Self {
        let announced = body.len();
        // A body that is shorter breaks off before its last byte.
        body.truncate(usize::try_from(bytes).unwrap_or(usize::MAX).min(announced.saturating_sub(1)));
        let missing = announced.saturating_sub(body.len());
        Self { missing_bytes: u64::try_from(missing).unwrap_or(u64::MAX), ..Self::whole(body) }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        if !self.rest.is_empty() {
            let mut piece_bytes = self.rest.len();
            if let Some(pace) = &mut self.pace {
                std::task::ready!(pace.next.as_mut().poll(cx));
                pace.next.as_mut().reset(Instant::now() + pace.pause);
                piece_bytes = piece_bytes.min(pace.piece_bytes);
            }
            let piece = self.rest.split_to(piece_bytes);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.missing_bytes == 0 {
            return Poll::Ready(None);
        }
        if !self.is_flushed {
            self.is_flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Dropped)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.missing_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        SizeHint::with_exact(rest.saturating_add(self.missing_bytes))
    }
}

// === impl Pace ===

impl Pace {
    fn of(bytes_per_second: u32) -> Self {
        let bytes_per_second = bytes_per_second.max(1);
        let piece_bytes = bytes_per_second.div_ceil(PIECES_PER_SECOND);
        let pause = Duration::from_secs(1) * piece_bytes / bytes_per_second;
        Self {
            piece_bytes: usize::try_from(piece_bytes).unwrap_or(usize::MAX),
            pause,
            next: Box::pin(sleep_until(Instant::now() + pause)),
        }
    }
}
