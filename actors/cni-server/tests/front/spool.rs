//! DELs that shims left behind. In virtual time: no connection is made.

use contract::causes::Cause;
use protocol::spool::{FORMAT, Record, write};
use std::path::Path;
use std::time::Duration;

use crate::house::{BUILT_AT, House, in_virtual_time, seconds};
use crate::rooms::answer;

fn record(container_id: &str, boottime_nanoseconds: u64) -> Record {
    Record {
        version: FORMAT,
        network: "aws-cni".into(),
        container_id: container_id.into(),
        ifname: "eth0".into(),
        pod_namespace: "default".into(),
        pod_name: "nginx".into(),
        pod_uid: String::new(),
        boot_id: "b".into(),
        boottime_nanoseconds,
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn refusal() -> Cause {
    Cause::CheckpointWrite { detail: "disk full".into() }
}

/// Time since the house was built.
fn age(house: &House) -> Duration {
    house.clock.now() - BUILT_AT
}

#[test]
fn what_shims_left_is_released_oldest_first_before_the_socket_opens() {
    in_virtual_time(async {
        let mut house = House::new();
        write(&house.spool(), &record("younger", 8)).unwrap();
        write(&house.spool(), &record("older", 7)).unwrap();
        house.start_front();
        for container_id in ["older", "younger"] {
            let (key, place) = house.asked.release().await;
            assert_eq!(key.container_id, container_id);
            assert!(!house.socket().exists());
            answer(place, Ok(None));
        }
        let view = house.until(|view| view.listening).await;
        assert_eq!((view.spool_worked_off, view.answers.len()), (2, 0));
        assert_eq!(names(&house.spool()), [""; 0]);
        assert!(age(&house) < seconds(1));
    });
}

#[test]
fn a_record_whose_release_fails_stays_and_is_done_at_the_next_look() {
    in_virtual_time(async {
        let mut house = House::new();
        write(&house.spool(), &record("c1", 7)).unwrap();
        house.start_front();
        let (_, place) = house.asked.release().await;
        answer(place, Err(refusal()));
        let view = house.until(|view| view.listening).await;
        assert_eq!(view.spool_worked_off, 0);
        assert_eq!(names(&house.spool()).len(), 1);

        let (_, place) = house.asked.release().await;
        assert!(age(&house) >= seconds(30));
        answer(place, Ok(None));
        house.until(|view| view.spool_worked_off == 1).await;
        assert_eq!(names(&house.spool()), [""; 0]);
        assert!(age(&house) < seconds(40));
    });
}

#[test]
fn releases_that_are_not_answered_do_not_keep_the_socket_shut_and_what_was_done_counts() {
    in_virtual_time(async {
        let mut house = House::new();
        for number in 0..30 {
            write(&house.spool(), &record(&format!("c{number}"), number)).unwrap();
        }
        house.start_front();
        let (_, place) = house.asked.release().await;
        answer(place, Ok(None));
        let view = house.until(|view| view.listening).await;
        assert_eq!(view.spool_worked_off, 1);
        assert_eq!(names(&house.spool()).len(), 29);
        assert!(age(&house) < seconds(25), "{:?}", age(&house));
    });
}

#[test]
fn a_file_that_is_no_record_is_set_aside_and_the_others_are_done() {
    in_virtual_time(async {
        let mut house = House::new();
        write(&house.spool(), &record("c1", 7)).unwrap();
        std::fs::write(house.spool().join("odd.json"), "{").unwrap();
        house.start_front();
        let (_, place) = house.asked.release().await;
        answer(place, Ok(None));
        let view = house.until(|view| view.listening).await;
        assert_eq!(view.spool_worked_off, 1);
        assert_eq!(names(&house.spool()), ["odd.json.bad"]);
    });
}

#[test]
fn a_record_under_another_name_is_done_once() {
    in_virtual_time(async {
        let mut house = House::new();
        write(&house.spool(), &record("c1", 7)).unwrap();
        let [name] = names(&house.spool()).try_into().unwrap();
        let path = house.spool().join(name);
        std::fs::rename(path, house.spool().join("by-hand.json")).unwrap();
        house.start_front();
        let (_, place) = house.asked.release().await;
        answer(place, Ok(None));
        let view = house.until(|view| view.listening).await;
        assert_eq!(view.spool_worked_off, 1);
        assert_eq!(names(&house.spool()), [""; 0]);
    });
}

#[test]
fn a_spool_that_cannot_be_read_keeps_nobody_waiting() {
    in_virtual_time(async {
        let mut house = House::new();
        std::fs::write(house.spool(), "no directory").unwrap();
        house.start_front();
        let view = house.until(|view| view.listening).await;
        assert_eq!((view.spool_worked_off, view.trouble), (0, None));
    });
}
