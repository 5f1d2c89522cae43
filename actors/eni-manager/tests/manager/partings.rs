//! An ENI that is let go: detached and deleted once EC2 itself shows nothing on it that was not let go, by an intent that outlives
//! the process; never by a restart alone, never the primary one.

use crate::calls::*;
use crate::desk::*;
use contract::causes::Cause;
use contract::mail::eni_manager::Gone;
use contract::model::Growth;
use contract::ports::ec2::AttachmentState;
use contract::ports::intents::Intent;
use std::time::Duration;

const DETACH: &str = "DetachNetworkInterface";

/// Two ENIs, the second with three addresses.
fn two() -> Desk {
    Desk::with(vec![described(0, some(0, 9)), described(1, some(1, 3))])
}

#[test]
fn an_eni_goes_step_by_step_and_its_asker_is_told_once_ec2_shows_it_detached() {
    let mut desk = two();
    desk.disk_works = false;
    let mut answer = desk.let_go(1, some(1, 3), true);
    // At once nothing is put on it, and nothing bought for it; EC2 is asked once the intent is on disk.
    assert!(desk.seen().enis[1].leaving && desk.is_idle());
    desk.want(15);
    assert_eq!(desk.buying(), []);
    desk.want(9);
    desk.disk_works = true;
    desk.disk_ends(Ok(()));
    desk.looked(Ok(Some(described(1, some(1, 3)))));
    assert_eq!((desk.detaches.len(), desk.on_disk()), (1, vec!["going eni-1".to_owned()]));
    desk.detach_ends(Ok(()));
    for _ in 0..3 {
        desk.pass(Duration::from_secs(5));
        desk.looked(Ok(Some(attached_at(described(1, some(1, 3)), 1, AttachmentState::Detaching))));
        assert!(answer.try_recv().is_err());
        assert_eq!(desk.detaches.len(), 0);
    }
    desk.pass(Duration::from_secs(10));
    desk.looked(Ok(Some(born(1, 3))));
    assert_eq!(answer.try_recv(), Ok(Ok(Gone::Wholly)));
    assert_eq!(desk.seen().enis.len(), 1);
    desk.delete_ends(Ok(()));
    // While the metadata service shows it, the next life must know better.
    desk.metadata_shows(&[described(0, some(0, 9)), described(1, some(1, 3))]);
    assert_eq!(desk.on_disk(), ["going eni-1"]);
    desk.metadata_shows(&[described(0, some(0, 9))]);
    assert_eq!(desk.on_disk(), Vec::<String>::new());
    assert!(desk.is_idle() && desk.describes_seen == 1);
    assert_eq!(desk.seen().growth, Growth::Possible);
}

#[test]
fn an_eni_stays_that_carries_what_was_not_let_go_or_is_the_primary_one() {
    for (n, told, leaving) in [(1, some(1, 4), some(1, 3)), (0, some(0, 9), some(0, 9))] {
        let mut desk = two();
        let mut answer = desk.let_go(n, leaving, true);
        desk.looked(Ok(Some(described(n, told))));
        assert_eq!(answer.try_recv().unwrap().unwrap_err().label(), "BadRequest");
        assert!(desk.detaches.is_empty() && desk.on_disk().is_empty());
        assert!(desk.seen().enis.iter().all(|eni| !eni.leaving));
    }
}

#[test]
fn what_ec2_refuses_stays_and_what_it_does_not_answer_is_looked_at() {
    let unauthorized = Cause::Unauthorized { action: DETACH, detail: "no".into() };
    for (outcome, stays) in [
        (Err(unauthorized), true),
        (Err(refusal(DETACH, "OperationNotPermitted")), true),
        (Err(Cause::Ec2Timeout { action: DETACH, timeout_seconds: 10 }), false),
    ] {
        let mut desk = two();
        let mut answer = desk.let_go(1, some(1, 3), true);
        desk.looked(Ok(Some(described(1, some(1, 3)))));
        desk.detach_ends(outcome.clone());
        desk.pass(Duration::from_secs(1));
        desk.looked(Ok(Some(described(1, some(1, 3)))));
        if stays {
            assert_eq!(answer.try_recv(), Ok(outcome.map(|()| Gone::Wholly)));
            assert!(!desk.seen().enis[1].leaving && desk.on_disk().is_empty());
        } else {
            assert!(answer.try_recv().is_err() && desk.seen().enis[1].leaving);
        }
        assert!(desk.detaches.is_empty(), "asked again before it is known");
    }
}

