//! What an ENI that is made is asked to be: the description, tags and groups that the agent we replace gives, and a token of its
//! own. Pure.

use contract::Boottime;
use contract::model::{NodeFacts, SecurityGroupId, SubnetId};
use contract::ports::ec2::EniOrder;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::state::EniConfig;

/// When this life of EniManager began, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Born {
    /// Time since boot.
    pub at: Boottime,
    /// Wall time, nanoseconds since 1970.
    pub unix_nanoseconds: i64,
}

/// What is asked for, beside the token's own parts.
pub(crate) struct Wish {
    pub(crate) subnet: SubnetId,
    pub(crate) secondary_addresses: u32,
    /// Of the primary ENI.
    pub(crate) groups: Vec<SecurityGroupId>,
    /// How many orders this life has made before.
    pub(crate) number: u64,
}

/// The order for it.
pub(crate) fn order(config: &EniConfig, node: &NodeFacts, born: Born, wish: Wish, now: Boottime) -> EniOrder {
    let Wish { subnet, secondary_addresses, mut groups, number } = wish;
    groups.sort_unstable();
    groups.dedup();
    EniOrder {
        // The seed is the boot's, the time only grows within a boot: no two orders of an instance agree in all three.
        token: format!("{}-{:016x}-{:x}-{number}", node.instance, config.seed, now.as_nanos()),
        subnet,
        secondary_addresses,
        groups,
        description: format!("aws-K8S-{}", node.instance),
        tags: tags(config, node, &wall(born, now)),
    }
}

/// Sorted, so that they are always sent alike. By our own an ENI is known again: nobody else's take their place.
fn tags(config: &EniConfig, node: &NodeFacts, created_at: &str) -> Vec<(String, String)> {
    let mut tags = BTreeMap::new();
    let mut own = |key: &str, value: &str| drop(tags.insert(key.to_owned(), value.to_owned()));
    if config.cluster_name.is_some() {
        own("eks:eni:owner", "amazon-vpc-cni");
    }
    for (key, value) in &config.additional_tags {
        own(key, value);
    }
    if let Some(cluster) = &config.cluster_name {
        own("cluster.k8s.amazonaws.com/name", cluster);
    }
    own("node.k8s.amazonaws.com/instance_id", node.instance.as_str());
    own("node.k8s.amazonaws.com/createdAt", created_at);
    tags.into_iter().collect()
}

/// Wall time now, RFC 3339, whole seconds, UTC.
fn wall(born: Born, now: Boottime) -> String {
    let lived = i64::try_from(now.saturating_sub(born.at).as_secs()).unwrap_or(i64::MAX);
    let seconds = (born.unix_nanoseconds / 1_000_000_000).saturating_add(lived);
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::model::{InstanceId, InstanceType, Mac, VpcId};
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn node() -> NodeFacts {
        NodeFacts {
            instance: InstanceId::new("i-0123456789abcdef0"),
            instance_type: InstanceType::new("m5.large"),
            region: "eu-west-1".into(),
            availability_zone: "eu-west-1a".into(),
            vpc: VpcId::new("vpc-1"),
            subnet: SubnetId::new("subnet-1"),
            primary_mac: Mac([2, 0, 0, 0, 0, 0]),
            primary_address: Ipv4Addr::new(10, 0, 0, 200),
        }
    }

    fn config(cluster_name: Option<&str>, tags: &[(&str, &str)]) -> EniConfig {
        EniConfig {
            seed: u64::MAX,
            max_enis: None,
            cluster_name: cluster_name.map(str::to_owned),
            additional_tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn made(config: &EniConfig, number: u64, now: Boottime) -> EniOrder {
        let born = Born { at: Duration::from_secs(100), unix_nanoseconds: 1_767_225_600_999_999_999 };
        let groups = vec![SecurityGroupId::new("sg-2"), SecurityGroupId::new("sg-1")];
        let wish = Wish { subnet: SubnetId::new("subnet-1"), secondary_addresses: 9, groups, number };
        order(config, &node(), born, wish, now)
    }

    #[test]
    fn an_eni_carries_what_the_agent_we_replace_would_give_it() {
        let tags = [("team", "net"), ("node.k8s.amazonaws.com/instance_id", "somebody else")];
        let order = made(&config(Some("prod"), &tags), 0, Duration::from_secs(160));
        assert_eq!(order.description, "aws-K8S-i-0123456789abcdef0");
        assert_eq!(order.groups, [SecurityGroupId::new("sg-1"), SecurityGroupId::new("sg-2")]);
        let told: Vec<_> = order.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            told,
            [
                ("cluster.k8s.amazonaws.com/name", "prod"),
                ("eks:eni:owner", "amazon-vpc-cni"),
                ("node.k8s.amazonaws.com/createdAt", "2026-01-01T00:01:00Z"),
                ("node.k8s.amazonaws.com/instance_id", "i-0123456789abcdef0"),
                ("team", "net"),
            ]
        );
        assert_eq!(made(&config(None, &[]), 0, Duration::from_secs(160)).tags.len(), 2);
    }

    #[test]
    fn no_two_orders_share_a_token_and_each_is_short_enough() {
        let late = Duration::from_secs(10 * 365 * 86_400);
        let first = made(&config(None, &[]), 999, late).token;
        assert!(first.len() <= 64, "{first}");
        assert_ne!(first, made(&config(None, &[]), 1000, late).token);
        assert_ne!(first, made(&config(None, &[]), 999, late + Duration::from_nanos(1)).token);
    }
}
