//! The chain executor, held against the specification with plugins of the lab's own: what each gets, in which order, and what
//! a failure of one means for the others. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use lab::cni::{self, foreign};
use lab::{Binaries, Node, Pod, Verb, World, WorldSpec, is_root};
use region::{InstanceSpec, Knobs};
use serde_json::{Value, json};
use std::path::PathBuf;

/// First in the list: answers ADD with a result, and everything else with nothing.
const FIRST: &str = r#"#!/bin/sh
cat >/var/lib/cni/first-$CNI_COMMAND
[ "$CNI_COMMAND" = ADD ] || exit 0
echo "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"enix\"},{\"name\":\"eth0\",\"sandbox\":\"$CNI_NETNS\"}],\"ips\":[{\"interface\":1,\"address\":\"10.0.0.7/32\"}]}"
"#;

struct Stage {
    world: World,
    _directory: tempfile::TempDir,
}

impl Stage {
    async fn set(list: &Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let shim = directory.path().join("enid-cni");
        lab::program::write(&shim, FIRST).unwrap();
        let binaries = Binaries { daemon: PathBuf::from("/bin/true"), shim };
        let spec = WorldSpec {
            vpc: "10.0.0.0/16".parse().unwrap(),
            subnets: vec![("a".to_owned(), "10.0.0.0/24".parse().unwrap())],
            knobs: Knobs::default(),
            faults: Vec::new(),
            imds_faults: Vec::new(),
        };
        let mut world = World::create(&spec).await.unwrap();
        let instance = InstanceSpec::new("m5.large", world.subnet("a").unwrap());
        world.add_node("node", instance, &binaries).await.unwrap();
        let stage = Self { world, _directory: directory };
        foreign::install(stage.node(), "second", None).unwrap();
        foreign::install(stage.node(), "third", None).unwrap();
        stage.list(list);
        stage
    }

    fn node(&self) -> &Node {
        &self.world.node("node").unwrap().node
    }

    fn list(&self, list: &Value) {
        let file = self.node().host_path(&format!("{}/{}", cni::LISTS, cni::LIST_FILE)).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, list.to_string()).unwrap();
    }

    async fn pod(&self, number: u32) -> Pod {
        Pod::create(self.world.run(), self.node(), "web", number).await.unwrap()
    }

    /// `type command` of every execution of a foreign plugin.
    fn order(&self) -> Vec<String> {
        let record = foreign::record(self.node()).unwrap();
        record.iter().map(|entry| format!("{} {}", text(&entry["type"]), text(&entry["command"]))).collect()
    }

    fn last_stdin(&self, kind: &str) -> Value {
        let record = foreign::record(self.node()).unwrap();
        record.iter().rev().find(|entry| entry["type"] == kind).unwrap()["stdin"].clone()
    }

    fn cached(&self, pod: &Pod) -> Option<Value> {
        let name = format!("/var/lib/cni/results/aws-cni-{}-eth0", pod.sandbox.container_id);
        let text = std::fs::read_to_string(self.node().host_path(&name).unwrap()).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn three(version: &str, second: Value, third: Value) -> Value {
    let plugin = |kind: &str, more: Value| {
        let mut plugin = more;
        plugin["type"] = kind.into();
        plugin
    };
    json!({"cniVersion": "0.4.0", "cniVersions": ["0.4.0", version], "name": "aws-cni",
        "plugins": [{"type": "enid-cni"}, plugin("second", second), plugin("third", third)]})
}

#[tokio::test]
async fn add_hands_the_result_on_and_del_goes_back_with_the_cached_one() {
    if !is_root() {
        println!("SKIPPED the chain executor: not root");
        return;
    }
    let second = json!({"adds": {"interfaces": [{"name": "second0"}]},
        "capabilities": {"io.kubernetes.cri.pod-annotations": true, "portMappings": true}});
    let stage =
        Stage::set(&three("1.0.0", second, json!({"adds": {"routes": [{"dst": "0.0.0.0/0"}]}}))).await;
    let pod = stage.pod(1).await;
    let added = cni::chained(stage.node(), Verb::Add, &pod.sandbox).await.unwrap();
    assert!(added.succeeded(), "{:?}", added.errors);
    let kinds: Vec<&str> = added.plugins.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["enid-cni", "second", "third"]);

    // Everyone speaks the highest common version; each has the result before it; only declared capabilities are given.
    let second = stage.last_stdin("second");
    assert_eq!((text(&second["cniVersion"]), text(&second["name"])), ("1.0.0", "aws-cni"));
    assert_eq!(second["prevResult"]["interfaces"].as_array().unwrap().len(), 2);
    assert_eq!(second["runtimeConfig"], json!({"io.kubernetes.cri.pod-annotations": {}}));
    let third = stage.last_stdin("third");
    assert_eq!(third["prevResult"]["interfaces"][2]["name"], "second0");
    assert!(third.get("runtimeConfig").is_none(), "{third}");
    let result = added.result.unwrap();
    assert_eq!(result["routes"][0]["dst"], "0.0.0.0/0");
    let cached = stage.cached(&pod).unwrap();
    assert_eq!(cached["result"], result);
    assert_eq!(cached["cniArgs"][2], json!(["K8S_POD_NAME", "web"]));

    let deleted = cni::chained(stage.node(), Verb::Del, &pod.sandbox).await.unwrap();
    let kinds: Vec<&str> = deleted.plugins.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["third", "second", "enid-cni"]);
    assert_eq!(stage.last_stdin("second")["prevResult"], result, "all of them get the whole result");
    assert_eq!(stage.cached(&pod), None);
    cni::chained(stage.node(), Verb::Del, &pod.sandbox).await.unwrap();
    assert!(stage.last_stdin("second").get("prevResult").is_none(), "the second DEL has none");
}

