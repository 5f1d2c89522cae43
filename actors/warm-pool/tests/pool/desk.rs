//! The desk of a test: it holds the pool, what the pool has asked for and not yet got, and the clock. After every event it
//! checks what must hold whatever happened: no broken invariant, nothing new to do at the same moment, no wake in the past.

use contract::causes::Cause;
use contract::mail::eni_manager::Demand;
use contract::mail::warm_pool::{LeaseGrant, LeaseRequest, PoolMail, StreamId};
use contract::model::{
    AttachmentKey, Eni, EniAddress, EniId, EniView, Growth, Lease, LeasePhase, LeaseView, Leaving, Mac, Pod,
    SubnetId,
};
use contract::ports::checkpoint::{CheckpointImage, Loaded};
use contract::ports::host::{HostSnapshot, Link};
use kernel::{Core, Event};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::oneshot::{Receiver, channel, error::TryRecvError};
use warm_pool::{Answer, Facts, Fate, Pool, PoolAction, PoolConfig, PoolOutcome, WarmTargets, recover};

pub(crate) const COOLDOWN: Duration = Duration::from_secs(30);
pub(crate) const GATHER: Duration = Duration::from_millis(50);
pub(crate) const UNDO: Duration = Duration::from_secs(5);
pub(crate) const UNDO_AFTER_RESTART: Duration = Duration::from_secs(200);
pub(crate) const RETRY: Duration = Duration::from_secs(1);
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) type Asked<T> = Receiver<Result<T, Cause>>;

pub(crate) fn config() -> PoolConfig {
    PoolConfig {
        cooldown: COOLDOWN,
        line_bound: 100,
        gather: GATHER,
        undo_after: UNDO,
        undo_after_restart: UNDO_AFTER_RESTART,
        retry_after: RETRY,
        targets: WarmTargets::default(),
    }
}

pub(crate) fn key(n: u32) -> AttachmentKey {
    AttachmentKey { network: "aws-cni".into(), container_id: format!("box{n:03}"), ifname: "eth0".into() }
}

pub(crate) fn pod(n: u32) -> Pod {
    Pod { namespace: "default".into(), name: format!("pod{n}"), uid: String::new() }
}

