//! EniManager against a naive EC2 that fails at random and loses answers: no ENI is asked beyond its limit, nothing is bought
//! beyond what is wanted, and once the failures stop the demand is met.

use crate::desk::*;
use contract::causes::Cause;
use contract::model::{SubnetMark, SubnetView};
use contract::ports::ec2::EniDescription;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
enum Fate {
    Works,
    /// Refused before anything was done.
    Refuses(u8),
    /// Done, and the answer is lost.
    Loses,
}

#[derive(Debug, Clone)]
enum Step {
    Want(u32),
    /// A call comes to its end: the one with this number, of those under way.
    Ends(usize, Fate),
    Time(u64),
    /// So many more addresses are free in this subnet.
    Frees(u8, u32),
    /// So many are taken by somebody else.
    Takes(u8, u32),
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Works),
        2 => (0..5_u8).prop_map(Fate::Refuses),
        2 => Just(Fate::Loses),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..40_u32).prop_map(Step::Want),
        8 => (0..4_usize, fates()).prop_map(|(which, fate)| Step::Ends(which, fate)),
        4 => (0..60_000_u64).prop_map(|ms| Step::Time(ms * ms / 60_000)),
        1 => (0..2_u8, 0..20_u32).prop_map(|(n, count)| Step::Frees(n, count)),
        1 => (0..2_u8, 0..20_u32).prop_map(|(n, count)| Step::Takes(n, count)),
    ];
    prop::collection::vec(step, 1..100)
}

/// EC2 as it is: three ENIs, two of them in one subnet.
struct World {
    desk: Desk,
    enis: BTreeMap<u8, Vec<Ipv4Addr>>,
    free: BTreeMap<u8, u32>,
    next_host: BTreeMap<u8, u8>,
    marks: BTreeMap<u8, SubnetMark>,
    wanted: u32,
    assigns_checked: u32,
}

fn subnet_of(eni: u8) -> u8 {
    eni / 2
}

impl World {
    fn new(free: u32) -> Self {
        let mut world = Self {
            desk: Desk::new(),
            enis: BTreeMap::from([(0, Vec::new()), (1, Vec::new()), (2, Vec::new())]),
            free: BTreeMap::from([(0, free), (1, free)]),
            next_host: BTreeMap::new(),
            marks: BTreeMap::new(),
            wanted: 0,
            assigns_checked: 0,
        };
        world.desk.node_is(Ok(node("m5.large")));
        world
    }

