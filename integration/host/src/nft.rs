//! nft tables by what they mean: replaced whole or not at all, read back as the driver reads them, flushed by others.

mod body;
mod rule;
mod words;

use std::collections::BTreeMap;

use contract::ports::host::NftTable;

use crate::machine::{Linux, NamespaceId};

/// Why a table was not replaced; the old one stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NftError {
    /// nft or the kernel refuses it.
    Refused(String),
    /// It is in no language that is modelled; nft may take it.
    NotModelled(String),
    /// There is no such namespace.
    NoNamespace,
}

impl std::fmt::Display for NftError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(out, "refused: {why}"),
            Self::NotModelled(what) => write!(out, "not modelled: {what}"),
            Self::NoNamespace => write!(out, "there is no such namespace"),
        }
    }
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// `type ipv4_addr flags interval { … }`, by name.
    sets: BTreeMap<String, String>,
    chains: BTreeMap<String, Chain>,
}

/// A chain, as the driver says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Chain {
    /// `type nat hook prerouting priority -90; policy accept`, of a base chain.
    hook: Option<String>,
    rules: Vec<String>,
}

impl Table {
    fn lines(&self) -> Vec<String> {
        let sets = self.sets.iter().map(|(name, set)| format!("set {name}: {set}"));
        let chains = self.chains.iter().flat_map(|(name, chain)| {
            let lines = chain.hook.iter().chain(&chain.rules);
            lines.map(move |line| format!("{name}: {line}"))
        });
        sets.chain(chains).collect()
    }
}

impl Linux {
    /// Replaces a table whole, or leaves it as it is.
    ///
    /// # Errors
    /// [`NftError`].
    pub fn replace_nft_table(&mut self, id: NamespaceId, table: &NftTable) -> Result<(), NftError> {
        let namespace = self.namespace(id).map_err(|_| NftError::NoNamespace)?;
        let place = (table.family.to_owned(), table.name.to_owned());
        namespace.nft.insert(place, body::parse(table.family, &table.body)?);
        Ok(())
    }

    /// A table as the driver reads it back; `None` if there is none.
    #[must_use]
    pub fn nft_table(&self, id: NamespaceId, family: &str, name: &str) -> Option<Vec<String>> {
        let tables = &self.namespaces.get(&id)?.nft;
        tables.get(&(family.to_owned(), name.to_owned())).map(Table::lines)
    }

    /// `nft flush table`: rules go, chains and sets stay. Whether there is such a table.
    pub fn flush_nft_table(&mut self, id: NamespaceId, family: &str, name: &str) -> bool {
        let place = (family.to_owned(), name.to_owned());
        let table = self.namespace(id).ok().and_then(|namespace| namespace.nft.get_mut(&place));
        let chains = table.map(|table| &mut table.chains);
        chains.map(|chains| chains.values_mut().for_each(|chain| chain.rules.clear())).is_some()
    }

    /// `nft flush ruleset`: every table goes, whoever's it is.
    pub fn flush_nft_ruleset(&mut self, id: NamespaceId) {
        if let Ok(namespace) = self.namespace(id) {
            namespace.nft.clear();
        }
    }
}
