//! The fakes make, move and take away ENIs as EC2 does, and keep what is under way through death and power loss.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use contract::model::{EniId, InstanceId, InstanceType, Mac, SubnetId};
use contract::ports::ec2::{AttachmentState, Ec2, EniOrder};
use contract::ports::intents::{Intent, IntentImage, Intents};
use fakes::{FakeEc2, FakeIntents, NodeSpec, Odds, SharedWorld, Weather, World};
use std::time::Duration;

fn world() -> SharedWorld {
    let spec = NodeSpec {
        instance_type: InstanceType::new("m5.large"),
        subnet: "10.0.0.0/24".parse().unwrap(),
        secondary_addresses: 0,
        more_enis: Vec::new(),
    };
    let knobs = region::Knobs { attach_milliseconds: 1000, detach_milliseconds: 1000, ..Default::default() };
    SharedWorld::new(World::new(&spec, knobs, 7).unwrap())
}

fn order(world: &SharedWorld, token: &str) -> EniOrder {
    EniOrder {
        token: token.to_owned(),
        subnet: SubnetId::new(world.with(|world| world.subnet.as_str().to_owned())),
        secondary_addresses: 3,
        groups: Vec::new(),
        description: "aws-K8S-i-1".to_owned(),
        tags: vec![("k".to_owned(), "v".to_owned())],
    }
}

fn has_link(world: &SharedWorld, mac: Mac) -> bool {
    world.with(|world| {
        world.linux.snapshot(world.host).unwrap().links.iter().any(|link| link.mac == Some(mac))
    })
}

#[tokio::test(start_paused = true)]
async fn an_eni_comes_and_goes_and_its_link_with_it() {
    let world = world();
    let ec2 = FakeEc2::new(world.clone());
    let instance = InstanceId::new(world.with(|world| world.instance.as_str().to_owned()));
    let made = ec2.create_interface(order(&world, "one")).await.unwrap();
    assert_eq!((made.secondary_addresses.len(), made.groups.len(), made.attachment.is_none()), (3, 1, true));
    // The same token is the same ENI; the same token for something else is refused.
    assert_eq!(ec2.create_interface(order(&world, "one")).await, Ok(made.clone()));
    let other = EniOrder { secondary_addresses: 4, ..order(&world, "one") };
    let mismatch = ec2.create_interface(other).await.unwrap_err();
    assert!(mismatch.to_string().contains("IdempotentParameterMismatch"), "{mismatch}");

    let attachment = ec2.attach_interface(made.id.clone(), instance.clone(), 0, 1).await.unwrap();
    ec2.delete_on_termination(made.id.clone(), attachment.clone()).await.unwrap();
    let state = |eni: &contract::ports::ec2::EniDescription| {
        eni.attachment.as_ref().map(|at| (at.state, at.device, at.delete_on_termination))
    };
    let told = ec2.interface(made.id.clone()).await.unwrap().unwrap();
    assert_eq!(state(&told), Some((AttachmentState::Attaching, 1, true)));
    assert!(!has_link(&world, made.mac));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told = ec2.interface(made.id.clone()).await.unwrap().unwrap();
    assert_eq!(state(&told), Some((AttachmentState::Attached, 1, true)));
    assert!(has_link(&world, made.mac));

    let gone = made.secondary_addresses[..1].to_vec();
    ec2.unassign_addresses(made.id.clone(), gone).await.unwrap();
    ec2.detach_interface(attachment).await.unwrap();
    assert!(ec2.delete_interface(made.id.clone()).await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told = ec2.interface(made.id.clone()).await.unwrap().unwrap();
    assert_eq!((state(&told), told.secondary_addresses.len()), (None, 2));
    assert!(!has_link(&world, made.mac));
    for _ in 0..2 {
        assert_eq!(ec2.delete_interface(made.id.clone()).await, Ok(()));
    }
    assert_eq!(ec2.interface(made.id).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_outlives_process_and_power() {
    let world = world();
    let image = IntentImage {
        instance: InstanceId::new("i-1"),
        intents: vec![Intent::Going { eni: EniId::new("eni-1") }],
    };
    assert_eq!(FakeIntents::new(world.clone()).write(image.clone()).await, Ok(()));
    world.with(|world| world.power_loss(false));
    let found = FakeIntents::new(world.clone()).load().await.unwrap();
    assert_eq!(found.image, Some(image.clone()));
    assert_eq!(world.with(|world| world.intents().cloned()), Some(image));
    // A disk that refuses says so, and keeps what it has.
    world.with(|world| {
        world.weather = Weather { disk: Odds { refused: 1000, ..Odds::default() }, ..Weather::default() }
    });
    let intents = FakeIntents::new(world.clone());
    let none = IntentImage { instance: InstanceId::new("i-1"), intents: Vec::new() };
    assert_eq!(intents.write(none).await.unwrap_err().label(), "IntentDisk");
    assert_eq!(intents.load().await.unwrap_err().label(), "IntentDisk");
    assert_eq!(world.with(|world| world.intents().map(|image| image.intents.len())), Some(1));
}
