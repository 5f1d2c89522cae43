//! The region itself: every noun by its id, how it is built by plain calls, and how it is looked at. What calls do to it lives
//! with the calls.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::actions;
use crate::audit::Touched;
use crate::client_tokens::ClientTokens;
use crate::effect::Effect;
use crate::eni::Eni;
use crate::error::{ApiError, RegionError};
use crate::fault::FaultRule;
use crate::ids::{AssociationId, EniId, InstanceId, Mint, SecurityGroupId, SubnetId, VpcId};
use crate::imds::{ImdsFaultRule, Publications, TokenStore};
use crate::instance::Instance;
use crate::journal::Journal;
use crate::knobs::Knobs;
use crate::past::Past;
use crate::rules::Rules;
use crate::security_group::SecurityGroup;
use crate::subnet::Subnet;
use crate::tags::{self, Tags};
use crate::throttle::Buckets;
use crate::transition::Queue;
use crate::vpc::Vpc;

/// What a region is called, and the seed of its ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionSpec {
    /// Its name.
    pub name: String,
    /// The account: 12 digits.
    pub account: String,
    /// Seed of ids, MACs and request ids.
    pub seed: u64,
}

/// A small AWS: one account in one region. Cloning it gives a second world that goes its own way from here.
#[derive(Debug, Clone)]
pub struct Region {
    pub(crate) spec: RegionSpec,
    pub(crate) knobs: Knobs,
    pub(crate) mint: Mint,
    /// The latest `now` seen: time does not go back.
    pub(crate) clock: Duration,
    pub(crate) vpcs: BTreeMap<VpcId, Vpc>,
    pub(crate) subnets: BTreeMap<SubnetId, Subnet>,
    pub(crate) groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    pub(crate) enis: BTreeMap<EniId, Eni>,
    pub(crate) create_tokens: ClientTokens<EniId>,
    pub(crate) associate_tokens: ClientTokens<AssociationId>,
    pub(crate) disassociate_tokens: ClientTokens<()>,
    pub(crate) launch_tokens: ClientTokens<Vec<InstanceId>>,
    pub(crate) queue: Queue,
    pub(crate) imds: Publications,
    pub(crate) imds_tokens: TokenStore,
    pub(crate) faults: Rules<FaultRule>,
    pub(crate) imds_faults: Rules<ImdsFaultRule>,
    pub(crate) past: Past,
    pub(crate) buckets: Buckets,
    pub(crate) journal: Journal,
    /// What was changed and not audited yet.
    pub(crate) touched: Touched,
    /// Effects nobody has taken yet.
    pub(crate) effects: Vec<Effect>,
}

impl Default for RegionSpec {
    fn default() -> Self {
        Self { name: "eu-west-1".to_owned(), account: "123456789012".to_owned(), seed: 1 }
    }
}

// === impl Region: building ===

impl Region {
    /// An empty region.
    #[must_use]
    pub fn new(spec: RegionSpec) -> Self {
        Self {
            mint: Mint::new(spec.seed),
            spec,
            knobs: Knobs::default(),
            clock: Duration::ZERO,
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            groups: BTreeMap::new(),
            instances: BTreeMap::new(),
            enis: BTreeMap::new(),
            create_tokens: ClientTokens::default(),
            associate_tokens: ClientTokens::default(),
            disassociate_tokens: ClientTokens::default(),
            launch_tokens: ClientTokens::default(),
            queue: Queue::default(),
            imds: Publications::default(),
            imds_tokens: TokenStore::default(),
            faults: Rules::default(),
            imds_faults: Rules::default(),
            past: Past::default(),
            buckets: Buckets::default(),
            journal: Journal::default(),
            touched: Touched::default(),
            effects: Vec::new(),
        }
    }

    /// Puts a tag on a VPC, subnet, group, instance or ENI, as `CreateTags` does.
    ///
    /// # Errors
    /// Nothing has this id, or EC2 would not take the tag.
    pub fn tag(&mut self, id: &str, key: &str, value: &str) -> Result<(), RegionError> {
        tags::check(key, value)?;
        let held = self.tags_mut(id)?;
        *held = tags::merged(held, &Tags::from([(key.to_owned(), value.to_owned())]))?;
        Ok(())
    }

    /// Replaces the settings. Buckets keep their level.
    ///
    /// # Errors
    /// A knob names an action the region does not have; nothing is changed.
    pub fn set_knobs(&mut self, knobs: Knobs) -> Result<(), RegionError> {
        if let Some(unknown) = knobs.actions().find(|name| actions::find(name).is_none()) {
            return Err(RegionError::UnknownAction(unknown.clone()));
        }
        let looks_back_otherwise = knobs.describe != self.knobs.describe;
        self.knobs = knobs;
        if looks_back_otherwise {
            self.forget_the_past();
        }
        Ok(())
    }

