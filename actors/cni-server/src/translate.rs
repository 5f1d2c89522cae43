//! Between the wire and our nouns. What comes from outside is checked here, once: everything behind it may rely on it.

use contract::causes::Cause;
use contract::model::{AttachmentKey, HostSide, HostVeth, Mac, Pod, VethPrefix, WiringOperation, WiringPlan};
use protocol::{AddRequest, Attachment, PROTOCOL, Wired, operation};
use std::net::Ipv4Addr;

/// Names in Kubernetes and CNI are at most this long.
const NAME_BYTES_MAX: usize = 253;

/// MTU of a pod's link, bytes, as the agent we replace bounds it.
const MTU_BYTES: std::ops::RangeInclusive<u32> = 576..=9001;

/// An ADD that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedAdd {
    pub(crate) key: AttachmentKey,
    pub(crate) pod: Pod,
    pub(crate) host_veth: HostVeth,
    pub(crate) mtu_bytes: u32,
    pub(crate) arrived_nanoseconds: u64,
}

fn bad(field: &'static str, problem: impl Into<String>) -> Cause {
    Cause::BadRequest { field, problem: problem.into() }
}

/// We serve our own protocol and its neighbours.
pub(crate) fn spoken(protocol: u32) -> Result<(), Cause> {
    if protocol.abs_diff(PROTOCOL) <= 1 {
        return Ok(());
    }
    Err(bad("protocol", format!("the shim speaks {protocol}, and this daemon {PROTOCOL} and its neighbours")))
}

pub(crate) fn attachment(attachment: Option<Attachment>) -> Result<(AttachmentKey, Pod), Cause> {
    let a = attachment.ok_or_else(|| bad("attachment", "missing"))?;
    for (field, text, is_in_key) in [
        ("network", &a.network, true),
        ("container_id", &a.container_id, true),
        ("ifname", &a.ifname, true),
        ("pod_namespace", &a.pod_namespace, false),
        ("pod_name", &a.pod_name, false),
        ("pod_uid", &a.pod_uid, false),
    ] {
        if text.is_empty() && is_in_key {
            return Err(bad(field, "empty"));
        }
        if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(bad(field, format!("at most {NAME_BYTES_MAX} bytes, without control characters")));
        }
        // A key is written `network/container_id/ifname`: each must be one part of it.
        if text.contains('/') && is_in_key {
            return Err(bad(field, "with a slash"));
        }
    }
    let key = AttachmentKey { network: a.network, container_id: a.container_id, ifname: a.ifname };
    Ok((key, Pod { namespace: a.pod_namespace, name: a.pod_name, uid: a.pod_uid }))
}

pub(crate) fn add(request: AddRequest, prefix: &VethPrefix, pod_mtu_bytes: u32) -> Result<CheckedAdd, Cause> {
    spoken(request.protocol)?;
    let (key, pod) = attachment(request.attachment)?;
    if request.veth_prefix != prefix.as_str() {
        let ours = prefix.as_str();
        return Err(bad(
            "vethPrefix",
            format!("`{}` here, and `{ours}` in the settings", request.veth_prefix),
        ));
    }
    let host_veth = HostVeth::of_pod(prefix, &pod);
    if request.host_veth != host_veth.as_str() {
        return Err(bad("host_veth", format!("the shim says `{}`, and we `{host_veth}`", request.host_veth)));
    }
    let mtu_bytes = if request.mtu_bytes == 0 { pod_mtu_bytes } else { request.mtu_bytes };
    if !MTU_BYTES.contains(&mtu_bytes) {
        return Err(bad("mtu", format!("{mtu_bytes} is not within 576 and 9001")));
    }
    let arrived_nanoseconds = request.arrived_boottime_nanoseconds;
    Ok(CheckedAdd { key, pod, host_veth, mtu_bytes, arrived_nanoseconds })
}

pub(crate) fn address(bytes: &[u8]) -> Result<Ipv4Addr, Cause> {
    let octets: [u8; 4] = bytes.try_into().map_err(|_| bad("address", "not four bytes"))?;
    Ok(Ipv4Addr::from(octets))
}

