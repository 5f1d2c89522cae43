//! One call, from its parameters to its answer: faults, throttles, permissions, the table's check, the action, the journal and
//! the audit, in this order and in this one place. It never knows what an action means.

use std::time::Duration;

use crate::actions::{self, Action, Done};
use crate::effect::Effect;
use crate::error::ApiError;
use crate::fault::{Fault, Verdict};
use crate::ids::InstanceId;
use crate::journal::Entry;
use crate::params;
use crate::region::Region;
use crate::xml;

/// The one version of the API there is.
const VERSION: &str = "2016-11-15";

/// A call of the query protocol, as it came: `Action`, `Version` and all the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryRequest {
    /// Parameters in the order they were sent.
    pub params: Vec<(String, String)>,
    /// The node that asks, if the caller is one.
    pub caller: Option<InstanceId>,
}

/// What is to become of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Send it, after the delay.
    Deliver,
    /// The call was done; break the connection instead of answering.
    DropAfterApply,
    /// Nothing was done; break the connection.
    DropBefore,
    /// Nothing was done; never answer.
    Hang,
}

/// An answer, and what it means for the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryReply {
    /// HTTP status. `Content-Type` is always `text/xml;charset=UTF-8`.
    pub http_status: u16,
    /// The XML.
    pub body: String,
    /// For the `x-amzn-requestid` header; also in the body.
    pub request_id: String,
    /// What changed, by this call or by time that passed before it. To be carried out before the answer is sent.
    pub effects: Vec<Effect>,
    /// How long the answer takes.
    pub delay: Duration,
    /// What is to become of it.
    pub delivery: Delivery,
    /// Invariants broken by what this call, or time before it, touched: whoever sees one has found a bug in the region.
    pub violations: Vec<String>,
}

/// What came of a call inside, before it is written.
struct Outcome {
    answer: Result<Done, ApiError>,
    mutated: bool,
    delivery: Delivery,
}

// === impl QueryRequest ===

impl QueryRequest {
    /// A call of this action with the right version, and nothing else yet.
    #[must_use]
    pub fn new(action: &str) -> Self {
        Self::default().with("Action", action).with("Version", VERSION)
    }

    /// With one more parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.params.push((name.into(), value.to_string()));
        self
    }

    /// Asked by this node.
    #[must_use]
    pub fn by(mut self, instance: &InstanceId) -> Self {
        self.caller = Some(instance.clone());
        self
    }

    /// The first parameter with this name.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

// === impl Region ===

impl Region {
    /// Answers one call. Everything due by `now` happens first.
    pub fn handle(&mut self, request: QueryRequest, now: Duration) -> QueryReply {
        self.settle(now);
        let request_id = self.mint.request_id();
        let action = request.param("Action").unwrap_or_default().to_owned();
        let verdict = self.verdict(&request, &action);
        let delay = self.knobs.latency(&action).saturating_add(verdict.delay);
        let outcome = self.outcome(&request, &action, verdict.fault);
        // What a knob of zero delays happens within the call.
        self.settle(now);
        let (http_status, code, body) = match &outcome.answer {
            Ok(done) => (200, "OK".to_owned(), xml::response(&action, &request_id, &done.members)),
            Err(error) => {
                (error.status, error.code.clone(), xml::error(&error.code, &error.message, &request_id))
            }
        };
        self.journal.record(Entry {
            at: self.clock,
            action,
            params: request.params,
            caller: request.caller,
            outcome: code,
            mutated: outcome.mutated,
            delivery: outcome.delivery,
            request_id: request_id.clone(),
        });
        QueryReply {
            http_status,
            body,
            request_id,
            effects: std::mem::take(&mut self.effects),
            delay,
            delivery: outcome.delivery,
            violations: self.audit_touched(),
        }
    }

    /// EC2's refusal of a call for want of permission.
    pub(crate) fn unauthorized(&self, action: &str) -> ApiError {
        let account = &self.spec.account;
        ApiError::new(
            "UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. User: arn:aws:sts::{account}:assumed-role/node is not authorized to perform: ec2:{action} because no identity-based policy allows the ec2:{action} action. Encoded authorization failure message: c2ltdWxhdGVk"
            ),
        )
        .with_status(403)
    }

    fn verdict(&mut self, request: &QueryRequest, action: &str) -> Verdict {
        let subnets = &self.subnets;
        let is_full = |id: &_| subnets.get(id).is_some_and(|subnet| subnet.free() == 0);
        self.faults.verdict(action, request.caller.as_ref(), self.clock, is_full)
    }

    fn outcome(&mut self, request: &QueryRequest, action: &str, fault: Option<Fault>) -> Outcome {
        let lost = |code: &str, delivery| Outcome {
            answer: Err(ApiError::new(code, "The connection carries no answer.").with_status(500)),
            mutated: false,
            delivery,
        };
        let done = |answer: Result<Done, ApiError>, delivery| {
            let mutated = answer.as_ref().is_ok_and(|done| done.mutated);
            Outcome { answer, mutated, delivery }
        };
        match fault {
            Some(Fault::Drop) => lost("Dropped", Delivery::DropBefore),
            Some(Fault::Hang) => lost("Hung", Delivery::Hang),
            Some(Fault::Error { code, message, status }) => {
                done(Err(ApiError::new(code, message).with_status(status)), Delivery::Deliver)
            }
            Some(Fault::ApplyThenError { code, message, status }) => {
                let mut outcome = done(self.perform(request, action), Delivery::Deliver);
                if outcome.answer.is_ok() {
                    outcome.answer = Err(ApiError::new(code, message).with_status(status));
                }
                outcome
            }
            Some(Fault::ApplyThenDrop) => done(self.perform(request, action), Delivery::DropAfterApply),
            Some(Fault::Delay { .. }) | None => done(self.perform(request, action), Delivery::Deliver),
        }
    }

    fn perform(&mut self, request: &QueryRequest, name: &str) -> Result<Done, ApiError> {
        let action = self.admitted(request, name)?;
        let params = params::check(action.params, &request.params)?;
        if params.boolean("DryRun") == Some(true) {
            return Err(ApiError::dry_run());
        }
        (action.run)(self, &params)
    }

    /// The action, if it exists and this caller may have it now.
    fn admitted(&mut self, request: &QueryRequest, name: &str) -> Result<&'static Action, ApiError> {
        if request.params.iter().all(|(key, _)| key != "Action") {
            return Err(ApiError::new(
                "MissingAction",
                "The request is missing an action or a required parameter.",
            ));
        }
        let version = request.param("Version").ok_or_else(|| ApiError::missing("Version"))?;
        if version != VERSION {
            let message = format!("The requested version ({version}) of service AmazonEC2 does not exist");
            return Err(ApiError::new("NoSuchVersion", message));
        }
        for once in ["Action", "Version"] {
            if request.params.iter().filter(|(key, _)| key == once).count() > 1 {
                let message = format!("The parameter {once} may only be specified once");
                return Err(ApiError::new("InvalidQueryParameter", message));
            }
        }
        let action = actions::find(name).ok_or_else(|| {
            ApiError::new("InvalidAction", format!("The action {name} is not valid for this web service."))
        })?;
        let bucket = self.knobs.buckets.get(name).copied();
        if bucket.is_some_and(|spec| !self.buckets.take(name, spec, self.clock)) {
            return Err(ApiError::throttled());
        }
        if self.knobs.denied_actions.contains(name) {
            return Err(self.unauthorized(name));
        }
        Ok(action)
    }
}
