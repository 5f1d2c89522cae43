//! A crash after any number of steps loses no lease and invents none.

use super::*;
use crate::contents::{assemble, own_may_stay, split};
use crate::{own_file, peer_file};
use contract::model::{AttachmentKey, Lease, LeasePhase, Pod};
use contract::ports::checkpoint::{CheckpointImage, Cooling};
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::time::Duration;

const BOOT: &str = "boot-1";

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number + 1)
}

fn lease(owner: u8, number: u8, phase: LeasePhase) -> Lease {
    Lease {
        key: AttachmentKey {
            network: "aws-cni".into(),
            container_id: format!("c{owner}"),
            ifname: "eth0".into(),
        },
        pod: Pod { namespace: "ns".into(), name: format!("pod-{owner}"), uid: format!("uid-{owner}") },
        address: address(number),
        phase,
        allocated_unix_nanoseconds: i64::from(owner) + 1,
    }
}

/// On each of six addresses: nothing, a lease of one of two owners, or rest.
fn image() -> impl Strategy<Value = CheckpointImage> {
    let phase = prop::sample::select(vec![
        LeasePhase::Reserved,
        LeasePhase::Wired,
        LeasePhase::Assigned,
        LeasePhase::Assigned,
        LeasePhase::Releasing,
    ]);
    let slot = prop_oneof![
        1 => Just(None),
        4 => (0u8..2, phase).prop_map(|owner| Some(Ok(owner))),
        1 => (1u64..9).prop_map(|until| Some(Err(until))),
    ];
    prop::collection::vec(slot, 6).prop_map(|slots| {
        let mut image = CheckpointImage::default();
        for (number, slot) in (0u8..).zip(slots) {
            match slot {
                Some(Ok((owner, phase))) => image.leases.push(lease(number * 2 + owner, number, phase)),
                Some(Err(until)) => {
                    image
                        .cooling
                        .push(Cooling { address: address(number), until: Duration::from_secs(until) });
                }
                None => {}
            }
        }
        image
    })
}

/// What is found after a crash that came when only the first `done` steps had been taken.
fn after_crash(before: &Contents, after: &Contents, done: usize) -> (CheckpointImage, usize) {
    let mut peer = peer_file::encode(&before.peer).unwrap();
    let mut own = own_file::encode(&before.own).unwrap();
    let peer_changes = peer != peer_file::encode(&after.peer).unwrap();
    let own_changes = own != own_file::encode(&after.own).unwrap();
    let steps = steps(before, after, peer_changes, own_changes);
    for step in steps.iter().take(done) {
        match step {
            Step::Peer => peer = peer_file::encode(&after.peer).unwrap(),
            Step::Own => own = own_file::encode(&after.own).unwrap(),
            Step::OwnOverlap(overlap) => own = own_file::encode(overlap).unwrap(),
        }
    }
    let (peer, flaws) = peer_file::decode(&peer).unwrap();
    assert_eq!(flaws, Vec::<String>::new());
    let (own, flaws) = own_file::decode(&own).unwrap();
    assert_eq!(flaws, Vec::<String>::new());
    (assemble(&Contents { peer, own }, BOOT), steps.len())
}

fn held<'a>(image: &'a CheckpointImage, lease: &Lease) -> Option<&'a Lease> {
    image.leases.iter().find(|other| other.key == lease.key && other.address == lease.address)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_crash_between_the_files_is_harmless(older in image(), old in image(), new in image()) {
        let mut before = split(old.clone(), BOOT, &Default::default()).unwrap();
        let stale = split(older, BOOT, &Default::default()).unwrap().own;
        if own_may_stay(&before, &stale, BOOT) {
            before.own = stale;
        }
        let after = split(new.clone(), BOOT, &before.peer).unwrap();
        let (_, count) = after_crash(&before, &after, 0);
        for done in 0..=count {
            let (found, _) = after_crash(&before, &after, done);
            for lease in &old.leases {
                let Some(later) = held(&new, lease) else { continue };
                let now = held(&found, lease);
                prop_assert!(
                    now.is_some_and(|now| now == lease || now == later),
                    "after {done} of {count}: {lease:?} became {now:?}"
                );
            }
            for now in &found.leases {
                let (was, will) = (held(&old, now), held(&new, now));
                let phases = [was, will].into_iter().flatten().map(|lease| lease.phase);
                prop_assert!(phases.into_iter().any(|phase| phase == now.phase), "{now:?} is invented");
            }
            for rest in &new.cooling {
                let leased = old.leases.iter().any(|lease| lease.address == rest.address);
                let safe = found.cooling.contains(rest)
                    || found.leases.iter().any(|lease| lease.address == rest.address);
                prop_assert!(!leased || safe, "after {done} of {count}: {} is free at once", rest.address);
            }
        }
    }

    #[test]
    fn an_image_comes_back_as_it_was_written(old in image(), new in image()) {
        let before = split(old, BOOT, &Default::default()).unwrap();
        let after = split(new.clone(), BOOT, &before.peer).unwrap();
        let (found, count) = after_crash(&before, &after, usize::MAX);
        prop_assert_eq!(found, new);
        prop_assert!(count <= 3);
    }
}

#[test]
fn a_lease_that_stands_in_both_files_leaves_with_two_writes_as_any_other() {
    let contents = |phase| {
        let image = CheckpointImage { leases: vec![lease(0, 0, phase)], ..CheckpointImage::default() };
        split(image, BOOT, &Default::default()).unwrap()
    };
    let assigned = Contents { own: contents(LeasePhase::Reserved).own, ..contents(LeasePhase::Assigned) };
    assert!(own_may_stay(&contents(LeasePhase::Assigned), &assigned.own, BOOT));
    assert!(!own_may_stay(&contents(LeasePhase::Assigned), &assigned.own, "boot-2"));
    assert!(!own_may_stay(&contents(LeasePhase::Releasing), &assigned.own, BOOT));
    assert_eq!(steps(&assigned, &contents(LeasePhase::Releasing), true, true), [Step::Own, Step::Peer]);
}

#[test]
fn the_last_step_of_an_add_costs_two_files_and_the_others_one() {
    let contents = |phase| {
        split(
            CheckpointImage { leases: vec![lease(0, 0, phase)], ..CheckpointImage::default() },
            BOOT,
            &Default::default(),
        )
        .unwrap()
    };
    let (reserved, wired) = (contents(LeasePhase::Reserved), contents(LeasePhase::Wired));
    let assigned = contents(LeasePhase::Assigned);
    assert_eq!(steps(&reserved, &wired, false, true), [Step::Own]);
    assert_eq!(steps(&wired, &assigned, true, true), [Step::Peer, Step::Own]);
    assert_eq!(steps(&assigned, &contents(LeasePhase::Releasing), true, true), [Step::Own, Step::Peer]);
}
