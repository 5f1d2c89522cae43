//! Images are written while the disk fails, the daemon is killed at any operation, and the power goes away: what is read
//! afterwards is, lease by lease, what was acknowledged last or what was being written, and never garbage.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use checkpoint::{CheckpointPaths, Writer};
use contract::Boottime;
use contract::model::{AttachmentKey, Lease, LeasePhase, Pod};
use contract::ports::checkpoint::{CheckpointImage, Cooling};
use host::Fault;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

use crate::files::{ModelFiles, Sabotage};

const CASES: u32 = 1000;
const ADDRESSES: u8 = 3;

/// What stands for an address: a lease's pod and phase, or that it rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Free,
    By(u8, LeasePhase),
    Rests,
}

/// An image, by the last byte of each address.
type Image = BTreeMap<u8, Held>;

#[derive(Debug, Clone)]
enum Step {
    Write(Image),
    /// The image that was tried last: a daemon that came back says the same.
    Again,
    Load,
    /// Nobody has asked for a moment.
    Tidy,
    /// A new process, after the machine lost its power if so.
    Restart(Option<u64>),
    /// The operation after so many fails.
    Fault(u64, Fault),
    /// So many bytes fit.
    Full(Option<usize>),
}

fn some_image() -> impl Strategy<Value = Image> {
    let phases = [LeasePhase::Reserved, LeasePhase::Wired, LeasePhase::Assigned, LeasePhase::Releasing];
    let held = prop_oneof![
        1 => Just(Held::Free),
        5 => (1..3_u8, select(phases.to_vec())).prop_map(|(pod, phase)| Held::By(pod, phase)),
        1 => Just(Held::Rests),
    ];
    prop::collection::vec(held, usize::from(ADDRESSES)).prop_map(|held| (1..=ADDRESSES).zip(held).collect())
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => some_image().prop_map(Step::Write),
        2 => Just(Step::Again),
        1 => Just(Step::Load),
        1 => Just(Step::Tidy),
        3 => prop::option::weighted(0.7, any::<u64>()).prop_map(Step::Restart),
        4 => (0..24_u64, select(&[Fault::Fail, Fault::Stop][..])).prop_map(|(after, fault)| Step::Fault(after, fault)),
        1 => select(&[None, Some(100_usize), Some(700), Some(1500)][..]).prop_map(Step::Full),
    ]
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 3, last)
}

fn written(image: &Image) -> CheckpointImage {
    let mut all = CheckpointImage::default();
    for (last, held) in image {
        match *held {
            Held::Free => {}
            Held::Rests => {
                all.cooling.push(Cooling { address: address(*last), until: Boottime::from_secs(7) });
            }
            Held::By(pod, phase) => all.leases.push(Lease {
                key: AttachmentKey {
                    network: "aws-cni".to_owned(),
                    container_id: format!("c{last}-{pod}"),
                    ifname: "eth0".to_owned(),
                },
                pod: Pod {
                    namespace: "default".to_owned(),
                    name: format!("web-{pod}"),
                    uid: format!("u-{pod}"),
                },
                address: address(*last),
                phase,
                allocated_unix_nanoseconds: 1_700_000_000_000_000_000,
            }),
        }
    }
    all
}

fn read(image: &CheckpointImage) -> Image {
    let mut all: Image = (1..=ADDRESSES).map(|last| (last, Held::Free)).collect();
    for lease in &image.leases {
        let pod = lease.pod.name.strip_prefix("web-").unwrap().parse().unwrap();
        all.insert(lease.address.octets()[3], Held::By(pod, lease.phase));
    }
    for rest in &image.cooling {
        all.insert(rest.address.octets()[3], Held::Rests);
    }
    all
}

/// Choices from a seed (splitmix64). Every second is "as the program saw it", so that some writes survive.
fn choices(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |among| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = mixed ^ (mixed >> 27);
        let among = u64::try_from(among).unwrap();
        usize::try_from(if mixed.is_multiple_of(2) { 0 } else { (mixed >> 8) % among }).unwrap()
    }
}

/// The driver on its disk, and what may be read from it.
struct Life {
    files: ModelFiles,
    writer: Writer<ModelFiles>,
    /// What was acknowledged, or read, last, and what was being written since.
    allowed: Vec<Image>,
}

fn writer(files: &ModelFiles) -> Writer<ModelFiles> {
    Writer::new(files.clone(), CheckpointPaths::beside("ipam.json"), "boot".to_owned())
}

impl Life {
    fn new(sabotage: Option<Sabotage>) -> Self {
        let files = ModelFiles { sabotage, ..ModelFiles::default() };
        Self { writer: writer(&files), files, allowed: vec![read(&CheckpointImage::default())] }
    }

