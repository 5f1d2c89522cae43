//! Our own file: its text, and records that cannot be used.

use super::*;
use contract::model::EniId;

const GOLDEN: &str = concat!(
    r#"{"version":"enid-leases/1","bootId":"b-1","leases":["#,
    r#"{"key":{"network":"aws-cni","container_id":"c1","ifname":"eth0"},"#,
    r#""pod":{"namespace":"default","name":"web-0","uid":"u-1"},"#,
    r#""address":"10.0.3.7","phase":"wired","allocatedUnixNanoseconds":17}],"#,
    r#""uids":[{"key":{"network":"aws-cni","container_id":"c2","ifname":"eth0"},"address":"10.0.3.8","uid":"u-2"}],"#,
    r#""cooling":[{"address":"10.0.3.9","untilBoottimeNanoseconds":30000000001}],"#,
    r#""leaving":[{"eni":"eni-0a","addresses":["10.0.3.10","10.0.3.11"],"whole":true}]}"#,
    "\n"
);

fn key(id: &str) -> AttachmentKey {
    AttachmentKey { network: "aws-cni".into(), container_id: id.into(), ifname: "eth0".into() }
}

fn file() -> OwnFile {
    OwnFile {
        boot_id: "b-1".into(),
        leases: vec![Lease {
            key: key("c1"),
            pod: Pod { namespace: "default".into(), name: "web-0".into(), uid: "u-1".into() },
            address: Ipv4Addr::new(10, 0, 3, 7),
            phase: LeasePhase::Wired,
            allocated_unix_nanoseconds: 17,
        }],
        uids: vec![PodUid { key: key("c2"), address: Ipv4Addr::new(10, 0, 3, 8), uid: "u-2".into() }],
        cooling: vec![Cooling { address: Ipv4Addr::new(10, 0, 3, 9), until: Duration::new(30, 1) }],
        leaving: vec![Leaving {
            eni: EniId::new("eni-0a"),
            addresses: vec![Ipv4Addr::new(10, 0, 3, 10), Ipv4Addr::new(10, 0, 3, 11)],
            whole: true,
        }],
    }
}

#[test]
fn the_file_is_written_and_read_back_the_same() {
    assert_eq!(String::from_utf8(encode(&file()).unwrap()).unwrap(), GOLDEN);
    assert_eq!(decode(GOLDEN.as_bytes()).unwrap(), (file(), Vec::new()));
}

#[test]
fn a_file_of_another_version_is_not_guessed_at() {
    let text = GOLDEN.replace("enid-leases/1", "enid-leases/2");
    assert!(decode(text.as_bytes()).unwrap_err().to_string().contains("expected \"enid-leases/1\""));
}

#[test]
fn a_bad_record_costs_itself_and_no_other() {
    for (from, to, leases, uids, cooling, leaving) in [
        ("\"wired\"", "\"flying\"", 0, 1, 1, 1),
        ("\"wired\"", "\"assigned\"", 0, 1, 1, 1),
        ("\"c1\"", "\"\"", 0, 1, 1, 1),
        ("10.0.3.7", "0.0.0.0", 0, 1, 1, 1),
        ("\"10.0.3.8\"", "true", 1, 0, 1, 1),
        ("30000000001", "-1", 1, 1, 0, 1),
        ("10.0.3.11", "10.0.3", 1, 1, 1, 0),
    ] {
        let (file, flaws) = decode(GOLDEN.replace(from, to).as_bytes()).unwrap();
        let found = (file.leases.len(), file.uids.len(), file.cooling.len(), file.leaving.len());
        assert_eq!((found, flaws.len()), ((leases, uids, cooling, leaving), 1), "{from} {to} {flaws:?}");
    }
}

#[test]
fn without_a_boot_id_its_times_are_of_no_known_boot() {
    let (file, _) = decode(GOLDEN.replace("\"b-1\"", "null").as_bytes()).unwrap();
    assert_eq!(file.boot_id, "");
}

#[test]
fn an_address_that_rests_twice_rests_as_long_as_the_longer() {
    let rest = |seconds| Cooling { address: Ipv4Addr::new(10, 0, 0, 1), until: Duration::from_secs(seconds) };
    assert_eq!(longest_rest(vec![rest(1), rest(3), rest(2)]), vec![rest(3)]);
}
