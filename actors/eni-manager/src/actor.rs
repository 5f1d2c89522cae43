//! EniManager as an actor: mail in, actions out, and the hands that call EC2 and the metadata service. Nothing is decided
//! here.

use contract::causes::Cause;
use contract::mail::eni_manager::EniMail;
use contract::mail::subnet_scout::{Place, SubnetMail};
use contract::model::{AttachmentId, EniId, EniView, InstanceId, InstanceType, NodeFacts, SubnetId};
use contract::ports::ec2::{Ec2, EniDescription, EniOrder, InstanceLimits};
use contract::ports::imds::{Imds, ImdsInterfaces};
use contract::ports::intents::{IntentImage, Intents, LoadedIntents};
use contract::{Boottime, Reply};
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{Broken, Core, Event, Link, Performer, Plan, Publisher};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::state::{Done, EniManager};

/// The disk answers within this, by its driver's own timeout.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// Read what is under way from the disk: at the start that failed.
    ReadIntents,
    /// Write down what is under way.
    WriteIntents(IntentImage),
    /// Make an ENI.
    Create(EniOrder),
    /// Attach one.
    Attach {
        /// By whose order.
        token: String,
        /// Which.
        eni: EniId,
        /// To this instance.
        instance: InstanceId,
        /// At this index of card 0.
        device: u32,
    },
    /// Bind one to the instance's end.
    Bind {
        /// By whose order.
        token: String,
        /// Which.
        eni: EniId,
        /// Its attachment.
        attachment: AttachmentId,
    },
    /// Ask EC2 about one ENI.
    Look {
        /// Which.
        eni: EniId,
    },
    /// Take addresses off one.
    Unassign {
        /// Which.
        eni: EniId,
        /// All of these.
        addresses: Vec<Ipv4Addr>,
    },
    /// Detach one.
    Detach {
        /// Which.
        eni: EniId,
        /// Its attachment.
        attachment: AttachmentId,
    },
    /// Delete one.
    Delete {
        /// Which.
        eni: EniId,
    },
    /// Answer who let something go.
    Answer {
        /// Where it goes.
        reply: Reply<Done>,
        /// The answer.
        result: Done,
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
    /// What the disk has under way.
    IntentsRead(Result<LoadedIntents, Cause>),
    /// Whether the disk has it.
    IntentsWritten {
        /// What was to be written.
        image: IntentImage,
        /// Whether it is durable.
        result: Result<(), Cause>,
    },
    /// What a Create brought.
    Created {
        /// By whose order.
        token: String,
        /// The ENI.
        result: Result<EniDescription, Cause>,
    },
    /// What an Attach brought.
    Attached {
        /// By whose order.
        token: String,
        /// Its attachment.
        result: Result<AttachmentId, Cause>,
    },
    /// Whether one is bound to the instance's end.
    Bound {
        /// By whose order.
        token: String,
        /// Whether it is.
        result: Result<(), Cause>,
    },
    /// What EC2 says about one ENI.
    Looked {
        /// Which.
        eni: EniId,
        /// It, if EC2 knows it.
        result: Result<Option<EniDescription>, Cause>,
    },
    /// Whether addresses were taken off one.
    Unassigned {
        /// Which.
        eni: EniId,
        /// Whether EC2 took them.
        result: Result<(), Cause>,
    },
    /// How a Detach began.
    Detached {
        /// Of which ENI.
        eni: EniId,
        /// Whether EC2 took it.
        result: Result<(), Cause>,
    },
    /// Whether one is deleted.
    Deleted {
        /// Which.
        eni: EniId,
        /// Whether it is.
        result: Result<(), Cause>,
    },
}

impl Core for EniManager {
    type Mail = EniMail;
    type Action = EniAction;
    type Outcome = EniOutcome;

    fn apply(&mut self, event: Event<EniMail, EniOutcome>, now: Boottime) {
        match event {
            Event::Mail(mail) => self.hear(mail, now),
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
    /// What is under way, on disk.
    pub intents: Arc<dyn Intents>,
    /// SubnetScout, for hints.
    pub scout: Link<SubnetMail>,
    /// Where SubnetScout learns where we are.
    pub place: Publisher<Place>,
    /// Who is told.
    pub publish: Publisher<EniView>,
}

impl Performer<EniManager> for EniPerformer {
    fn timeout(&self, action: &EniAction) -> Duration {
        match action {
            EniAction::ReadIntents | EniAction::WriteIntents(_) => DISK_TIMEOUT,
            _ => self.port_timeout,
        }
    }

    fn perform_now(&self, action: EniAction) -> Option<EniAction> {
        match action {
            EniAction::PublishPlace(place) => self.place.publish(place),
            EniAction::TellNoRoom { subnet, cause } => self.tell(SubnetMail::NoRoom { subnet, cause }),
            EniAction::TellRoom { subnet } => self.tell(SubnetMail::Room { subnet }),
            EniAction::Publish(view) => self.publish.publish(view),
            // Who asked may have gone, and asks again.
            EniAction::Answer { reply, result } => drop(reply.send(result)),
            later => return Some(later),
        }
        None
    }

    fn perform(&self, action: EniAction) -> BoxFuture<'static, Result<Option<EniOutcome>, Broken>> {
        match action {
            EniAction::ReadNode => comes_back(self.imds.node(), EniOutcome::Node),
            EniAction::ReadInterfaces => comes_back(self.imds.interfaces(), EniOutcome::Interfaces),
            EniAction::ReadIntents => comes_back(self.intents.load(), EniOutcome::IntentsRead),
            EniAction::WriteIntents(image) => {
                let written = self.intents.write(image.clone());
                comes_back(written, |result| EniOutcome::IntentsWritten { image, result })
            }
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
            EniAction::Create(order) => {
                let token = order.token.clone();
                comes_back(self.ec2.create_interface(order), |result| EniOutcome::Created { token, result })
            }
            EniAction::Attach { token, eni, instance, device } => {
                let call = self.ec2.attach_interface(eni, instance, 0, device);
                comes_back(call, |result| EniOutcome::Attached { token, result })
            }
            EniAction::Bind { token, eni, attachment } => {
                let call = self.ec2.delete_on_termination(eni, attachment);
                comes_back(call, |result| EniOutcome::Bound { token, result })
            }
            EniAction::Look { eni } => {
                comes_back(self.ec2.interface(eni.clone()), |result| EniOutcome::Looked { eni, result })
            }
            EniAction::Unassign { eni, addresses } => {
                let call = self.ec2.unassign_addresses(eni.clone(), addresses);
                comes_back(call, |result| EniOutcome::Unassigned { eni, result })
            }
            EniAction::Detach { eni, attachment } => {
                let call = self.ec2.detach_interface(attachment);
                comes_back(call, |result| EniOutcome::Detached { eni, result })
            }
            EniAction::Delete { eni } => {
                let call = self.ec2.delete_interface(eni.clone());
                comes_back(call, |result| EniOutcome::Deleted { eni, result })
            }
            // Done by `perform_now`.
            EniAction::PublishPlace(_)
            | EniAction::TellNoRoom { .. }
            | EniAction::TellRoom { .. }
            | EniAction::Answer { .. }
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
