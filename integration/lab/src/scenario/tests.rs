//! Files that are understood, and files that are refused with the reason.

use super::*;
use crate::step::{VERBS, keys};

const GOOD: &str = r#"
summary = "a pod"
[[sabotage]]
breaks = "something"
file = "config/src/load.rs"
find = "true"
replace = "false"
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
[[node]]
name = "node"
subnet = "a"
secondary_addresses = 2
[[step]]
do = "start"
[[step]]
do = "add"
pod = "web"
[[step]]
do = "probe"
pod = "web"
[[step]]
do = "delete"
pod = "web"
[expect]
nothing_left = true
spoofed_packets = 0
journal = { AssignPrivateIpAddresses = { max = 1 } }
"#;

/// What is said about the text.
fn said(text: &str) -> String {
    format!("{:#}", ScenarioFile::parse(text, &[]).unwrap_err())
}

/// What is said about the good text with one thing changed.
fn said_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    said(&GOOD.replacen(from, to, 1))
}

#[test]
fn every_scenario_that_comes_with_the_lab_is_well_formed() {
    let names = names().unwrap();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let (_, path) = find(&name).unwrap();
        ScenarioFile::read(&path, &[]).unwrap();
    }
}

#[test]
fn a_scenario_that_does_not_exist_is_answered_with_those_that_do() {
    let error = find("add_prod").unwrap_err().to_string();
    assert!(error.contains("add_pod"), "{error}");
}

