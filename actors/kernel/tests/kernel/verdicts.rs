//! The verdicts, whatever the signals: properties over random sequences.

use kernel::verdict::{Child, Command, Death, Life, Signal, step};
use kernel::{Past, Policy};
use proptest::prelude::*;
use std::time::Duration;

/// What the test does to a child. Incarnations are relative: 0 is the current one, 1 the one before.
#[derive(Debug, Clone)]
enum Move {
    Pass(u64),
    Ready(u64),
    Heard(u64),
    Died(u64, u8),
    Forgive(u64),
    Stop,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (0_u64..5_000).prop_map(Move::Pass),
        1 => (5_000_u64..120_000).prop_map(Move::Pass),
        6 => (0_u64..2).prop_map(Move::Ready),
        4 => (0_u64..2).prop_map(Move::Heard),
        6 => ((0_u64..2), 0_u8..6).prop_map(|(back, kind)| Move::Died(back, kind)),
        1 => (0_u64..10_000).prop_map(Move::Forgive),
        1 => Just(Move::Stop),
    ]
}

/// Parked no shorter than the window, as everywhere: what is tried again then begins with a clean count.
fn policies() -> impl Strategy<Value = Policy> {
    (0_u32..8, 1_u64..60, 0_u64..60, any::<bool>()).prop_map(|(intensity, window, more, ends)| Policy {
        intensity,
        window: Duration::from_secs(window),
        parked: Duration::from_secs(window + more),
        past: if ends { Past::EndProcess } else { Past::Park },
        ..Policy::default()
    })
}

fn death(kind: u8) -> Death {
    let words = String::from("words");
    match kind {
        0 => Death::Panic(words),
        1 => Death::Stopped(words),
        2 => Death::StalledCall(words),
        3 => Death::Broken(words),
        4 => Death::LostThread,
        _ => Death::FailedStart(words),
    }
}

/// One child and what the test knows of it by itself.
struct World {
    policy: Policy,
    child: Child,
    now: Duration,
    live: Option<u64>,
    counted: Vec<Duration>,
    failed_start_only: bool,
    stopped: bool,
    ended: bool,
}

impl World {
    fn new(policy: Policy) -> Self {
        let mut world = Self {
            policy,
            child: Child::idle(),
            now: Duration::from_secs(1000),
            live: None,
            counted: Vec::new(),
            failed_start_only: false,
            stopped: false,
            ended: false,
        };
        world.send(Signal::Begin);
        world
    }

