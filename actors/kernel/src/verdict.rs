//! What becomes of a child: pure steps from signals to commands. No actix, no tokio, no clock, no dice: `now` and the jitter
//! are arguments.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::spec::{Past, Policy};

/// Deaths remembered, at least: for the backoff, and one more than the intensity to see that it is passed.
const DEATHS_REMEMBERED: usize = 64;

/// How an incarnation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Death {
    /// A handler, a plan or an effect panicked, with these words.
    Panic(String),
    /// A question or a snapshot was its death. Such mail is not sent a third time: a deterministic panic costs one message, and
    /// never the process.
    Poison(String),
    /// It gave itself up, or its mailbox ended.
    Stopped(String),
    /// An effect had no outcome by its own timeout and a grace.
    StalledCall(String),
    /// A connection is gone for good.
    Broken(String),
    /// Its thread does not turn: its pulses went unanswered.
    LostThread,
    /// It could not start.
    FailedStart(String),
}

impl Death {
    /// One word for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Panic(_) | Self::Poison(_) => "panic",
            Self::Stopped(_) => "stopped",
            Self::StalledCall(_) => "stalled_call",
            Self::Broken(_) => "broken_connection",
            Self::LostThread => "lost_thread",
            Self::FailedStart(_) => "failed_start",
        }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::LostThread => "its thread does not answer",
            Self::Panic(words)
            | Self::Poison(words)
            | Self::Stopped(words)
            | Self::StalledCall(words)
            | Self::Broken(words)
            | Self::FailedStart(words) => words,
        }
    }

    /// Deaths that say something about the child itself. The world's (a call that never ended, a connection lost) do not, and
    /// neither do those that one message caused.
    fn counts(&self) -> bool {
        !matches!(self, Self::StalledCall(_) | Self::Broken(_) | Self::Poison(_))
    }
}

/// Where a child is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Not begun.
    Idle,
    /// Its world is being read.
    Starting,
    /// It serves.
    Running {
        /// Its thread was last known to turn.
        heard: Duration,
        /// A pulse is out.
        asked: bool,
    },
    /// It will be started again then.
    Backoff {
        /// Time since boot.
        until: Duration,
    },
    /// It died too often; it is tried again then.
    Parked {
        /// Time since boot.
        until: Duration,
    },
    /// For good.
    Stopped,
}

/// What the kernel knows of one child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Where it is.
    pub life: Life,
    /// Which life, from 1; 0 before the first.
    pub incarnation: u64,
    /// Deaths by label.
    pub deaths: BTreeMap<&'static str, u64>,
    /// The last death.
    pub last: Option<Death>,
    /// The latest deaths: when, and whether they count to the intensity.
    recent: VecDeque<(Duration, bool)>,
    /// Since when it serves.
    ready: Duration,
    /// It was parked, and has not served for a window since: one more death that counts parks it again.
    on_probation: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Start it for the first time.
    Begin,
    /// An incarnation serves.
    Ready(u64),
    /// An incarnation answered its pulse.
    Heard(u64),
    /// An incarnation is over, or never began.
    Died(u64, Death),
    /// Time has passed.
    Tick,
    /// The kernel itself was late by this much: no child is to blame.
    Forgive(Duration),
    /// Stop it for good.
    Stop,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Start this incarnation, once what the one before holds has ended.
    Start(u64),
    /// Revoke this incarnation and throw its thread away.
    Revoke(u64),
    /// Ask this incarnation whether it turns.
    AskPulse(u64),
    /// End the process: a clean one is better.
    EndProcess(String),
}

impl Child {
    /// Not begun.
    #[must_use]
    pub fn idle() -> Self {
        Self {
            life: Life::Idle,
            incarnation: 0,
            deaths: BTreeMap::new(),
            last: None,
            recent: VecDeque::new(),
            ready: Duration::ZERO,
            on_probation: false,
        }
    }

    /// When `Tick` will matter next.
    #[must_use]
    pub fn next_due(&self, policy: &Policy) -> Option<Duration> {
        match self.life {
            Life::Running { heard, asked: false } => Some(heard.saturating_add(policy.pulse)),
            Life::Running { heard, asked: true } => Some(heard.saturating_add(policy.silence_max())),
            Life::Backoff { until } | Life::Parked { until } => Some(until),
            Life::Idle | Life::Starting | Life::Stopped => None,
        }
    }

    fn begin_next(&mut self) -> Command {
        self.incarnation += 1;
        self.life = Life::Starting;
        Command::Start(self.incarnation)
    }
}