#[test]
fn a_whole_scenario_is_understood() {
    let file = ScenarioFile::parse(GOOD, &[]).unwrap();
    let [cell] = file.cells.as_slice() else { panic!("one cell: {file:?}") };
    assert_eq!(cell.scenario.step.len(), 4);
    assert_eq!(cell.scenario.step[1].line, 16);
    assert_eq!(cell.scenario.node[0].instance_type, "m5.large");
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_one_that_was_meant_at_every_level() {
    for (at, extra, line, meant) in [
        ("summary", "sumary = 1\nsummary", 2, "summary"),
        ("[[node]]", "knob = {}\n[[node]]", 10, "knobs"),
        ("secondary_addresses", "instance_typ = 1\nsecondary_addresses", 13, "instance_type"),
        ("do = \"start\"", "do = \"start\"\nwithin_millisecond = 1", 16, "within_milliseconds"),
        ("do = \"add\"", "do = \"add\"\ncodee = 11", 18, "code"),
        ("do = \"probe\"", "do = \"probe\"\nreech = \"neither\"", 21, "reach"),
        ("do = \"probe\"", "do = \"probe\"\nreach = \"neether\"", 21, "neither"),
        ("do = \"probe\"", "do = \"prob\"", 20, "probe"),
        ("nothing_left", "nothing_lefd = true\nnothing_left", 26, "nothing_left"),
        ("cidr = ", "namee = \"x\", cidr = ", 9, "name"),
    ] {
        let error = said_with(at, extra);
        assert!(error.contains(&format!("line {line}: unknown ")), "{extra}: {error}");
        assert!(error.contains(&format!("did you mean `{meant}`?")), "{extra}: {error}");
    }
    // Nothing is close to it: what there is is listed.
    assert!(said_with("{ max = 1 }", "{ colour = 1 }").contains("known here: min, max"));
    let fault = "do = \"fault\"\naction = \"*\"\nwhenn = \"always\"\nfault = \"hang\"";
    assert!(said_with("do = \"start\"", fault).contains("did you mean `when`?"));
}

#[test]
fn a_scenario_that_cannot_mean_what_it_says_is_refused() {
    for (from, to, reason) in [
        ("subnet = \"a\"", "subnet = \"b\"", "no subnet b"),
        ("do = \"start\"", "do = \"start\"\nnode = \"x\"", "line 14: step 1 (start): there is no node x"),
        ("do = \"start\"", "do = \"wait\"", "exactly one of"),
        ("do = \"start\"", "", "needs a `do`"),
        ("do = \"probe\"\npod = \"web\"", "do = \"probe\"\npod = \"api\"", "no pod api"),
        ("do = \"probe\"\npod = \"web\"", "do = \"probe\"", "exactly one of pod, pods, prefix"),
        ("do = \"probe\"\npod = \"web\"", "do = \"probe\"\nprefix = \"web\"", "no pods web-…"),
        ("do = \"probe\"", "do = \"probe\"\npeer = \"web\"", "its own peer"),
        ("do = \"probe\"", "do = \"traffic_start\"", "traffic runs with pod web"),
        ("[[step]]\ndo = \"delete\"\npod = \"web\"", "[[step]]\ndo = \"watch_start\"", "never stopped"),
        ("[[step]]\ndo = \"delete\"\npod = \"web\"", "", "nothing_left needs"),
        ("[[step]]\ndo = \"probe\"\npod = \"web\"", "", "needs a probe"),
        ("nothing_left = true", "netlink_deletions = 0", "needs a watch_start"),
        ("do = \"start\"", "do = \"change_kernel\"\nchange = \"link_down\"", "needs device"),
        ("do = \"start\"", &harm("warm-pool", "order = \"stall\""), "stall needs milliseconds"),
        (
            "do = \"start\"",
            &harm("warm-pool", "order = \"panic\"\nmilliseconds = 1"),
            "panic has no milliseconds",
        ),
        (
            "do = \"start\"",
            &harm("warm-pool", "order = \"panic\""),
            "nobody waits for what becomes of warm-pool",
        ),
        ("do = \"probe\"", "do = \"external\"\nhand = \"detach_eni\"", "detach_eni needs device"),
        ("do = \"start\"", &harm("a b", "order = \"panic\""), "no actor's name"),
        ("do = \"start\"", &harm("warm-pool", "order = \"tickle\""), "tickle"),
        ("breaks = \"something\"", "breaks = \" \"", "must say what it breaks"),
        ("config/src/load.rs", "integration/lab/src/run.rs", "can be broken"),
        ("name = \"node\"", "name = \"vpc\"", "node name"),
        ("do = \"add\"", "do = \"add\"\ncause = \"PoolEmpty\"", "give its code"),
        (
            "do = \"add\"\npod = \"web\"",
            "do = \"burst\"\nprefix = \"w\"\ncount = 3\nok = 2",
            "give ok and code",
        ),
    ] {
        let error = said_with(from, to);
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

/// An order to an actor, and a look at another one.
fn harm(actor: &str, order: &str) -> String {
    format!(
        "do = \"actor\"\nactor = \"{actor}\"\n{order}\n\
         [[step]]\ndo = \"wait\"\nmetric = 'enid_child_incarnation{{child=\"driver\"}}'"
    )
}

#[test]
fn an_order_is_followed_by_a_look_at_its_own_actor() {
    let with = |steps: &str| ScenarioFile::parse(&GOOD.replacen("do = \"start\"", steps, 1), &[]);
    let order = harm("driver", "order = \"panic\"");
    assert!(with(&order).is_ok(), "{:?}", with(&order));
    let looked_before = "do = \"wait\"\nmetric = 'enid_child_incarnation{child=\"driver\"}'\n[[step]]\n\
                         do = \"actor\"\nactor = \"driver\"\norder = \"panic\"";
    assert!(format!("{:#}", with(looked_before).unwrap_err()).contains("nobody waits"));
}

/// The good text with a Service in front of its pod, and this step behind it.
fn served(step: &str) -> String {
    let services = "do = \"services\"\nform = \"nftables\"\n\
                    service = [{ name = \"svc\", cluster_ip = \"172.20.0.10\", pods = [\"web\"] }, \
                    { name = \"empty\", cluster_ip = \"172.20.0.11\" }]\n[[step]]\n";
    GOOD.replacen("do = \"probe\"\npod = \"web\"", &format!("{services}{step}"), 1)
        .replace("spoofed_packets = 0\n", "")
}

#[test]
fn what_a_node_has_around_it_is_there_before_it_is_judged() {
    let visit = |to: &str, rest: &str| served(&format!("do = \"visit\"\nfrom = \"vpc\"\nto = {to}\n{rest}"));
    let answers = "answered_by = [\"web\"]\nsource = \"vpc\"";
    for good in [
        visit("{ cluster_ip = \"svc\" }", answers),
        visit("{ pod = \"web\" }", ""),
        visit("\"internet\"", "answered_by = [\"internet\"]\nsource = \"vpc\"")
            .replace("nothing_left", "spoofed_packets = 0\nnothing_left"),
        served("do = \"neighbour\"\nform = \"nftables\"")
            .replace("nothing_left", "marks_kept = true\nnothing_left"),
        served("do = \"runtime\"\nverb = \"check\"\npods = [\"web\"]\nplugins = 1"),
    ] {
        let understood = ScenarioFile::parse(&good, &[]);
        assert!(understood.is_ok(), "{:#}", understood.unwrap_err());
    }
    let conflist = |plugins: &str| {
        served(&format!(
            "do = \"conflist\"\nlist = {{ name = \"x\", cniVersion = \"1.0.0\", plugins = [{plugins}] }}"
        ))
    };
    for (bad, reason) in [
        (visit("{ cluster_ip = \"svd\" }", answers), "no Service svd"),
        (visit("{ pod = \"api\" }", ""), "no pod api"),
        (visit("{ host_port = \"web\" }", answers), "web has no host port"),
        (visit("{ node_port = { service = \"svc\", node = \"x\" } }", answers), "no node x"),
        (visit("{ node_port = { service = \"svc\", nodee = \"node\" } }", answers), "did you mean `node`?"),
        (visit("{ cluster_ip = \"empty\" }", ""), "that nobody answers shows nothing"),
        (visit("{ cluster_ip = \"svc\" }", "answered_by = [\"web\"]"), "both answered_by and source"),
        (visit("{ cluster_ip = \"svc\" }", "count = 0"), "without questions"),
        (
            served("do = \"services\"\nservice = [{ name = \"a\", cluster_ip = \"172.20.0.9\" }]"),
            "without a form",
        ),
        (served("do = \"reboot\""), "take them away first"),
        (served("do = \"runtime\"\nverb = \"check\"\nplugins = 1"), "CHECK is about one pod"),
        (served("do = \"neighbour\"\nform = \"nftables\"\nreload_milliseconds = 0"), "always reloads"),
        (conflist(""), "has no plugins"),
        (GOOD.replace("nothing_left", "marks_kept = true\nnothing_left"), "marks_kept needs a neighbour"),
        (GOOD.replace("pod = \"web\"", "pod = \"internet\""), "cannot be called `internet`"),
    ] {
        let error = said(&bad);
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

const TABLE: &str = r#"
summary = "not ${here}"
[[sabotage]]
breaks = "nor ${there}"
file = "config/src/load.rs"
find = "true"
replace = "false"
[parameters]
addresses = 3
rule = "always"
[[cell]]
name = "slow"
what = "hang"
[[cell]]
name = "broken"
what = { error = { code = "InternalError", message = "x", status = 500 } }
addresses = 7
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
[[region.fault]]
action = "*"
when = "${rule}"
fault = "${what}"
[[node]]
name = "n${addresses}"
subnet = "a"
secondary_addresses = "${addresses}"
[[step]]
do = "start"
[expect]
"#;

#[test]
fn a_table_is_a_scenario_for_each_of_its_rows() {
    let file = ScenarioFile::parse(TABLE, &[("rule".to_owned(), "always".to_owned())]).unwrap();
    let [slow, broken] = file.cells.as_slice() else { panic!("two cells: {file:?}") };
    assert_eq!((slow.name.as_str(), broken.name.as_str()), ("slow", "broken"));
    assert_eq!(slow.scenario.node[0].secondary_addresses, 3);
    assert_eq!(broken.scenario.node[0].name, "n7");
    assert_eq!(slow.scenario.region.fault[0].fault, region::Fault::Hang);
    assert!(matches!(broken.scenario.region.fault[0].fault, region::Fault::Error { .. }));
    assert_eq!(broken.parameters["addresses"], "7");
    assert_eq!(file.summary(), "not ${here}");
}

#[test]
fn a_parameter_that_is_unknown_unused_or_missing_is_refused() {
    for (from, to, reason) in [
        ("\"${rule}\"", "\"${ruler}\"", "line 22: unknown parameter `ruler`: did you mean `rule`?"),
        ("\"${rule}\"", "\"always\"", "line 10: the parameter `rule` is used nowhere"),
        ("what = \"hang\"\n", "", "the cell `slow` has no `what`, and [parameters] has no default"),
        ("name = \"slow\"\n", "", "needs a `name`"),
        ("name = \"broken\"", "name = \"slow\"", "line 14: there is a cell `slow` already"),
        ("\"n${addresses}\"", "\"n${addresses\"", "a `${` without its `}`"),
        ("subnet = \"a\"\n", "subnet = \"a\"\nsettings = { A = \"x ${what}\" }\n", "it can only stand alone"),
    ] {
        assert!(TABLE.contains(from), "{from}");
        let error = said(&TABLE.replacen(from, to, 1));
        assert!(error.contains(reason), "{reason}: {error}");
    }
    for (key, value, reason) in
        [("ruler", "x", "did you mean `rule`?"), ("addresses", "9", "every [[cell]] has its own value")]
    {
        let error = ScenarioFile::parse(TABLE, &[(key.to_owned(), value.to_owned())]).unwrap_err();
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_value_from_the_command_line_is_of_the_kind_of_the_default() {
    let text = TABLE.replacen("addresses = 7\n", "", 1);
    let set = |value: &str| ScenarioFile::parse(&text, &[("addresses".to_owned(), value.to_owned())]);
    assert_eq!(set("9").unwrap().cells[1].scenario.node[0].secondary_addresses, 9);
    let error = set("nine").unwrap_err().to_string();
    assert!(error.contains("expected an integer"), "{error}");
}

#[test]
fn every_key_of_the_language_is_in_the_page() {
    let page = std::fs::read_to_string(folder().unwrap().join("README.md")).unwrap();
    let mut missing: Vec<String> = Vec::new();
    let mut look = |place: &str, keys: &[&str]| {
        let unnamed = keys.iter().filter(|key| !names_key(&page, key));
        missing.extend(unnamed.map(|key| format!("{place}: {key}")));
    };
    look("file", &keys_of::<Scenario>());
    look("file", &["parameters", "cell"]);
    look("region", &keys_of::<RegionPart>());
    look("subnet", &keys_of::<SubnetPart>());
    look("node", &keys_of::<NodePart>());
    look("sabotage", &keys_of::<Sabotage>());
    look("eni", &keys_of::<EniPart>());
    look("knobs", &keys_of::<region::Knobs>());
    look("imds", &keys_of::<region::ImdsLag>());
    look("bucket", &keys_of::<region::BucketSpec>());
    look("fault", &keys_of::<region::FaultRule>());
    look("when", &keys_of::<region::When>());
    look("while", &keys_of::<region::State>());
    look("metadata fault", &keys_of::<region::ImdsFaultRule>());
    look("what goes wrong there", &keys_of::<region::ImdsFault>());
    look("describe", &keys_of::<region::DescribeLag>());
    look("view", &keys_of::<region::ViewLag>());
    look("credentials", &keys_of::<region::CredentialKnobs>());
    look("pages", &keys_of::<region::PageKnobs>());
    look("refusal", &keys_of::<region::PageRefusal>());
    look("no room", &keys_of::<region::NoRoom>());
    look("throttle", &keys_of::<region::ThrottleCode>());
    look("what goes wrong", &keys_of::<region::Fault>());
    look("count", &keys_of::<count::Bounds>());
    look("expect", &keys_of::<Expect>());
    look("step", &["do", "chapter"]);
    look("step", VERBS);
    for (verb, keys) in keys() {
        look(verb, &keys);
    }
    for words in crate::step::words() {
        look("word", &words);
    }
    assert!(missing.is_empty(), "integration/scenarios/README.md says nothing of:\n{}", missing.join("\n"));
}

/// Is the key in the page, as code?
fn names_key(page: &str, key: &str) -> bool {
    page.split('`').skip(1).step_by(2).any(|code| {
        code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).any(|word| word == key)
    })
}
