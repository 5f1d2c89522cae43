//! Addresses that are let go: gone once EC2 itself shows it, and from nobody's lagging picture back again.

use crate::calls::*;
use crate::desk::*;
use contract::causes::Cause;
use contract::mail::eni_manager::Gone;
use std::net::Ipv4Addr;
use std::time::Duration;

const UNASSIGN: &str = "UnassignPrivateIpAddresses";

fn one() -> Desk {
    Desk::with(vec![described(0, some(0, 6))])
}

/// The first two go, the other four stay.
fn going() -> Vec<Ipv4Addr> {
    some(0, 6)[..2].to_vec()
}

fn staying() -> Vec<Ipv4Addr> {
    some(0, 6)[2..].to_vec()
}

#[test]
fn addresses_go_in_one_call_and_their_asker_is_told_once_nobody_shows_them() {
    let mut desk = one();
    desk.want(4);
    let mut answer = desk.let_go(0, going(), false);
    assert_eq!(desk.unassigns, [(eni(0), going())]);
    assert_eq!(desk.addresses().len(), 6);
    desk.unassign_ends(Ok(()));
    // EC2's reading may lag behind its own word.
    desk.looked(Ok(Some(described(0, some(0, 6)))));
    assert!(desk.unassigns.is_empty() && answer.try_recv().is_err());
    desk.pass(Duration::from_secs(1));
    desk.looked(Ok(Some(described(0, staying()))));
    assert_eq!(desk.addresses(), staying());
    assert!(answer.try_recv().is_err());
    desk.metadata_shows(&[described(0, some(0, 6))]);
    assert!(answer.try_recv().is_err());
    desk.metadata_shows(&[described(0, staying())]);
    assert_eq!(answer.try_recv(), Ok(Ok(Gone::Wholly)));
    assert!(desk.is_idle() && desk.assigns.is_empty());
}

#[test]
fn a_metadata_service_that_never_forgets_is_waited_for_a_minute() {
    let mut desk = one();
    let mut answer = desk.let_go(0, going(), false);
    desk.unassign_ends(Ok(()));
    desk.looked(Ok(Some(described(0, staying()))));
    desk.pass(Duration::from_secs(59));
    assert!(answer.try_recv().is_err());
    desk.pass(Duration::from_secs(1));
    assert_eq!(answer.try_recv(), Ok(Ok(Gone::Wholly)));
}

#[test]
fn what_is_leaving_is_not_counted_as_carried_and_nothing_is_bought_beside_it() {
    let mut desk = one();
    let _answer = desk.let_go(0, going(), false);
    desk.want(6);
    assert_eq!(desk.buying(), []);
    desk.unassign_ends(Ok(()));
    desk.looked(Ok(Some(described(0, staying()))));
    assert_eq!(desk.buying(), [on(0, 2)]);
    // Nor is anything taken while something is bought.
    let _again = desk.let_go(0, staying(), false);
    assert!(desk.unassigns.is_empty());
}

#[test]
fn what_ec2_gives_again_while_it_fades_is_carried_and_told_at_once_and_the_rest_fades_on() {
    let mut desk = one();
    let mut answer = desk.let_go(0, going(), false);
    desk.unassign_ends(Ok(()));
    desk.looked(Ok(Some(described(0, staying()))));
    let (first, second) = (going()[0], going()[1]);
    desk.want(5);
    assert_eq!(desk.buying(), [on(0, 1)]);
    desk.assigned(0, Ok(vec![first]));
    assert_eq!(answer.try_recv(), Ok(Ok(Gone::GivenAgain([first].into()))));
    assert_eq!((desk.addresses().len(), desk.buying()), (5, vec![]));
    // The second comes before it is asked for again.
    desk.want(6);
    desk.assigned(0, Ok(vec![second]));
    let mut answer = desk.let_go(0, vec![second], false);
    assert_eq!(answer.try_recv(), Ok(Ok(Gone::GivenAgain([second].into()))));
    assert_eq!(desk.addresses(), some(0, 6));
    desk.pass(Duration::from_secs(60));
    assert!(desk.unassigns.is_empty() && desk.buying().is_empty());
}

#[test]
fn what_is_left_of_what_came_again_is_told_once_it_has_faded() {
    let mut desk = one();
    let _told = desk.let_go(0, going(), false);
    desk.unassign_ends(Ok(()));
    desk.looked(Ok(Some(described(0, staying()))));
    desk.want(5);
    desk.assigned(0, Ok(vec![going()[0]]));
    let mut answer = desk.let_go(0, vec![going()[1]], false);
    assert!(answer.try_recv().is_err());
    desk.pass(Duration::from_secs(60));
    assert_eq!(answer.try_recv(), Ok(Ok(Gone::Wholly)));
    assert_eq!(desk.addresses().len(), 5);
}

