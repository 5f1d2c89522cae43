//! One request to the metadata service, from what was asked to how the answer goes out: rules, token, tree, and the changes that
//! rules make to what is shown.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fault::{ImdsFault, ImdsVerdict};
use super::{ImdsReply, lines};
use crate::delivery::Delivery;
use crate::facts::Met;
use crate::ids::InstanceId;
use crate::region::Region;

/// Where tokens are given.
const TOKEN_PATH: &str = "/latest/api/token";
/// The list of interfaces.
const MACS_PATH: &str = "/latest/meta-data/network/interfaces/macs";

/// A request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImdsRequest {
    /// PUT `/latest/api/token`.
    Token {
        /// From the header; `None`: not sent, or no number.
        ttl_seconds: Option<u64>,
    },
    /// GET.
    Read {
        /// With its leading slash, no query.
        path: String,
        /// From the header.
        token: Option<String>,
    },
}

/// An answer, and how it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImdsAnswer {
    /// The answer. Without meaning if `delivery` says that none is sent.
    pub reply: ImdsReply,
    /// How long it takes.
    pub delay: Duration,
    /// What is to become of it.
    pub delivery: Delivery,
}

// === impl ImdsRequest ===

impl ImdsRequest {
    fn path(&self) -> &str {
        match self {
            Self::Token { .. } => TOKEN_PATH,
            Self::Read { path, .. } => path,
        }
    }
}

// === impl Region: requests to the metadata service ===

impl Region {
    /// Answers one request of an instance, with whatever rules say about it. Everything due by `now` happens first; its effects
    /// come with the next call or [`Region::advance`].
    pub fn handle_imds(&mut self, instance: &InstanceId, request: &ImdsRequest, now: Duration) -> ImdsAnswer {
        self.settle(now);
        let verdict = self.imds_verdict(instance, request.path());
        let delivery = verdict.fault.as_ref().map_or(Delivery::Deliver, ImdsFault::delivery);
        let reply = match verdict.fault {
            Some(ImdsFault::Status(status)) => ImdsReply::error(status),
            Some(_) if delivery.is_silent() => ImdsReply::error(503),
            _ => self.imds_reply(instance, request, &verdict.edits),
        };
        self.journal.record_imds(if delivery.is_silent() { 0 } else { reply.status });
        ImdsAnswer { reply, delay: verdict.delay, delivery }
    }

    /// The instances on which nobody listens at this time where the metadata service should.
    #[must_use]
    pub fn imds_refuses(&self, now: Duration) -> BTreeSet<InstanceId> {
        if self.imds_faults.is_empty() {
            return BTreeSet::new();
        }
        let now = now.max(self.clock);
        let refused = self
            .instances
            .keys()
            .filter(|instance| self.imds_faults.refuses(|rule| rule.is_of(instance), now));
        refused.cloned().collect()
    }

    fn imds_verdict(&mut self, instance: &InstanceId, path: &str) -> ImdsVerdict {
        if self.imds_faults.is_empty() {
            return ImdsVerdict::default();
        }
        // The rules look at the region that holds them.
        let mut faults = std::mem::take(&mut self.imds_faults);
        let met = Met { region: self, caller: Some(instance), request: None };
        let verdict = faults.verdict(instance, path, self.clock, &met);
        self.imds_faults = faults;
        verdict
    }

    fn imds_reply(&mut self, instance: &InstanceId, request: &ImdsRequest, edits: &[ImdsFault]) -> ImdsReply {
        let clock = self.clock;
        let whole = match request {
            ImdsRequest::Token { ttl_seconds } => {
                self.imds_token(instance, *ttl_seconds, clock).map_or_else(|refusal| refusal, ImdsReply::ok)
            }
            ImdsRequest::Read { path, token } => self.imds_get(instance, token.as_deref(), path, clock),
        };
        edits.iter().fold(whole, |reply, edit| match reply.status {
            200 => self.edited(instance, request.path(), reply, edit),
            _ => reply,
        })
    }

    fn edited(&self, instance: &InstanceId, path: &str, reply: ImdsReply, edit: &ImdsFault) -> ImdsReply {
        let path = path.trim_end_matches('/');
        match edit {
            ImdsFault::HideInterface { device_index } => {
                let Some(mac) = self.shown_mac(instance, *device_index) else { return reply };
                let below = path.strip_prefix(MACS_PATH).and_then(|rest| rest.strip_prefix('/'));
                if below.is_some_and(|rest| rest.split('/').next() == Some(mac.as_str())) {
                    return ImdsReply::error(404);
                }
                reply.with_lines(|line| if is_list(path, line, &mac) { 0 } else { 1 })
            }
            ImdsFault::RepeatInterface { device_index } => {
                let Some(mac) = self.shown_mac(instance, *device_index) else { return reply };
                reply.with_lines(|line| if is_list(path, line, &mac) { 2 } else { 1 })
            }
            ImdsFault::Omit { from_line, count } => {
                let end = count.map_or(usize::MAX, |count| from_line.saturating_add(count));
                reply.with_numbered_lines(|number| usize::from(number < *from_line || number >= end))
            }
            ImdsFault::Repeat { line } => {
                reply.with_numbered_lines(|number| 1 + usize::from(number == *line))
            }
            ImdsFault::Truncate { bytes } => {
                let bytes = usize::try_from(*bytes).unwrap_or(usize::MAX);
                let end = reply.body.floor_char_boundary(bytes);
                ImdsReply { body: reply.body.get(..end).unwrap_or_default().to_owned(), ..reply }
            }
            _ => reply,
        }
    }

    fn shown_mac(&self, instance: &InstanceId, device_index: u32) -> Option<String> {
        let views = self.imds.views(instance, self.clock);
        views.iter().find(|view| view.device_index == device_index).map(|view| view.mac.to_string())
    }
}

/// Whether this line of the list of interfaces is that of this MAC.
fn is_list(path: &str, line: &str, mac: &str) -> bool {
    path == MACS_PATH && line.trim_end_matches('/') == mac
}

// === impl ImdsReply ===

impl ImdsReply {
    /// Each line as often as `times` says.
    fn with_lines(self, times: impl Fn(&str) -> usize) -> Self {
        let kept: Vec<&str> =
            self.body.lines().flat_map(|line| std::iter::repeat_n(line, times(line))).collect();
        Self { body: lines(&kept), ..self }
    }

    /// Each line as often as `times` says of its number, from 1.
    fn with_numbered_lines(self, times: impl Fn(usize) -> usize) -> Self {
        let numbered = self.body.lines().zip(1..);
        let kept: Vec<&str> =
            numbered.flat_map(|(line, number)| std::iter::repeat_n(line, times(number))).collect();
        Self { body: lines(&kept), ..self }
    }
}