pub(crate) fn at(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

pub(crate) fn eni(device: u32, addresses: &[u8]) -> Eni {
    Eni {
        id: EniId::new(format!("eni-{device}")),
        mac: Mac([2, 0, 0, 0, 0, u8::try_from(device).unwrap()]),
        card: 0,
        device,
        subnet: SubnetId::new("subnet-a"),
        subnet_cidr: "10.0.0.0/24".parse().unwrap(),
        primary_address: Ipv4Addr::new(10, 0, 0, 200 + u8::try_from(device).unwrap()),
        addresses: addresses.iter().map(|n| EniAddress { address: at(*n), confirmed: true }).collect(),
        address_limit: Some(10),
        since: contract::Boottime::ZERO,
        leaving: false,
    }
}

pub(crate) fn enis(enis: Vec<Eni>) -> EniView {
    EniView { complete: true, enis, growth: Growth::Possible, ..EniView::unknown() }
}

/// A lease as the disk has it.
pub(crate) fn on_disk(n: u32, address: u8, phase: LeasePhase) -> Lease {
    Lease { key: key(n), pod: pod(n), address: at(address), phase, allocated_unix_nanoseconds: 7 }
}

/// A kernel with one link to another namespace for each of these addresses.
pub(crate) fn kernel_with(carried: impl IntoIterator<Item = Ipv4Addr>) -> HostSnapshot {
    let links = carried.into_iter().zip(10..).map(|(address, ifindex)| Link {
        ifindex,
        name: format!("eni{ifindex}"),
        mac: None,
        mtu_bytes: 9001,
        up: true,
        veth_to_elsewhere: true,
        rp_filter: None,
        addresses: Vec::new(),
        behind: Some(vec![address]),
    });
    HostSnapshot { complete: true, links: links.collect(), ..HostSnapshot::default() }
}

pub(crate) fn disk_failed() -> Cause {
    Cause::CheckpointWrite { detail: "no space left on device".into() }
}

pub(crate) struct Desk {
    pub(crate) pool: Pool,
    pub(crate) now: Duration,
    /// The write under way.
    pub(crate) write: Option<(u64, CheckpointImage)>,
    pub(crate) writes_seen: u32,
    pub(crate) unwires: Vec<(AttachmentKey, Ipv4Addr)>,
    pub(crate) sweeps: Vec<Ipv4Addr>,
    /// What EniManager has been asked to give back and not yet answered.
    pub(crate) let_go: Vec<Leaving>,
    pub(crate) reads: u32,
    /// Readings are answered by the test; else at once, by a kernel in which nobody carries anything.
    pub(crate) reads_by_hand: bool,
    pub(crate) demands: Vec<Demand>,
    pub(crate) view: Option<LeaseView>,
    pub(crate) wake_at: Option<Duration>,
}

impl Desk {
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self::recovered(config, Vec::new(), HostSnapshot::default(), Duration::from_secs(1000)).0
    }

    /// A pool with these addresses on its one ENI.
    pub(crate) fn with(addresses: &[u8]) -> Self {
        let mut desk = Self::new(config());
        desk.hear_enis(vec![eni(0, addresses)]);
        desk
    }

    pub(crate) fn recovered(
        config: PoolConfig,
        leases: Vec<Lease>,
        host: HostSnapshot,
        now: Duration,
    ) -> (Self, Vec<String>) {
        let mut loaded = Loaded::default();
        loaded.image.leases = leases;
        Self::recovered_from(config, loaded, host, now)
    }

    pub(crate) fn recovered_from(
        config: PoolConfig,
        loaded: Loaded,
        host: HostSnapshot,
        now: Duration,
    ) -> (Self, Vec<String>) {
        let reads_by_hand = !host.links.is_empty();
        let (pool, notes) = recover(config, Facts { loaded, host, now });
        let mut desk = Self {
            pool,
            now,
            write: None,
            writes_seen: 0,
            unwires: Vec::new(),
            sweeps: Vec::new(),
            let_go: Vec::new(),
            reads: 0,
            reads_by_hand,
            demands: Vec::new(),
            view: None,
            wake_at: None,
        };
        desk.plan();
        (desk, notes)
    }

    pub(crate) fn event(&mut self, event: Event<PoolMail, PoolOutcome>) {
        self.pool.apply(event, self.now);
        self.plan();
    }

    fn plan(&mut self) {
        let reads = self.reads;
        let plan = self.pool.plan(self.now);
        for action in plan.actions {
            self.take(action);
        }
        let again = self.pool.plan(self.now);
        assert!(again.actions.is_empty(), "a second plan at the same time: {:?}", again.actions);
        assert_eq!(again.wake_at, plan.wake_at);
        assert!(plan.wake_at.is_none_or(|at| at > self.now), "a wake in the past");
        self.wake_at = plan.wake_at;
        assert_eq!(self.pool.audit(), Vec::<String>::new());
        if self.reads > reads && !self.reads_by_hand {
            self.kernel_shows(Some(kernel_with([])));
        }
    }

    fn take(&mut self, action: PoolAction) {
        match action {
            PoolAction::Write { revision, image } => {
                assert!(self.write.is_none(), "two writes at a time");
                self.writes_seen += 1;
                self.write = Some((revision, image));
            }
            PoolAction::Sweep { address } => self.sweeps.push(address),
            PoolAction::Unwire { key, address } => self.unwires.push((key, address)),
            PoolAction::LetGo { leaving } => self.let_go.push(leaving),
            PoolAction::ReadUse => self.reads += 1,
            PoolAction::Answer(Answer::Lease(reply, value)) => drop(reply.send(value)),
            PoolAction::Answer(Answer::Step(reply, value)) => drop(reply.send(value)),
            PoolAction::Answer(Answer::Release(reply, value)) => drop(reply.send(value)),
            PoolAction::PublishLeases(view) => self.view = Some(view),
            PoolAction::PublishDemand(demand) => self.demands.push(demand),
        }
    }

    /// A reading of the kernel ends.
    pub(crate) fn kernel_shows(&mut self, read: Option<HostSnapshot>) {
        let failed = || Cause::HostWiring { step: "read the kernel".into(), detail: "no answer".into() };
        self.event(Event::Outcome(PoolOutcome::Use(read.ok_or_else(failed))));
    }

    pub(crate) fn mail(&mut self, mail: PoolMail) {
        self.event(Event::Mail(mail));
    }

    pub(crate) fn hear_enis(&mut self, list: Vec<Eni>) {
        self.mail(PoolMail::Enis(enis(list)));
    }

    /// ADD `n` by stream `n`, arriving now.
    pub(crate) fn lease(&mut self, n: u32) -> Asked<LeaseGrant> {
        self.lease_by(n, n.into(), self.now)
    }

    pub(crate) fn lease_by(&mut self, n: u32, stream: u64, arrived_at: Duration) -> Asked<LeaseGrant> {
        let (reply, asked) = channel();
        let request = LeaseRequest {
            key: key(n),
            pod: pod(n),
            arrived_at,
            deadline: arrived_at + PATIENCE,
            stream: StreamId(stream),
            unix_nanoseconds: 7,
        };
        self.mail(PoolMail::Lease { request, reply });
        asked
    }

    pub(crate) fn wired(&mut self, n: u32, stream: u64) -> Asked<()> {
        let (reply, asked) = channel();
        let (key, stream) = (key(n), StreamId(stream));
        self.mail(PoolMail::Wired { key, stream, reply });
        asked
    }

    pub(crate) fn assign(&mut self, n: u32, stream: u64) -> Asked<()> {
        let (reply, asked) = channel();
        let (key, stream) = (key(n), StreamId(stream));
        self.mail(PoolMail::Assign { key, stream, reply });
        asked
    }

    pub(crate) fn close(&mut self, n: u32, stream: u64) {
        let (key, stream) = (key(n), StreamId(stream));
        self.mail(PoolMail::StreamClosed { key, stream });
    }

    pub(crate) fn release(&mut self, n: u32) -> Asked<Option<Ipv4Addr>> {
        let (reply, asked) = channel();
        self.mail(PoolMail::Release { key: key(n), reply });
        asked
    }

    /// The write under way ends.
    pub(crate) fn write_ends(&mut self, result: Result<(), Cause>) -> CheckpointImage {
        let (revision, image) = self.write.take().expect("a write is under way");
        self.event(Event::Outcome(PoolOutcome::Written { revision, result }));
        image
    }

    /// All that is to be written is written.
    pub(crate) fn write_all(&mut self) {
        while self.write.is_some() {
            self.write_ends(Ok(()));
        }
    }

    pub(crate) fn unwire_ends(&mut self, n: u32, result: Result<(), Cause>) {
        let at = self.unwires.iter().position(|(asked, _)| *asked == key(n));
        let (key, _) = self.unwires.remove(at.expect("an unwire is under way"));
        self.event(Event::Outcome(PoolOutcome::Unwired { key, result }));
    }

    /// The only question about what was let go is answered.
    pub(crate) fn fate_is(&mut self, fate: Fate) {
        let asked = self.let_go.pop().expect("something was let go");
        assert!(self.let_go.is_empty());
        self.event(Event::Outcome(PoolOutcome::LetGo { eni: asked.eni, fate }));
    }

    /// A lease all the way to assigned.
    pub(crate) fn assigned(&mut self, n: u32) -> Ipv4Addr {
        let mut asked = self.lease(n);
        self.write_all();
        let address = answer(&mut asked).unwrap().address;
        let mut wired = self.wired(n, n.into());
        self.write_all();
        answer(&mut wired).unwrap();
        let mut assigned = self.assign(n, n.into());
        self.write_all();
        answer(&mut assigned).unwrap();
        address
    }

    /// Time passes, with a wake whenever the pool asked for one.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = at;
            self.event(Event::Wake);
        }
        self.now = until;
    }

    pub(crate) fn phase(&self, n: u32) -> Option<LeasePhase> {
        let leases = &self.view.as_ref().unwrap().leases;
        Some(leases.iter().find(|lease| lease.key == key(n))?.phase)
    }

    pub(crate) fn address(&self, n: u32) -> Option<Ipv4Addr> {
        let leases = &self.view.as_ref().unwrap().leases;
        Some(leases.iter().find(|lease| lease.key == key(n))?.address)
    }
}

/// The answer, which must be there.
pub(crate) fn answer<T>(asked: &mut Asked<T>) -> Result<T, Cause> {
    asked.try_recv().expect("an answer")
}

/// No answer yet, and somebody still means to give one.
pub(crate) fn waits<T>(asked: &mut Asked<T>) -> bool {
    matches!(asked.try_recv(), Err(TryRecvError::Empty))
}

/// The asker was forgotten, since there is nobody to hear.
pub(crate) fn dropped<T>(asked: &mut Asked<T>) -> bool {
    matches!(asked.try_recv(), Err(TryRecvError::Closed))
}

pub(crate) fn superseded<T: std::fmt::Debug>(asked: &mut Asked<T>) -> bool {
    matches!(answer(asked), Err(Cause::Superseded { .. }))
}
