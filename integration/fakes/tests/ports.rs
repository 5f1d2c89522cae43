//! The fakes keep the promises of the ports: what is told is what is there, a lost answer is not a lost change, one timeout per
//! call, writes in order, a connection that is lost for good.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use contract::causes::Cause;
use contract::model::{EniId, InstanceId, InstanceType, Lease, LeasePhase, SubnetId};
use contract::ports::checkpoint::{Checkpoint, CheckpointImage};
use contract::ports::ec2::{AttachmentState, Ec2};
use contract::ports::host::{Host, HostError};
use contract::ports::imds::Imds;
use fakes::{FakeCheckpoint, FakeEc2, FakeHost, FakeImds, NodeSpec, Odds, SharedWorld, Weather, World};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::Instant;

fn world() -> SharedWorld {
    let spec = NodeSpec {
        instance_type: InstanceType::new("m5.large"),
        subnet: "10.0.0.0/24".parse().unwrap(),
        secondary_addresses: 2,
        more_enis: vec![3],
    };
    SharedWorld::new(World::new(&spec, region::Knobs::default(), 7).unwrap())
}

fn always(fate: impl FnOnce(&mut Odds)) -> Odds {
    let mut odds = Odds::default();
    fate(&mut odds);
    odds
}

fn primary(world: &SharedWorld) -> (InstanceId, EniId, SubnetId) {
    world.with(|world| {
        let eni = *world.region.enis_of(&world.instance).first().unwrap();
        (
            InstanceId::new(world.instance.as_str()),
            EniId::new(eni.id.as_str()),
            SubnetId::new(eni.subnet.as_str()),
        )
    })
}

fn secondaries(world: &SharedWorld) -> usize {
    world.with(|world| world.region.enis_of(&world.instance).iter().map(|eni| eni.secondaries.len()).sum())
}

#[tokio::test(start_paused = true)]
async fn ec2_and_the_metadata_service_tell_what_the_region_has() {
    let world = world();
    let (ec2, imds) = (FakeEc2::new(world.clone()), FakeImds::new(world.clone()));
    let node = imds.node().await.unwrap();
    let mut described = ec2.attached_interfaces(node.instance.clone()).await.unwrap();
    described.sort_by_key(|eni| eni.attachment.as_ref().map(|attachment| attachment.device));
    let counts: Vec<usize> = described.iter().map(|eni| eni.secondary_addresses.len()).collect();
    assert_eq!(counts, [2, 3]);
    assert_eq!(described[0].primary_address, node.primary_address);
    assert!(
        described
            .iter()
            .all(|eni| eni.attachment.as_ref().is_some_and(|at| at.state == AttachmentState::Attached))
    );
    let shown = imds.interfaces().await.unwrap();
    assert_eq!((shown.interfaces.len(), shown.partial.len()), (2, 0));
    assert_eq!(shown.vpc_cidrs, ["10.0.0.0/16".parse().unwrap()]);
    let subnets = ec2.subnets(node.vpc, node.availability_zone).await.unwrap();
    assert_eq!(subnets.iter().map(|subnet| subnet.free_addresses).collect::<Vec<_>>(), [251 - 7]);
    let limits = ec2.instance_limits(node.instance_type).await.unwrap();
    assert_eq!((limits.enis, limits.addresses_per_eni), (3, 10));
}

