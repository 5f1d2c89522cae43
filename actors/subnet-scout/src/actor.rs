//! SubnetScout as an actor: mail in, actions out, and the hands that ask EC2. Nothing is decided here.

use contract::Boottime;
use contract::causes::Cause;
use contract::mail::subnet_scout::{Place, SubnetMail};
use contract::model::SubnetView;
use contract::ports::ec2::{Ec2, SubnetDescription};
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{Broken, Core, Event, Performer, Plan, Publisher};
use std::sync::Arc;
use std::time::Duration;

use crate::state::SubnetScout;

/// What SubnetScout has done for it.
#[derive(Debug)]
pub enum ScoutAction {
    /// List the subnets here.
    List(Place),
    /// Tell everybody.
    Publish(SubnetView),
}

/// What came back.
#[derive(Debug)]
pub enum ScoutOutcome {
    /// EC2's list.
    Listed {
        /// Of this place.
        place: Place,
        /// The list.
        result: Result<Vec<SubnetDescription>, Cause>,
    },
}

impl Core for SubnetScout {
    type Mail = SubnetMail;
    type Action = ScoutAction;
    type Outcome = ScoutOutcome;

    fn apply(&mut self, event: Event<SubnetMail, ScoutOutcome>, now: Boottime) {
        match event {
            Event::Mail(mail) => self.hear(mail, now),
            Event::Outcome(ScoutOutcome::Listed { place, result }) => self.listed(&place, result, now),
            Event::Wake => {}
        }
    }

    fn plan(&mut self, now: Boottime) -> Plan<ScoutAction> {
        self.plan_at(now)
    }
}

/// The hands of SubnetScout.
pub struct ScoutPerformer {
    /// EC2.
    pub ec2: Arc<dyn Ec2>,
    /// It answers within this, by its own timeout.
    pub port_timeout: Duration,
    /// Who is told.
    pub publish: Publisher<SubnetView>,
}

impl Performer<SubnetScout> for ScoutPerformer {
    fn timeout(&self, _action: &ScoutAction) -> Duration {
        self.port_timeout
    }

    fn perform_now(&self, action: ScoutAction) -> Option<ScoutAction> {
        match action {
            ScoutAction::Publish(view) => {
                self.publish.publish(view);
                None
            }
            later @ ScoutAction::List(_) => Some(later),
        }
    }

    fn perform(&self, action: ScoutAction) -> BoxFuture<'static, Result<Option<ScoutOutcome>, Broken>> {
        match action {
            ScoutAction::List(place) => {
                let call = self.ec2.subnets(place.vpc.clone(), place.availability_zone.clone());
                async move { Ok(Some(ScoutOutcome::Listed { place, result: call.await })) }.boxed()
            }
            // Done by `perform_now`.
            ScoutAction::Publish(_) => futures::future::ready(Ok(None)).boxed(),
        }
    }
}
