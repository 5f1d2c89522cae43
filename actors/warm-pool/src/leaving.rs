//! What is on its way back to EC2: written down, then asked for, then forgotten once EC2's own word lacks it. Until then it is
//! nobody's, whatever a view says. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{Eni, EniId, EniView, Leaving};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::actor::PoolAction;
use crate::state::Pool;

/// Between two times that single addresses are let go, as with the agent we replace: load that comes and goes must not buy
/// and give back all the time. A new life begins with it.
const DECREASE_PAUSE: Duration = Duration::from_secs(30);

/// EniManager has this long for an answer; then it is asked again.
pub(crate) const LET_GO_DEADLINE: Duration = Duration::from_secs(60);

/// The first pause after no answer came; doubled up to the deadline.
const ASK_AGAIN_FIRST: Duration = Duration::from_secs(1);

/// EC2 keeps it: its ENI is left alone for this long at first; doubled each time.
const KEPT_FIRST: Duration = Duration::from_secs(30);

/// How often either is doubled.
const DOUBLINGS_MAX: u32 = 6;

/// What became of what was let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// EC2 no longer has it.
    Gone,
    /// EC2 has given the ENI these of it again; the rest is on its way still.
    GivenAgain(BTreeSet<Ipv4Addr>),
    /// EC2 has it still, and why.
    Stays(Cause),
    /// Nobody knows.
    Unknown,
}

/// One way out: addresses of an ENI, or the ENI.
#[derive(Debug)]
struct Departure {
    leaving: Leaving,
    /// The change that wrote it down.
    written_by: u64,
    asking: bool,
    /// The next question.
    ask_at: Boottime,
    unanswered: u32,
    /// EC2 no longer has it, by EniManager's word.
    gone: bool,
}

impl Departure {
    fn takes(&self, address: &Ipv4Addr) -> bool {
        self.leaving.whole || self.leaving.addresses.binary_search(address).is_ok()
    }

    /// EC2's own list lacks all of it.
    fn is_lacked_by(&self, view: &EniView) -> bool {
        let mut here = view.enis.iter().filter(|eni| eni.id == self.leaving.eni);
        let shows = |eni: &Eni| self.leaving.whole || eni.addresses.iter().any(|on| self.takes(&on.address));
        view.complete && !here.any(shows)
    }
}

/// An ENI that EC2 did not let go.
#[derive(Debug, Clone, Copy)]
struct Kept {
    until: Boottime,
    times: u32,
}

/// Everything that is on its way back to EC2.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    /// One on each ENI.
    by_eni: BTreeMap<EniId, Departure>,
    kept: BTreeMap<EniId, Kept>,
    not_before: Boottime,
    /// Something could go, since then: a reading of the kernel that began later decides.
    pub(crate) proof_wanted_since: Option<Boottime>,
    /// Something could go then, if nothing happens before.
    pub(crate) look_at: Option<Boottime>,
}

impl Departures {
    /// What was on its way out when the last life ended goes on.
    pub(crate) fn resumed(leaving: Vec<Leaving>, written_by: u64, now: Boottime) -> Self {
        let mut departures = Self { not_before: now + DECREASE_PAUSE, ..Self::default() };
        for leaving in leaving {
            departures.add(leaving, written_by, now);
        }
        departures
    }

    fn add(&mut self, mut leaving: Leaving, written_by: u64, ask_at: Boottime) {
        leaving.addresses.sort_unstable();
        let departure = Departure { leaving, written_by, asking: false, ask_at, unanswered: 0, gone: false };
        self.by_eni.insert(departure.leaving.eni.clone(), departure);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_eni.is_empty()
    }

    /// The address is on its way out, or its ENI is.
    pub(crate) fn takes(&self, eni: &EniId, address: &Ipv4Addr) -> bool {
        self.by_eni.get(eni).is_some_and(|departure| departure.takes(address))
    }

    /// For the disk.
    pub(crate) fn image(&self) -> Vec<Leaving> {
        self.by_eni.values().map(|departure| departure.leaving.clone()).collect()
    }

    /// Single addresses go no earlier.
    pub(crate) fn not_before(&self) -> Boottime {
        self.not_before
    }