#[tokio::test(start_paused = true)]
async fn what_ec2_refuses_has_the_cause_that_the_driver_gives_it() {
    let world = world();
    let ec2 = FakeEc2::new(world.clone());
    let (_, eni, subnet) = primary(&world);
    let too_many = ec2.assign_addresses(eni.clone(), subnet.clone(), 20).await.unwrap_err();
    assert_eq!(too_many.label(), "Ec2Refused");
    let unknown = ec2.assign_addresses(EniId::new("eni-0123456789abcdef0"), subnet, 1).await.unwrap_err();
    assert!(unknown.to_string().contains("InvalidNetworkInterfaceID.NotFound"), "{unknown}");
    assert_eq!(secondaries(&world), 5);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_no_lost_change_and_a_call_that_hangs_ends_by_its_own_timeout() {
    let world = world();
    let ec2 = FakeEc2::new(world.clone());
    let (_, eni, subnet) = primary(&world);
    let under =
        |ec2_odds| world.with(|world| world.weather = Weather { ec2: ec2_odds, ..Weather::default() });
    for (odds, label, bought) in [
        (always(|odds| odds.lost_after = 1000), "Ec2Unavailable", 6),
        (always(|odds| odds.lost_before = 1000), "Ec2Unavailable", 6),
        (always(|odds| odds.refused = 1000), "Throttled", 6),
        (always(|odds| odds.hangs = 1000), "Ec2Timeout", 6),
        (Odds::default(), "", 7),
    ] {
        under(odds);
        let began = Instant::now();
        let asked = ec2.assign_addresses(eni.clone(), subnet.clone(), 1).await;
        assert_eq!(asked.as_ref().err().map_or("", Cause::label), label);
        assert_eq!(secondaries(&world), bought, "{label}");
        assert!(began.elapsed() <= fakes::AWS_TIMEOUT);
    }
}

fn image(n: u8) -> CheckpointImage {
    let lease = Lease {
        key: contract::model::AttachmentKey {
            network: "aws-cni".into(),
            container_id: format!("{n}"),
            ifname: "eth0".into(),
        },
        pod: contract::model::Pod { namespace: String::new(), name: String::new(), uid: String::new() },
        address: Ipv4Addr::new(10, 0, 0, n),
        phase: LeasePhase::Assigned,
        allocated_unix_nanoseconds: 0,
    };
    CheckpointImage { leases: vec![lease], ..CheckpointImage::default() }
}

#[tokio::test(start_paused = true)]
async fn writes_come_to_the_disk_in_order_whoever_still_waits_and_a_load_comes_after_them() {
    let world = world();
    let disk = FakeCheckpoint::new(world.clone());
    world.with(|world| world.weather.disk = always(|odds| odds.hangs = 1000));
    let slow = disk.write(image(1));
    world.with(|world| world.weather.disk = Odds::default());
    let quick = disk.write(image(2));
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(slow.unwrap_err().label(), "CheckpointWrite");
    // It waited for its turn behind one that hung, and its own timeout was over first.
    assert_eq!(quick.unwrap_err().label(), "CheckpointWrite");
    assert_eq!(disk.load().await.unwrap().image, image(2));
}

#[tokio::test(start_paused = true)]
async fn of_a_process_that_dies_a_write_on_its_way_has_come_or_has_not_and_never_comes_later() {
    let mut came = 0;
    for seed in 0..40 {
        let spec = NodeSpec {
            instance_type: InstanceType::new("m5.large"),
            subnet: "10.0.0.0/24".parse().unwrap(),
            secondary_addresses: 0,
            more_enis: Vec::new(),
        };
        let world = SharedWorld::new(World::new(&spec, region::Knobs::default(), seed).unwrap());
        world.with(|world| world.weather.disk = Odds::slow(50));
        let disk = FakeCheckpoint::new(world.clone());
        let write = tokio::spawn(disk.write(image(1)));
        tokio::task::yield_now().await;
        world.with(World::process_dies);
        let found = world.with(|world| world.durable().clone());
        let _ = write.await;
        assert_eq!(world.with(|world| world.durable().clone()), found);
        came += usize::from(found == image(1));
    }
    assert!((5..35).contains(&came), "{came}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_to_the_kernel_that_is_lost_is_lost_for_good_and_a_new_one_is_not() {
    let world = world();
    let host = FakeHost::connect(world.clone());
    world.with(|world| world.weather.host = always(|odds| odds.hangs = 1000));
    assert!(matches!(host.snapshot().await, Err(HostError::ConnectionLost { .. })));
    world.with(|world| world.weather = Weather::default());
    assert!(matches!(host.snapshot().await, Err(HostError::ConnectionLost { .. })));
    let snapshot = FakeHost::connect(world).snapshot().await.unwrap();
    let names: Vec<&str> = snapshot.links.iter().map(|link| link.name.as_str()).collect();
    assert_eq!((names, snapshot.complete), (vec!["lo", "eth0", "eth1"], true));
}

#[tokio::test(start_paused = true)]
async fn after_a_power_loss_the_node_has_its_enis_and_nothing_of_its_pods() {
    let world = world();
    let disk = FakeCheckpoint::new(world.clone());
    disk.write(image(1)).await.unwrap();
    world.with(|world| world.power_loss(true));
    let loaded = disk.load().await.unwrap();
    assert_eq!((loaded.image, loaded.earlier_boot), (image(1), true));
    world.with(|world| world.power_loss(false));
    let loaded = disk.load().await.unwrap();
    assert_eq!((loaded.image, loaded.earlier_boot), (CheckpointImage::default(), false));
    let snapshot = FakeHost::connect(world.clone()).snapshot().await.unwrap();
    assert_eq!(snapshot.links.len(), 3);
    assert!(world.with(|world| world.troubles.is_empty()));
    assert!(world.now() < Duration::from_secs(1));
}
