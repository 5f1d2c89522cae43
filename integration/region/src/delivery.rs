//! How an answer goes out: a description, which whoever has the connection carries out.

/// What is to become of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Send it, after the delay.
    Deliver,
    /// The call was done; close the connection instead of answering.
    DropAfterApply,
    /// Nothing was done; close the connection.
    DropBefore,
    /// The call was done; reset the connection (RST) instead of answering.
    ResetAfterApply,
    /// Nothing was done; reset the connection.
    ResetBefore,
    /// The call was done; never answer.
    HangAfterApply,
    /// Nothing was done; never answer.
    Hang,
    /// Nothing was done: nobody listens. On a connection that is open already, reset it.
    Refuse,
    /// Announce all of the body, send so many bytes of it, and reset the connection. None: only the headers arrive.
    Cut {
        /// Bytes of the body that are sent.
        bytes: u64,
    },
    /// Send the headers at once and the body so slowly.
    Dribble {
        /// Bytes per second.
        bytes_per_second: u32,
    },
    /// Send it, keep the connection open as if for more, and close it unannounced.
    CloseIdle {
        /// So much later.
        milliseconds: u64,
    },
}

// === impl Delivery ===

impl Delivery {
    /// Whether not even a status is sent.
    #[must_use]
    pub fn is_silent(self) -> bool {
        match self {
            Self::Deliver | Self::Cut { .. } | Self::Dribble { .. } | Self::CloseIdle { .. } => false,
            Self::DropAfterApply
            | Self::DropBefore
            | Self::ResetAfterApply
            | Self::ResetBefore
            | Self::HangAfterApply
            | Self::Hang
            | Self::Refuse => true,
        }
    }
}
