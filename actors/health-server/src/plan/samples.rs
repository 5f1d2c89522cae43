//! The numbers of `/metrics`. Where the agent we replace has a name for a fact we have, it keeps that name and meaning; all
//! others begin with `enid_`. A number nobody has told us is absent, never zero.

use std::collections::BTreeMap;

use contract::mail::health_server::{ChildHealth, FrontView};
use contract::mail::route_programmer::HostView;
use contract::model::{EniView, LeaseView, SubnetView};

use super::{Facts, Reason, Sample, Value};

/// Outcomes of an ADD that the agent we replace counts as "no available address".
const NO_ADDRESS: [&str; 3] = ["PoolEmpty", "NodeAddressLimit", "SubnetExhausted"];

/// Gathers samples.
#[derive(Default)]
struct Sheet(Vec<Sample>);

impl Sheet {
    fn put(&mut self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)], value: Value) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.push(Sample { name, help, labels, value });
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: impl Into<u64>) {
        self.put(name, help, &[], Value::Gauge(value.into()));
    }

    fn counter(&mut self, name: &'static str, help: &'static str, value: u64) {
        self.put(name, help, &[], Value::Counter(value));
    }
}

pub(crate) fn samples(facts: &Facts, version: &str, reasons: &[Reason], degraded: &[Reason]) -> Vec<Sample> {
    let mut sheet = Sheet::default();
    let version = [("version", version), ("goversion", "")];
    sheet.put("awscni_build_info", "The version of this agent.", &version, Value::Gauge(1));
    sheet.gauge("enid_ready", "1 if the node can serve pods.", u64::from(reasons.is_empty()));
    troubles(reasons, degraded, &mut sheet);
    let gaps = u64::try_from(facts.gaps.len()).unwrap_or(u64::MAX);
    sheet.gauge(
        "enid_gaps",
        "What the settings ask for and this version does not do; /readyz names it.",
        gaps,
    );
    if let Some(view) = &facts.leases {
        of_leases(view, &mut sheet);
    }
    if let Some(view) = &facts.enis {
        of_enis(view, facts.leases.as_ref(), &mut sheet);
    }
    if let Some(view) = &facts.subnets {
        of_subnets(view, &mut sheet);
    }
    if let Some(view) = &facts.host {
        of_host(view, &mut sheet);
    }
    if let Some(view) = &facts.front {
        of_front(view, &mut sheet);
    }
    for child in facts.children.iter().flatten() {
        of_child(child, &mut sheet);
    }
    sheet.0
}

fn troubles(reasons: &[Reason], degraded: &[Reason], sheet: &mut Sheet) {
    let mut count: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for reason in reasons.iter().chain(degraded) {
        *count.entry((reason.room, reason.label)).or_default() += 1;
    }
    let help = "What is wrong now, by the room that knows it and its cause.";
    for ((room, cause), many) in count {
        sheet.put("enid_trouble", help, &[("room", room), ("cause", cause)], Value::Gauge(many));
    }
}

fn of_leases(view: &LeaseView, sheet: &mut Sheet) {
    let counts = view.counts;
    let help = "Addresses that pods can have on the attached ENIs.";
    sheet.gauge("awscni_total_ip_addresses", help, counts.total);
    let help = "Addresses that are leased to pods.";
    sheet.gauge("awscni_assigned_ip_addresses", help, counts.leased);
    let help = "Addresses by state: leased, cooling (resting after use), pinned (in use by nobody known), leaving (being given back to EC2), free.";
    for (state, many) in [
        ("leased", counts.leased),
        ("cooling", counts.cooling),
        ("pinned", counts.pinned),
        ("leaving", counts.leaving),
        ("free", counts.free),
    ] {
        sheet.put("enid_addresses", help, &[("state", state)], Value::Gauge(u64::from(many)));
    }
    let help = "Addresses that the attached ENIs should carry, by the warm targets and for the waiting ADDs.";
    sheet.gauge("enid_addresses_wanted", help, counts.wanted);
    sheet.gauge("enid_waiting_adds", "ADDs in the waiting line.", counts.waiting);
}

