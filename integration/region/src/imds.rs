//! The metadata service of an instance: a tree of texts, a lagging copy of EC2. It never asks EC2 anew: what it shows was
//! published with the time from which it is shown. Tokens are checked here, HTTP is not spoken.

mod fault;
mod identity;
mod publication;
mod request;
mod token;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::InstanceId;
use crate::instance::Instance;
use crate::region::Region;

pub use fault::{ImdsFault, ImdsFaultRule};
pub(crate) use identity::IMAGE;
pub(crate) use publication::{Publications, View};
pub use request::{ImdsAnswer, ImdsRequest};
pub use token::TOKEN_TTL_SECONDS_MAX;
pub(crate) use token::TokenStore;

/// An answer of the metadata service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImdsReply {
    /// HTTP status.
    pub status: u16,
    /// The text.
    pub body: String,
    /// The `Content-Type`.
    pub content_type: &'static str,
}

/// Leaves by path below `/latest/`, without a leading slash. A path with a trailing slash is a directory, whatever is in it.
type Tree = BTreeMap<String, String>;

// === impl ImdsReply ===

impl ImdsReply {
    pub(crate) fn ok(body: String) -> Self {
        Self { status: 200, body, content_type: "text/plain" }
    }

    pub(crate) fn error(status: u16) -> Self {
        let title = match status {
            400 => "400 - Bad Request",
            401 => "401 - Unauthorized",
            403 => "403 - Forbidden",
            404 => "404 - Not Found",
            500 => "500 - Internal Server Error",
            503 => "503 - Service Unavailable",
            _ => "Error",
        };
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
        );
        Self { status, body, content_type: "text/html" }
    }
}

// === impl Region: the metadata service ===

impl Region {
    /// What a GET of `path` (with its leading slash, no query) shows to this instance at `now`, token aside. Pure in `now`:
    /// nothing has to be advanced first.
    ///
    /// A leaf is its text; a directory, with or without its trailing slash, is the list of what is in it, directories with a
    /// slash; anything else is 404.
    #[must_use]
    pub fn imds(&self, instance: &InstanceId, path: &str, now: Duration) -> ImdsReply {
        let up = self.instances.get(instance).filter(|instance| instance.state.is_up());
        let (Some(instance), Some(path)) = (up, path.strip_prefix('/')) else {
            return ImdsReply::error(404);
        };
        if path.is_empty() {
            return ImdsReply::ok("latest".to_owned());
        }
        let Some(path) = path.strip_prefix("latest").filter(|rest| rest.is_empty() || rest.starts_with('/'))
        else {
            return ImdsReply::error(404);
        };
        read(&self.tree(instance, now), path.strip_prefix('/').unwrap_or(path))
    }

    /// A GET with its token: 401 without a valid one, else [`Region::imds`].
    #[must_use]
    pub fn imds_get(
        &self,
        instance: &InstanceId,
        token: Option<&str>,
        path: &str,
        now: Duration,
    ) -> ImdsReply {
        match self.imds_check(instance, token, now) {
            Ok(()) => self.imds(instance, path, now),
            Err(refusal) => refusal,
        }
    }

    /// What a PUT of `/latest/api/token` gives: a token for so many seconds.
    ///
    /// # Errors
    /// 400 if the time is not 1 to 21,600 seconds (or was not sent: `None`), 404 if there is no such instance.
    pub fn imds_token(
        &mut self,
        instance: &InstanceId,
        ttl_seconds: Option<u64>,
        now: Duration,
    ) -> Result<String, ImdsReply> {
        if !self.instances.contains_key(instance) {
            return Err(ImdsReply::error(404));
        }
        let seed = self.spec.seed;
        self.imds_tokens.issue(instance, ttl_seconds, now, seed).ok_or_else(|| ImdsReply::error(400))
    }

    /// Whether this instance may read with this token.
    ///
    /// # Errors
    /// 401 if there is no token, or one that is unknown, another instance's, or expired.
    pub fn imds_check(
        &self,
        instance: &InstanceId,
        token: Option<&str>,
        now: Duration,
    ) -> Result<(), ImdsReply> {
        if token.is_some_and(|token| self.imds_tokens.is_valid(instance, token, now)) {
            return Ok(());
        }
        Err(ImdsReply::error(401))
    }

    fn tree(&self, instance: &Instance, now: Duration) -> Tree {
        let mut tree = Tree::new();
        let views: Vec<View> = self.imds.views(&instance.id, now);
        identity::write(self, instance, now, &mut tree);
        for view in &views {
            self.write_interface(instance, view, &mut tree);
        }
        tree
    }

    fn write_interface(&self, instance: &Instance, view: &View, tree: &mut Tree) {
        let mac = view.mac;
        let root = format!("meta-data/network/interfaces/macs/{mac}/");
        tree.insert(root.clone(), String::new());
        let Some(version) = view.version else { return };
        let mut put = |key: &str, value: String| tree.insert(format!("{root}{key}"), value);
        put("mac", mac.to_string());
        put("interface-id", view.eni.to_string());
        put("device-number", view.device_index.to_string());
        if instance.limits.network_cards.len() > 1 {
            put("network-card", view.card.to_string());
        }
        put("owner-id", self.spec.account.clone());
        put("subnet-id", view.subnet.to_string());
        put("local-ipv4s", lines(&version.addresses));
        put("security-group-ids", lines(&version.groups));
        let names =
            version.groups.iter().filter_map(|id| self.groups.get(id)).map(|group| group.name.clone());
        put("security-groups", lines(&names.collect::<Vec<_>>()));
        if !version.prefixes.is_empty() {
            put("ipv4-prefix", lines(&version.prefixes));
        }
        if !version.ipv6_addresses.is_empty() {
            put("ipv6s", lines(&version.ipv6_addresses));
        }
        if !version.ipv6_prefixes.is_empty() {
            put("ipv6-prefix", lines(&version.ipv6_prefixes));
        }
        if let Some(primary) = version.addresses.first() {
            put("local-hostname", self.hostname(*primary));
        }
        if let Some(subnet) = self.subnets.get(view.subnet) {
            put("subnet-ipv4-cidr-block", subnet.cidr.to_string());
            if let Some(cidr) = subnet.ipv6_cidr() {
                put("subnet-ipv6-cidr-blocks", cidr.to_string());
            }
            put("vpc-id", subnet.vpc.to_string());
            if let Some(vpc) = self.vpcs.get(&subnet.vpc) {
                put("vpc-ipv4-cidr-blocks", lines(&vpc.cidrs));
                if !vpc.ipv6_cidrs.is_empty() {
                    put("vpc-ipv6-cidr-blocks", lines(&vpc.ipv6_cidrs));
                }
                let first = vpc.cidrs.first().map(ToString::to_string);
                put("vpc-ipv4-cidr-block", first.unwrap_or_default());
            }
        }
    }
}

/// One item per line, no line end after the last.
fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn read(tree: &Tree, path: &str) -> ImdsReply {
    if let Some(text) = tree.get(path).filter(|_| !path.ends_with('/')) {
        return ImdsReply::ok(text.clone());
    }
    let directory = if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
    let below: Vec<&str> = tree.keys().filter_map(|leaf| leaf.strip_prefix(&directory)).collect();
    if below.is_empty() {
        return ImdsReply::error(404);
    }
    let mut names: Vec<String> = below
        .iter()
        .filter(|rest| !rest.is_empty())
        .map(|rest| match rest.split_once('/') {
            Some((name, _)) => format!("{name}/"),
            None => (*rest).to_owned(),
        })
        .collect();
    names.dedup();
    ImdsReply::ok(names.join("\n"))
}
