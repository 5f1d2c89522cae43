//! What rules of the region make of the ports: the same as of the drivers.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use contract::causes::Cause;
use contract::model::{EniId, InstanceType, SubnetId};
use contract::ports::ec2::Ec2;
use contract::ports::imds::Imds;
use fakes::{FakeEc2, FakeImds, NodeSpec, SharedWorld, World};
use region::{Fault, ImdsFault, ImdsFaultRule, Knobs, When};

/// A node with two ENIs.
fn world() -> SharedWorld {
    let spec = NodeSpec {
        instance_type: InstanceType::new("m5.large"),
        subnet: "10.0.1.0/24".parse().unwrap(),
        secondary_addresses: 0,
        more_enis: vec![0],
    };
    SharedWorld::new(World::new(&spec, Knobs::default(), 1).unwrap())
}

/// One address is asked for under this fault: what the caller hears, and what the region has done.
async fn assigned(fault: Fault) -> (Result<usize, Cause>, u32) {
    let world = world();
    let (eni, subnet) = world.with(|world| {
        world.region.add_fault(region::FaultRule::new("*", When::Always, fault)).unwrap();
        let primary = world.region.enis_of(&world.instance).into_iter().next().unwrap();
        (EniId::new(primary.id.as_str()), SubnetId::new(world.subnet.as_str()))
    });
    let heard = FakeEc2::new(world.clone()).assign_addresses(eni, subnet, 1).await;
    let slots = world.with(|world| world.region.enis_of(&world.instance).into_iter().next().unwrap().slots());
    (heard.map(|addresses| addresses.len()), slots - 1)
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_lost_broken_or_nobodys_after_the_call_was_done() {
    let page = || Fault::ApplyThenPage { status: 200, html: "<html/>".to_owned() };
    for fault in [Fault::Truncate { bytes: 150 }, Fault::Cut { bytes: 150 }, page()] {
        let (heard, done) = assigned(fault.clone()).await;
        assert_eq!(done, 1, "{fault:?}");
        let Err(Cause::Ec2Unavailable { detail, .. }) = heard else { panic!("{fault:?}: {heard:?}") };
        assert!(detail.starts_with("unusable answer: "), "{fault:?}: {detail}");
    }
    let (heard, done) = assigned(Fault::ApplyThenHang).await;
    assert!(matches!(heard, Err(Cause::Ec2Timeout { .. })), "{heard:?}");
    assert_eq!(done, 1);
    let (heard, done) = assigned(Fault::ApplyThenReset).await;
    let Err(Cause::Ec2Unavailable { detail, .. }) = heard else { panic!("{heard:?}") };
    assert!(!detail.starts_with("unusable answer: "), "{detail}");
    assert_eq!(done, 1);
}

#[tokio::test(start_paused = true)]
async fn what_comes_slowly_or_ends_a_kept_connection_is_an_answer() {
    assert_eq!(assigned(Fault::Dribble { bytes_per_second: 400 }).await, (Ok(1), 1));
    assert_eq!(assigned(Fault::CloseIdle { milliseconds: 0 }).await, (Ok(1), 1));
    let (heard, done) = assigned(Fault::Dribble { bytes_per_second: 10 }).await;
    assert!(matches!(heard, Err(Cause::Ec2Timeout { .. })), "{heard:?}");
    assert_eq!(done, 1);
}

/// How many interfaces are shown, under this fault, to a client that has a session or has none.
async fn shown(path: &str, when: When, fault: ImdsFault, has_session: bool) -> Result<usize, Cause> {
    let world = world();
    let imds = FakeImds::new(world.clone());
    if has_session {
        imds.node().await.unwrap();
    }
    world.with(|world| world.region.add_imds_fault(ImdsFaultRule::new(path, when, fault))).unwrap();
    imds.interfaces().await.map(|shown| shown.interfaces.len())
}

#[tokio::test(start_paused = true)]
async fn rules_of_the_metadata_service_reach_the_port() {
    let hide = ImdsFault::HideInterface { device_index: 1 };
    assert_eq!(shown("/none", When::Always, hide.clone(), true).await, Ok(2));
    assert_eq!(shown("*", When::Always, hide, true).await, Ok(1));
    let token = "/latest/api/token";
    for fault in [ImdsFault::Status(403), ImdsFault::Hang, ImdsFault::Drop, ImdsFault::Cut { bytes: 3 }] {
        assert_eq!(shown(token, When::Always, fault.clone(), true).await, Ok(2), "it has a session");
        let heard = shown(token, When::Always, fault.clone(), false).await;
        assert!(matches!(heard, Err(Cause::ImdsUnavailable { .. })), "{fault:?}: {heard:?}");
    }
    assert_eq!(
        shown("*", When::Nth(1), ImdsFault::Status(401), true).await,
        Ok(2),
        "a new session is opened"
    );
    let heard = shown("*", When::Always, ImdsFault::Status(401), true).await;
    assert!(matches!(heard, Err(Cause::ImdsUnavailable { .. })), "{heard:?}");
}
