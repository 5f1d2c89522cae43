//! What each instance type allows: network cards, ENIs per card, addresses per ENI. The table is data, embedded and read once;
//! nothing here is computed.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

/// Families that have no IPv6, as EC2's documentation lists them.
const FAMILIES_WITHOUT_IPV6: [&str; 7] = ["c1", "cr1", "hs1", "m1", "m2", "m3", "t1"];

/// The networking limits of one instance type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Limits {
    /// ENIs per network card, by card index.
    pub network_cards: Vec<u32>,
    /// IPv4 addresses per ENI, the primary one included. A prefix takes the place of one.
    pub ipv4_per_eni: u32,
    /// No hypervisor beneath it.
    pub bare_metal: bool,
    /// `nitro`, `xen`, `unknown`, or empty on bare metal.
    pub hypervisor: String,
    /// Branch ENIs for pods with their own security groups.
    pub branch_enis: u32,
    /// Whether a trunk may be attached; `None` if no table says.
    pub trunking: Option<bool>,
}

#[derive(Default, Deserialize)]
struct Table {
    instances: BTreeMap<String, Limits>,
}

/// The limits of a type, if the table has it.
#[must_use]
pub fn limits_of(instance_type: &str) -> Option<&'static Limits> {
    table().get(instance_type)
}

/// Every type of the table with its limits, by name.
pub fn instance_types() -> impl Iterator<Item = (&'static str, &'static Limits)> {
    table().iter().map(|(name, limits)| (name.as_str(), limits))
}

/// The most slots any ENI can have: the bound for one that is not attached yet.
pub(crate) fn slots_max() -> u32 {
    instance_types().map(|(_, limits)| limits.ipv4_per_eni).max().unwrap_or(0)
}

/// The most IPv6 slots any ENI can have.
pub(crate) fn ipv6_slots_max() -> u32 {
    instance_types().map(|(name, limits)| limits.ipv6_per_eni(name)).max().unwrap_or(0)
}

/// The file is part of the crate, and a test counts its rows: an unreadable one never leaves the house.
fn table() -> &'static BTreeMap<String, Limits> {
    static TABLE: OnceLock<BTreeMap<String, Limits>> = OnceLock::new();
    TABLE.get_or_init(|| {
        serde_json::from_str::<Table>(include_str!("../data/instance-limits.json"))
            .unwrap_or_default()
            .instances
    })
}

// === impl Limits ===

impl Limits {
    /// ENIs over all cards.
    #[must_use]
    pub fn enis(&self) -> u32 {
        self.network_cards.iter().sum()
    }

    /// IPv6 addresses per ENI. A prefix takes the place of one. The table has no such column: EC2's own numbers are those of
    /// IPv4, but for the families from before IPv6.
    #[must_use]
    pub fn ipv6_per_eni(&self, instance_type: &str) -> u32 {
        let family = instance_type.split('.').next().unwrap_or_default();
        if FAMILIES_WITHOUT_IPV6.contains(&family) { 0 } else { self.ipv4_per_eni }
    }

    /// ENIs on one card; `None` if there is no such card.
    #[must_use]
    pub fn enis_on_card(&self, card: u32) -> Option<u32> {
        self.network_cards.get(usize::try_from(card).ok()?).copied()
    }
}
