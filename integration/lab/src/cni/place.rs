//! Where the runtime of a node finds its list, its plugins and its cache, and when it has a list to work with.

use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

use super::cache::{CACHE, Cache};
use super::chain::{Chained, Runtime};
use super::list::List;
use super::{LISTS, conflist};
use crate::node::{Node, View};
use crate::until;

/// A daemon that can serve has told its node within a second; a machine that is busy with a build takes longer.
const LIST_SECONDS_MAX: u64 = 20;

/// Where the runtime of a node finds what it needs, until the node's next reboot.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    view: View,
    lists: PathBuf,
    cache: PathBuf,
    /// Directories of plugins, as `CNI_PATH` has them.
    path: String,
}

impl Place {
    /// That of a node.
    ///
    /// # Errors
    /// When the process that holds the node's mounts is gone.
    pub(crate) fn of(node: &Node) -> Result<Self> {
        let shim = node.binaries().shim.parent().context("the shim has no directory")?;
        let own = node.host_path("/opt/cni/bin")?;
        Ok(Self {
            view: node.view()?,
            lists: node.host_path(LISTS)?,
            cache: node.host_path(CACHE)?,
            path: format!("{}:{}", own.display(), shim.display()),
        })
    }

    /// The version that the runtime would tell every plugin; `None` without a list.
    ///
    /// # Errors
    /// When what is there is no list.
    pub(crate) fn version(&self) -> Result<Option<String>> {
        Ok(self.list()?.map(|list| list.version))
    }

    /// STATUS of the list that is there now.
    ///
    /// # Errors
    /// As [`super::chained`]; also without a list, which is a node that is not ready.
    pub(crate) async fn status(&self) -> Result<Chained> {
        self.runtime(self.list()?.context("the node has no list of plugins")?).status().await
    }

    /// The first list of the directory, by name.
    fn list(&self) -> Result<Option<List>> {
        let entries = std::fs::read_dir(&self.lists).into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path());
        let first = files.filter(|path| path.extension().is_some_and(|ending| ending == "conflist")).min();
        let Some(first) = first else { return Ok(None) };
        List::parse(&std::fs::read_to_string(first).context("cannot read the node's list")?).map(Some)
    }

    fn runtime(&self, list: List) -> Runtime {
        Runtime { view: self.view, list, cache: Cache::at(self.cache.clone()), path: self.path.clone() }
    }
}

/// The runtime with the node's list. A daemon writes it once it can serve, and the runtime has nothing to do before; a node that
/// never had one has the list of a test.
pub(super) async fn runtime(node: &Node) -> Result<Runtime> {
    let place = Place::of(node)?;
    let deadline = Instant::now() + Duration::from_secs(LIST_SECONDS_MAX);
    loop {
        if let Some(list) = place.list()? {
            return Ok(place.runtime(list));
        }
        if !node.had_daemon() {
            let shim = node.binaries().shim.file_name().and_then(|name| name.to_str());
            let list = conflist(shim.context("the shim has no name")?).to_string();
            return Ok(place.runtime(List::parse(&list)?));
        }
        ensure!(
            Instant::now() < deadline,
            "the node has no list of plugins after {LIST_SECONDS_MAX} s; its daemon's log ends:\n{}",
            node.log_tail()
        );
        until::pause().await;
    }
}
