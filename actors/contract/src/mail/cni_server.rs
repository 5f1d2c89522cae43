//! To CniServer: what its own tasks report, and what tells it that a pod could be served.

use super::eni_manager::Demand;
use super::route_programmer::HostView;
use crate::model::EniView;

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
    /// EniManager's newest view.
    Enis(EniView),
    /// RouteProgrammer's newest view.
    Host(HostView),
    /// WarmPool's newest demand.
    Demand(Demand),
}