fn of_enis(view: &EniView, leases: Option<&LeaseView>, sheet: &mut Sheet) {
    let many = u64::try_from(view.enis.len()).unwrap_or(u64::MAX);
    sheet.gauge("awscni_eni_allocated", "Attached ENIs.", many);
    sheet.gauge("enid_enis_confirmed", "1 if EC2 has confirmed the list of ENIs.", u64::from(view.complete));
    let Some(leases) = leases else {
        return;
    };
    for eni in &view.enis {
        let on_it =
            |lease: &&contract::model::Lease| eni.addresses.iter().any(|on| on.address == lease.address);
        let many = u64::try_from(leases.leases.iter().filter(on_it).count()).unwrap_or(u64::MAX);
        let help = "Leased addresses by ENI.";
        sheet.put("awscni_assigned_ip_per_eni", help, &[("eni", eni.id.as_str())], Value::Gauge(many));
    }
}

fn of_subnets(view: &SubnetView, sheet: &mut Sheet) {
    for subnet in &view.subnets {
        let id = ("subnet", subnet.id.as_str());
        if let Some(free) = subnet.free_addresses {
            let help = "Free addresses of a subnet when EC2 was last asked.";
            sheet.put("enid_subnet_free_addresses", help, &[id], Value::Gauge(u64::from(free)));
        }
        if let Some(mark) = &subnet.mark {
            let help = "1 while a subnet is believed to have no room, by what EC2 said.";
            let labels = [id, ("cause", mark.cause.label())];
            sheet.put("enid_subnet_marked", help, &labels, Value::Gauge(1));
        }
    }
}

fn of_host(view: &HostView, sheet: &mut Sheet) {
    sheet.gauge("enid_enis_ready", "ENIs whose link, table and rule stand on the host.", view.enis_ready);
    let help = "Changes made to the host's links, routes and rules.";
    sheet.counter("enid_host_changes_total", help, view.changes);
}

fn of_front(view: &FrontView, sheet: &mut Sheet) {
    let sum = |wanted: &dyn Fn(&str, &str) -> bool| -> u64 {
        let answers = view.answers.iter().filter(|((verb, outcome), _)| wanted(verb, outcome));
        answers.fold(0, |sum, (_, many)| sum.saturating_add(*many))
    };
    let adds = sum(&|verb, _| verb == "ADD");
    sheet.counter("awscni_add_ip_req_count", "ADD requests that were answered.", adds);
    let dels = Value::Counter(sum(&|verb, _| verb == "DEL"));
    let help = "DEL requests that were answered.";
    sheet.put("awscni_del_ip_req_count", help, &[("reason", "PodDeleted")], dels);
    let none = sum(&|verb, outcome| verb == "ADD" && NO_ADDRESS.contains(&outcome));
    sheet.counter("awscni_no_available_ip_addresses", "ADD requests refused for lack of an address.", none);

    let mut answers: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (key, many) in &view.answers {
        let sum = answers.entry(*key).or_default();
        *sum = sum.saturating_add(*many);
    }
    let help = "Answers by verb and outcome, `ok` or a cause.";
    for ((verb, outcome), many) in answers {
        let labels = [("verb", verb), ("outcome", outcome)];
        sheet.put("enid_answers_total", help, &labels, Value::Counter(many));
    }
    sheet.gauge("enid_adds_in_flight", "ADDs under way.", view.adds_in_flight);
    let help = "DELs taken from the spool and done.";
    sheet.counter("enid_spool_worked_off_total", help, view.spool_worked_off);
}

fn of_child(child: &ChildHealth, sheet: &mut Sheet) {
    let name = ("child", child.name);
    let help = "1 while a room runs and answers.";
    sheet.put("enid_child_running", help, &[name], Value::Gauge(u64::from(child.running)));
    let help = "Which life of a room this is, from 1.";
    sheet.put("enid_child_incarnation", help, &[name], Value::Gauge(child.incarnation));
    let help = "Restarts of a room by cause.";
    for (cause, many) in &child.restarts {
        sheet.put("enid_child_restarts_total", help, &[name, ("cause", *cause)], Value::Counter(*many));
    }
}