/// One step. `jitter` is any number; it spreads the backoff.
#[must_use]
pub fn step(
    policy: &Policy,
    mut child: Child,
    signal: Signal,
    now: Duration,
    jitter: u64,
) -> (Child, Vec<Command>) {
    let mut commands = Vec::new();
    match signal {
        Signal::Begin if child.life == Life::Idle => commands.push(child.begin_next()),
        Signal::Ready(incarnation) if child.life == Life::Starting && incarnation == child.incarnation => {
            child.ready = now;
            child.life = Life::Running { heard: now, asked: false };
        }
        Signal::Heard(incarnation) if incarnation == child.incarnation => {
            if let Life::Running { heard, asked } = &mut child.life {
                *heard = now.max(*heard);
                *asked = false;
            }
        }
        Signal::Died(incarnation, death) if incarnation == child.incarnation => {
            if matches!(child.life, Life::Starting | Life::Running { .. }) {
                bury(policy, &mut child, death, now, jitter, &mut commands);
            }
        }
        Signal::Tick => tick(policy, &mut child, now, jitter, &mut commands),
        Signal::Forgive(late) => {
            if let Life::Running { heard, .. } = &mut child.life {
                *heard = heard.saturating_add(late).min(now);
            }
        }
        Signal::Stop => {
            if matches!(child.life, Life::Starting | Life::Running { .. }) {
                commands.push(Command::Revoke(child.incarnation));
            }
            child.life = Life::Stopped;
        }
        Signal::Begin | Signal::Ready(_) | Signal::Heard(_) | Signal::Died(..) => {}
    }
    (child, commands)
}

fn tick(policy: &Policy, child: &mut Child, now: Duration, jitter: u64, commands: &mut Vec<Command>) {
    match child.life {
        Life::Backoff { until } | Life::Parked { until } if until <= now => {
            child.on_probation |= matches!(child.life, Life::Parked { .. });
            commands.push(child.begin_next());
        }
        Life::Running { heard, .. } if now >= heard.saturating_add(policy.silence_max()) => {
            bury(policy, child, Death::LostThread, now, jitter, commands);
        }
        Life::Running { heard, asked: false } if now >= heard.saturating_add(policy.pulse) => {
            child.life = Life::Running { heard, asked: true };
            commands.push(Command::AskPulse(child.incarnation));
        }
        _ => {}
    }
}

/// The one path of every death: revoke, and start again now, later, or much later.
fn bury(
    policy: &Policy,
    child: &mut Child,
    death: Death,
    now: Duration,
    jitter: u64,
    commands: &mut Vec<Command>,
) {
    commands.push(Command::Revoke(child.incarnation));
    if matches!(child.life, Life::Running { .. }) && child.ready.saturating_add(policy.window) <= now {
        child.on_probation = false;
    }
    *child.deaths.entry(death.label()).or_default() += 1;
    child.recent.retain(|(at, _)| at.saturating_add(policy.window) > now);
    child.recent.push_back((now, death.counts()));
    while child.recent.len() > DEATHS_REMEMBERED.max(policy.intensity as usize + 1) {
        // Those that count go last: the world's deaths never push them out of the count.
        let oldest = child.recent.iter().position(|(_, counts)| !counts).unwrap_or(0);
        child.recent.remove(oldest);
    }
    let counted = child.recent.iter().filter(|(_, counts)| *counts).count();
    let failed_start = matches!(death, Death::FailedStart(_));
    let fails_again = child.on_probation && death.counts();
    // One message is no reason to keep the others waiting: its pauses do not grow.
    let pauses = match death {
        Death::Poison(_) => child.recent.len().min(2),
        _ => child.recent.len(),
    };
    let words = format!("{}: {}", death.label(), death.words());
    child.last = Some(death);
    // A child that cannot start would not start in a fresh process either: that is reported, not escalated.
    let escalates = policy.past == Past::EndProcess && !failed_start;
    if counted > policy.intensity as usize || (fails_again && !escalates) {
        if escalates {
            child.life = Life::Stopped;
            commands.push(Command::EndProcess(words));
        } else {
            child.life = Life::Parked { until: now.saturating_add(policy.parked) };
        }
    } else if pauses == 1 {
        commands.push(child.begin_next());
    } else {
        child.life = Life::Backoff { until: now.saturating_add(pause(policy, pauses, jitter)) };
    }
}

/// Doubling from `backoff_first` to `backoff_max`, between half of that and all of it.
fn pause(policy: &Policy, deaths: usize, jitter: u64) -> Duration {
    let doublings = u32::try_from(deaths.saturating_sub(2)).unwrap_or(u32::MAX).min(16);
    let whole = policy.backoff_first.saturating_mul(1 << doublings).min(policy.backoff_max);
    let half = whole / 2;
    let share = u32::try_from(jitter % 1024).unwrap_or(0);
    half + half.saturating_mul(share) / 1024
}
