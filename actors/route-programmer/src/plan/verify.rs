//! Proof that a pod's host side works: the kernel is asked where it would send a packet to the pod, and one from it.

use std::net::Ipv4Addr;

use contract::causes::Cause;
use contract::model::{PodWiring, TableId};
use contract::ports::host::{HostError, RouteAnswer, RouteQuestion};

use super::Standing;

/// An address outside of every VPC (TEST-NET-2, RFC 5737): only the default route of the pod's table leads there. The question
/// is the kernel's routing alone, nothing is sent.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// One question, and the link the answer has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) question: RouteQuestion,
    pub(crate) out_by: u32,
}

/// To the pod by its link; from the pod by the link of its ENI. While the primary ENI is not known, where the main table
/// leads is the node's own matter and only the way to the pod is asked.
pub(crate) fn checks(wiring: &PodWiring, pod_ifindex: u32, eni: Option<Standing>) -> Vec<Check> {
    let to_pod = RouteQuestion { to: wiring.address, from: None, in_by: None, mark: None };
    let mut checks = vec![Check { question: to_pod, out_by: pod_ifindex }];
    if let Some(eni) = eni {
        // The node's default route need not use the primary ENI (a VPN, say); its subnet's router does.
        let to = if wiring.table == TableId::MAIN { eni.gateway } else { OUTSIDE };
        let question = RouteQuestion { to, from: Some(wiring.address), in_by: Some(pod_ifindex), mark: None };
        checks.push(Check { question, out_by: eni.ifindex });
    }
    checks
}

/// Whether every answer is the one expected; the first that is not is the cause.
pub(crate) fn judge(
    checks: &[Check],
    answers: &[Result<Option<RouteAnswer>, HostError>],
) -> Result<(), Cause> {
    for (position, check) in checks.iter().enumerate() {
        let detail = match answers.get(position) {
            Some(Ok(Some(answer))) if answer.out_by == check.out_by => continue,
            Some(Ok(Some(answer))) => {
                format!("leads out by link {}, expected {}", answer.out_by, check.out_by)
            }
            Some(Ok(None)) => "no route".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => "not asked".to_owned(),
        };
        return Err(Cause::HostWiring { step: in_words(&check.question), detail });
    }
    Ok(())
}

fn in_words(question: &RouteQuestion) -> String {
    match question.from {
        Some(from) => format!("verify the route from {from} to {}", question.to),
        None => format!("verify the route to {}", question.to),
    }
}
