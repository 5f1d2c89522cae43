//! The list of plugins: ours first, foreign ones after it in their order, every key that is not ours as it was, and the versions
//! that all of them speak. A runtime injects the highest version of a list into every plugin of it, so one that is too high for
//! one plugin breaks every ADD.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The network's name: the first part of every key in the checkpoint, as with the agent we replace.
const NETWORK: &str = "aws-cni";

/// What versioned shims are called in front of their version.
const SHIM: &str = "enid-cni";

/// The plugin of the agent we replace. Its part of a list becomes ours.
const PEER_SHIM: &str = "aws-cni";

/// The plugin that serves `hostPort`.
pub(crate) const PORTMAP: &str = "portmap";

/// What `cniVersion` may say, best first: every runtime understands 1.0.0, and one that knows no more must not be told more.
const BASES: [&str; 3] = ["1.0.0", "0.4.0", "0.3.1"];

/// Offered beside the base, to runtimes that look at `cniVersions`: with it come STATUS and GC.
const NEWEST: &str = "1.1.0";

/// Plugins of a list: more are no list that anybody made on purpose.
const PLUGINS_MAX: usize = 16;

/// Our part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurPlugin {
    /// The program: `enid-cni-` and the version of this build.
    pub kind: String,
    /// What the names of pods' host links begin with.
    pub veth_prefix: String,
    /// MTU of a pod's link, bytes.
    pub mtu_bytes: u32,
    /// Where the shim finds the daemon's socket, as the node names it.
    pub state_directory: String,
    /// Where the shim leaves DELs, as the node names it.
    pub spool_directory: String,
}

/// The versions that each program speaks, by the `type` of a list. A program that could not be asked is absent.
pub(crate) type Spoken = BTreeMap<String, BTreeSet<String>>;

/// Why there is no list to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListError {
    /// What is there is no list.
    #[error("it is no list of CNI plugins: {0}")]
    NoList(String),
    /// What is there is the list of another network.
    #[error("it is the list of network `{0}`, and enid's is `{NETWORK}`")]
    OtherNetwork(String),
    /// The plugins have no version in common.
    #[error("its plugins have no CNI version in common that enid speaks: {0}")]
    NoCommonVersion(String),
}

/// The list that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Existing {
    keys: Map<String, Value>,
    plugins: Vec<Map<String, Value>>,
}

/// A list with our part in it, and no versions yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mixed {
    keys: Map<String, Value>,
    plugins: Vec<Map<String, Value>>,
}

// === impl Existing ===

impl Existing {
    /// Reads the list that is there.
    ///
    /// # Errors
    /// [`ListError::NoList`] and [`ListError::OtherNetwork`]: it is to be set aside, and a fresh one takes its place.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ListError> {
        let no_list = |why: &str| ListError::NoList(why.to_owned());
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| ListError::NoList(error.to_string()))?;
        let Value::Object(mut keys) = value else {
            return Err(no_list("no JSON object"));
        };
        let Some(Value::Array(plugins)) = keys.remove("plugins") else {
            return Err(no_list("no array `plugins`"));
        };
        if plugins.len() > PLUGINS_MAX {
            return Err(ListError::NoList(format!("more than {PLUGINS_MAX} plugins")));
        }
        let plugins = plugins.into_iter().map(|plugin| match plugin {
            Value::Object(plugin) if !kind(&plugin).is_empty() && !kind(&plugin).contains('/') => Ok(plugin),
            _ => Err(no_list("a plugin without a `type`")),
        });
        let plugins = plugins.collect::<Result<Vec<_>, _>>()?;
        match keys.get("name").and_then(Value::as_str) {
            Some(NETWORK) => Ok(Self { keys, plugins }),
            Some(other) => Err(ListError::OtherNetwork(other.chars().take(64).collect())),
            None => Err(no_list("no `name`")),
        }
    }

    /// What a fresh node begins with: nothing, or the plugin for `hostPort` if the node has it.
    pub(crate) fn fresh(has_portmap: bool) -> Self {
        let portmap = json!({"type": PORTMAP, "snat": true, "capabilities": {"portMappings": true}});
        let plugins = portmap.as_object().filter(|_| has_portmap).cloned();
        let keys = [("name".to_owned(), NETWORK.into())].into_iter().collect();
        Self { keys, plugins: plugins.into_iter().collect() }
    }

    /// Puts our part first; an older one of ours, or the one of the agent we replace, lends its other keys and goes.
    pub(crate) fn mix(self, ours: &OurPlugin) -> Mixed {
        let (old, foreign): (Vec<_>, Vec<_>) = self.plugins.into_iter().partition(is_ours);
        let mut own = old.into_iter().next().unwrap_or_default();
        for (key, value) in [
            ("type", &ours.kind),
            ("vethPrefix", &ours.veth_prefix),
            // A string, as the agent we replace writes and reads it.
            ("mtu", &ours.mtu_bytes.to_string()),
            ("stateDirectory", &ours.state_directory),
            ("spoolDirectory", &ours.spool_directory),
        ] {
            own.insert(key.to_owned(), value.clone().into());
        }
        Mixed { keys: self.keys, plugins: std::iter::once(own).chain(foreign).collect() }
    }

    /// Does this list say the same as `written`?
    pub(crate) fn says(&self, written: &Value) -> bool {
        let mut whole = self.keys.clone();
        whole.insert("plugins".to_owned(), self.plugins.clone().into_iter().map(Value::Object).collect());
        Value::Object(whole) == *written
    }
}

// === impl Mixed ===

impl Mixed {
    /// The programs of the list, each of which has to be asked what it speaks.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.plugins.iter().map(kind)
    }

    /// The list to write. `cniVersion` is the best base that all plugins speak; where one could not be asked, what the list said
    /// before stands if the others speak it. 1.1.0 is offered only where every single one is known to speak it.
    ///
    /// # Errors
    /// [`ListError::NoCommonVersion`]: whatever version were written, some plugin would refuse every ADD.
    pub(crate) fn with_versions(mut self, spoken: &Spoken) -> Result<Value, ListError> {
        let speaks = |version: &str| {
            self.kinds().all(|kind| spoken.get(kind).is_none_or(|versions| versions.contains(version)))
        };
        let all_known = self.kinds().all(|kind| spoken.contains_key(kind));
        let before = self.keys.get("cniVersion").and_then(Value::as_str).filter(|_| !all_known);
        let before = BASES.into_iter().filter(|base| before == Some(base));
        let base = before.chain(BASES).find(|base| speaks(base));
        let base = base.ok_or_else(|| ListError::NoCommonVersion(self.in_words(spoken)))?;
        let newest = all_known && speaks(NEWEST);
        self.keys.insert("cniVersion".to_owned(), base.into());
        if newest {
            self.keys.insert("cniVersions".to_owned(), json!([base, NEWEST]));
        } else {
            self.keys.remove("cniVersions");
        }
        self.keys.insert("plugins".to_owned(), self.plugins.into_iter().map(Value::Object).collect());
        Ok(Value::Object(self.keys))
    }

    fn in_words(&self, spoken: &Spoken) -> String {
        let of = |kind: &str| {
            let versions = spoken.get(kind)?.iter().map(String::as_str).collect::<Vec<_>>();
            Some(format!("{kind} speaks {}", versions.join(" ")))
        };
        self.kinds().filter_map(of).collect::<Vec<_>>().join(", ")
    }
}

fn kind(plugin: &Map<String, Value>) -> &str {
    plugin.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn is_ours(plugin: &Map<String, Value>) -> bool {
    let kind = kind(plugin);
    kind == PEER_SHIM || kind.strip_prefix(SHIM).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests;
