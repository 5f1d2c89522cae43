//! The peer's schema, byte for byte, and everything that can be wrong with a file.

use super::*;
use proptest::prelude::*;

const GOLDEN: &str = concat!(
    r#"{"version":"vpc-cni-ipam/1","allocations":["#,
    r#"{"networkName":"aws-cni","containerID":"c0ffee","ifName":"eth0","ipv4":"10.0.3.7","#,
    r#""allocationTimestamp":1700000000000000000,"#,
    r#""metadata":{"k8sPodNamespace":"default","k8sPodName":"web-0","interfacesCount":1}}]}"#,
    "\n"
);

fn lease() -> Lease {
    Lease {
        key: AttachmentKey {
            network: "aws-cni".into(),
            container_id: "c0ffee".into(),
            ifname: "eth0".into(),
        },
        pod: Pod { namespace: "default".into(), name: "web-0".into(), uid: String::new() },
        address: Ipv4Addr::new(10, 0, 3, 7),
        phase: LeasePhase::Assigned,
        allocated_unix_nanoseconds: 1_700_000_000_000_000_000,
    }
}

fn text(file: &PeerFile) -> String {
    String::from_utf8(encode(file).unwrap()).unwrap()
}

fn file_of(allocations: &str) -> String {
    format!(r#"{{"version":"vpc-cni-ipam/1","allocations":{allocations}}}"#)
}

#[test]
fn a_lease_is_written_as_the_peer_writes_it() {
    let file = PeerFile { entries: vec![PeerEntry::new(lease())], unknown: Map::new() };
    assert_eq!(text(&file), GOLDEN);
}

#[test]
fn no_lease_is_an_empty_list_and_never_null() {
    assert_eq!(text(&PeerFile::default()), "{\"version\":\"vpc-cni-ipam/1\",\"allocations\":[]}\n");
}

#[test]
fn names_that_are_not_known_are_left_out() {
    let mut lease = lease();
    lease.pod = Pod::default();
    let file = PeerFile { entries: vec![PeerEntry::new(lease)], unknown: Map::new() };
    assert!(text(&file).contains(r#""metadata":{"interfacesCount":1}"#), "{}", text(&file));
}

#[test]
fn what_the_peer_wrote_is_read_and_written_back_the_same() {
    let (file, flaws) = decode(GOLDEN.as_bytes()).unwrap();
    assert_eq!((file.entries[0].lease.clone(), flaws), (lease(), Vec::new()));
    assert_eq!(text(&file), GOLDEN);
}

#[test]
fn members_that_are_not_known_are_kept_where_they_were() {
    let strange = concat!(
        r#"{"version":"vpc-cni-ipam/1","allocations":[{"networkName":"n","containerID":"c","ifName":"i","#,
        r#""ipv4":"10.0.0.9","allocationTimestamp":5,"metadata":{"interfacesCount":3,"later":[1]},"#,
        r#""ipv6":"::1"}],"comment":{"a":null}}"#,
        "\n"
    );
    let (file, flaws) = decode(strange.as_bytes()).unwrap();
    assert_eq!(flaws, Vec::<String>::new());
    assert_eq!(text(&file), strange);
}

#[test]
fn an_absent_list_is_an_empty_one_as_it_is_to_the_peer() {
    for text in [r#"{"version":"vpc-cni-ipam/1"}"#.to_owned(), file_of("null"), file_of("[]")] {
        assert_eq!(decode(text.as_bytes()).unwrap(), (PeerFile::default(), Vec::new()), "{text}");
    }
}

#[test]
fn a_file_that_is_none_says_why() {
    for (text, why) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("\0\0\0\0", "not JSON"),
        ("{}{}", "not JSON"),
        (&GOLDEN[..GOLDEN.len() - 3], "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "version missing"),
        (r#"{"version":1,"allocations":[]}"#, "version 1, expected"),
        (r#"{"version":"vpc-cni-ipam/2","allocations":[]}"#, "version \"vpc-cni-ipam/2\", expected"),
        (&file_of("{}"), "`allocations` is not a list"),
        (&file_of("\"\""), "`allocations` is not a list"),
        (&"[".repeat(100_000), "not JSON"),
    ] {
        let error = decode(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error} for {}", &text[..text.len().min(60)]);
    }
}

#[test]
fn a_bad_entry_costs_itself_and_no_other() {
    let good = r#"{"networkName":"n","containerID":"c","ifName":"i","ipv4":"10.0.0.9"}"#;
    for (bad, why) in [
        ("7", "not an object"),
        (r#"{"containerID":"c","ifName":"i","ipv4":"10.0.0.8"}"#, "networkName is missing"),
        (r#"{"networkName":"n","containerID":"","ifName":"i","ipv4":"10.0.0.8"}"#, "containerID is empty"),
        (r#"{"networkName":"n","containerID":"c","ifName":4,"ipv4":"10.0.0.8"}"#, "ifName is not a text"),
        (r#"{"networkName":"n","containerID":"c","ifName":"i"}"#, "ipv4 is missing"),
        (r#"{"networkName":"n","containerID":"c","ifName":"i","ipv4":""}"#, "ipv4 is empty"),
        (
            r#"{"networkName":"n","containerID":"c","ifName":"i","ipv6":"fd00::1"}"#,
            "it has an IPv6 address only",
        ),
        (
            r#"{"networkName":"n","containerID":"c","ifName":"i","ipv4":"10.0.0"}"#,
            "ipv4 `10.0.0` is no address",
        ),
        (
            r#"{"networkName":"n","containerID":"c","ifName":"i","ipv4":"010.0.0.1"}"#,
            "ipv4 `010.0.0.1` is no address",
        ),
        (
            r#"{"networkName":"n","containerID":"c","ifName":"i","ipv4":"0.0.0.0"}"#,
            "ipv4 0.0.0.0 is the unspecified",
        ),
        (
            r#"{"networkName":"n","containerID":"c","ifName":"i","ipv4":"127.0.0.1"}"#,
            "ipv4 127.0.0.1 is a loopback",
        ),
    ] {
        let text = file_of(&format!("[{bad},{good}]"));
        let (file, flaws) = decode(text.as_bytes()).unwrap();
        assert_eq!(file.entries.len(), 1, "{bad}");
        assert_eq!(file.entries[0].lease.address, Ipv4Addr::new(10, 0, 0, 9), "{bad}");
        assert_eq!(flaws.len(), 1, "{bad}");
        assert!(flaws[0].starts_with(&format!("allocations[0] was left out: {why}")), "{}", flaws[0]);
    }
}

#[test]
fn a_lease_is_kept_though_its_time_or_names_are_nonsense() {
    for (member, why) in [
        (r#""allocationTimestamp":"now""#, "allocationTimestamp is not a number"),
        (r#""allocationTimestamp":99999999999999999999"#, "allocationTimestamp is not a number"),
        (r#""metadata":[]"#, "metadata is not an object"),
    ] {
        let entry =
            format!(r#"[{{"networkName":"n","containerID":"c","ifName":"i","ipv4":"10.0.0.9",{member}}}]"#);
        let (file, flaws) = decode(file_of(&entry).as_bytes()).unwrap();
        assert_eq!(file.entries.len(), 1, "{member}");
        assert!(flaws[0].contains(why), "{flaws:?}");
    }
}

#[test]
fn of_two_entries_for_one_address_the_younger_is_kept_and_the_other_told() {
    let entry = |id: &str, time: i64| {
        format!(
            r#"{{"networkName":"n","containerID":"{id}","ifName":"i","ipv4":"10.0.0.9","allocationTimestamp":{time}}}"#
        )
    };
    for list in [[entry("old", 1), entry("new", 2)], [entry("new", 2), entry("old", 1)]] {
        let (file, flaws) = decode(file_of(&format!("[{}]", list.join(","))).as_bytes()).unwrap();
        assert_eq!(file.entries.len(), 1);
        assert_eq!(file.entries[0].lease.key.container_id, "new");
        assert_eq!(flaws, ["10.0.0.9 has a second, older entry, for n/old/i"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_damaged_file_is_an_outcome_and_never_a_panic(
        damage in prop::collection::vec((0..GOLDEN.len(), any::<u8>()), 1..6),
        length in 0..=GOLDEN.len(),
    ) {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        for (place, byte) in damage {
            bytes[place] = byte;
        }
        bytes.truncate(length.max(GOLDEN.len() / 2));
        if let Ok((file, _)) = decode(&bytes) {
            let (again, flaws) = decode(&encode(&file).unwrap()).unwrap();
            prop_assert_eq!(again, file);
            prop_assert!(flaws.is_empty(), "{:?}", flaws);
        }
    }
}
