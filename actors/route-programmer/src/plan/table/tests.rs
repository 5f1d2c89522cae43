//! The table in every mode: as text, and as the small Linux reads it back.

use super::*;
use crate::bench::config;
use host::Linux;

fn uplink() -> Uplink {
    Uplink { link: "eth0".into(), address: Ipv4Addr::new(10, 0, 0, 5) }
}

fn networks(of: &[&str]) -> Vec<Ipv4Net> {
    of.iter().map(|network| network.parse().unwrap()).collect()
}

fn of(config: &RouteConfig) -> Table {
    table(config, &uplink(), &networks(&["10.0.0.0/16"])).unwrap()
}

fn read_back(table: &Table) -> Vec<String> {
    let mut linux = Linux::new(0);
    let place = linux.add_namespace();
    linux.replace_nft_table(place, &table.to_make()).unwrap();
    linux.nft_table(place, FAMILY, NAME).unwrap()
}

const RESTORE: [&str; 3] = [
    "restore: type filter hook prerouting priority -150; policy accept",
    r#"restore: iifname "eni*" ct mark & 0x80 == 0x80 meta mark set meta mark | 0x80"#,
    r#"restore: iifname "eni*" ct mark & 0x80 != 0x80 meta mark set meta mark & 0xffffff7f"#,
];
const NODE_PORT: &str = r#"restore: iifname "eth0" fib daddr . iif type local ct mark set ct mark | 0x80"#;

#[test]
fn by_default_it_translates_and_returns() {
    let first = r#"decide: iifname "eni*" ct status ! confirmed ip daddr != @own-address fib daddr type != local ct mark set ct mark | 0x80 meta mark set meta mark | 0x80"#;
    let to = r#"translate: oifname != "vlan*" ip saddr != 10.0.0.5 ip daddr != @own-address fib daddr type != local snat to 10.0.0.5 fully-random"#;
    assert_eq!(
        of(&config()).lines(),
        [
            "set own-address: type ipv4_addr flags interval { 10.0.0.0/16 }",
            "decide: type filter hook prerouting priority -90; policy accept",
            first,
            RESTORE[0],
            NODE_PORT,
            RESTORE[1],
            RESTORE[2],
            "translate: type nat hook postrouting priority 110; policy accept",
            to,
        ]
    );
}

#[test]
fn with_external_snat_only_node_ports_are_left_and_without_them_nothing() {
    let external = RouteConfig { snat: None, ..config() };
    assert_eq!(of(&external).lines(), [RESTORE[0], NODE_PORT, RESTORE[1], RESTORE[2]]);
    let nothing = RouteConfig { node_ports: false, ..external };
    assert_eq!(of(&nothing).lines(), Vec::<String>::new());
}

#[test]
fn without_node_ports_the_mark_of_translated_connections_is_restored_all_the_same() {
    let lines = of(&RouteConfig { node_ports: false, ..config() }).lines();
    assert!(!lines.iter().any(|line| line == NODE_PORT), "{lines:?}");
    assert!(RESTORE.iter().all(|wanted| lines.iter().any(|line| line == wanted)), "{lines:?}");
}

#[test]
fn excluded_blocks_join_those_of_the_vpc_whatever_overlaps() {
    let excluded = ["10.0.7.0/24", "10.1.0.0/16", "192.168.0.9/32", "172.16.0.0/12", "10.0.0.0/16"];
    let config = RouteConfig { snat_excluded: networks(&excluded), ..config() };
    let table = of(&config);
    let set = "set own-address: type ipv4_addr flags interval { 10.0.0.0/15, 172.16.0.0/12, 192.168.0.9 }";
    assert_eq!(table.lines()[0], set);
    assert_eq!(read_back(&table), table.lines());
}

#[test]
fn where_everything_is_excluded_nothing_is_translated() {
    let config = RouteConfig { snat_excluded: networks(&["0.0.0.0/0"]), ..config() };
    assert_eq!(of(&config), of(&RouteConfig { snat: None, ..config }));
}

#[test]
fn a_list_without_the_nodes_own_block_and_a_link_with_a_strange_name_give_no_table() {
    for blocks in [&[][..], &["10.1.0.0/16"], &["192.168.0.0/16", "10.0.1.0/24"]] {
        assert_eq!(table(&config(), &uplink(), &networks(blocks)), None, "{blocks:?}");
    }
    for link in ["", "et\"h", "eth*", "a}b"] {
        let uplink = Uplink { link: link.into(), ..uplink() };
        assert_eq!(table(&config(), &uplink, &networks(&["10.0.0.0/16"])), None, "{link}");
    }
}

#[test]
fn every_mode_reads_back_as_it_was_meant() {
    for snat in [None, Some(SourcePorts::FullyRandom), Some(SourcePorts::Random), Some(SourcePorts::Kept)] {
        for node_ports in [false, true] {
            let table = of(&RouteConfig { snat, node_ports, ..config() });
            assert_eq!(read_back(&table), table.lines(), "{snat:?} {node_ports}");
        }
    }
}
