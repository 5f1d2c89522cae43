//! The internet behind the VPC: what it lets through, and what it counts.

use lab::internet::GatewayDrops;
use lab::is_root;
use lab::teller::{TELLER_PORT, Teller, ask};

use crate::wiring;

#[tokio::test]
async fn the_internet_knows_primary_addresses_only_and_what_is_dropped_is_counted() {
    if !is_root() {
        println!("SKIPPED the internet: not root");
        return;
    }
    let mut world = wiring::world().await;
    let mut node = wiring::node(&mut world, "node").await;
    let pod = wiring::pod(&world, &mut node, 0, "web").await;
    let internet = (world.internet().address(), TELLER_PORT);

    // The node itself is heard, and seen as what it is.
    let told = ask(&node.netns, node.address, internet, 3).await.unwrap();
    assert!(told.len() == 3 && told.iter().all(|told| told.source == node.address), "{told:?}");
    assert_eq!(world.fabric().gateway_drops().await.unwrap(), GatewayDrops::default());

    // A pod is not, as long as nobody translates its source; the fabric lets it leave the ENI, the gateway does not.
    assert_eq!(ask(&pod.netns, pod.address, internet, 3).await.unwrap(), []);
    let drops = world.fabric().gateway_drops().await.unwrap();
    assert_eq!(drops, GatewayDrops { outward: 3, inward: 0 });
    assert_eq!(world.fabric().drops().await.unwrap().values().sum::<u64>(), 0);

    // The judge lets it pass once the right rule stands.
    let snat = format!(
        "table ip test {{ chain out {{ type nat hook postrouting priority srcnat + 10;
          ip saddr {} ip daddr != 10.0.0.0/16 snat to {};
        }}; }}\n",
        pod.address, node.address
    );
    node.netns.nft(&snat).await.unwrap();
    let told = ask(&pod.netns, pod.address, internet, 3).await.unwrap();
    assert!(told.len() == 3 && told.iter().all(|told| told.source == node.address), "{told:?}");
    assert_eq!(world.fabric().gateway_drops().await.unwrap(), drops);
}

#[tokio::test]
async fn from_the_internet_a_node_is_reached_and_a_pods_address_is_not() {
    if !is_root() {
        println!("SKIPPED the way in from the internet: not root");
        return;
    }
    let mut world = wiring::world().await;
    let mut node = wiring::node(&mut world, "node").await;
    let pod = wiring::pod(&world, &mut node, 0, "web").await;
    let _tellers = [
        Teller::start(&node.netns, node.address, "node").unwrap(),
        Teller::start(&pod.netns, pod.address, "web").unwrap(),
    ];
    let (netns, own) = (world.internet().netns(), world.internet().address());
    let told = ask(netns, own, (node.address, TELLER_PORT), 2).await.unwrap();
    assert!(told.len() == 2 && told.iter().all(|told| told.source == own), "{told:?}");
    assert_eq!(ask(netns, own, (pod.address, TELLER_PORT), 2).await.unwrap(), []);
    assert_eq!(world.fabric().gateway_drops().await.unwrap(), GatewayDrops { outward: 0, inward: 2 });
}
