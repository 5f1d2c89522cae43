//! Routing tables, rule priorities and marks: the numbers shared with the agent we replace, so that pods wired by either
//! are served by both.

use std::fmt;

/// A kernel routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

impl TableId {
    /// The main table, where the primary ENI's pods live.
    pub const MAIN: Self = Self(254);

    /// The table of pods on the ENI at (card, device): main for the primary ENI, device + 1 on card 0,
    /// 10000 + 100 × card + device elsewhere.
    #[must_use]
    pub fn of_eni(card: u32, device: u32) -> Self {
        match (card, device) {
            (0, 0) => Self::MAIN,
            (0, device) => Self(device.saturating_add(1)),
            (card, device) => Self(card.saturating_mul(100).saturating_add(10_000).saturating_add(device)),
        }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an ip rule; lower is looked at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulePriority(pub u32);

impl RulePriority {
    /// `to POD lookup main`.
    pub const TO_POD: Self = Self(512);
    /// `fwmark 0x80/0x80 lookup main`: connections that must leave by the primary ENI.
    pub const MARK: Self = Self(1024);
    /// `to NETWORK lookup main`: destinations that are reached by the main table whatever the source.
    pub const TO_EXTERNAL: Self = Self(1535);
    /// `from POD lookup TABLE`, for pods on secondary ENIs.
    pub const FROM_POD: Self = Self(1536);
    /// `from ENI-PRIMARY-ADDRESS lookup TABLE`.
    pub const FROM_ENI: Self = Self(32_765);
}

/// A bit of a packet's mark, used as its own mask. Other bits belong to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fwmark(pub u32);

impl Fwmark {
    /// The bit of the agent we replace.
    pub const DEFAULT: Self = Self(0x80);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_ids_are_those_of_the_agent_we_replace() {
        for ((card, device), table) in
            [((0, 0), 254), ((0, 1), 2), ((0, 7), 8), ((1, 1), 10_101), ((2, 0), 10_200), ((3, 1), 10_301)]
        {
            assert_eq!(TableId::of_eni(card, device), TableId(table), "card {card} device {device}");
        }
    }
}
