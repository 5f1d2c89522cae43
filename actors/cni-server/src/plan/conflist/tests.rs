//! Lists that are there, and what becomes of them: by example, and for any list.

use super::*;
use proptest::prelude::*;

const OURS: &str = "enid-cni-0.2.0";

fn ours() -> OurPlugin {
    OurPlugin {
        kind: OURS.into(),
        veth_prefix: "eni".into(),
        mtu_bytes: 9001,
        state_directory: "/var/run/aws-node".into(),
        spool_directory: "/var/lib/enid/spool".into(),
    }
}

fn spoken(of: &[(&str, &[&str])]) -> Spoken {
    of.iter().map(|(kind, all)| ((*kind).to_owned(), all.iter().map(|v| (*v).to_owned()).collect())).collect()
}

const ALL: &[&str] = &["0.3.1", "0.4.0", "1.0.0", "1.1.0"];

fn mixed(list: &Value, spoken: &Spoken) -> Result<Value, ListError> {
    Existing::read(list.to_string().as_bytes()).and_then(|list| list.mix(&ours()).with_versions(spoken))
}

fn own() -> Value {
    json!({
        "type": OURS, "vethPrefix": "eni", "mtu": "9001",
        "stateDirectory": "/var/run/aws-node", "spoolDirectory": "/var/lib/enid/spool",
    })
}

#[test]
fn a_fresh_node_gets_ours_and_portmap_with_all_they_speak() {
    let fresh =
        |portmap, spoken: &Spoken| Existing::fresh(portmap).mix(&ours()).with_versions(spoken).unwrap();
    let known = spoken(&[(OURS, ALL), (PORTMAP, ALL)]);
    assert_eq!(
        fresh(true, &known),
        json!({
            "name": "aws-cni", "cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"],
            "plugins": [own(), {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}],
        })
    );
    assert_eq!(fresh(false, &known)["plugins"], json!([own()]));
}

#[test]
fn the_newest_version_is_offered_only_where_every_plugin_is_known_to_speak_it() {
    let list = json!({"name": "aws-cni", "cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"],
        "plugins": [{"type": "enid-cni"}, {"type": "other"}]});
    let versions = |other: Option<&[&str]>| {
        let mut known = spoken(&[(OURS, ALL)]);
        known.extend(other.map(|all| spoken(&[("other", all)])).unwrap_or_default());
        mixed(&list, &known).map(|list| (list["cniVersion"].clone(), list.get("cniVersions").cloned()))
    };
    let offered = |base: &str, newest: bool| Ok((base.into(), newest.then(|| json!([base, "1.1.0"]))));
    assert_eq!(versions(Some(ALL)), offered("1.0.0", true));
    assert_eq!(versions(Some(&["0.4.0", "1.0.0"])), offered("1.0.0", false));
    assert_eq!(versions(Some(&["0.2.0", "0.3.1", "0.4.0"])), offered("0.4.0", false));
    assert_eq!(versions(None), offered("1.0.0", false));
    let refused = versions(Some(&["0.2.0"])).unwrap_err().to_string();
    assert!(refused.contains("other speaks 0.2.0"), "{refused}");
}

#[test]
fn a_version_that_a_plugin_nobody_can_ask_was_used_with_stands() {
    let list = json!({"name": "aws-cni", "cniVersion": "0.4.0", "plugins": [{"type": "other"}]});
    assert_eq!(mixed(&list, &spoken(&[(OURS, ALL)])).unwrap()["cniVersion"], "0.4.0");
    assert_eq!(mixed(&list, &spoken(&[(OURS, ALL), ("other", ALL)])).unwrap()["cniVersion"], "1.0.0");
}

#[test]
fn the_list_of_the_agent_we_replace_becomes_ours_and_keeps_what_is_not() {
    let list = json!({
        "cniVersion": "0.4.0", "name": "aws-cni", "disableCheck": true,
        "plugins": [
            {"name": "aws-cni", "type": "aws-cni", "vethPrefix": "eni", "mtu": "1500", "pluginLogLevel": "DEBUG"},
            {"name": "egress-cni", "type": "egress-cni", "enabled": "false"},
            {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true},
        ],
    });
    let after = mixed(&list, &Spoken::new()).unwrap();
    let mut first = own();
    first["name"] = "aws-cni".into();
    first["pluginLogLevel"] = "DEBUG".into();
    assert_eq!(after["plugins"], json!([first, list["plugins"][1], list["plugins"][2]]));
    assert_eq!((&after["disableCheck"], &after["cniVersion"]), (&json!(true), &json!("0.4.0")));
}

