//! When the runtime is told of enid: once this node can serve a pod for the first time in this life of the room, and then the
//! list is looked at again and again, because others write there too. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::mail::eni_manager::Demand;
use contract::mail::route_programmer::HostView;
use contract::model::{EniView, Growth};
use std::time::Duration;

use crate::announce::Programs;

/// The list and its programs are looked at this often: another plugin that put itself into the list must not wait long for
/// versions that it speaks.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A disk that failed is tried again after this, doubled each time.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// What is known, and what was told.
#[derive(Debug, Default)]
pub(crate) struct Announcement {
    facts: Facts,
    /// The node could serve: from now on the runtime is told.
    begun: bool,
    under_way: bool,
    look_at: Boottime,
    failures: u32,
    /// What the programs of the list answered, as they were then.
    programs: Programs,
    /// Mark and list are in place.
    pub(crate) announced: bool,
    /// Why they are not, or not as they should be.
    pub(crate) trouble: Option<Cause>,
}

/// Whether a pod could be served.
#[derive(Debug, Default)]
struct Facts {
    /// RouteProgrammer has read the kernel.
    host: bool,
    /// WarmPool has told its demand: it lives, and knows an ENI.
    pool: bool,
    /// There is an address for a pod, or nothing stands in the way of one.
    addresses: bool,
}

impl Announcement {
    pub(crate) fn hear_host(&mut self, view: &HostView) {
        self.facts.host |= view.read;
    }

    pub(crate) fn hear_demand(&mut self, _: Demand) {
        self.facts.pool = true;
    }

    pub(crate) fn hear_enis(&mut self, view: &EniView) {
        let has_some = view.enis.iter().any(|eni| !eni.addresses.is_empty());
        let may_grow = matches!(view.growth, Growth::Possible | Growth::UnderWay);
        self.facts.addresses = !view.enis.is_empty() && (has_some || may_grow);
    }

    /// What the programs said last, if the runtime is to be told now.
    pub(crate) fn plan(&mut self, listening: bool, now: Boottime) -> Option<Programs> {
        let Facts { host, pool, addresses } = self.facts;
        self.begun |= listening && host && pool && addresses;
        if !self.begun || self.under_way || self.look_at > now {
            return None;
        }
        self.under_way = true;
        Some(self.programs.clone())
    }

    pub(crate) fn ended(&mut self, result: Result<Programs, String>, now: Boottime) {
        self.under_way = false;
        match result {
            Ok(programs) => {
                self.programs = programs;
                self.announced = true;
                self.trouble = None;
                self.failures = 0;
                self.look_at = now + LOOK_EVERY;
            }
            Err(detail) => {
                let doublings = self.failures.min(16);
                self.look_at = now + AGAIN_FIRST.saturating_mul(1 << doublings).min(AGAIN_MOST);
                self.failures = self.failures.saturating_add(1);
                self.trouble = Some(Cause::NotAnnounced { detail });
            }
        }
    }

    pub(crate) fn wake_at(&self) -> Option<Boottime> {
        (self.begun && !self.under_way).then_some(self.look_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::model::{Eni, EniAddress, EniId, Mac, SubnetId};
    use std::net::Ipv4Addr;

    fn enis(has_some: bool, growth: Growth) -> EniView {
        let address = Ipv4Addr::new(10, 0, 0, 7);
        let eni = Eni {
            id: EniId::new("eni-1"),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            card: 0,
            device: 0,
            subnet: SubnetId::new("subnet-1"),
            subnet_cidr: "10.0.0.0/24".parse().unwrap(),
            primary_address: Ipv4Addr::new(10, 0, 0, 4),
            addresses: has_some.then_some(EniAddress { address, confirmed: true }).into_iter().collect(),
            address_limit: None,
            since: Duration::ZERO,
            leaving: false,
        };
        EniView { enis: vec![eni], growth, ..EniView::unknown() }
    }

    fn can_serve() -> Announcement {
        let mut announcement = Announcement::default();
        announcement.hear_host(&HostView { read: true, ..HostView::default() });
        announcement.hear_demand(Demand::default());
        announcement.hear_enis(&enis(true, Growth::Possible));
        announcement
    }

    #[test]
    fn nothing_is_told_before_a_pod_could_be_served() {
        let full = Growth::AtLimit(Cause::PoolEmpty);
        type Spoil = fn(&mut Announcement);
        let table: [Spoil; 3] = [
            |a| a.facts.host = false,
            |a| a.facts.pool = false,
            |a| a.hear_enis(&enis(false, Growth::Held(Cause::PoolEmpty))),
        ];
        for spoil in table {
            let mut announcement = can_serve();
            spoil(&mut announcement);
            assert!(announcement.plan(true, Duration::ZERO).is_none());
            assert_eq!(announcement.wake_at(), None);
        }
        assert!(can_serve().plan(false, Duration::ZERO).is_none());
        for view in [enis(true, full), enis(false, Growth::UnderWay)] {
            let mut announcement = can_serve();
            announcement.hear_enis(&view);
            assert!(announcement.plan(true, Duration::ZERO).is_some());
        }
    }

    #[test]
    fn a_node_that_could_serve_once_keeps_its_list_and_looks_at_it_again() {
        let mut announcement = can_serve();
        assert!(announcement.plan(true, Duration::ZERO).is_some());
        assert!(announcement.plan(true, Duration::ZERO).is_none(), "never twice at once");
        announcement.hear_enis(&EniView::unknown());
        announcement.ended(Ok(Programs::default()), Duration::ZERO);
        assert!(announcement.announced);
        assert_eq!(announcement.wake_at(), Some(LOOK_EVERY));
        assert!(announcement.plan(false, LOOK_EVERY).is_some());
    }

    #[test]
    fn a_disk_that_fails_is_told_and_tried_again_ever_less_often() {
        let mut announcement = can_serve();
        let mut now = Duration::ZERO;
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            assert!(announcement.plan(true, now).is_some());
            announcement.ended(Err("no space left".into()), now);
            assert!(
                announcement.trouble.as_ref().is_some_and(|cause| cause.to_string().contains("no space"))
            );
            now += Duration::from_secs(pause);
            assert_eq!(announcement.wake_at(), Some(now));
        }
        announcement.plan(true, now);
        announcement.ended(Ok(Programs::default()), now);
        assert_eq!(announcement.trouble, None);
    }
}
