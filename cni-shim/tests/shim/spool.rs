//! The spool: durable, bounded, and not to be led astray.

use protocol::spool::{Contents, FORMAT, RECORDS_MAX, Record, SpoolError, file_name, read, remove, write};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

fn record(container_id: &str, boottime_nanoseconds: u64) -> Record {
    Record {
        version: FORMAT,
        network: "aws-cni".into(),
        container_id: container_id.into(),
        ifname: "eth0".into(),
        pod_namespace: "default".into(),
        pod_name: "web-0".into(),
        pod_uid: String::new(),
        boot_id: "b".into(),
        boottime_nanoseconds,
    }
}

#[test]
fn what_is_spooled_is_read_oldest_first() {
    let root = tempfile::tempdir().unwrap();
    let spool = root.path().join("lib/enid/spool");
    write(&spool, &record("c2", 7)).unwrap();
    write(&spool, &record("c1", 9)).unwrap();
    assert_eq!(fs::metadata(&spool).unwrap().permissions().mode() & 0o777, 0o700);
    let Contents { records, others } = read(&spool).unwrap();
    assert!(others.is_empty());
    let ids: Vec<_> = records.iter().map(|(_, record)| record.container_id.as_str()).collect();
    assert_eq!(ids, ["c2", "c1"]);
    let mode = fs::metadata(&records[0].0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_del_that_comes_twice_is_one_record() {
    let root = tempfile::tempdir().unwrap();
    let spool = root.path().join("spool");
    write(&spool, &record("c1", 1)).unwrap();
    write(&spool, &record("c1", 2)).unwrap();
    let records = read(&spool).unwrap().records;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].1.boottime_nanoseconds, 2);
    remove(&spool, "aws-cni", "c1", "eth0").unwrap();
    remove(&spool, "aws-cni", "c1", "eth0").unwrap();
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 0, "no temporary file stays either");
}

#[test]
fn keys_that_look_alike_have_files_of_their_own() {
    assert_ne!(file_name("a", "b-c", "d"), file_name("a-b", "c", "d"));
    assert_ne!(file_name("n", "c", "eth0"), file_name("n", "c", "eth1"));
    assert!(file_name("n", &"x".repeat(253), "e").len() < 255);
}

#[test]
fn a_full_spool_refuses_a_new_del_and_takes_a_known_one() {
    let root = tempfile::tempdir().unwrap();
    let spool = root.path().join("spool");
    write(&spool, &record("known", 1)).unwrap();
    for number in 1..RECORDS_MAX {
        fs::write(spool.join(format!("x{number}.json")), "").unwrap();
    }
    assert!(matches!(write(&spool, &record("new", 1)), Err(SpoolError::Full { .. })));
    write(&spool, &record("known", 2)).unwrap();
}

#[test]
fn a_spool_that_others_can_reach_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let open = root.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(write(&open, &record("c", 1)), Err(SpoolError::Untrusted { .. })));
    let aside = root.path().join("aside");
    fs::create_dir(&aside).unwrap();
    fs::set_permissions(&aside, Permissions::from_mode(0o700)).unwrap();
    let link = root.path().join("link");
    symlink(&aside, &link).unwrap();
    assert!(matches!(write(&link, &record("c", 1)), Err(SpoolError::Untrusted { .. })));
}

#[test]
fn a_file_that_is_no_record_does_not_hide_the_others() {
    let root = tempfile::tempdir().unwrap();
    let spool = root.path().join("spool");
    write(&spool, &record("good", 1)).unwrap();
    fs::write(spool.join("torn.json"), r#"{"version":1,"netw"#).unwrap();
    fs::write(spool.join("long.json"), vec![b' '; 70_000]).unwrap();
    let future = serde_json::to_string(&Record { version: 2, ..record("z", 1) }).unwrap();
    fs::write(spool.join("future.json"), future).unwrap();
    symlink("/etc/passwd", spool.join("link.json")).unwrap();
    fs::write(spool.join(".tmp.json.12"), "x").unwrap();
    let Contents { records, others } = read(&spool).unwrap();
    assert_eq!((records.len(), others.len()), (1, 4), "{others:?}");
}

#[test]
fn a_spool_that_is_not_there_is_empty_and_one_that_cannot_be_made_says_where() {
    let root = tempfile::tempdir().unwrap();
    assert!(read(&root.path().join("none")).unwrap().records.is_empty());
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let said = write(&file.join("spool"), &record("c", 1)).unwrap_err().to_string();
    assert!(said.contains("cannot make") && said.contains("file"), "{said}");
}