pub(crate) fn host_side(wired: &Wired) -> Result<HostSide, Cause> {
    let mac: [u8; 6] = wired.host_mac.as_slice().try_into().map_err(|_| bad("host_mac", "not six bytes"))?;
    if wired.host_ifindex == 0 {
        return Err(bad("host_ifindex", "0 is no link"));
    }
    Ok(HostSide { ifindex: wired.host_ifindex, mac: Mac(mac) })
}

pub(crate) fn plan(plan: &WiringPlan) -> protocol::WiringPlan {
    let operations =
        plan.operations.iter().map(|operation| protocol::Operation { operation: Some(of(operation)) });
    protocol::WiringPlan { operations: operations.collect() }
}

fn of(operation: &WiringOperation) -> operation::Operation {
    use operation::Operation as Wire;
    let four = |address: &Ipv4Addr| address.octets().to_vec();
    match operation {
        WiringOperation::Veth { host_mac, mtu_bytes } => {
            Wire::Veth(protocol::Veth { host_mac: host_mac.0.to_vec(), mtu_bytes: *mtu_bytes })
        }
        WiringOperation::QuietHostVeth => Wire::QuietHostVeth(protocol::QuietHostVeth {}),
        WiringOperation::LinkRoute { to } => Wire::LinkRoute(protocol::LinkRoute { to: four(to) }),
        WiringOperation::DefaultRoute { via } => {
            Wire::DefaultRoute(protocol::DefaultRoute { via: four(via) })
        }
        WiringOperation::Address { address } => Wire::Address(protocol::Address { address: four(address) }),
        WiringOperation::Neighbour { address, mac } => {
            Wire::Neighbour(protocol::Neighbour { address: four(address), mac: mac.0.to_vec() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request() -> AddRequest {
        AddRequest {
            protocol: PROTOCOL,
            attachment: Some(Attachment {
                network: "aws-cni".into(),
                container_id: "c1".into(),
                ifname: "eth0".into(),
                pod_namespace: "default".into(),
                pod_name: "nginx".into(),
                pod_uid: String::new(),
            }),
            arrived_boottime_nanoseconds: 7,
            veth_prefix: "eni".into(),
            mtu_bytes: 0,
            host_veth: "enic440f455693".into(),
        }
    }

    fn checked(request: AddRequest) -> Result<CheckedAdd, Cause> {
        add(request, &VethPrefix::new("eni").unwrap(), 9001)
    }

    #[test]
    fn a_good_add_passes_with_the_mtu_of_the_settings_where_it_says_none() {
        let checked = checked(request()).unwrap();
        assert_eq!((checked.mtu_bytes, checked.host_veth.as_str()), (9001, "enic440f455693"));
    }

    #[test]
    fn what_is_wrong_with_an_add_is_named() {
        type Spoil = fn(&mut AddRequest);
        let table: [(&str, Spoil); 9] = [
            ("protocol", |r| r.protocol = 9),
            ("attachment", |r| r.attachment = None),
            ("container_id", |r| r.attachment.as_mut().unwrap().container_id.clear()),
            ("network", |r| r.attachment.as_mut().unwrap().network = "a/b".into()),
            ("pod_name", |r| r.attachment.as_mut().unwrap().pod_name = "a\nb".into()),
            ("ifname", |r| r.attachment.as_mut().unwrap().ifname = "e".repeat(254)),
            ("vethPrefix", |r| r.veth_prefix = "abc".into()),
            ("host_veth", |r| r.host_veth = "eth0".into()),
            ("mtu", |r| r.mtu_bytes = 9002),
        ];
        for (field, spoil) in table {
            let mut request = request();
            spoil(&mut request);
            let text = checked(request).unwrap_err().to_string();
            assert!(text.starts_with(field), "{field}: {text}");
        }
    }

    #[test]
    fn a_host_side_needs_a_link_and_six_bytes() {
        assert!(host_side(&Wired { host_ifindex: 3, host_mac: vec![2, 0, 0, 0, 0, 1] }).is_ok());
        assert!(host_side(&Wired { host_ifindex: 0, host_mac: vec![2, 0, 0, 0, 0, 1] }).is_err());
        assert!(host_side(&Wired { host_ifindex: 3, host_mac: vec![2] }).is_err());
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z0-9.-]{1,12}",
            1 => any::<String>(),
            1 => "[a-z/\n]{0,300}",
            1 => Just(String::new()),
        ]
    }

    prop_compose! {
        fn any_attachment()(texts in prop::array::uniform6(text())) -> Attachment {
            let [network, container_id, ifname, pod_namespace, pod_name, pod_uid] = texts;
            Attachment { network, container_id, ifname, pod_namespace, pod_name, pod_uid }
        }
    }

    prop_compose! {
        fn any_add()(
            attachment in prop::option::weighted(0.95, any_attachment()),
            numbers in (prop_oneof![8 => Just(PROTOCOL), 1 => any::<u32>()], any::<u64>(), 0..10_000_u32),
            veth_prefix in prop_oneof![8 => Just("eni".to_owned()), 1 => text()],
            other_veth in prop::option::weighted(0.1, text()),
        ) -> AddRequest {
            let (protocol, arrived_boottime_nanoseconds, mtu_bytes) = numbers;
            let derived = || {
                let a = attachment.clone().unwrap_or_default();
                let pod = Pod { namespace: a.pod_namespace, name: a.pod_name, uid: a.pod_uid };
                HostVeth::of_pod(&VethPrefix::new("eni").unwrap(), &pod).as_str().to_owned()
            };
            let host_veth = other_veth.unwrap_or_else(derived);
            AddRequest { protocol, attachment, arrived_boottime_nanoseconds, veth_prefix, mtu_bytes, host_veth }
        }
    }

    fn is_name(text: &str) -> bool {
        text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
    }

    proptest! {
        #[test]
        fn any_add_is_taken_exactly_or_refused_by_field(request in any_add()) {
            match checked(request.clone()) {
                Ok(add) => {
                    let a = request.attachment.unwrap();
                    let exact = AttachmentKey { network: a.network, container_id: a.container_id, ifname: a.ifname };
                    let pod = Pod { namespace: a.pod_namespace, name: a.pod_name, uid: a.pod_uid };
                    for part in [&exact.network, &exact.container_id, &exact.ifname] {
                        prop_assert!(is_name(part) && !part.is_empty() && !part.contains('/'), "{part:?}");
                    }
                    for part in [&pod.namespace, &pod.name, &pod.uid] {
                        prop_assert!(is_name(part), "{part:?}");
                    }
                    prop_assert_eq!((add.key, add.pod), (exact, pod));
                    prop_assert!(request.protocol.abs_diff(PROTOCOL) <= 1);
                    prop_assert_eq!(request.veth_prefix.as_str(), "eni");
                    prop_assert_eq!(add.host_veth.as_str(), request.host_veth.as_str());
                    prop_assert_eq!(add.arrived_nanoseconds, request.arrived_boottime_nanoseconds);
                    prop_assert!(MTU_BYTES.contains(&add.mtu_bytes));
                    prop_assert!([request.mtu_bytes, 9001 * u32::from(request.mtu_bytes == 0)].contains(&add.mtu_bytes));
                }
                Err(Cause::BadRequest { field, .. }) => {
                    let fields = [
                        "protocol", "attachment", "network", "container_id", "ifname", "pod_namespace", "pod_name",
                        "pod_uid", "vethPrefix", "host_veth", "mtu",
                    ];
                    prop_assert!(fields.contains(&field), "{field}");
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }

        #[test]
        fn any_host_side_is_taken_exactly_or_refused_by_field(
            host_ifindex in prop_oneof![0..3_u32, any::<u32>()],
            host_mac in prop::collection::vec(any::<u8>(), 4..9),
        ) {
            match host_side(&Wired { host_ifindex, host_mac: host_mac.clone() }) {
                Ok(side) => {
                    prop_assert_eq!(side.ifindex, host_ifindex);
                    prop_assert_ne!(side.ifindex, 0);
                    prop_assert_eq!(side.mac.0.to_vec(), host_mac);
                }
                Err(Cause::BadRequest { field, .. }) => {
                    prop_assert_eq!(field == "host_mac", host_mac.len() != 6);
                    prop_assert!(field == "host_mac" || (field == "host_ifindex" && host_ifindex == 0));
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