    fn list(&self) -> Vec<EniDescription> {
        let tell = |(n, addresses): (&u8, &Vec<Ipv4Addr>)| EniDescription {
            subnet: subnet(subnet_of(*n)),
            ..described(*n, addresses.clone())
        };
        self.enis.iter().map(tell).collect()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Want(wanted) => {
                self.wanted = wanted;
                self.desk.want(wanted);
            }
            Step::Ends(which, fate) => self.ends(which, fate),
            Step::Time(ms) => self.pass(Duration::from_millis(ms)),
            Step::Frees(n, count) => *self.free.entry(n).or_default() += count,
            Step::Takes(n, count) => {
                let free = self.free.entry(n).or_default();
                *free = free.saturating_sub(count);
            }
        }
        self.settle();
    }

    fn ends(&mut self, which: usize, fate: Fate) {
        let describe = usize::from(self.desk.describe_asked);
        let interfaces = usize::from(self.desk.interfaces_asked);
        let under_way = self.desk.assigns.len();
        match which.checked_rem(describe + interfaces + under_way) {
            None => {}
            Some(n) if n < under_way => self.assign_ends(n, fate),
            Some(n) if n < under_way + describe => {
                let list = self.list();
                self.desk.described_are(answer(fate, list, unavailable()));
            }
            Some(_) => self.interfaces_end(fate),
        }
    }

    fn interfaces_end(&mut self, fate: Fate) {
        let list = self.enis.iter().map(|(n, addresses)| {
            let mut told = seen(*n, addresses.clone());
            told.subnet = subnet(subnet_of(*n));
            told
        });
        let away = Cause::ImdsUnavailable { detail: "away".into() };
        let told = answer(fate, metadata(list.collect()), away);
        self.desk.interfaces_are(told);
    }

    fn assign_ends(&mut self, which: usize, fate: Fate) {
        let (id, _, count) = self.desk.assigns[which].clone();
        let n: u8 = id.as_str().trim_start_matches("eni-").parse().unwrap();
        if let Fate::Refuses(why) = fate {
            let cause =
                [throttled(), unauthorized(), timeout(), unavailable(), refused()][usize::from(why)].clone();
            return self.desk.assigned(n, Err(cause));
        }
        let free = self.free.entry(subnet_of(n)).or_default();
        if *free < count {
            return self.desk.assigned(n, Err(exhausted(subnet_of(n))));
        }
        *free -= count;
        let host = self.next_host.entry(n).or_insert(10);
        let new: Vec<_> = (0..count).map(|i| at(n, *host + u8::try_from(i).unwrap())).collect();
        *host += u8::try_from(count).unwrap();
        self.enis.get_mut(&n).unwrap().extend(&new);
        let told = match fate {
            Fate::Loses => Err(timeout()),
            _ => Ok(new),
        };
        self.desk.assigned(n, told);
    }

    fn pass(&mut self, time: Duration) {
        let until = self.desk.now + time;
        while let Some(wake_at) = self.desk.wake_at.filter(|wake_at| *wake_at <= until) {
            self.desk.pass(wake_at - self.desk.now);
            self.settle();
        }
        self.desk.pass(until - self.desk.now);
    }

    /// What was bought is checked, and SubnetScout has heard what it was told.
    fn settle(&mut self) {
        let bought = self.desk.assigns_seen - self.assigns_checked;
        self.assigns_checked = self.desk.assigns_seen;
        let now: u32 = self.desk.assigns.iter().map(|(.., count)| count).sum();
        if bought > 0 {
            assert!(
                self.carried() + now <= self.wanted,
                "bought {now} beside {} for {}",
                self.carried(),
                self.wanted
            );
        }
        for (id, _, count) in &self.desk.assigns {
            let n: u8 = id.as_str().trim_start_matches("eni-").parse().unwrap();
            let carried = u32::try_from(self.enis[&n].len()).unwrap();
            assert!(carried + count <= PER_ENI, "{id} would carry {}", carried + count);
        }
        let told = !self.desk.no_room.is_empty() || !self.desk.room.is_empty();
        for id in std::mem::take(&mut self.desk.room) {
            self.marks.retain(|n, _| subnet(*n) != id);
        }
        for id in std::mem::take(&mut self.desk.no_room) {
            let n = id.as_str().trim_start_matches("subnet-").parse().unwrap();
            let mark = SubnetMark {
                cause: exhausted(n),
                until: self.desk.now + Duration::from_secs(15),
                failures: 1,
            };
            self.marks.insert(n, mark);
        }
        if told {
            let mut view = SubnetView::default();
            for (n, mark) in &self.marks {
                view.subnets.extend(marked(*n, mark.until).subnets);
            }
            self.desk.subnets_are(view);
            self.settle();
        }
    }

    fn carried(&self) -> u32 {
        u32::try_from(self.enis.values().map(Vec::len).sum::<usize>()).unwrap()
    }

    /// Everything works from here on.
    fn come_to_rest(&mut self) {
        self.take(Step::Frees(0, 100));
        self.take(Step::Frees(1, 100));
        for _ in 0..60 {
            for which in 0..4 {
                self.take(Step::Ends(which, Fate::Works));
            }
            self.take(Step::Time(5_000));
        }
        let all = self.wanted.min(3 * PER_ENI);
        assert!(self.carried() >= all, "{} of {all}", self.carried());
        assert_eq!(u32::try_from(self.desk.addresses().len()), Ok(self.carried()));
        assert!(self.desk.seen().complete);
        assert_eq!(self.desk.seen().trouble, None);
        let calls = (self.desk.assigns_seen, self.desk.describes_seen);
        self.take(Step::Time(3_600_000));
        assert_eq!(calls, (self.desk.assigns_seen, self.desk.describes_seen));
    }
}

fn answer<T>(fate: Fate, told: T, cause: Cause) -> Result<T, Cause> {
    match fate {
        Fate::Works => Ok(told),
        Fate::Refuses(_) | Fate::Loses => Err(cause),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_demand_is_met_and_no_more_is_bought_whatever_ec2_does(free in 0..40_u32, steps in steps()) {
        let mut world = World::new(free);
        for step in steps {
            world.take(step);
        }
        world.come_to_rest();
    }
}
