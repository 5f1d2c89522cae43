//! What SubnetScout knows, what each event does to it, and what it does next. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::mail::subnet_scout::{Place, SubnetMail};
use contract::model::{Subnet, SubnetId, SubnetMark, SubnetView};
use contract::ports::ec2::SubnetDescription;
use kernel::Plan;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::actor::ScoutAction;

/// A subnet that failed is asked again after this, doubled by each failure in a row.
const MARK_FIRST: Duration = Duration::from_secs(15);

/// And after this at the latest: addresses that come free are used within a minute.
const MARK_MAX: Duration = Duration::from_secs(60);

/// EC2 is asked for the list again after this, doubled by each failure.
const LIST_RETRY_FIRST: Duration = Duration::from_secs(2);

/// And after this at the latest.
const LIST_RETRY_MAX: Duration = Duration::from_secs(60);

/// The state of SubnetScout.
#[derive(Debug, Default)]
pub struct SubnetScout {
    place: Option<Place>,
    listed: Option<BTreeMap<SubnetId, SubnetDescription>>,
    marks: BTreeMap<SubnetId, SubnetMark>,
    listing: bool,
    list_failures: u32,
    list_at: Boottime,
    trouble: Option<Cause>,
    published: Option<SubnetView>,
}

impl SubnetScout {
    pub(crate) fn hear(&mut self, mail: SubnetMail, now: Boottime) {
        match mail {
            SubnetMail::Place(place) => {
                if self.place.as_ref() != Some(&place) {
                    self.place = Some(place);
                    self.listed = None;
                    self.list_at = now;
                    self.list_failures = 0;
                    self.trouble = None;
                }
            }
            SubnetMail::Room { subnet } => {
                self.marks.remove(&subnet);
            }
            // Calls that were under way when it was marked tell the same story again.
            SubnetMail::NoRoom { subnet, cause } if self.is_marked(&subnet, now) => {
                if let Some(mark) = self.marks.get_mut(&subnet) {
                    mark.cause = cause;
                }
            }
            SubnetMail::NoRoom { subnet, cause } => {
                let failures = self.marks.get(&subnet).map_or(0, |mark| mark.failures).saturating_add(1);
                let until = now + doubled(MARK_FIRST, failures - 1, MARK_MAX);
                self.marks.insert(subnet, SubnetMark { cause, until, failures });
            }
        }
    }

    fn is_marked(&self, subnet: &SubnetId, now: Boottime) -> bool {
        self.marks.get(subnet).is_some_and(|mark| mark.until > now)
    }

    pub(crate) fn listed(
        &mut self,
        place: &Place,
        result: Result<Vec<SubnetDescription>, Cause>,
        now: Boottime,
    ) {
        self.listing = false;
        // An answer about where we are no longer.
        if self.place.as_ref() != Some(place) {
            return;
        }
        match result {
            Ok(list) => {
                self.listed = Some(list.into_iter().map(|subnet| (subnet.id.clone(), subnet)).collect());
                self.list_failures = 0;
                self.trouble = None;
            }
            Err(cause) => {
                self.list_at = now + doubled(LIST_RETRY_FIRST, self.list_failures, LIST_RETRY_MAX);
                self.list_failures = self.list_failures.saturating_add(1);
                self.trouble = Some(cause);
            }
        }
    }

    pub(crate) fn plan_at(&mut self, now: Boottime) -> Plan<ScoutAction> {
        let mut actions = Vec::new();
        let wanted = self.listed.is_none() && !self.listing;
        if let Some(place) = &self.place
            && wanted
            && self.list_at <= now
        {
            self.listing = true;
            actions.push(ScoutAction::List(place.clone()));
        }
        let view = self.view(now);
        if self.published.as_ref() != Some(&view) {
            self.published = Some(view.clone());
            actions.push(ScoutAction::Publish(view));
        }
        let relist = (wanted && self.place.is_some()).then_some(self.list_at);
        let unmarked = self.marks.values().map(|mark| mark.until).filter(|until| *until > now).min();
        let wake_at = [relist, unmarked].into_iter().flatten().filter(|at| *at > now).min();
        Plan { actions, wake_at, restart: None }
    }

    /// A mark that has ended is not shown, and remembered until an allocation works: the next failure backs off further.
    fn view(&self, now: Boottime) -> SubnetView {
        let mut subnets: BTreeMap<SubnetId, Subnet> = self
            .listed
            .iter()
            .flatten()
            .map(|(id, known)| {
                let (cidr, free) = (Some(known.cidr), Some(known.free_addresses));
                (id.clone(), Subnet { id: id.clone(), cidr, free_addresses: free, mark: None })
            })
            .collect();
        for (id, mark) in self.marks.iter().filter(|(_, mark)| mark.until > now) {
            let unlisted = || Subnet { id: id.clone(), cidr: None, free_addresses: None, mark: None };
            subnets.entry(id.clone()).or_insert_with(unlisted).mark = Some(mark.clone());
        }
        SubnetView {
            complete: self.listed.is_some(),
            subnets: subnets.into_values().collect(),
            trouble: self.trouble.clone(),
        }
    }
}

fn doubled(first: Duration, times: u32, at_most: Duration) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(at_most)
}