#[test]
fn what_ec2_refuses_stays_and_is_told_once_a_reading_shows_it() {
    for cause in [
        Cause::Unauthorized { action: UNASSIGN, detail: "no".into() },
        refusal(UNASSIGN, "InvalidParameterValue"),
    ] {
        let mut desk = one();
        let mut answer = desk.let_go(0, going(), false);
        desk.unassign_ends(Err(cause.clone()));
        assert!(answer.try_recv().is_err());
        desk.looked(Ok(Some(described(0, some(0, 6)))));
        assert_eq!(answer.try_recv(), Ok(Err(cause)));
        assert_eq!(desk.addresses(), some(0, 6));
    }
}

#[test]
fn of_what_was_refused_for_the_part_that_is_gone_the_rest_is_asked_for() {
    let mut desk = one();
    let mut answer = desk.let_go(0, going(), false);
    desk.unassign_ends(Err(refusal(UNASSIGN, "InvalidParameterValue")));
    desk.looked(Ok(Some(described(0, some(0, 6)[1..].to_vec()))));
    assert_eq!(desk.unassigns, [(eni(0), going()[1..].to_vec())]);
    assert_eq!(desk.addresses(), some(0, 6)[1..]);
    desk.unassign_ends(Ok(()));
    desk.looked(Ok(Some(described(0, staying()))));
    desk.metadata_shows(&[described(0, staying())]);
    assert_eq!(answer.try_recv(), Ok(Ok(Gone::Wholly)));
}

#[test]
fn after_a_lost_answer_ec2_is_read_before_it_is_asked_again() {
    for done in [true, false] {
        let mut desk = one();
        let _answer = desk.let_go(0, going(), false);
        desk.unassign_ends(Err(Cause::Ec2Timeout { action: UNASSIGN, timeout_seconds: 10 }));
        assert!(desk.unassigns.is_empty());
        desk.pass(Duration::from_secs(1));
        desk.looked(Ok(Some(described(0, if done { staying() } else { some(0, 6) }))));
        assert_eq!(desk.unassigns.len(), usize::from(!done));
        assert_eq!(desk.addresses().len(), if done { 4 } else { 6 });
    }
}

#[test]
fn a_throttled_release_is_asked_for_again_and_holds_up_nothing_else() {
    let mut desk = Desk::with(vec![described(0, some(0, 6)), described(1, Vec::new())]);
    let _answer = desk.let_go(0, going(), false);
    desk.unassign_ends(Err(Cause::Throttled { action: UNASSIGN }));
    desk.want(9);
    assert_eq!(desk.buying(), [on(1, 5)]);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.unassigns.len(), 1);
}

#[test]
fn what_is_not_there_is_gone_and_an_enis_own_address_never_goes() {
    let mut desk = one();
    assert_eq!(desk.let_go(0, vec![at(0, 99)], false).try_recv(), Ok(Ok(Gone::Wholly)));
    assert_eq!(desk.let_go(5, some(5, 1), false).try_recv(), Ok(Ok(Gone::Wholly)));
    let refused = desk.let_go(0, vec![at(0, 200)], false).try_recv();
    assert_eq!(refused.unwrap().unwrap_err().label(), "BadRequest");
    assert!(desk.is_idle());
}

#[test]
fn a_reading_that_lags_brings_nothing_back() {
    let mut desk = one();
    let _answer = desk.let_go(0, going(), false);
    desk.unassign_ends(Ok(()));
    desk.looked(Ok(Some(described(0, staying()))));
    desk.want(9);
    desk.assigned(0, Err(timeout()));
    desk.described_are(Ok(vec![described(0, some(0, 6))]));
    assert_eq!(desk.addresses(), staying());
    // What EC2 gives again is there again.
    desk.pass(Duration::from_secs(1));
    desk.assigned(0, Ok(going()));
    assert_eq!(desk.addresses(), some(0, 6));
}

#[test]
fn asked_again_while_it_is_under_way_the_newest_asker_is_told() {
    let mut desk = one();
    let _first = desk.let_go(0, going(), false);
    let mut second = desk.let_go(0, going(), false);
    assert_eq!(desk.unassigns.len(), 1);
    desk.unassign_ends(Ok(()));
    desk.looked(Ok(Some(described(0, staying()))));
    desk.metadata_shows(&[described(0, staying())]);
    assert_eq!(second.try_recv(), Ok(Ok(Gone::Wholly)));
}