    fn step(&mut self, step: &Step) -> TestCaseResult {
        match step {
            Step::Write(image) => self.write(image.clone()),
            Step::Again => self.write(self.allowed.last().cloned().unwrap_or_default()),
            Step::Load => self.load(),
            // Whether it succeeds or not, what was acknowledged stands.
            Step::Tidy => {
                drop(self.writer.tidy());
                Ok(())
            }
            Step::Restart(power) => {
                self.files.disk.borrow_mut().fault(None);
                if let Some(seed) = power {
                    self.files.disk.borrow_mut().power_loss(choices(*seed));
                }
                self.writer = writer(&self.files);
                self.load()
            }
            Step::Fault(after, fault) => {
                self.files.disk.borrow_mut().fault(Some((*after, *fault)));
                Ok(())
            }
            Step::Full(bytes_max) => {
                self.files.disk.borrow_mut().limit(*bytes_max);
                Ok(())
            }
        }
    }

    fn write(&mut self, image: Image) -> TestCaseResult {
        if self.writer.write(written(&image)).is_ok() {
            self.allowed.clear();
        }
        self.allowed.push(image);
        Ok(())
    }

    fn load(&mut self) -> TestCaseResult {
        // A disk that does not answer says nothing.
        let Ok(loaded) = self.writer.load() else { return Ok(()) };
        prop_assert_eq!(&loaded.set_aside, &[], "garbage");
        let found = read(&loaded.image);
        for (last, held) in &found {
            let allowed: Vec<Held> = self.allowed.iter().map(|image| image[last]).collect();
            let free = *held == Held::Free && changes_hands(&allowed);
            prop_assert!(free || allowed.contains(held), ".{last} is {held:?}, and may be {allowed:?}");
        }
        Ok(())
    }
}

/// An address that goes to a pod from another one, or from its rest, is free in between.
fn changes_hands(held: &[Held]) -> bool {
    let pod = |held: &Held| if let Held::By(pod, _) = held { Some(*pod) } else { None };
    held.iter().enumerate().any(|(at, after)| {
        let before = held.iter().take(at).filter(|before| **before != Held::Free);
        pod(after).is_some() && before.into_iter().any(|before| pod(before) != pod(after))
    })
}

fn live(steps: &[Step], sabotage: Option<Sabotage>) -> TestCaseResult {
    let mut life = Life::new(sabotage);
    for step in steps {
        life.step(step)?;
    }
    life.step(&Step::Restart(None))
}

fn run(sabotage: Option<Sabotage>) -> Result<(), String> {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(some_step(), 1..24), |steps| live(&steps, sabotage))
        .map_err(|error| error.to_string())
}

#[test]
fn what_is_read_is_what_was_acknowledged_or_later_and_never_garbage() {
    run(None).unwrap();
}

/// A lease that arrives in `ipam.json`, one that leaves it, both, and neither.
fn changes() -> [[Image; 2]; 4] {
    use LeasePhase::{Assigned, Reserved, Wired};
    let image = |first, second| Image::from([(1, first), (2, second), (3, Held::Free)]);
    let by = |phase| Held::By(1, phase);
    [
        [image(by(Wired), Held::Free), image(by(Assigned), Held::Free)],
        [image(by(Assigned), Held::Free), image(Held::Rests, Held::Free)],
        [image(by(Assigned), by(Wired)), image(Held::Rests, by(Assigned))],
        [image(by(Assigned), by(Reserved)), image(by(Assigned), by(Wired))],
    ]
}

#[test]
fn each_operation_of_a_write_fails_once_or_is_the_daemons_last() {
    let mut lived = 0;
    for [before, after] in changes() {
        for fault in [Fault::Fail, Fault::Stop] {
            for at in 0..24 {
                for retried in [&[][..], &[Step::Tidy], &[Step::Again], &[Step::Restart(None), Step::Again]] {
                    for seed in 0..8 {
                        let mut steps = vec![Step::Write(before.clone()), Step::Fault(at, fault)];
                        steps.push(Step::Write(after.clone()));
                        steps.extend_from_slice(retried);
                        steps.push(Step::Restart(Some(seed)));
                        live(&steps, None).unwrap_or_else(|error| panic!("{error}\n{steps:?}"));
                        lived += 1;
                    }
                }
            }
        }
    }
    assert_eq!(lived, 4 * 2 * 24 * 4 * 8);
}

#[test]
fn a_driver_that_leaves_out_a_sync_or_renames_before_it_is_found() {
    for sabotage in [Sabotage::NoFile, Sabotage::NoDirectory, Sabotage::FileAfterRename] {
        let found = run(Some(sabotage)).unwrap_err();
        println!("{sabotage:?}: {found}");
    }
}
