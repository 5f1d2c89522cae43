//! To CniServer: what its own tasks report. It owns nothing but its numbers.

/// Mail for CniServer.
#[derive(Debug)]
pub enum CniMail {
    /// An ADD stream was opened.
    AddBegan,
    /// A verb was answered.
    Answered {
        /// `ADD`, `DEL`, …
        verb: &'static str,
        /// `ok` or a cause's label.
        outcome: &'static str,
        /// It was an ADD that `AddBegan` counted.
        ends_add: bool,
    },
    /// The socket's server has ended by itself.
    ServerEnded {
        /// In words.
        reason: String,
    },
}