#[test]
fn a_detach_that_sticks_is_told_and_never_forced() {
    let mut desk = two();
    let mut answer = desk.let_go(1, some(1, 3), true);
    desk.looked(Ok(Some(described(1, some(1, 3)))));
    desk.detach_ends(Ok(()));
    for _ in 0..200 {
        desk.pass(Duration::from_secs(1));
        if !desk.looks.is_empty() {
            desk.looked(Ok(Some(attached_at(described(1, some(1, 3)), 1, AttachmentState::Detaching))));
        }
    }
    assert!(desk.seen().trouble.as_ref().unwrap().to_string().contains("has been detaching for"));
    assert!(answer.try_recv().is_err() && desk.detaches.is_empty() && desk.deletes.is_empty());
}

#[test]
fn asked_again_it_is_the_same_and_the_newest_asker_is_told() {
    let mut desk = two();
    let _first = desk.let_go(1, some(1, 3), true);
    let mut second = desk.let_go(1, some(1, 3), true);
    desk.looked(Ok(Some(described(1, some(1, 3)))));
    desk.detach_ends(Ok(()));
    desk.pass(Duration::from_secs(1));
    desk.looked(Ok(Some(born(1, 3))));
    assert_eq!(second.try_recv(), Ok(Ok(Gone::Wholly)));
    // Once more, when it is not there.
    let mut third = desk.let_go(1, some(1, 3), true);
    assert_eq!(third.try_recv(), Ok(Ok(Gone::Wholly)));
    assert_eq!(desk.detaches.len(), 0);
}

#[test]
fn a_restart_deletes_what_was_detached_and_detaches_nothing_by_itself() {
    let going = || Ok(found(vec![Intent::Going { eni: eni(1) }]));
    // Detached before the restart: it is deleted.
    let mut desk = Desk::recovered(None, going()).knowing(vec![described(0, some(0, 9))]);
    desk.looked(Ok(Some(born(1, 3))));
    desk.delete_ends(Ok(()));
    assert!(desk.is_idle());
    // Not detached: no pod is put on it for a minute, in case it was and does not show yet; then it serves again.
    let both = || vec![described(0, some(0, 9)), described(1, some(1, 3))];
    let mut desk = Desk::recovered(None, going()).knowing(both());
    assert!(desk.seen().enis[1].leaving);
    while desk.seen().enis[1].leaving {
        match desk.looks.is_empty() {
            true => desk.pass(Duration::from_secs(1)),
            false => desk.looked(Ok(Some(described(1, some(1, 3))))),
        }
        assert!(desk.now < Duration::from_secs(1200), "for ever");
    }
    assert!(desk.detaches.is_empty() && desk.deletes.is_empty() && desk.on_disk().is_empty());
    // Asked for by its owner, it goes on.
    let mut desk = Desk::recovered(None, going()).knowing(both());
    let _answer = desk.let_go(1, some(1, 3), true);
    desk.looked(Ok(Some(described(1, some(1, 3)))));
    assert_eq!(desk.detaches, [eni(1)]);
}

#[test]
fn neither_ec2_nor_the_metadata_service_brings_it_back_by_lagging() {
    let both = || vec![described(0, some(0, 9)), described(1, some(1, 3))];
    let mut desk = two();
    let _answer = desk.let_go(1, some(1, 3), true);
    desk.looked(Ok(Some(described(1, some(1, 3)))));
    desk.detach_ends(Ok(()));
    desk.pass(Duration::from_secs(1));
    desk.looked(Ok(None));
    desk.metadata_shows(&[described(7, Vec::new())]);
    desk.described_are(Ok(both()));
    assert_eq!(desk.seen().enis.len(), 1);
    // Nor in the next life, while EC2 is away.
    let going = Ok(found(vec![Intent::Going { eni: eni(1) }]));
    let mut desk = Desk::recovered(None, going);
    desk.node_is(Ok(node("m5.large")));
    desk.looked(Ok(None));
    desk.metadata_shows(&both());
    assert_eq!(desk.seen().enis.len(), 1);
}

#[test]
fn while_the_disk_takes_nothing_nothing_is_taken_away() {
    let mut desk = two();
    desk.disk_works = false;
    let mut answer = desk.let_go(1, some(1, 3), true);
    desk.disk_ends(Err(Cause::IntentDisk { detail: "no space".into() }));
    desk.pass(Duration::from_secs(600));
    assert!(desk.is_idle() && answer.try_recv().is_err());
}
