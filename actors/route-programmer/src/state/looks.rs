//! Questions about the host as it is now: CHECK's, and which addresses are carried. Each is answered from a reading that began
//! after it was asked; several share one. Nothing is changed for them, though what a reading finds is repaired as always.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use contract::Reply;
use contract::causes::Cause;
use contract::model::{Damage, TableId};

use super::answers::{incomplete, overrun};
use super::{Answer, JOBS_MAX, RouteAction, RouteProgrammer};
use crate::plan::damages;

/// What somebody wants to know.
#[derive(Debug)]
pub(crate) enum Question {
    Check { address: Ipv4Addr, ifindex: Option<u32>, reply: Reply<Result<Vec<Damage>, Cause>> },
    Carried { addresses: BTreeSet<Ipv4Addr>, reply: Reply<Result<BTreeSet<Ipv4Addr>, Cause>> },
}

impl Question {
    /// Only a reading of pods' namespaces answers it.
    fn is_of_pods(&self) -> bool {
        matches!(self, Self::Carried { .. })
    }
}

/// A question that waits.
#[derive(Debug)]
pub(crate) struct Look {
    question: Question,
    /// Needs a reading with a higher number.
    seen: u64,
}

impl RouteProgrammer {
    pub(crate) fn hear_question(&mut self, question: Question) {
        if self.looks.len() >= JOBS_MAX {
            self.refuse(question, overrun());
            return;
        }
        self.looks.push_back(Look { question, seen: self.reads.begun });
    }

    /// Answers what the reading in hand can. Whether somebody waits for another one, and for one of pods' namespaces.
    pub(crate) fn answer_looks(&mut self) -> (bool, bool) {
        for look in std::mem::take(&mut self.looks) {
            let read = if look.question.is_of_pods() { self.reads.pods } else { self.reads.current };
            if read <= look.seen {
                self.looks.push_back(look);
            } else if self.host.complete {
                self.answer(look.question);
            } else {
                // What was not read may be what is asked for.
                self.refuse(look.question, incomplete());
            }
        }
        (!self.looks.is_empty(), self.looks.iter().any(|look| look.question.is_of_pods()))
    }

    /// A reading failed that these waited for.
    pub(crate) fn refuse_lookers(&mut self, number: u64, cause: &Cause) {
        for look in std::mem::take(&mut self.looks) {
            if look.seen < number {
                self.refuse(look.question, cause.clone());
            } else {
                self.looks.push_back(look);
            }
        }
    }

    fn answer(&mut self, question: Question) {
        let answer = match question {
            Question::Check { address, ifindex, reply } => Answer::Check(reply, self.judge(address, ifindex)),
            Question::Carried { addresses, reply } => {
                let behind = self.host.links.iter().flat_map(|link| link.behind.iter().flatten());
                let carried = behind.copied().filter(|address| addresses.contains(address)).collect();
                Answer::Carried(reply, Ok(carried))
            }
        };
        self.outbox.push(RouteAction::Answer(answer));
    }

    fn refuse(&mut self, question: Question, cause: Cause) {
        let answer = match question {
            Question::Check { reply, .. } => Answer::Check(reply, Err(cause)),
            Question::Carried { reply, .. } => Answer::Carried(reply, Err(cause)),
        };
        self.outbox.push(RouteAction::Answer(answer));
    }

    fn judge(&self, address: Ipv4Addr, ifindex: Option<u32>) -> Result<Vec<Damage>, Cause> {
        let carries = |eni: &&contract::model::Eni| eni.addresses.iter().any(|on| on.address == address);
        let table = self.enis.enis.iter().find(carries).map(contract::model::Eni::table);
        let Some(table) = table else {
            if self.enis.complete {
                return Ok(vec![Damage::AddressNotAttached { address }]);
            }
            let detail = format!("which ENI has {address} is not known yet");
            return Err(Cause::RoomUnavailable { room: "eni-manager", detail });
        };
        let mut found = damages(address, table, ifindex, &self.host);
        found.extend(self.of_eni(address, table));
        Ok(found)
    }

    fn of_eni(&self, address: Ipv4Addr, table: TableId) -> Option<Damage> {
        self.gate(table).err().map(|cause| Damage::EniSide { address, because: Box::new(cause) })
    }
}
