//! Whatever comes in whatever order: the desk's own checks hold after every step, no address is anybody's twice or before it
//! has rested, what was answered is on disk, nobody waits beside a free address, what is let go is on disk first and nobody's
//! until EC2 lacks it, and in the end everybody was answered.

use crate::desk::*;
use contract::Boottime;
use contract::causes::Cause;
use contract::mail::warm_pool::{LeaseGrant, LeaseRequest, PoolMail, StreamId};
use contract::model::{AttachmentKey, LeasePhase};
use contract::ports::checkpoint::{CheckpointImage, Loaded};
use kernel::Event;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::oneshot::{channel, error::TryRecvError};
use warm_pool::{Fate, PoolConfig, PoolOutcome, WarmTargets};

#[derive(Debug, Clone)]
enum Step {
    Lease {
        n: u32,
        patience_seconds: u64,
    },
    Wired(u32),
    Assign(u32),
    Close(u32),
    Release(u32),
    /// One bit for each address that the two ENIs carry.
    Enis(u8),
    WriteEnds(bool),
    UnwireEnds(bool),
    /// EniManager answers what was let go: gone, kept, or nothing.
    Fate(u8),
    Time(u64),
    /// The pod is gone, and nobody says so.
    PodGone(u8),
    /// The daemon dies; what it was writing is on disk, or not.
    Restart {
        written: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 1..=6_u32;
    let step = prop_oneof![
        6 => (n(), 1..=40_u64).prop_map(|(n, patience_seconds)| Step::Lease { n, patience_seconds }),
        5 => n().prop_map(Step::Wired),
        5 => n().prop_map(Step::Assign),
        3 => n().prop_map(Step::Close),
        4 => n().prop_map(Step::Release),
        4 => any::<u8>().prop_map(Step::Enis),
        8 => prop::bool::weighted(0.8).prop_map(Step::WriteEnds),
        5 => prop::bool::weighted(0.7).prop_map(Step::UnwireEnds),
        3 => (0..5_u8).prop_map(Step::Fate),
        6 => (0..=40_000_u64).prop_map(|ms| Step::Time(ms * ms / 40_000)),
        1 => (0..8_u8).prop_map(Step::PodGone),
        1 => any::<bool>().prop_map(|written| Step::Restart { written }),
    ];
    prop::collection::vec(step, 1..120)
}

/// One address in reserve: the second that is free is let go.
fn keeping_one() -> PoolConfig {
    let targets = WarmTargets { addresses: Some(1), ..WarmTargets::default() };
    PoolConfig { targets, ..config() }
}

/// What a test knows beside the pool.
struct World {
    desk: Desk,
    streams: u64,
    /// The newest stream of each attachment, while it is open.
    open: BTreeMap<u32, u64>,
    leases: Vec<(u32, u64, Asked<LeaseGrant>)>,
    steps: Vec<(u32, LeasePhase, Asked<()>)>,
    releases: Vec<Asked<Option<Ipv4Addr>>>,
    durable: CheckpointImage,
    /// Not to be anybody's before.
    rests_until: BTreeMap<Ipv4Addr, Boottime>,
    /// Leased by what was once on disk: somebody may have been told.
    told: BTreeSet<Ipv4Addr>,
    carried: BTreeSet<Ipv4Addr>,
    /// Asked to be given back, and not seen to stay or to be gone.
    leaving: BTreeSet<Ipv4Addr>,
    /// Of these, gone by EniManager's word.
    gone: BTreeSet<Ipv4Addr>,
    /// What the newest view shows.
    shown: BTreeSet<Ipv4Addr>,
    held: BTreeMap<AttachmentKey, Ipv4Addr>,
}

impl World {
    fn new() -> Self {
        Self {
            desk: Desk { reads_by_hand: true, ..Desk::new(keeping_one()) },
            streams: 0,
            open: BTreeMap::new(),
            leases: Vec::new(),
            steps: Vec::new(),
            releases: Vec::new(),
            durable: CheckpointImage::default(),
            rests_until: BTreeMap::new(),
            told: BTreeSet::new(),
            carried: BTreeSet::new(),
            leaving: BTreeSet::new(),
            shown: BTreeSet::new(),
            gone: BTreeSet::new(),
            held: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Lease { n, patience_seconds } => self.lease(n, patience_seconds),
            Step::Wired(n) => self.go_on(n, LeasePhase::Wired),
            Step::Assign(n) => self.go_on(n, LeasePhase::Assigned),
            Step::Close(n) => self.close(n),
            Step::Release(n) => {
                let asked = self.desk.release(n);
                self.releases.push(asked);
            }
            Step::Enis(bits) => self.enis(bits),
            Step::WriteEnds(well) => self.write_ends(well),
            Step::UnwireEnds(well) => self.unwire_ends(well),
            Step::Fate(fate) => self.fate(fate),
            Step::Time(ms) => self.pass(Duration::from_millis(ms)),
            Step::PodGone(n) => drop(self.carried.remove(&at(n))),
            Step::Restart { written } => self.restart(written),
        }
        self.read_kernel();
        self.check();
    }

