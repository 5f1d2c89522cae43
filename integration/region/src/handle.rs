//! One call, from its parameters to its answer: faults, credentials, throttles, permissions, the table's check, the action,
//! the journal and the audit, in this order and in this one place. It never knows what an action means.

use std::time::Duration;

use crate::actions::{self, Action, Done};
use crate::credentials::Presented;
use crate::delivery::Delivery;
use crate::effect::Effect;
use crate::error::ApiError;
use crate::facts::Met;
use crate::fault::{Fault, Verdict};
use crate::ids::InstanceId;
use crate::journal::Entry;
use crate::outcome::{Answer, Outcome};
use crate::params::{self, Paging};
use crate::region::Region;
use crate::throttle::BucketSpec;
use crate::xml;

/// The one version of the API there is.
const VERSION: &str = "2016-11-15";
/// What EC2 itself answers in.
const XML: &str = "text/xml;charset=UTF-8";

/// A call of the query protocol, as it came: `Action`, `Version` and all the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryRequest {
    /// Parameters in the order they were sent.
    pub params: Vec<(String, String)>,
    /// The node that asks, if the caller is one.
    pub caller: Option<InstanceId>,
    /// Who signed it; `None`: nobody did, and nobody is asked to.
    pub credentials: Option<Presented>,
}

/// An answer, and what it means for the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryReply {
    /// HTTP status.
    pub http_status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// For the `x-amz-retry-after` header.
    pub retry_after_milliseconds: Option<u64>,
    /// The XML; what a gateway says if one answers instead.
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
    pub fn handle(&mut self, mut request: QueryRequest, now: Duration) -> QueryReply {
        self.settle(now);
        if request.caller.is_none() {
            let presented = request.credentials.as_ref();
            request.caller = presented.and_then(|presented| self.authenticate(presented).ok());
        }
        let request_id = self.mint.request_id();
        let action = request.param("Action").unwrap_or_default().to_owned();
        let verdict = self.verdict(&request, &action);
        let delay = self.knobs.latency(&action).saturating_add(verdict.delay);
        let outcome = self.outcome(&request, &action, verdict.fault);
        // What a knob of zero delays happens within the call.
        self.settle(now);
        let code = outcome.code();
        let written = written(&action, &request_id, outcome.answer, outcome.truncated_to_bytes);
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
            http_status: written.status,
            content_type: written.content_type,
            retry_after_milliseconds: outcome.retry_after_milliseconds,
            body: written.body,
            request_id,
            effects: std::mem::take(&mut self.effects),
            delay,
            delivery: outcome.delivery,
            violations: self.audit_touched(),
        }
    }

    /// Whether nobody listens where EC2 should at this time.
    #[must_use]
    pub fn ec2_refuses(&self, now: Duration) -> bool {
        self.faults.refuses(|_| true, now.max(self.clock))
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
        if self.faults.is_empty() {
            return Verdict::default();
        }
        // The rules look at the region that holds them.
        let mut faults = std::mem::take(&mut self.faults);
        let met = Met { region: self, caller: request.caller.as_ref(), request: Some(request) };
        let verdict = faults.verdict(action, request.caller.as_ref(), self.clock, &met);
        self.faults = faults;
        verdict
    }

    fn outcome(&mut self, request: &QueryRequest, action: &str, fault: Option<Fault>) -> Outcome {
        if let Some(outcome) = fault.as_ref().and_then(Fault::instead) {
            return outcome;
        }
        let mut outcome = Outcome::of(self.perform(request, action));
        if let Some(fault) = fault {
            fault.damage(&mut outcome);
        }
        outcome
    }

    fn perform(&mut self, request: &QueryRequest, name: &str) -> Result<Done, ApiError> {
        // Credentials come first, as everywhere in AWS.
        if let Some(presented) = &request.credentials {
            self.authenticate(presented)?;
        }
        let action = known(request, name)?;
        if let Some((bucket, spec)) = self.bucket(request, action.name)
            && !self.buckets.take(bucket, spec, self.clock)
        {
            return Err(spec.refusal());
        }
        if self.knobs.denied_actions.contains(name) {
            return Err(self.unauthorized(name));
        }
        self.run(request, action)
    }

    /// The call itself, whoever makes it. A Describe call that lags sees the region of a moment ago.
    pub(crate) fn run(&mut self, request: &QueryRequest, action: &Action) -> Result<Done, ApiError> {
        let paging = Paging { now: self.clock, knobs: self.knobs.pages };
        let params = params::check(action.params, &request.params)?.paged(paging);
        if params.boolean("DryRun") == Some(true) {
            return Err(ApiError::dry_run());
        }
        let truth = self.look_back(action.name);
        let result = (action.run)(self, &params);
        if let Some(truth) = truth {
            self.replace(truth);
        }
        result.map_err(|error| self.knobs.no_room.spelled(error))
    }

    /// The bucket a call draws from. EC2 keeps another one for reading everything without page, filter or id.
    fn bucket(&self, request: &QueryRequest, name: &'static str) -> Option<(&'static str, BucketSpec)> {
        if let Some(spec) = self.knobs.buckets.get(name) {
            return Some((name, *spec));
        }
        let narrows = |key: &str| !["Action", "Version", "DryRun"].contains(&key);
        let reads_everything =
            name.starts_with("Describe") && !request.params.iter().any(|(key, _)| narrows(key));
        // No action has this suffix: the second bucket shares no name with the first.
        let bucket = if reads_everything { name.strip_prefix("Describe").unwrap_or(name) } else { name };
        self.knobs.aws_buckets.then(|| (bucket, BucketSpec::aws(name, reads_everything)))
    }
}

/// An answer as text.
struct Written {
    status: u16,
    content_type: &'static str,
    body: String,
}

fn written(action: &str, request_id: &str, answer: Answer, truncated_to_bytes: Option<u64>) -> Written {
    let (status, content_type, mut body) = match answer {
        Answer::Done(done) => (200, XML, xml::response(action, request_id, &done.members)),
        Answer::Refused(error) => (error.status, XML, xml::error(&error.code, &error.message, request_id)),
        Answer::Page { status, html } => (status, "text/html", html),
        // Never sent.
        Answer::None(_) => (500, XML, String::new()),
    };
    if let Some(bytes) = truncated_to_bytes.and_then(|bytes| usize::try_from(bytes).ok()) {
        body.truncate(body.floor_char_boundary(bytes));
    }
    Written { status, content_type, body }
}

/// The action, if the call is one at all.
pub(crate) fn known(request: &QueryRequest, name: &str) -> Result<&'static Action, ApiError> {
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
    actions::find(name).ok_or_else(|| {
        ApiError::new("InvalidAction", format!("The action {name} is not valid for this web service."))
    })
}