#[tokio::test]
async fn the_version_of_the_list_is_injected_into_a_plugin_that_does_not_speak_it() {
    if !is_root() {
        println!("SKIPPED a version that one does not speak: not root");
        return;
    }
    let stage = Stage::set(&three("1.1.0", json!({"speaks": ["0.4.0", "1.0.0"]}), json!({}))).await;
    let pod = stage.pod(1).await;
    let added = cni::chained(stage.node(), Verb::Add, &pod.sandbox).await.unwrap();
    assert_eq!(added.execution().error_code(), Some(1));
    let [error] = added.errors.as_slice() else { panic!("{:?}", added.errors) };
    assert!(error.starts_with(r#"plugin type="second" failed (add): incompatible CNI versions"#), "{error}");
    assert_eq!(stage.order(), ["second ADD"], "the third is not executed");
    assert_eq!(stage.cached(&pod), None);
}

#[tokio::test]
async fn a_plugin_that_fails_del_ends_the_chain_and_the_result_stays_for_the_next_attempt() {
    if !is_root() {
        println!("SKIPPED a DEL that fails: not root");
        return;
    }
    let failing = json!({"fails": {"DEL": {"code": 11, "msg": "later", "details": "busy"}}});
    let stage = Stage::set(&three("1.0.0", failing, json!({}))).await;
    let pod = stage.pod(1).await;
    assert!(cni::chained(stage.node(), Verb::Add, &pod.sandbox).await.unwrap().succeeded());
    let deleted = cni::chained(stage.node(), Verb::Del, &pod.sandbox).await.unwrap();
    assert_eq!(deleted.errors, [r#"plugin type="second" failed (delete): later; busy"#]);
    assert_eq!(stage.order(), ["second ADD", "third ADD", "third DEL", "second DEL"]);
    let first = stage.node().host_path("/var/lib/cni/first-DEL").unwrap();
    assert!(!first.exists(), "the one before it in the list keeps what it has: its address leaks");
    assert!(stage.cached(&pod).is_some());
    stage.list(&three("1.0.0", json!({}), json!({})));
    assert!(cni::chained(stage.node(), Verb::Del, &pod.sandbox).await.unwrap().succeeded());
    assert!(first.exists() && stage.last_stdin("third").get("prevResult").is_some());
}

#[tokio::test]
async fn check_gc_and_status_exist_from_their_versions_on_and_can_be_disabled() {
    if !is_root() {
        println!("SKIPPED CHECK, GC and STATUS: not root");
        return;
    }
    let stage = Stage::set(&three("1.1.0", json!({}), json!({}))).await;
    let (stays, goes) = (stage.pod(1).await, stage.pod(2).await);
    for pod in [&stays, &goes] {
        assert!(cni::chained(stage.node(), Verb::Add, &pod.sandbox).await.unwrap().succeeded());
    }
    let checked = cni::chained(stage.node(), Verb::Check, &stays.sandbox).await.unwrap();
    assert!(checked.succeeded() && checked.plugins.len() == 3, "{checked:?}");
    assert_eq!(stage.last_stdin("third")["prevResult"]["ips"][0]["address"], "10.0.0.7/32");
    assert_eq!(cni::status(stage.node()).await.unwrap().plugins.len(), 3);

    // GC first deletes what is cached and not to stay, then tells every plugin what is.
    let collected = cni::collect(stage.node(), &[&stays.sandbox]).await.unwrap();
    assert!(collected.succeeded(), "{:?}", collected.errors);
    let order = stage.order();
    assert_eq!(order[order.len() - 4..], ["third DEL", "second DEL", "second GC", "third GC"]);
    assert!(stage.cached(&goes).is_none() && stage.cached(&stays).is_some());
    let told = stage.last_stdin("third");
    assert_eq!(told["cni.dev/valid-attachments"][0]["containerID"], stays.sandbox.container_id);
    assert!(told.get("prevResult").is_none());

    // Below 1.1.0 both are silent successes, and below 0.4.0 CHECK is an error of the runtime's own.
    let before = stage.order().len();
    stage.list(&three("1.0.0", json!({}), json!({})));
    assert!(cni::status(stage.node()).await.unwrap().plugins.is_empty());
    assert!(cni::collect(stage.node(), &[&stays.sandbox]).await.unwrap().plugins.is_empty());
    stage.list(&json!({"cniVersion": "0.3.1", "name": "aws-cni", "plugins": [{"type": "second"}]}));
    let checked = cni::chained(stage.node(), Verb::Check, &stays.sandbox).await.unwrap();
    assert!(checked.errors[0].contains("does not support the CHECK command"), "{checked:?}");
    let mut disabled = three("1.1.0", json!({}), json!({}));
    (disabled["disableCheck"], disabled["disableGC"]) = (true.into(), true.into());
    stage.list(&disabled);
    assert!(cni::chained(stage.node(), Verb::Check, &stays.sandbox).await.unwrap().plugins.is_empty());
    assert!(cni::collect(stage.node(), &[]).await.unwrap().succeeded());
    assert_eq!(stage.order().len(), before, "nobody was executed");
}

#[tokio::test]
async fn gc_goes_on_past_a_plugin_that_fails_and_status_stops_at_it() {
    if !is_root() {
        println!("SKIPPED GC and STATUS that fail: not root");
        return;
    }
    let failing =
        json!({"fails": {"GC": {"code": 5, "msg": "no disk"}, "STATUS": {"code": 50, "msg": "not yet"}}});
    let stage = Stage::set(&three("1.1.0", failing, json!({}))).await;
    let collected = cni::collect(stage.node(), &[]).await.unwrap();
    assert_eq!(collected.errors, ["failed to GC plugin second: no disk"]);
    assert_eq!(stage.order(), ["second GC", "third GC"]);
    let status = cni::status(stage.node()).await.unwrap();
    assert_eq!(
        (status.errors.as_slice(), status.execution().error_code()),
        (["not yet".to_owned()].as_slice(), Some(50))
    );
    assert_eq!(stage.order().last().unwrap(), "second STATUS");
    for variable in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"] {
        let record = foreign::record(stage.node()).unwrap();
        assert_eq!(record.last().unwrap()["environment"][variable], "", "{variable} is set, and empty");
    }
}
