//! EniManager as an actor: mail in, actions out, and the hands that call EC2 and the metadata service. Nothing is decided
//! here.

use contract::Boottime;
use contract::causes::Cause;
use contract::mail::eni_manager::EniMail;
use contract::mail::subnet_scout::{Place, SubnetMail};
use contract::model::{EniId, EniView, InstanceId, InstanceType, NodeFacts, SubnetId};
use contract::ports::ec2::{Ec2, EniDescription, InstanceLimits};
use contract::ports::imds::{Imds, ImdsInterfaces};
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{Broken, Core, Event, Link, Performer, Plan, Publisher};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::state::EniManager;

/// What EniManager has done for it.
#[derive(Debug)]
pub enum EniAction {
    /// Ask the metadata service who we are.
    ReadNode,
    /// Ask the metadata service what is attached.
    ReadInterfaces,
    /// Ask EC2 what is attached.
    Describe {
        /// To this instance.
        instance: InstanceId,
    },
    /// Ask EC2 for the limits of a type the table does not know.
    AskLimits {
        /// The type.
        instance_type: InstanceType,
    },
    /// Buy addresses.
    Assign {
        /// On this ENI.
        eni: EniId,
        /// In this subnet.
        subnet: SubnetId,
        /// This many.
        count: u32,
    },
    /// Tell SubnetScout where we are.
    PublishPlace(Place),
    /// Tell SubnetScout that there is no room.
    TellNoRoom {
        /// Where.
        subnet: SubnetId,
        /// In EC2's words.
        cause: Cause,
    },
    /// Tell SubnetScout that there is room.
    TellRoom {
        /// Where.
        subnet: SubnetId,
    },
    /// Tell everybody.
    Publish(EniView),
}

impl EniAction {
    pub(crate) fn publish_place(node: &NodeFacts) -> Self {
        Self::PublishPlace(Place {
            vpc: node.vpc.clone(),
            availability_zone: node.availability_zone.clone(),
            primary: node.subnet.clone(),
        })
    }
}

/// What came back.
#[derive(Debug)]
pub enum EniOutcome {
    /// Who we are.
    Node(Result<NodeFacts, Cause>),
    /// What the metadata service shows.
    Interfaces(Result<ImdsInterfaces, Cause>),
    /// What EC2 shows.
    Described {
        /// Of this instance.
        asked_for: InstanceId,
        /// The list.
        result: Result<Vec<EniDescription>, Cause>,
    },
    /// The limits of our type.
    Limits(Result<InstanceLimits, Cause>),
    /// What an Assign brought.
    Assigned {
        /// On this ENI.
        eni: EniId,
        /// In this subnet.
        subnet: SubnetId,
        /// The new addresses.
        result: Result<Vec<Ipv4Addr>, Cause>,
    },
}

impl Core for EniManager {
    type Mail = EniMail;
    type Action = EniAction;
    type Outcome = EniOutcome;

    fn apply(&mut self, event: Event<EniMail, EniOutcome>, now: Boottime) {
        match event {
            Event::Mail(mail) => self.hear(mail),
            Event::Outcome(outcome) => self.learn(outcome, now),
            Event::Wake => {}
        }
    }

    fn plan(&mut self, now: Boottime) -> Plan<EniAction> {
        self.plan_at(now)
    }
}

/// The hands of EniManager.
pub struct EniPerformer {
    /// EC2.
    pub ec2: Arc<dyn Ec2>,
    /// The metadata service.
    pub imds: Arc<dyn Imds>,
    /// Both answer within this, by their own timeouts.
    pub port_timeout: Duration,
    /// SubnetScout, for hints.
    pub scout: Link<SubnetMail>,
    /// Where SubnetScout learns where we are.
    pub place: Publisher<Place>,
    /// Who is told.
    pub publish: Publisher<EniView>,
}

impl Performer<EniManager> for EniPerformer {
    fn timeout(&self, _action: &EniAction) -> Duration {
        self.port_timeout
    }

    fn perform_now(&self, action: EniAction) -> Option<EniAction> {
        match action {
            EniAction::PublishPlace(place) => self.place.publish(place),
            EniAction::TellNoRoom { subnet, cause } => self.tell(SubnetMail::NoRoom { subnet, cause }),
            EniAction::TellRoom { subnet } => self.tell(SubnetMail::Room { subnet }),
            EniAction::Publish(view) => self.publish.publish(view),
            later => return Some(later),
        }
        None
    }

    fn perform(&self, action: EniAction) -> BoxFuture<'static, Result<Option<EniOutcome>, Broken>> {
        match action {
            EniAction::ReadNode => comes_back(self.imds.node(), EniOutcome::Node),
            EniAction::ReadInterfaces => comes_back(self.imds.interfaces(), EniOutcome::Interfaces),
            EniAction::Describe { instance } => {
                let asked_for = instance.clone();
                comes_back(self.ec2.attached_interfaces(instance), move |result| EniOutcome::Described {
                    asked_for,
                    result,
                })
            }
            EniAction::AskLimits { instance_type } => {
                comes_back(self.ec2.instance_limits(instance_type), EniOutcome::Limits)
            }
            EniAction::Assign { eni, subnet, count } => {
                let call = self.ec2.assign_addresses(eni.clone(), subnet.clone(), count);
                comes_back(call, move |result| EniOutcome::Assigned { eni, subnet, result })
            }
            // Done by `perform_now`.
            EniAction::PublishPlace(_)
            | EniAction::TellNoRoom { .. }
            | EniAction::TellRoom { .. }
            | EniAction::Publish(_) => futures::future::ready(Ok(None)).boxed(),
        }
    }
}

impl EniPerformer {
    /// A hint: a lost one costs a call that EC2 refuses.
    fn tell(&self, mail: SubnetMail) {
        if let Err(error) = self.scout.tell(mail) {
            tracing::debug!(%error, "subnet-scout was not told");
        }
    }
}

fn comes_back<T: Send + 'static>(
    call: BoxFuture<'static, T>,
    outcome: impl FnOnce(T) -> EniOutcome + Send + 'static,
) -> BoxFuture<'static, Result<Option<EniOutcome>, Broken>> {
    async move { Ok(Some(outcome(call.await))) }.boxed()
}
