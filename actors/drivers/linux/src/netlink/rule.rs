//! IPv4 policy rules: reading them, adding one once, removing exactly one.

use std::net::{IpAddr, Ipv4Addr};

use contract::model::{Fwmark, RulePriority, TableId};
use contract::ports::host::{HostError, Rule};
use ipnet::Ipv4Net;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;

use super::channel::{Channel, Deadline};
use crate::error::{ensured, is_any, refused, unfit};

/// What the kernel shows for "no prefix length is suppressed".
const SUPPRESS_NOTHING: u32 = u32::MAX;

/// All rules we have words for, in the kernel's order, and whether no dump was interrupted.
pub(crate) async fn dump(channel: &Channel, deadline: Deadline) -> Result<(Vec<Rule>, bool), HostError> {
    let (messages, whole) = read(channel, "read rules", deadline).await?;
    Ok((messages.iter().filter_map(shape).collect(), whole))
}

/// Adds a rule; one that is there already is well, and stays the only one.
pub(crate) async fn add(
    channel: &Channel,
    what: &str,
    rule: Rule,
    deadline: Deadline,
) -> Result<(), HostError> {
    check(what, rule)?;
    let message = RouteNetlinkMessage::NewRule(message(rule));
    // Without EXCL the kernel makes a second, equal rule.
    let done = channel.change(what, message.clone(), NLM_F_CREATE | NLM_F_EXCL, deadline).await;
    match done {
        Err(error) if is_any(&error, &[Errno::EXIST]) => {}
        other => return other,
    }
    // With EXCL it takes what the new rule leaves out for "any", and a narrower rule for an equal one.
    let (messages, _) = read(channel, what, deadline).await?;
    if messages.iter().any(|message| shape(message) == Some(rule)) {
        return Ok(());
    }
    channel.change(what, message, NLM_F_CREATE, deadline).await
}

/// Removes exactly this rule. The kernel takes what a removal leaves out for "any", and removes the first rule that matches;
/// so we look first, and rather refuse than remove another's.
pub(crate) async fn remove(
    channel: &Channel,
    what: &str,
    rule: Rule,
    deadline: Deadline,
) -> Result<(), HostError> {
    check(what, rule)?;
    let (messages, _) = read(channel, what, deadline).await?;
    if !messages.iter().any(|message| shape(message) == Some(rule)) {
        return Ok(());
    }
    let first = messages.iter().find(|message| removal_matches(message, rule));
    if first.and_then(shape) != Some(rule) {
        let reason = "another rule of this priority and table stands before it, and would be removed instead";
        return Err(refused(what, Errno::BUSY.raw_os_error(), Some(reason)));
    }
    let done = channel.change(what, RouteNetlinkMessage::DelRule(message(rule)), 0, deadline).await;
    ensured(done, &[Errno::NOENT])
}

async fn read(
    channel: &Channel,
    what: &str,
    deadline: Deadline,
) -> Result<(Vec<RuleMessage>, bool), HostError> {
    let mut question = RuleMessage::default();
    question.header.family = AddressFamily::Inet;
    let dump = channel.dump(what, &RouteNetlinkMessage::GetRule(question), deadline).await?;
    let whole = !dump.interrupted;
    let rules = dump
        .messages
        .into_iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewRule(rule) => Some(rule),
            _ => None,
        })
        .collect();
    Ok((rules, whole))
}

fn check(what: &str, rule: Rule) -> Result<(), HostError> {
    match rule {
        Rule { mark: Some(Fwmark(0)), .. } => Err(unfit(what, "a mark of 0 as its own mask is every packet")),
        Rule { table: TableId(0), .. } => Err(unfit(what, "there is no table 0")),
        Rule { to: Some(to), .. } if to.prefix_len() == 0 || to != to.trunc() => {
            Err(unfit(what, "the kernel has no such network"))
        }
        _ => Ok(()),
    }
}

fn message(rule: Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.action = RuleAction::ToTable;
    message.attributes.push(RuleAttribute::Priority(rule.priority.0));
    message.attributes.push(RuleAttribute::Table(rule.table.0));
    if let Some(from) = rule.from {
        message.header.src_len = 32;
        message.attributes.push(RuleAttribute::Source(from.into()));
    }
    if let Some(to) = rule.to {
        message.header.dst_len = to.prefix_len();
        message.attributes.push(RuleAttribute::Destination(to.network().into()));
    }
    if let Some(mark) = rule.mark {
        message.attributes.push(RuleAttribute::FwMark(mark.0));
        message.attributes.push(RuleAttribute::FwMask(mark.0));
    }
    message
}

/// What a rule selects and where it leads, as far as the port has words.
#[derive(Debug, Default)]
struct Parts {
    priority: u32,
    table: Option<u32>,
    from: Option<Ipv4Addr>,
    to: Option<Ipv4Net>,
    mark: u32,
    mask: u32,
    /// It has a selector we have no word for.
    foreign: bool,
}

fn parts(message: &RuleMessage) -> Parts {
    let mut parts = Parts::default();
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => parts.priority = *priority,
            RuleAttribute::Table(table) => parts.table = Some(*table),
            RuleAttribute::Source(IpAddr::V4(from)) => parts.from = Some(*from),
            RuleAttribute::Destination(IpAddr::V4(to)) => {
                parts.to = Ipv4Net::new(*to, message.header.dst_len).ok();
            }
            RuleAttribute::FwMark(mark) => parts.mark = *mark,
            RuleAttribute::FwMask(mask) => parts.mask = *mask,
            RuleAttribute::Protocol(_) | RuleAttribute::SuppressPrefixLen(SUPPRESS_NOTHING) => {}
            _ => parts.foreign = true,
        }
    }
    parts
}

fn table(message: &RuleMessage, parts: &Parts) -> u32 {
    parts.table.unwrap_or(u32::from(message.header.table))
}

/// The rule in the port's words, if it has them.
pub(crate) fn shape(message: &RuleMessage) -> Option<Rule> {
    let header = &message.header;
    let parts = parts(message);
    let foreign = parts.foreign
        || header.action != RuleAction::ToTable
        || header.tos != 0
        || header.flags.contains(RuleFlags::Invert)
        || !matches!(header.src_len, 0 | 32)
        || parts.to.is_some_and(|to| to.prefix_len() == 0 || to != to.trunc())
        || parts.mark != parts.mask;
    if foreign {
        return None;
    }
    Some(Rule {
        priority: RulePriority(parts.priority),
        from: parts.from.filter(|_| header.src_len == 32),
        to: parts.to,
        mark: (parts.mark != 0).then_some(Fwmark(parts.mark)),
        table: TableId(table(message, &parts)),
    })
}

/// Whether the kernel, asked to remove `rule`, would take this one for it.
fn removal_matches(message: &RuleMessage, rule: Rule) -> bool {
    let parts = parts(message);
    message.header.action == RuleAction::ToTable
        && parts.priority == rule.priority.0
        && table(message, &parts) == rule.table.0
        && rule.from.is_none_or(|from| message.header.src_len == 32 && parts.from == Some(from))
        && rule.to.is_none_or(|to| parts.to == Some(to))
        && rule.mark.is_none_or(|mark| parts.mark == mark.0 && parts.mask == mark.0)
}