    fn lease(&mut self, n: u32, patience_seconds: u64) {
        self.streams += 1;
        let (reply, asked) = channel();
        let request = LeaseRequest {
            key: key(n),
            pod: pod(n),
            arrived_at: self.desk.now,
            deadline: self.desk.now + Duration::from_secs(patience_seconds),
            stream: StreamId(self.streams),
            unix_nanoseconds: 7,
        };
        self.open.insert(n, self.streams);
        self.leases.push((n, self.streams, asked));
        self.desk.mail(PoolMail::Lease { request, reply });
    }

    fn go_on(&mut self, n: u32, to: LeasePhase) {
        let Some(stream) = self.open.get(&n).copied() else {
            return;
        };
        let asked = match to {
            LeasePhase::Wired => self.desk.wired(n, stream),
            _ => self.desk.assign(n, stream),
        };
        self.steps.push((n, to, asked));
        if self.desk.phase(n) == Some(to) {
            self.carried.extend(self.desk.address(n));
        }
    }

    fn close(&mut self, n: u32) {
        if let Some(stream) = self.open.remove(&n) {
            self.desk.close(n, stream);
            // A waiter who left hears nothing; one who was about to hear of an address hears that it is none of his.
            self.leases.retain_mut(|(_, of, asked)| {
                *of != stream || !matches!(asked.try_recv(), Err(TryRecvError::Closed) | Ok(Err(_)))
            });
        }
    }

    fn enis(&mut self, bits: u8) {
        let on = |from: u8| (from..from + 4).filter(|n| bits & (1 << n) != 0).collect::<Vec<u8>>();
        let shown: BTreeSet<_> = on(0).into_iter().chain(on(4)).map(at).collect();
        self.shown = shown;
        self.forget_the_gone();
        self.desk.hear_enis(vec![eni(0, &on(0)), eni(1, &on(4))]);
    }

    fn fate(&mut self, fate: u8) {
        let Some(asked) = self.desk.let_go.pop() else {
            return;
        };
        let fate = match fate {
            0 | 1 => {
                self.gone.extend(asked.addresses.iter().copied());
                Fate::Gone
            }
            3 if !asked.whole => {
                // A later view shows it, if this one does not yet.
                let again: BTreeSet<_> = asked.addresses.iter().take(1).copied().collect();
                self.leaving.retain(|address| !again.contains(address));
                Fate::GivenAgain(again)
            }
            2 => {
                self.leaving.retain(|address| !asked.addresses.contains(address));
                Fate::Stays(Cause::PoolEmpty)
            }
            _ => Fate::Unknown,
        };
        self.forget_the_gone();
        self.desk.event(Event::Outcome(PoolOutcome::LetGo { eni: asked.eni, fate }));
    }

    /// What is gone and not shown may come anew.
    fn forget_the_gone(&mut self) {
        for address in self.gone.extract_if(.., |address| !self.shown.contains(address)) {
            self.leaving.remove(&address);
        }
    }

    /// What is asked for is on disk, and nobody's.
    fn check_what_leaves(&mut self) {
        for asked in &self.desk.let_go {
            assert!(self.durable.leaving.contains(asked), "{asked:?} is not on disk");
            for address in &asked.addresses {
                assert!(!self.carried.contains(address), "{address} is in use and leaves");
                assert!(self.held.values().all(|held| held != address), "{address} is leased and leaves");
                let rests_until = self.rests_until.get(address);
                assert!(
                    rests_until.is_none_or(|until| *until <= self.desk.now),
                    "{address} rests and leaves"
                );
            }
            self.leaving.extend(&asked.addresses);
        }
    }

    fn write_ends(&mut self, well: bool) {
        if self.desk.write.is_none() {
            return;
        }
        let result = if well { Ok(()) } else { Err(disk_failed()) };
        let image = self.desk.write_ends(result);
        if well {
            self.on_disk(image);
        }
    }

    fn on_disk(&mut self, image: CheckpointImage) {
        self.told.extend(image.leases.iter().map(|lease| lease.address));
        self.durable = image;
    }

    fn unwire_ends(&mut self, well: bool) {
        let Some((key, address)) = self.desk.unwires.pop() else {
            return;
        };
        let result = if well {
            self.carried.remove(&address);
            self.rests_until.insert(address, self.desk.now + COOLDOWN);
            Ok(())
        } else {
            Err(Cause::HostWiring { step: "remove the rule".into(), detail: "busy".into() })
        };
        self.desk.event(Event::Outcome(PoolOutcome::Unwired { key, result }));
    }

    /// Time passes wake by wake, so that every moment is checked.
    fn pass(&mut self, time: Duration) {
        let until = self.desk.now + time;
        while let Some(wake_at) = self.desk.wake_at.filter(|wake_at| *wake_at <= until) {
            self.desk.pass(wake_at - self.desk.now);
            self.read_kernel();
            self.check();
        }
        self.desk.pass(until - self.desk.now);
    }

