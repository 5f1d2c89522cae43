//! nft tables, as the text they were given: replaced whole, read back as they are.

use contract::ports::host::NftTable;

use crate::machine::{Errno, Linux, NamespaceId};

impl Linux {
    /// Replaces a table whole.
    ///
    /// # Errors
    /// `NODEV` for a namespace that is not there.
    pub fn replace_nft_table(&mut self, id: NamespaceId, table: NftTable) -> Result<(), Errno> {
        let place = (table.family.to_owned(), table.name.to_owned());
        self.namespace(id)?.nft.insert(place, table.body);
        Ok(())
    }

    /// The body a table was given; `None` if there is no such table.
    #[must_use]
    pub fn nft_body(&self, id: NamespaceId, family: &str, name: &str) -> Option<&str> {
        let tables = &self.namespaces.get(&id)?.nft;
        tables.get(&(family.to_owned(), name.to_owned())).map(String::as_str)
    }
}
