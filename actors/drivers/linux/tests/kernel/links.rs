//! Links, addresses, what is behind a veth, rp_filter.

use contract::ports::host::{Host, HostChange, HostError, Link};
use netlink_packet_route::address::AddressScope;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::place::{Place, in_namespace, ip};

const ENODEV: i32 = 19;
const EPERM: i32 = 1;
const EINVAL: i32 = 22;

fn keep_only(capabilities: CapabilitySet) {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: capabilities, permitted: capabilities, inheritable: none };
    set_capabilities(None, sets).unwrap();
}

#[test]
fn a_link_is_shown_as_it_is_and_changed_as_told() {
    in_namespace(|place| async move {
        assert!(!place.link(1).await.up);
        let (one, _) = place.pair("one", "other").await;
        let before = place.link(one).await;
        assert_eq!((before.name.as_str(), before.mtu_bytes, before.up), ("one", 1500, true));
        assert!(before.mac.is_some() && before.addresses.is_empty());
        assert!(!before.veth_to_elsewhere && before.behind.is_none());

        let lo = place.link(1).await;
        assert_eq!((lo.name.as_str(), lo.up, lo.mac), ("lo", true, None));

        let address = HostChange::AddAddress { ifindex: one, address: ip(5), prefix_length: 24 };
        place
            .apply([
                HostChange::SetMtu { ifindex: one, mtu_bytes: 9001 },
                HostChange::LinkUp { ifindex: 1 },
                HostChange::LinkUp { ifindex: 1 },
                address.clone(),
                address,
            ])
            .await;
        let after = place.link(one).await;
        assert_eq!((after.mtu_bytes, after.addresses), (9001, vec![(ip(5), 24)]));
        assert_eq!(after.mac, before.mac);
    });
}

#[test]
fn an_overview_is_a_snapshot_without_what_is_behind() {
    in_namespace(|place| async move {
        let pod = place.pod("eni1").await;
        pod.give(pod.eth0, ip(11)).await;
        place.apply([HostChange::LinkUp { ifindex: 1 }]).await;
        let mut whole = place.snapshot().await;
        assert!(whole.links.iter().any(|link| link.behind == Some(vec![ip(11)])));
        whole.links.iter_mut().for_each(|link| link.behind = None);
        assert_eq!(place.host.overview().await, Ok(whole));
    });
}

#[test]
fn a_link_by_itself_is_what_all_of_them_show_without_addresses() {
    in_namespace(|place| async move {
        let pod = place.pod("eni1").await;
        let (one, _) = place.pair("one", "other").await;
        place.apply([HostChange::AddAddress { ifindex: one, address: ip(5), prefix_length: 24 }]).await;
        for ifindex in [1, one, pod.ifindex] {
            let among_all = Link { addresses: vec![], behind: None, ..place.link(ifindex).await };
            assert_eq!(place.host.link(ifindex).await, Ok(Some(among_all)));
        }
        assert_eq!(place.host.link(77).await, Ok(None));
    });
}

#[test]
fn changes_stop_at_the_first_that_fails_and_say_what_and_why() {
    in_namespace(|place| async move {
        let up = HostChange::LinkUp { ifindex: 1 };
        let (done, error) = place.host.apply(vec![up.clone(), HostChange::LinkUp { ifindex: 77 }, up]).await;
        let error = error.unwrap();
        assert_eq!((done, error.to_string().as_str()), (1, "bring link 77 up: No such device (os error 19)"));
        for change in [
            HostChange::SetMtu { ifindex: 77, mtu_bytes: 1500 },
            HostChange::SetRpFilter { ifindex: 77, value: 1 },
            HostChange::AddAddress { ifindex: 77, address: ip(1), prefix_length: 32 },
        ] {
            assert_eq!(place.refused(change).await, ENODEV);
        }
        // The kernel's own words come along.
        let (_, error) = place.host.apply(vec![HostChange::SetMtu { ifindex: 1, mtu_bytes: u32::MAX }]).await;
        let Some(HostError::Refused { error, errno, .. }) = error else { panic!("{error:?}") };
        assert!(errno == EINVAL && error.contains("mtu less than device minimum"), "{error}");
    });
}

#[test]
fn rp_filter_is_written_and_read_without_proc_sys() {
    in_namespace(|place| async move {
        let (one, _) = place.pair("one", "other").await;
        for value in [1, 2, 0] {
            place.apply([HostChange::SetRpFilter { ifindex: one, value }]).await;
            assert_eq!(place.link(one).await.rp_filter, Some(value));
            let in_proc = std::fs::read_to_string("/proc/sys/net/ipv4/conf/one/rp_filter").unwrap();
            assert_eq!(in_proc.trim(), value.to_string());
        }
    });
}

#[test]
fn the_addresses_behind_a_veth_are_those_of_its_other_end_of_global_scope() {
    in_namespace(|place| async move {
        let (one, two) = (place.pod("eni1").await, place.pod("eni2").await);
        // A second link into the first pod's namespace.
        place.link_into("eni3", "eth1", &one.namespace).await;
        let eth1 = crate::place::index(&one.inside, "eth1").await;
        let eni3 = crate::place::index(&place.plain, "eni3").await;
        assert_eq!(place.link(one.ifindex).await.behind, Some(vec![]));

        one.give(one.eth0, ip(11)).await;
        one.give(one.eth0, ip(12)).await;
        one.give(eth1, ip(13)).await;
        two.give(two.eth0, ip(21)).await;
        let mut local = two.inside.address().add(two.eth0, ip(22).into(), 32);
        local.message_mut().header.scope = AddressScope::Link;
        local.execute().await.unwrap();

        for (ifindex, behind) in
            [(one.ifindex, vec![ip(11), ip(12)]), (eni3, vec![ip(13)]), (two.ifindex, vec![ip(21)])]
        {
            let link = place.link(ifindex).await;
            assert!(link.veth_to_elsewhere);
            assert_eq!((link.behind, link.addresses), (Some(behind), vec![]));
        }
    });
}

#[test]
fn a_veth_that_is_gone_is_not_shown() {
    in_namespace(|place| async move {
        let pod = place.pod("eni1").await;
        pod.inside.link().del(pod.eth0).execute().await.unwrap();
        assert!(place.snapshot().await.links.iter().all(|link| link.ifindex != pod.ifindex));
    });
}

#[test]
fn net_admin_alone_is_enough_for_all_of_it() {
    in_namespace(|place| async move {
        let pod = place.pod("eni1").await;
        pod.give(pod.eth0, ip(11)).await;
        keep_only(CapabilitySet::NET_ADMIN);
        let place = Place::new();
        assert_eq!(place.link(pod.ifindex).await.behind, Some(vec![ip(11)]));
        place.apply([HostChange::SetRpFilter { ifindex: pod.ifindex, value: 2 }]).await;
        assert_eq!(place.link(pod.ifindex).await.rp_filter, Some(2));
    });
}

#[test]
fn what_the_kernel_does_not_tell_is_unknown_and_not_empty() {
    in_namespace(|place| async move {
        let pod = place.pod("eni1").await;
        pod.give(pod.eth0, ip(11)).await;
        keep_only(CapabilitySet::empty());
        let place = Place::new();
        let link = place.link(pod.ifindex).await;
        assert!(link.veth_to_elsewhere);
        assert_eq!(link.behind, None);
        assert_eq!(place.refused(HostChange::LinkUp { ifindex: 1 }).await, EPERM);
    });
}
