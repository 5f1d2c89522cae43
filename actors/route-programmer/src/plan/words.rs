//! Changes in words, for causes and logs: the step that failed has a name a person can look for in `ip rule` and `ip route`.

use ipnet::Ipv4Net;

use contract::model::TableId;
use contract::ports::host::{HostChange, Route, Rule};

/// The change as a person would say it.
pub(crate) fn in_words(change: &HostChange) -> String {
    match change {
        HostChange::SetMtu { ifindex, mtu_bytes } => format!("set MTU {mtu_bytes} on link {ifindex}"),
        HostChange::LinkUp { ifindex } => format!("bring link {ifindex} up"),
        HostChange::AddAddress { ifindex, address, prefix_length } => {
            format!("add address {address}/{prefix_length} to link {ifindex}")
        }
        HostChange::PutRoute(it) => format!("put {}", route(it)),
        HostChange::RemoveRoute(it) => format!("remove {}", route(it)),
        HostChange::AddRule(it) => format!("add {}", rule(it)),
        HostChange::RemoveRule(it) => format!("remove {}", rule(it)),
        HostChange::SetRpFilter { ifindex, value } => format!("set rp_filter {value} on link {ifindex}"),
    }
}

fn table(id: TableId) -> String {
    if id == TableId::MAIN { "main".to_owned() } else { id.to_string() }
}

fn network(network: Ipv4Net) -> String {
    if network.prefix_len() == 32 { network.addr().to_string() } else { network.to_string() }
}

fn route(route: &Route) -> String {
    let via = route.via.map(|via| format!(" via {via}")).unwrap_or_default();
    format!(
        "route {}/{}{via} by link {} in table {}",
        route.to,
        route.prefix_length,
        route.ifindex,
        table(route.table)
    )
}

fn rule(rule: &Rule) -> String {
    let from = rule.from.map(|from| format!(" from {from}")).unwrap_or_default();
    let to = rule.to.map(|to| format!(" to {}", network(to))).unwrap_or_default();
    let mark = rule.mark.map(|mark| format!(" fwmark {:#x}/{:#x}", mark.0, mark.0)).unwrap_or_default();
    format!("rule {}:{from}{to}{mark} lookup {}", rule.priority.0, table(rule.table))
}
