//! What the runtime is told: mark and list on a real disk, with programs that are asked.

use contract::mail::cni_server::CniMail;
use contract::mail::eni_manager::Demand;
use contract::mail::route_programmer::HostView;
use contract::model::{Eni, EniAddress, EniId, EniView, Mac, SubnetId};
use serde_json::{Value, json};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::house::{House, in_real_time};

const OURS: &str = "enid-cni-1.2.3";
const ALL: &str = r#"echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}'"#;
const OLD: &str = r#"echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'"#;

/// A program of the node. Another process writes it: one that this process had open could not be executed.
fn program(house: &House, name: &str, script: &str) {
    let directory = house.announcement().programs;
    std::fs::create_dir_all(&directory).unwrap();
    let mut shell = Command::new("sh")
        .args(["-c", r#"cat >"$0" && chmod 755 "$0""#])
        .arg(directory.join(name))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    write!(shell.stdin.take().unwrap(), "#!/bin/sh\n[ \"$CNI_COMMAND\" = VERSION ] || exit 1\n{script}\n")
        .unwrap();
    assert!(shell.wait().unwrap().success());
}

fn write_list(house: &House, text: &str) {
    let path = house.announcement().list;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn list(house: &House) -> Option<Value> {
    let text = std::fs::read_to_string(house.announcement().list).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

fn marked(house: &House) -> bool {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    protocol::served::is_marked(house.directory(), boot_id.trim()).unwrap()
}

fn enis() -> EniView {
    let address = EniAddress { address: Ipv4Addr::new(10, 0, 0, 7), confirmed: true };
    let eni = Eni {
        id: EniId::new("eni-1"),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        card: 0,
        device: 0,
        subnet: SubnetId::new("subnet-1"),
        subnet_cidr: "10.0.0.0/24".parse().unwrap(),
        primary_address: Ipv4Addr::new(10, 0, 0, 4),
        addresses: vec![address],
        address_limit: None,
        since: Duration::ZERO,
        leaving: false,
    };
    EniView { enis: vec![eni], ..EniView::unknown() }
}

/// All that a pod needs is there from now on.
fn can_serve(house: &House) {
    let counts = house.counts.as_ref().unwrap();
    counts.tell(CniMail::Host(HostView { read: true, ..HostView::default() })).unwrap();
    counts.tell(CniMail::Enis(enis())).unwrap();
    counts.tell(CniMail::Demand(Demand::default())).unwrap();
}

#[test]
fn a_fresh_node_is_told_once_a_pod_could_be_served_and_not_before() {
    in_real_time(async {
        let house = House::open().await;
        program(&house, OURS, ALL);
        program(&house, "portmap", ALL);
        assert!(list(&house).is_none() && !marked(&house));
        can_serve(&house);
        house.until(|view| view.announced).await;
        assert!(marked(&house));
        let list = list(&house).unwrap();
        assert_eq!(list["cniVersions"], json!(["1.0.0", "1.1.0"]));
        assert_eq!(
            (&list["plugins"][0]["type"], &list["plugins"][1]["type"]),
            (&json!(OURS), &json!("portmap"))
        );
        let left: Vec<_> = std::fs::read_dir(house.announcement().list.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    });
}

#[test]
fn a_list_that_says_it_already_is_not_written_again() {
    in_real_time(async {
        let mut house = House::open().await;
        program(&house, OURS, ALL);
        can_serve(&house);
        house.until(|view| view.announced).await;
        let inode = || std::fs::metadata(house.announcement().list).unwrap().ino();
        let before = inode();
        house.end_front().await;
        house.start_front();
        house.until(|view| view.listening).await;
        can_serve(&house);
        house.until(|view| view.announced).await;
        assert_eq!(std::fs::metadata(house.announcement().list).unwrap().ino(), before);
    });
}

#[test]
fn an_old_plugin_in_the_list_keeps_the_newest_version_from_being_offered() {
    in_real_time(async {
        let house = House::open().await;
        program(&house, OURS, ALL);
        program(&house, "old", OLD);
        write_list(
            &house,
            r#"{"name":"aws-cni","cniVersion":"0.4.0","x":1,"plugins":[{"type":"old","y":2},{"type":"aws-cni"}]}"#,
        );
        can_serve(&house);
        house.until(|view| view.announced).await;
        let list = list(&house).unwrap();
        assert_eq!((&list["cniVersion"], list.get("cniVersions")), (&json!("1.0.0"), None));
        assert_eq!((&list["plugins"][1], &list["x"]), (&json!({"type": "old", "y": 2}), &json!(1)));
    });
}

#[test]
fn a_plugin_that_hangs_or_prints_nonsense_is_one_that_cannot_be_asked() {
    in_real_time(async {
        let house = House::open().await;
        program(&house, OURS, ALL);
        program(&house, "nonsense", "echo oops");
        program(&house, "hangs", "exec sleep 600");
        write_list(
            &house,
            r#"{"name":"aws-cni","cniVersion":"1.0.0","plugins":[{"type":"hangs"},{"type":"nonsense"},{"type":"absent"}]}"#,
        );
        can_serve(&house);
        house.until(|view| view.announced).await;
        let list = list(&house).unwrap();
        assert_eq!(list.get("cniVersions"), None);
        assert_eq!(list["plugins"].as_array().unwrap().len(), 4);
    });
}

#[test]
fn a_plugin_that_was_silent_once_is_asked_again() {
    in_real_time(async {
        let house = House::open().await;
        program(&house, OURS, ALL);
        let ready = house.directory().join("ready");
        program(&house, "slow", &format!("[ -e {} ] || exit 1\n{ALL}", ready.display()));
        write_list(&house, r#"{"name":"aws-cni","cniVersion":"1.0.0","plugins":[{"type":"slow"}]}"#);
        can_serve(&house);
        house.until(|view| view.announced).await;
        assert_eq!(list(&house).unwrap().get("cniVersions"), None);
        std::fs::write(ready, "").unwrap();
        let offered = async {
            while list(&house).unwrap().get("cniVersions").is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::house::PATIENCE, offered).await.unwrap();
    });
}

#[test]
fn a_list_never_names_a_shim_that_is_not_there_or_does_not_run() {
    in_real_time(async {
        let house = House::open().await;
        can_serve(&house);
        let view = house.until(|view| view.unannounced.is_some()).await;
        let text = view.unannounced.unwrap().to_string();
        assert!(text.contains(OURS) && text.contains("enid install"), "{text}");
        assert!(list(&house).is_none());
        program(&house, OURS, "exit 1");
        house.until(|view| said(view, "does not answer VERSION")).await;
        assert!(list(&house).is_none());
        // It is told as soon as it is there: nobody is restarted for it.
        program(&house, OURS, ALL);
        house.until(|view| view.announced && view.unannounced.is_none()).await;
        assert!(list(&house).is_some());
    });
}

fn said(view: &contract::mail::health_server::FrontView, words: &str) -> bool {
    view.unannounced.as_ref().is_some_and(|cause| cause.to_string().contains(words))
}

#[test]
fn a_list_that_is_none_is_set_aside_and_nothing_of_it_is_lost() {
    for broken in ["{ torn", r#"{"name":"other","plugins":[{"type":"other-cni"}]}"#] {
        in_real_time(async {
            let house = House::open().await;
            write_list(&house, broken);
            can_serve(&house);
            // As long as no list of ours could take its place, it stays.
            house.until(|view| said(view, OURS)).await;
            assert_eq!(std::fs::read_to_string(house.announcement().list).unwrap(), broken);
            program(&house, OURS, ALL);
            house.until(|view| view.announced).await;
            assert_eq!(list(&house).unwrap()["plugins"][0]["type"], OURS);
            let path = house.announcement().list;
            let entries = std::fs::read_dir(path.parent().unwrap()).unwrap().flatten();
            let aside: Vec<_> = entries.map(|entry| entry.path()).filter(|other| *other != path).collect();
            assert_eq!(aside.len(), 1, "{aside:?}");
            assert_eq!(std::fs::read_to_string(&aside[0]).unwrap(), broken);
            let ending = aside[0].extension().unwrap().to_string_lossy().into_owned();
            assert!(!["conf", "conflist", "json"].contains(&ending.as_str()), "{ending}");
        });
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    in_real_time(async {
        let house = House::open().await;
        program(&house, OURS, ALL);
        // A file where the directory should be.
        std::fs::write(house.announcement().list.parent().unwrap(), "").unwrap();
        can_serve(&house);
        house.until(|view| said(view, "10-aws.conflist")).await;
        assert!(marked(&house));
    });
}