#[test]
fn what_is_no_list_of_ours_is_refused_by_name() {
    for (text, says) in [
        ("", "no list"),
        ("[]", "no JSON object"),
        (r#"{"name":"aws-cni"}"#, "plugins"),
        (r#"{"name":"aws-cni","plugins":[{"type":"a/b"}]}"#, "without a `type`"),
        (r#"{"name":"aws-cni","plugins":["x"]}"#, "without a `type`"),
        (r#"{"plugins":[]}"#, "no `name`"),
        (r#"{"name":"cilium","plugins":[{"type":"cilium-cni"}]}"#, "network `cilium`"),
    ] {
        let error = Existing::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

fn any_key() -> impl Strategy<Value = (String, Value)> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{0,6}".prop_map(Value::from)
    ];
    ("x[a-z]{0,4}", value)
}

fn any_plugin() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        3 => "[a-z]{1,8}",
        1 => Just("enid-cni".to_owned()),
        1 => Just("enid-cni-0.1.0".to_owned()),
        1 => Just("aws-cni".to_owned()),
        1 => Just("enid-cnify".to_owned()),
    ];
    (kind, prop::collection::vec(any_key(), 0..3)).prop_map(|(kind, keys)| {
        let mut plugin: Map<String, Value> = keys.into_iter().collect();
        plugin.insert("type".to_owned(), kind.into());
        plugin.into()
    })
}

prop_compose! {
    fn any_list()(
        keys in prop::collection::vec(any_key(), 0..4),
        plugins in prop::collection::vec(any_plugin(), 0..6),
        version in prop::option::of(prop_oneof![Just("0.4.0"), Just("1.0.0"), Just("9.9.9")]),
    ) -> Value {
        let mut list: Map<String, Value> = keys.into_iter().collect();
        list.insert("name".to_owned(), NETWORK.into());
        list.extend(version.map(|version| ("cniVersion".to_owned(), version.into())));
        list.insert("plugins".to_owned(), plugins.into());
        list.into()
    }
}

fn foreign(list: &Value) -> Vec<&Value> {
    let plugins = list["plugins"].as_array().unwrap();
    plugins.iter().filter(|plugin| !is_ours(plugin.as_object().unwrap())).collect()
}

proptest! {
    #[test]
    fn any_list_keeps_its_foreign_plugins_in_order_and_all_keys_that_are_not_ours(
        list in any_list(),
        known in prop::collection::btree_map("[a-z]{1,8}", prop::sample::subsequence(ALL, 1..=4), 0..4),
    ) {
        let mut spoken: Spoken = known
            .into_iter()
            .map(|(kind, all)| (kind, all.into_iter().map(str::to_owned).collect()))
            .collect();
        spoken.insert(OURS.to_owned(), ALL.iter().map(|version| (*version).to_owned()).collect());
        let Ok(after) = mixed(&list, &spoken) else { return Ok(()) };
        let plugins = after["plugins"].as_array().unwrap();
        prop_assert_eq!(&plugins[0]["type"], OURS);
        prop_assert_eq!(foreign(&after), foreign(&list));
        prop_assert_eq!(plugins.len(), foreign(&list).len() + 1);
        for (key, value) in list.as_object().unwrap() {
            if !["cniVersion", "cniVersions", "plugins"].contains(&key.as_str()) {
                prop_assert_eq!(&after[key], value);
            }
        }
        // Every version that a runtime could inject is spoken by whoever could be asked; 1.1.0 by all.
        let offered: Vec<&str> = std::iter::once(&after["cniVersion"])
            .chain(after.get("cniVersions").and_then(Value::as_array).into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        for plugin in plugins {
            let of = spoken.get(plugin["type"].as_str().unwrap());
            for version in &offered {
                prop_assert!(of.is_none_or(|all| all.contains(*version)), "{} {}", plugin, version);
                prop_assert!(of.is_some() || *version != NEWEST);
            }
        }
        // Once more changes nothing.
        let again = Existing::read(after.to_string().as_bytes()).unwrap();
        prop_assert!(again.says(&after));
        prop_assert_eq!(again.mix(&ours()).with_versions(&spoken), Ok(after));
    }

    #[test]
    fn any_bytes_are_a_list_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Existing::read(&bytes);
    }
}