    fn read_kernel(&mut self) {
        while self.desk.reads > 0 {
            self.desk.reads -= 1;
            let seen = kernel_with(self.carried.iter().copied());
            self.desk.kernel_shows(Some(seen));
        }
    }

    fn restart(&mut self, written: bool) {
        if let Some((_, image)) = self.desk.write.take().filter(|_| written) {
            self.on_disk(image);
        }
        // Of a lease that was never on disk nobody heard, so its address need not rest after a crash.
        self.rests_until.retain(|address, _| self.told.contains(address));
        let loaded = Loaded { image: self.durable.clone(), ..Loaded::default() };
        let seen = kernel_with(self.carried.iter().copied());
        let (desk, _) = Desk::recovered_from(keeping_one(), loaded, seen, self.desk.now);
        self.desk = Desk { reads_by_hand: true, ..desk };
        self.open.clear();
        self.leases.clear();
        self.steps.clear();
        self.releases.clear();
        // A lease that comes back from disk is the same lease: it need not have rested.
        let kept = self.durable.leases.iter();
        self.held = kept.map(|lease| (lease.key.clone(), lease.address)).collect();
    }

    fn check(&mut self) {
        let view = self.desk.view.clone().unwrap();
        let now = self.desk.now;
        let addresses: BTreeSet<_> = view.leases.iter().map(|lease| lease.address).collect();
        assert_eq!(addresses.len(), view.leases.len(), "an address is leased twice");
        for lease in &view.leases {
            let before = self.held.insert(lease.key.clone(), lease.address);
            if before == Some(lease.address) {
                continue;
            }
            assert!(!self.leaving.contains(&lease.address), "{} leaves", lease.address);
            assert!(!self.carried.contains(&lease.address), "{} is in use", lease.address);
            let rests_until = self.rests_until.get(&lease.address);
            assert!(rests_until.is_none_or(|until| *until <= now), "{} still rests", lease.address);
            self.told.remove(&lease.address);
        }
        self.held.retain(|_, address| addresses.contains(address));
        self.check_what_leaves();
        self.hear_answers();
        let leased: BTreeSet<_> = view.leases.iter().map(|lease| &lease.key).collect();
        let somebody_waits = self.leases.iter().any(|(n, ..)| !leased.contains(&key(*n)));
        assert!(!somebody_waits || view.counts.free == 0, "somebody waits beside a free address");
    }

    /// What was answered is on disk.
    fn hear_answers(&mut self) {
        let durable = &self.durable.leases;
        self.leases.retain_mut(|(n, _, asked)| match asked.try_recv() {
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Closed) => panic!("the ADD of {n} was forgotten"),
            Ok(Err(_)) => false,
            Ok(Ok(grant)) => {
                let mut on_disk = durable.iter();
                assert!(on_disk.any(|lease| lease.key == key(*n) && lease.address == grant.address));
                false
            }
        });
        self.steps.retain_mut(|(n, to, asked)| match asked.try_recv() {
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Closed) => panic!("a step of {n} was forgotten"),
            Ok(Err(_)) => false,
            Ok(Ok(())) => {
                // Wired promises no more than the reservation.
                let least = if *to == LeasePhase::Wired { LeasePhase::Reserved } else { *to };
                let mut on_disk = durable.iter();
                assert!(on_disk.any(|lease| lease.key == key(*n) && lease.phase >= least));
                false
            }
        });
        self.releases.retain_mut(|asked| match asked.try_recv() {
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Closed) => panic!("a DEL was forgotten"),
            Ok(_) => false,
        });
    }

    /// Everything works from here on, and every shim leaves.
    fn come_to_rest(&mut self) {
        for n in 1..=6 {
            self.take(Step::Close(n));
        }
        for _ in 0..40 {
            self.take(Step::WriteEnds(true));
            self.take(Step::UnwireEnds(true));
            self.take(Step::Time(10_000));
        }
        // What was let go is gone by both words, or was given again.
        for _ in 0..20 {
            self.shown.clear();
            self.desk.hear_enis(Vec::new());
            self.take(Step::Fate(0));
            self.take(Step::WriteEnds(true));
            self.take(Step::Time(40_000));
        }
        assert_eq!(self.durable.leaving, []);
        assert!(self.leases.is_empty() && self.steps.is_empty() && self.releases.is_empty());
        let view = self.desk.view.clone().unwrap();
        assert_eq!(view.counts.waiting, 0);
        assert_eq!(view.counts.cooling, 0);
        let mut phases = view.leases.iter().map(|lease| lease.phase);
        assert!(phases.all(|phase| phase == LeasePhase::Assigned), "{:?}", view.leases);
        assert_eq!(self.durable.leases, view.leases);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_handed_out_twice_and_nobody_is_forgotten(steps in steps()) {
        let mut world = World::new();
        world.take(Step::Enis(0b0101_0101));
        for step in steps {
            world.take(step);
        }
        world.come_to_rest();
    }
}
