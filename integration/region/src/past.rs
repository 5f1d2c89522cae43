//! What the region was a moment ago, for Describe calls that lag: versions of whatever changed, each with the time from which it
//! holds. What changed is found by looking, so that no change can be forgotten; nothing is looked at while nothing lags.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::eni::Eni;
use crate::ids::{EniId, InstanceId, SubnetId};
use crate::instance::Instance;
use crate::knobs::{DescribeLag, ViewLag};
use crate::region::Region;
use crate::subnet::Subnet;
use crate::tags::Tags;

/// Versions of one thing, oldest first; `None`: it was not there any more.
type Versions<T> = Vec<(Duration, Option<T>)>;

/// The versions that some view may still show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    enis: BTreeMap<EniId, Versions<Eni>>,
    subnets: BTreeMap<SubnetId, Versions<Subnet>>,
    instance_tags: BTreeMap<InstanceId, Versions<Tags>>,
}

/// The nouns that a view replaces.
#[derive(Debug)]
pub(crate) struct Nouns {
    enis: BTreeMap<EniId, Eni>,
    subnets: BTreeMap<SubnetId, Subnet>,
    instances: BTreeMap<InstanceId, Instance>,
}

// === impl Region: views of the past ===

impl Region {
    /// Remembers what changed since it last looked; it changed at `at`.
    pub(crate) fn remember(&mut self, at: Duration) {
        let longest = self.knobs.describe.longest_milliseconds();
        if longest == 0 {
            return;
        }
        let oldest = at.saturating_sub(Duration::from_millis(longest));
        observe(&mut self.past.enis, at, oldest, self.enis.iter());
        observe(&mut self.past.subnets, at, oldest, self.subnets.iter());
        let tags = self.instances.iter().map(|(id, instance)| (id, &instance.tags));
        observe(&mut self.past.instance_tags, at, oldest, tags);
    }

    /// The same knobs from here on, with nothing remembered from before.
    pub(crate) fn forget_the_past(&mut self) {
        self.past = Past::default();
        self.remember(self.clock);
    }

    /// Puts what this action sees in the place of what is, and gives back what is; `None` if it sees what is.
    pub(crate) fn look_back(&mut self, action: &str) -> Option<Nouns> {
        let lag = &self.knobs.describe;
        if !action.starts_with("Describe") || *lag == DescribeLag::default() {
            return None;
        }
        let view = if action == "DescribeInstances" { &lag.instances } else { &lag.interfaces };
        let seen = Nouns {
            enis: self.enis_seen(view),
            subnets: self.subnets_seen(lag.subnets_milliseconds),
            instances: self.instances_seen(view.tags_milliseconds),
        };
        Some(self.replace(seen))
    }

    /// Swaps the nouns.
    pub(crate) fn replace(&mut self, nouns: Nouns) -> Nouns {
        Nouns {
            enis: std::mem::replace(&mut self.enis, nouns.enis),
            subnets: std::mem::replace(&mut self.subnets, nouns.subnets),
            instances: std::mem::replace(&mut self.instances, nouns.instances),
        }
    }

    fn enis_seen(&self, view: &ViewLag) -> BTreeMap<EniId, Eni> {
        let at = |milliseconds| self.clock.checked_sub(Duration::from_millis(milliseconds));
        let seen = self.past.enis.iter().filter_map(|(id, versions)| {
            let truth = self.enis.get(id);
            if truth.is_none() {
                // Gone: still told of for as long as the view before its end shows it.
                shown(versions, at(view.deleted_milliseconds)).filter(|_| view.deleted_milliseconds > 0)?;
            }
            let stage = |milliseconds| match truth {
                Some(eni) if milliseconds == 0 => Some(eni),
                _ => shown(versions, at(milliseconds)).or_else(|| last(versions)),
            };
            let mut eni = stage(view.addresses_milliseconds)?.clone();
            let place = stage(view.attachment_milliseconds)?;
            eni.attachment.clone_from(&place.attachment);
            eni.association.clone_from(&place.association);
            eni.tags.clone_from(&stage(view.tags_milliseconds)?.tags);
            Some((id.clone(), eni))
        });
        seen.collect()
    }

    fn subnets_seen(&self, milliseconds: u64) -> BTreeMap<SubnetId, Subnet> {
        let at = self.clock.checked_sub(Duration::from_millis(milliseconds));
        let seen = self.subnets.iter().map(|(id, subnet)| {
            let versions = self.past.subnets.get(id).filter(|_| milliseconds > 0);
            let old = versions.and_then(|versions| shown(versions, at));
            (id.clone(), old.unwrap_or(subnet).clone())
        });
        seen.collect()
    }

    fn instances_seen(&self, tags_milliseconds: u64) -> BTreeMap<InstanceId, Instance> {
        let at = self.clock.checked_sub(Duration::from_millis(tags_milliseconds));
        let seen = self.instances.iter().map(|(id, instance)| {
            let mut instance = instance.clone();
            let versions = self.past.instance_tags.get(id).filter(|_| tags_milliseconds > 0);
            if let Some(tags) = versions.and_then(|versions| shown(versions, at)) {
                instance.tags.clone_from(tags);
            }
            (id.clone(), instance)
        });
        seen.collect()
    }
}

/// Writes down what is not as the last version says, and drops versions that no view reaches back to.
fn observe<'a, K: Ord + Clone + 'a, T: Clone + PartialEq + 'a>(
    past: &mut BTreeMap<K, Versions<T>>,
    at: Duration,
    oldest: Duration,
    truth: impl Iterator<Item = (&'a K, &'a T)>,
) {
    let truth: BTreeMap<&K, &T> = truth.collect();
    for (key, versions) in past.iter_mut() {
        if !truth.contains_key(key) && last_is(versions).is_some() {
            versions.push((at, None));
        }
    }
    for (key, now) in truth {
        let known = past.get(key).and_then(last_is);
        if known != Some(now) {
            past.entry(key.clone()).or_default().push((at, Some(now.clone())));
        }
    }
    past.retain(|_, versions| {
        let shown = versions.iter().rposition(|(from, _)| *from <= oldest).unwrap_or(0);
        versions.drain(..shown);
        !matches!(versions.as_slice(), [(from, None)] if *from <= oldest)
    });
}

/// What the last version says there is.
fn last_is<T>(versions: &Versions<T>) -> Option<&T> {
    versions.last().and_then(|(_, version)| version.as_ref())
}

/// The last version in which it was there.
fn last<T>(versions: &Versions<T>) -> Option<&T> {
    versions.iter().rev().find_map(|(_, version)| version.as_ref())
}

/// What was there at a time. From before there was anything, the first version: what is created is created whole.
fn shown<T>(versions: &Versions<T>, at: Option<Duration>) -> Option<&T> {
    let known = at.and_then(|at| versions.iter().rfind(|(from, _)| *from <= at));
    known.or_else(|| versions.first()).and_then(|(_, version)| version.as_ref())
}