    /// EC2 did not let go of this ENI, or of something on it: it is left alone until then.
    pub(crate) fn kept_until(&self, eni: &EniId, now: Boottime) -> Option<Boottime> {
        self.kept.get(eni).map(|kept| kept.until).filter(|until| *until > now)
    }

    /// When a question is due, once what is asked for is on disk.
    pub(crate) fn next_ask(&self, durable: u64) -> Option<Boottime> {
        let open = |departure: &&Departure| !departure.asking && departure.written_by <= durable;
        self.by_eni.values().filter(open).map(|departure| departure.ask_at).min()
    }
}

impl Pool {
    /// Looks whether something could go, and has the kernel read if so.
    pub(crate) fn plan_departures(&mut self, now: Boottime) {
        self.forget_the_gone();
        let surplus = self.surplus(now);
        self.departures.look_at = surplus.look_at;
        self.departures.proof_wanted_since = match surplus.leaving.is_empty() {
            true => None,
            false => self.departures.proof_wanted_since.or(Some(now)),
        };
    }

    /// The kernel was read, beginning at `since`, and whoever carries what has been noted.
    pub(crate) fn let_go(&mut self, since: Boottime, now: Boottime) {
        if self.departures.proof_wanted_since.is_none_or(|wanted| since < wanted) {
            return;
        }
        for leaving in self.surplus(now).leaving {
            if !leaving.whole {
                self.departures.not_before = now + DECREASE_PAUSE;
            }
            self.disk.revision += 1;
            self.departures.add(leaving, self.disk.revision, now);
        }
    }

    /// Asks for what is written down.
    pub(crate) fn plan_asks(&mut self, now: Boottime, actions: &mut Vec<PoolAction>) {
        let durable = self.disk.durable;
        let due = self.departures.by_eni.values_mut().filter(|departure| {
            !departure.asking && departure.written_by <= durable && departure.ask_at <= now
        });
        for departure in due {
            departure.asking = true;
            // What is asked for again may be done again, so it stays on its way until there is an answer to this.
            departure.gone = false;
            actions.push(PoolAction::LetGo { leaving: departure.leaving.clone() });
        }
    }

    /// EniManager has answered, or has not.
    pub(crate) fn fate_heard(&mut self, eni: &EniId, fate: Fate, now: Boottime) {
        let Some(departure) = self.departures.by_eni.get_mut(eni) else {
            return;
        };
        departure.asking = false;
        match fate {
            Fate::Gone => {
                departure.gone = true;
                departure.unanswered = 0;
                // A view that shows it all the same is old; if it goes on to, nobody knows why, and it must go again.
                departure.ask_at = now + LET_GO_DEADLINE;
            }
            Fate::GivenAgain(addresses) => {
                self.disk.revision += 1;
                departure.leaving.addresses.retain(|address| !addresses.contains(address));
                (departure.written_by, departure.ask_at) = (self.disk.revision, now);
                departure.unanswered = 0;
                if departure.leaving.addresses.is_empty() {
                    self.departures.by_eni.remove(eni);
                }
            }
            Fate::Unknown => {
                departure.ask_at = now + doubled(ASK_AGAIN_FIRST, departure.unanswered).min(LET_GO_DEADLINE);
                departure.unanswered = departure.unanswered.saturating_add(1);
            }
            Fate::Stays(_) => {
                self.departures.by_eni.remove(eni);
                self.disk.revision += 1;
                let times = self.departures.kept.get(eni).map_or(0, |kept| kept.times);
                let kept = Kept { until: now + doubled(KEPT_FIRST, times), times: times.saturating_add(1) };
                self.departures.kept.insert(eni.clone(), kept);
            }
        }
    }

    fn forget_the_gone(&mut self) {
        let view = &self.enis;
        let over = |departure: &Departure| departure.gone && departure.is_lacked_by(view);
        let gone = self.departures.by_eni.extract_if(.., |_, departure| over(departure));
        for (eni, _) in gone.collect::<Vec<_>>() {
            self.departures.kept.remove(&eni);
            self.disk.revision += 1;
        }
        if view.complete {
            self.departures.kept.retain(|id, _| view.enis.iter().any(|eni| &eni.id == id));
        }
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(DOUBLINGS_MAX))
}