    /// Arms a fault, after those already armed.
    ///
    /// # Errors
    /// It names an action the region does not have, a rate that is none, or calls that cannot be told apart.
    pub fn add_fault(&mut self, rule: FaultRule) -> Result<(), RegionError> {
        if rule.action != "*" && actions::find(&rule.action).is_none() {
            return Err(RegionError::UnknownAction(rule.action));
        }
        self.faults.add(rule)
    }

    /// Arms a fault of the metadata service, after those already armed.
    ///
    /// # Errors
    /// A rate that is none, a path that no request can have, or connections refused by anything but time.
    pub fn add_imds_fault(&mut self, rule: ImdsFaultRule) -> Result<(), RegionError> {
        if !rule.has_a_path() {
            return Err(RegionError::Path(rule.path));
        }
        self.imds_faults.add(rule)
    }

    /// Disarms every fault, those of the metadata service too.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
        self.imds_faults.clear();
    }
}

// === impl Region: looking ===

impl Region {
    /// Its name, account and seed.
    #[must_use]
    pub fn spec(&self) -> &RegionSpec {
        &self.spec
    }

    /// Its settings.
    #[must_use]
    pub fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// Every call so far.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A VPC.
    #[must_use]
    pub fn vpc(&self, id: &VpcId) -> Option<&Vpc> {
        self.vpcs.get(id)
    }

    /// A subnet.
    #[must_use]
    pub fn subnet(&self, id: &SubnetId) -> Option<&Subnet> {
        self.subnets.get(id)
    }

    /// Every subnet, by id.
    pub fn subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.values()
    }

    /// An instance, running or terminated.
    #[must_use]
    pub fn instance(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// An ENI.
    #[must_use]
    pub fn eni(&self, id: &EniId) -> Option<&Eni> {
        self.enis.get(id)
    }

    /// Every ENI, by id.
    pub fn enis(&self) -> impl Iterator<Item = &Eni> {
        self.enis.values()
    }

    /// The ENIs of an instance in any state of attachment, by card and device index.
    #[must_use]
    pub fn enis_of(&self, instance: &InstanceId) -> Vec<&Eni> {
        let mut enis: Vec<&Eni> =
            self.enis.values().filter(|eni| eni.attached_to(instance).is_some()).collect();
        enis.sort_by_key(|eni| {
            eni.attachment.as_ref().map(|attachment| (attachment.card, attachment.device_index))
        });
        enis
    }

    /// The names of groups.
    pub(crate) fn group_names(&self, groups: &[SecurityGroupId]) -> Vec<String> {
        groups.iter().filter_map(|id| self.groups.get(id)).map(|group| group.name.clone()).collect()
    }

    /// What EC2 calls a resource in full.
    pub(crate) fn arn(&self, kind: &str, id: &impl std::fmt::Display) -> String {
        format!("arn:aws:ec2:{}:{}:{kind}/{id}", self.spec.name, self.spec.account)
    }

    /// The tags of whatever has this id.
    pub(crate) fn tags_mut(&mut self, id: &str) -> Result<&mut Tags, ApiError> {
        let kind = id.split_once('-').map_or("", |(kind, _)| kind);
        match kind {
            "eni" => EniId::parse(id).and_then(|id| Ok(&mut self.eni_mut(&id)?.tags)),
            "subnet" => {
                let id = SubnetId::parse(id)?;
                Ok(&mut self.subnets.get_mut(&id).ok_or_else(|| id.not_found())?.tags)
            }
            "vpc" => {
                let id = VpcId::parse(id)?;
                Ok(&mut self.vpcs.get_mut(&id).ok_or_else(|| id.not_found())?.tags)
            }
            "i" => {
                let id = InstanceId::parse(id)?;
                Ok(&mut self.instances.get_mut(&id).ok_or_else(|| id.not_found())?.tags)
            }
            "sg" => {
                let id = SecurityGroupId::parse(id)?;
                Ok(&mut self.groups.get_mut(&id).ok_or_else(|| id.not_found())?.tags)
            }
            _ => Err(ApiError::new("InvalidID", format!("The ID '{id}' is not valid"))),
        }
    }

    /// An ENI, if a call made now would find it.
    pub(crate) fn visible_eni(&self, id: &EniId) -> Result<&Eni, ApiError> {
        let eni = self.enis.get(id).filter(|eni| eni.visible_at <= self.clock);
        eni.ok_or_else(|| id.not_found())
    }

    /// An ENI to change, if a call made now would find it.
    pub(crate) fn eni_mut(&mut self, id: &EniId) -> Result<&mut Eni, ApiError> {
        let clock = self.clock;
        let eni = self.enis.get_mut(id).filter(|eni| eni.visible_at <= clock);
        eni.ok_or_else(|| id.not_found())
    }
}
