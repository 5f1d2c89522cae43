//! What the metadata service shows of each ENI, and from when. Every fact carries its time, so that reading is a function of
//! `now`, and a slow service, a stale one and one that never shows anything are all the same code.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::attachment::Place;
use crate::eni::Eni;
use crate::ids::{EniId, InstanceId, Mac, SecurityGroupId, SubnetId};
use crate::knobs::{ImdsLag, after_or_never};

/// What of an ENI changes while it is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Primary first.
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) prefixes: Vec<Ipv4Net>,
    pub(crate) ipv6_addresses: Vec<Ipv6Addr>,
    pub(crate) ipv6_prefixes: Vec<Ipv6Net>,
    pub(crate) groups: Vec<SecurityGroupId>,
}

#[derive(Debug, Clone)]
struct Publication {
    eni: EniId,
    subnet: SubnetId,
    card: u32,
    device_index: u32,
    /// From here on the MAC is listed.
    listed_at: Duration,
    /// Never empty; the times do not go back. The first is when keys become readable.
    versions: Vec<(Duration, Version)>,
    /// From here on the keys are 404 again.
    keys_gone_at: Duration,
    /// From here on the MAC is no longer listed.
    mac_gone_at: Duration,
    /// Its ENI is gone, and nothing has been told of that yet.
    is_ghost: bool,
}

/// Every publication, by instance and MAC.
#[derive(Debug, Clone, Default)]
pub(crate) struct Publications(BTreeMap<(InstanceId, Mac), Publication>);

/// One ENI as it is shown at one moment.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) mac: Mac,
    pub(crate) eni: &'a EniId,
    pub(crate) subnet: &'a SubnetId,
    pub(crate) card: u32,
    pub(crate) device_index: u32,
    /// `None`: the MAC is listed, its keys are not there.
    pub(crate) version: Option<&'a Version>,
}

// === impl Publications ===

impl Publications {
    /// An ENI will have its link at `linked_at`: listed, then readable with its own address, then whole.
    pub(crate) fn attached(&mut self, eni: &Eni, place: &Place, linked_at: Duration, lag: &ImdsLag) {
        let whole = Version::of(eni);
        let bare = Version {
            addresses: vec![eni.primary],
            prefixes: Vec::new(),
            ipv6_addresses: Vec::new(),
            ipv6_prefixes: Vec::new(),
            groups: whole.groups.clone(),
        };
        let listed_at = after_or_never(linked_at, lag.listed_milliseconds);
        let readable_at = after_or_never(linked_at, lag.readable_milliseconds).max(listed_at);
        let whole_at = after_or_never(linked_at, lag.addresses_milliseconds).max(readable_at);
        let publication = Publication {
            eni: eni.id.clone(),
            subnet: eni.subnet.clone(),
            card: place.card,
            device_index: place.device_index,
            listed_at,
            versions: vec![(readable_at, bare), (whole_at, whole)],
            keys_gone_at: Duration::MAX,
            mac_gone_at: Duration::MAX,
            is_ghost: false,
        };
        self.lay_ghosts(&place.instance, linked_at, lag);
        self.0.insert((place.instance.clone(), eni.mac), publication);
    }

    /// Addresses or groups of an ENI changed at `now`: shown later, and never before what changed earlier.
    pub(crate) fn changed(&mut self, eni: &Eni, now: Duration, lag: &ImdsLag) {
        let Some(attachment) = &eni.attachment else { return };
        let Some(publication) = self.0.get_mut(&(attachment.instance.clone(), eni.mac)) else {
            return;
        };
        let last_at = publication.versions.last().map_or(now, |(at, _)| *at);
        let at = after_or_never(now, lag.addresses_milliseconds).max(last_at);
        publication.versions.push((at, Version::of(eni)));
        self.lay_ghosts(&attachment.instance, now, lag);
    }

    /// An ENI will lose its link at `unlinked_at`. One that was not even listed yet never will be.
    pub(crate) fn detached(
        &mut self,
        instance: &InstanceId,
        mac: Mac,
        now: Duration,
        unlinked_at: Duration,
        lag: &ImdsLag,
    ) {
        self.lay_ghosts(instance, now, lag);
        let key = (instance.clone(), mac);
        let Some(publication) = self.0.get_mut(&key) else {
            return;
        };
        if publication.listed_at > now {
            self.0.remove(&key);
            return;
        }
        if lag.ghosts_until_next_change {
            publication.is_ghost = true;
        } else {
            publication.go(unlinked_at, lag);
        }
    }

    /// Something changed on an instance at `at`: what its metadata service had missed, it learns now.
    fn lay_ghosts(&mut self, instance: &InstanceId, at: Duration, lag: &ImdsLag) {
        let own =
            self.0.iter_mut().filter(|((owner, _), publication)| owner == instance && publication.is_ghost);
        for (_, publication) in own {
            publication.is_ghost = false;
            publication.go(at, lag);
        }
    }

    pub(crate) fn forget_instance(&mut self, instance: &InstanceId) {
        self.0.retain(|(owner, _), _| owner != instance);
    }

    /// Forgets what nobody can see any more.
    pub(crate) fn prune(&mut self, now: Duration) {
        self.0.retain(|_, publication| publication.mac_gone_at > now);
        for publication in self.0.values_mut() {
            let shown = publication.versions.iter().rposition(|(at, _)| *at <= now).unwrap_or(0);
            publication.versions.drain(..shown);
        }
    }

    pub(crate) fn views(&self, instance: &InstanceId, now: Duration) -> Vec<View<'_>> {
        let own = self.0.iter().filter(|((owner, _), _)| owner == instance);
        own.filter(|(_, publication)| publication.listed_at <= now && now < publication.mac_gone_at)
            .map(|((_, mac), publication)| publication.view(*mac, now))
            .collect()
    }
}

// === impl Publication ===

impl Publication {
    /// Its ENI is gone since `at`.
    fn go(&mut self, at: Duration, lag: &ImdsLag) {
        self.keys_gone_at = after_or_never(at, lag.keys_gone_milliseconds);
        self.mac_gone_at = after_or_never(at, lag.mac_gone_milliseconds).max(self.keys_gone_at);
    }

    fn view(&self, mac: Mac, now: Duration) -> View<'_> {
        let shown = self.versions.iter().rfind(|(at, _)| *at <= now).map(|(_, version)| version);
        View {
            mac,
            eni: &self.eni,
            subnet: &self.subnet,
            card: self.card,
            device_index: self.device_index,
            version: shown.filter(|_| now < self.keys_gone_at),
        }
    }
}

// === impl Version ===

impl Version {
    fn of(eni: &Eni) -> Self {
        Self {
            addresses: eni.addresses(),
            prefixes: eni.prefixes.clone(),
            ipv6_addresses: eni.ipv6_addresses.clone(),
            ipv6_prefixes: eni.ipv6_prefixes.clone(),
            groups: eni.groups.clone(),
        }
    }
}
