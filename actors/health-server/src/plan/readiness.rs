//! Ready or not. Ready asks only for what serving a pod needs on this node: the socket, the pool, the host. EC2, metadata,
//! subnets, the disk being slow or away are told as degradations.

use contract::causes::Cause;
use contract::model::Growth;

use super::{Facts, Reason};

/// Rooms without which no pod can be served.
const NEEDED: [&str; 3] = ["cni-server", "warm-pool", "route-programmer"];

/// What is wrong, in two heaps. Ready is when the first is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Judgement {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) degraded: Vec<Reason>,
}

pub(crate) fn judge(facts: &Facts) -> Judgement {
    let mut found = Judgement::default();
    judge_children(facts, &mut found);
    match &facts.front {
        Some(front) if front.listening => found.degraded.extend(told("cni-server", front.trouble.as_ref())),
        Some(front) => {
            let cause = front.trouble.clone();
            let closed = || unavailable("cni-server", "its socket is not open");
            found.reasons.push(cause.map_or_else(closed, |cause| reason("cni-server", &cause)));
        }
        None => found.reasons.push(unheard("cni-server")),
    }
    match &facts.host {
        Some(host) if host.read => found.degraded.extend(told("route-programmer", host.trouble.as_ref())),
        Some(_) => found.reasons.push(unavailable("route-programmer", "it has not read the kernel yet")),
        None => found.reasons.push(unheard("route-programmer")),
    }
    found.degraded.extend(degradations(facts));
    for heap in [&mut found.reasons, &mut found.degraded] {
        heap.sort();
        heap.dedup();
    }
    found
}

fn judge_children(facts: &Facts, found: &mut Judgement) {
    let Some(children) = &facts.children else {
        found.reasons.push(unheard("kernel"));
        return;
    };
    for child in children.iter().filter(|child| !child.running) {
        let because = child.last_cause.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default();
        let wrong = unavailable(child.name, &format!("{}{because}", child.state));
        let heap = if NEEDED.contains(&child.name) { &mut found.reasons } else { &mut found.degraded };
        heap.push(wrong);
    }
    for needed in NEEDED {
        if !children.iter().any(|child| child.name == needed) {
            found.reasons.push(unavailable(needed, "it was not started"));
        }
    }
}

fn degradations(facts: &Facts) -> Vec<Reason> {
    let mut found = Vec::new();
    if let Some(view) = &facts.enis {
        found.extend(told("eni-manager", view.trouble.as_ref()));
        // A node at its limit is full, not ill; whoever waits on it is told below.
        if let Growth::Held(cause) = &view.growth {
            found.push(reason("eni-manager", cause));
        }
    }
    if let Some(view) = &facts.leases {
        found.extend(told("warm-pool", view.waiting_for.as_ref()));
        found.extend(told("warm-pool", view.checkpoint_trouble.as_ref()));
    }
    if let Some(view) = &facts.subnets {
        found.extend(told("subnet-scout", view.trouble.as_ref()));
        let marks = view.subnets.iter().filter_map(|subnet| subnet.mark.as_ref());
        found.extend(marks.map(|mark| reason("subnet-scout", &mark.cause)));
    }
    if let Some(view) = &facts.front {
        found.extend(told("cni-server", view.unannounced.as_ref()));
    }
    if let Some(trouble) = &facts.http_trouble {
        found.push(unavailable("health-server", trouble));
    }
    found
}

fn told(room: &'static str, trouble: Option<&Cause>) -> Option<Reason> {
    trouble.map(|cause| reason(room, cause))
}

fn reason(room: &'static str, cause: &Cause) -> Reason {
    Reason { room, label: cause.label(), text: cause.to_string() }
}

fn unavailable(room: &'static str, detail: &str) -> Reason {
    reason(room, &Cause::RoomUnavailable { room, detail: detail.to_owned() })
}

fn unheard(room: &'static str) -> Reason {
    unavailable(room, "nothing was heard from it yet")
}
