//! What came of a call, before it is written: done or refused, and what a scripted fault makes of that.

use crate::actions::Done;
use crate::delivery::Delivery;
use crate::error::ApiError;
use crate::fault::Fault;

/// What is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Done(Done),
    Refused(ApiError),
    /// Not EC2 speaks, but something in front of it.
    Page {
        status: u16,
        html: String,
    },
    /// Nothing: the journal's word for it.
    None(&'static str),
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) mutated: bool,
    pub(crate) delivery: Delivery,
    pub(crate) retry_after_milliseconds: Option<u64>,
    /// Bytes of the body that are left.
    pub(crate) truncated_to_bytes: Option<u64>,
}

// === impl Outcome ===

impl Outcome {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            mutated: false,
            delivery: Delivery::Deliver,
            retry_after_milliseconds: None,
            truncated_to_bytes: None,
        }
    }

    fn lost(word: &'static str, delivery: Delivery) -> Self {
        Self { delivery, ..Self::new(Answer::None(word)) }
    }

    /// Of a call that was carried out.
    pub(crate) fn of(result: Result<Done, ApiError>) -> Self {
        match result {
            Ok(done) => Self { mutated: done.mutated, ..Self::new(Answer::Done(done)) },
            Err(error) => Self::new(Answer::Refused(error)),
        }
    }

    /// What the journal calls it.
    pub(crate) fn code(&self) -> String {
        match &self.answer {
            Answer::Done(_) => "OK".to_owned(),
            Answer::Refused(error) => error.code.clone(),
            Answer::Page { status, .. } => format!("Http{status}"),
            Answer::None(word) => (*word).to_owned(),
        }
    }
}

// === impl Fault ===

impl Fault {
    /// What is answered instead of doing the call; `None`: it is done.
    pub(crate) fn instead(&self) -> Option<Outcome> {
        Some(match self {
            Self::Error { code, message, status, retry_after_milliseconds } => {
                let refused = Answer::Refused(ApiError::new(code, message).with_status(*status));
                Outcome { retry_after_milliseconds: *retry_after_milliseconds, ..Outcome::new(refused) }
            }
            Self::Page { status, html } => Outcome::new(Answer::Page { status: *status, html: html.clone() }),
            Self::Drop => Outcome::lost("Dropped", Delivery::DropBefore),
            Self::Reset => Outcome::lost("Reset", Delivery::ResetBefore),
            Self::Hang => Outcome::lost("Hung", Delivery::Hang),
            Self::Refuse => Outcome::lost("Refused", Delivery::Refuse),
            _ => return None,
        })
    }

    /// What becomes of a call that was done. One that EC2 refuses by itself keeps its own error before a scripted one.
    pub(crate) fn damage(self, outcome: &mut Outcome) {
        match self {
            Self::ApplyThenError { code, message, status } => {
                if matches!(outcome.answer, Answer::Done(_)) {
                    outcome.answer = Answer::Refused(ApiError::new(code, message).with_status(status));
                }
            }
            Self::ApplyThenPage { status, html } => outcome.answer = Answer::Page { status, html },
            Self::ApplyThenDrop => outcome.delivery = Delivery::DropAfterApply,
            Self::ApplyThenReset => outcome.delivery = Delivery::ResetAfterApply,
            Self::ApplyThenHang => outcome.delivery = Delivery::HangAfterApply,
            Self::Truncate { bytes } => outcome.truncated_to_bytes = Some(bytes),
            Self::Cut { bytes } => outcome.delivery = Delivery::Cut { bytes },
            Self::Dribble { bytes_per_second } => outcome.delivery = Delivery::Dribble { bytes_per_second },
            Self::CloseIdle { milliseconds } => outcome.delivery = Delivery::CloseIdle { milliseconds },
            // These are done instead of the call, or are delays.
            Self::Error { .. }
            | Self::Page { .. }
            | Self::Drop
            | Self::Reset
            | Self::Hang
            | Self::Refuse
            | Self::Delay { .. } => {}
        }
    }
}