    fn send(&mut self, signal: Signal) {
        let former = self.child.incarnation;
        let before = self.child.deaths.values().sum::<u64>();
        self.failed_start_only = matches!(signal, Signal::Died(_, Death::FailedStart(_)));
        let (child, commands) =
            step(&self.policy, self.child.clone(), signal, self.now, self.now.as_nanos() as u64);
        assert!(child.incarnation >= former, "an incarnation decreased");
        self.child = child;
        if self.child.deaths.values().sum::<u64>() > before {
            let counts = !matches!(self.child.last, Some(Death::StalledCall(_) | Death::Broken(_)));
            if counts {
                self.counted.push(self.now);
            }
        }
        for command in commands {
            self.obey(command);
        }
        self.holds();
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(incarnation) => {
                assert_eq!(self.live, None, "two lives at once");
                assert!(!self.stopped && !self.ended, "started after the end");
                self.live = Some(incarnation);
            }
            Command::Revoke(incarnation) => {
                assert_eq!(self.live.take(), Some(incarnation), "revoked one that does not live");
            }
            Command::AskPulse(incarnation) => assert_eq!(self.live, Some(incarnation)),
            Command::EndProcess(_) => {
                assert!(!self.failed_start_only, "a failing start ended the process");
                assert_eq!(self.policy.past, Past::EndProcess);
                self.ended = true;
            }
        }
    }

    fn holds(&self) {
        let lives = matches!(self.child.life, Life::Starting | Life::Running { .. });
        assert_eq!(lives, self.live.is_some(), "{:?}", self.child.life);
        let due = self.child.next_due(&self.policy);
        let waits = matches!(self.child.life, Life::Idle | Life::Starting | Life::Stopped);
        assert_eq!(due.is_none(), waits, "{:?} is due {due:?}", self.child.life);
        if lives {
            let since = self.now.saturating_sub(self.policy.window);
            let recent = self.counted.iter().filter(|at| **at > since).count();
            assert!(recent <= self.policy.intensity as usize, "{recent} deaths and it lives");
        }
    }

    /// It serves, dies, and is due again.
    fn suffer(&mut self, death: Death) {
        self.send(Signal::Ready(self.child.incarnation));
        self.send(Signal::Died(self.child.incarnation, death));
        self.now += Duration::from_millis(2);
        self.send(Signal::Tick);
    }

    fn play(&mut self, next: Move) {
        let back = |world: &Self, back: u64| world.child.incarnation.saturating_sub(back);
        match next {
            Move::Pass(millis) => {
                self.now += Duration::from_millis(millis);
                self.send(Signal::Tick);
            }
            Move::Ready(before) => self.send(Signal::Ready(back(self, before))),
            Move::Heard(before) => self.send(Signal::Heard(back(self, before))),
            Move::Died(before, kind) => self.send(Signal::Died(back(self, before), death(kind))),
            Move::Forgive(millis) => self.send(Signal::Forgive(Duration::from_millis(millis))),
            Move::Stop => {
                self.stopped = true;
                self.send(Signal::Stop);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_there_is_at_most_one_life_and_it_follows_the_end_of_the_former(
        policy in policies(),
        sequence in proptest::collection::vec(moves(), 1..200),
    ) {
        let mut world = World::new(policy);
        for next in sequence {
            world.play(next);
        }
    }

    #[test]
    fn a_child_that_is_left_alone_never_rests_without_a_due_time(
        policy in policies(),
        sequence in proptest::collection::vec(moves(), 1..100),
    ) {
        let mut world = World::new(policy);
        for next in sequence {
            world.play(next);
        }
        // Each tick when it is due: a child that waits is started, a silent one is judged.
        for _ in 0..50 {
            if let Some(due) = world.child.next_due(&world.policy) {
                world.now = world.now.max(due);
                let before = world.child.clone();
                world.send(Signal::Tick);
                prop_assert_ne!(&before, &world.child, "due, and nothing comes of it");
            }
        }
        let over = world.stopped || world.ended;
        prop_assert_eq!(world.child.life == Life::Stopped, over);
    }

    #[test]
    fn a_start_that_fails_for_ever_never_ends_the_process(policy in policies()) {
        let mut world = World::new(Policy { past: Past::EndProcess, ..policy });
        for _ in 0..200 {
            if world.child.life == Life::Starting {
                let incarnation = world.child.incarnation;
                world.send(Signal::Died(incarnation, Death::FailedStart("no".into())));
            }
            world.now += Duration::from_secs(5);
            world.send(Signal::Tick);
        }
        prop_assert!(!world.ended);
        prop_assert!(world.child.incarnation > 8);
    }

    #[test]
    fn the_deaths_of_the_world_never_park_and_never_hide_those_that_count(
        gaps in proptest::collection::vec(0_usize..120, 4),
    ) {
        let policy = Policy { intensity: 3, backoff_max: Duration::from_millis(1), ..Policy::default() };
        let mut world = World::new(policy);
        for gap in gaps {
            for _ in 0..gap {
                world.suffer(Death::Broken("world".into()));
                prop_assert_eq!(&world.child.life, &Life::Starting);
            }
            world.suffer(Death::Panic("own".into()));
        }
        prop_assert!(matches!(world.child.life, Life::Parked { .. }), "{:?}", world.child.life);
    }
}
