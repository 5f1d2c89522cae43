//! Lagging views: what a Describe call shows is what was true so long ago, and nothing else depends on it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::support::{World, milliseconds, texts};
use crate::{DescribeLag, QueryRequest, ViewLag};

const LAG: u64 = 500;

/// Everything lags by the same.
fn everything(milliseconds: u64) -> DescribeLag {
    let view = ViewLag {
        addresses_milliseconds: milliseconds,
        attachment_milliseconds: milliseconds,
        tags_milliseconds: milliseconds,
        deleted_milliseconds: milliseconds,
    };
    DescribeLag { interfaces: view.clone(), instances: view, subnets_milliseconds: milliseconds }
}

fn step(world: &mut World, step: u8) {
    let enis: Vec<_> = world.region.enis().map(|eni| eni.id.clone()).collect();
    let eni = enis[usize::from(step / 8) % enis.len()].clone();
    let request = match step % 8 {
        0 => QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet),
        1 | 2 => world.assign_request(&eni, u32::from(step / 8 % 3) + 1),
        3 => world.attach_request(&eni, u32::from(step / 8 % 3)),
        4 => QueryRequest::new("CreateTags")
            .with("ResourceId.1", &eni)
            .with("Tag.1.Key", "step")
            .with("Tag.1.Value", step),
        5 => QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni),
        6 => {
            let attachment = world.region.eni(&eni).unwrap().attachment.clone();
            let id =
                attachment.map_or("eni-attach-0123456789abcdef0".to_owned(), |known| known.id.to_string());
            QueryRequest::new("DetachNetworkInterface").with("AttachmentId", id)
        }
        _ => {
            let secondary = world.region.eni(&eni).unwrap().secondaries.first().copied();
            let address = secondary.unwrap_or(std::net::Ipv4Addr::LOCALHOST);
            QueryRequest::new("UnassignPrivateIpAddresses")
                .with("NetworkInterfaceId", &eni)
                .with("PrivateIpAddress.1", address)
        }
    };
    world.ask(request);
}

/// What is shown at one time: each ENI as DescribeNetworkInterfaces tells it, and the subnets.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    enis: BTreeMap<String, String>,
    subnets: String,
}

fn told(world: &mut World, request: QueryRequest) -> String {
    let reply = world.done(request);
    reply.body.replace(&reply.request_id, "")
}

fn shown(world: &mut World) -> Shown {
    let all = told(world, QueryRequest::new("DescribeNetworkInterfaces"));
    let ids = texts(&all, "networkInterfaceId");
    let enis = ids.into_iter().map(|id| {
        let request = QueryRequest::new("DescribeNetworkInterfaces").with("NetworkInterfaceId.1", &id);
        let body = told(world, request);
        (id, body)
    });
    Shown { enis: enis.collect(), subnets: told(world, QueryRequest::new("DescribeSubnets")) }
}

fn world(lag: u64) -> World {
    let mut world = World::new();
    world.knobs(|knobs| {
        knobs.attach_milliseconds = 130;
        knobs.detach_milliseconds = 70;
        knobs.describe = everything(lag);
    });
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Two worlds are taken the same steps. The one that lags shows at each time what the other one showed `LAG` before; and an
    /// ENI that is newer than that, as it was made.
    #[test]
    fn a_lagging_view_shows_what_was_true_before(steps in prop::collection::vec((any::<u8>(), 1..400_u64), 1..30)) {
        let (mut prompt, mut lagging) = (world(0), world(LAG));
        let mut history = vec![(0, shown(&mut prompt))];
        let mut due = Vec::new();
        let mut now = 0;
        for (what, pause) in steps {
            now += pause;
            prompt.now = milliseconds(now);
            step(&mut prompt, what);
            due.push((now, Some(what)));
            history.push((now, shown(&mut prompt)));
        }
        due.extend(history.iter().map(|(at, _)| (at + LAG, None)));
        due.sort_by_key(|(at, what)| (*at, what.is_none()));
        let (mut then, mut known) = (history.into_iter(), BTreeSet::new());
        for (at, what) in due {
            lagging.now = milliseconds(at);
            if let Some(what) = what {
                step(&mut lagging, what);
                continue;
            }
            let (_, before) = then.next().unwrap();
            known.extend(before.enis.keys().cloned());
            let mut seen = shown(&mut lagging);
            seen.enis.retain(|id, _| known.contains(id));
            prop_assert_eq!(seen, before, "at {}", at);
        }
        prop_assert!(prompt.region.enis().map(|eni| &eni.id).eq(lagging.region.enis().map(|eni| &eni.id)), "the truth was judged");
    }
}

#[test]
fn what_is_shown_depends_on_the_time_alone_not_on_how_often_was_looked() {
    let addresses = |looks: &[u64]| {
        let mut world = world(LAG);
        world.now = milliseconds(1_000);
        let request = world.assign_request(&world.primary.clone(), 1);
        world.done(request);
        world.now = milliseconds(1_200);
        let request = world.assign_request(&world.primary.clone(), 2);
        world.done(request);
        let shown = looks.iter().map(|at| {
            world.now = milliseconds(*at);
            texts(&world.done(QueryRequest::new("DescribeNetworkInterfaces")).body, "primary").len()
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(addresses(&[1_300, 1_499, 1_500, 1_699, 1_700]), [1, 1, 2, 2, 4]);
    assert_eq!(addresses(&[1_699]), [2]);
    assert_eq!(addresses(&[1_700]), [4]);
}

#[test]
fn a_link_that_comes_by_itself_is_dated_when_it_came() {
    let mut world = world(LAG);
    world.now = milliseconds(1_000);
    let eni = world.create(&world.subnet.clone());
    world.attach(&eni, 1);
    // Nobody looked when it came, at 1130.
    let mut status = |at| {
        world.now = milliseconds(at);
        let request = QueryRequest::new("DescribeNetworkInterfaces").with("NetworkInterfaceId.1", &eni);
        texts(&world.done(request).body, "status").first().cloned()
    };
    assert_eq!(status(1_629).as_deref(), Some("attaching"));
    assert_eq!(status(1_630).as_deref(), Some("in-use"));
}

#[test]
fn nothing_is_remembered_while_nothing_lags() {
    let mut world = world(0);
    world.create(&world.subnet.clone());
    world.now = milliseconds(1_000);
    let before = shown(&mut world);
    world.knobs(|knobs| knobs.describe = everything(LAG));
    assert_eq!(shown(&mut world), before, "a lag that begins begins with what is");
    world.knobs(|knobs| knobs.describe = everything(0));
    assert_eq!(shown(&mut world), before);
}
