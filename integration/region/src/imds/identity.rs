//! Who the instance is: the keys that are not about one ENI, the identity document, and the role's credentials.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use crate::credentials::Credentials;
use crate::eni::Eni;
use crate::imds::Tree;
use crate::instance::Instance;
use crate::instant;
use crate::region::Region;

/// The image every instance runs.
pub(crate) const IMAGE: &str = "ami-0123456789abcdef0";

impl Region {
    pub(crate) fn hostname(&self, address: Ipv4Addr) -> String {
        let [a, b, c, d] = address.octets();
        let domain = if self.spec.name == "us-east-1" {
            "ec2.internal".to_owned()
        } else {
            format!("{}.compute.internal", self.spec.name)
        };
        format!("ip-{a}-{b}-{c}-{d}.{domain}")
    }

    /// `euw1-az1`, in the way EC2 names zones apart from accounts.
    pub(crate) fn zone_id(&self, zone: &str) -> String {
        let mut parts = self.spec.name.split('-');
        let (place, side, number) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let side = match side {
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            other => other.get(..1).unwrap_or_default(),
        };
        let letter = zone.bytes().last().unwrap_or(b'a');
        format!("{place}{side}{number}-az{}", letter.saturating_sub(b'a') + 1)
    }
}

pub(crate) fn write(region: &Region, instance: &Instance, now: Duration, tree: &mut Tree) {
    let enis = region.enis_of(&instance.id);
    let Some(primary) = enis.first().copied() else {
        return;
    };
    let mut put = |key: &str, value: String| tree.insert(format!("meta-data/{key}"), value);
    put("ami-id", IMAGE.to_owned());
    put("instance-id", instance.id.to_string());
    put("instance-type", instance.instance_type.clone());
    put("instance-life-cycle", "on-demand".to_owned());
    put("hostname", region.hostname(primary.primary));
    put("local-hostname", region.hostname(primary.primary));
    put("local-ipv4", primary.primary.to_string());
    if let Some(first) = primary.ipv6_addresses.first() {
        put("ipv6", first.to_string());
    }
    put("mac", primary.mac.to_string());
    let names = primary.groups.iter().filter_map(|id| region.groups.get(id)).map(|group| group.name.as_str());
    put("security-groups", names.collect::<Vec<_>>().join("\n"));
    put("placement/availability-zone", instance.zone.clone());
    put("placement/availability-zone-id", region.zone_id(&instance.zone));
    put("placement/region", region.spec.name.clone());
    put("services/domain", "amazonaws.com".to_owned());
    put("services/partition", "aws".to_owned());
    if let (Some(role), Some(set)) = (&instance.role, region.credentials_of(instance, now)) {
        put("iam/info", profile(region, instance, role, &set));
        put(&format!("iam/security-credentials/{role}"), credentials(region, &set));
    }
    let document = document(region, instance, primary);
    tree.insert("dynamic/instance-identity/document".to_owned(), document);
}

fn document(region: &Region, instance: &Instance, primary: &Eni) -> String {
    pretty(&json!({
        "accountId": region.spec.account,
        "architecture": "x86_64",
        "availabilityZone": instance.zone,
        "billingProducts": null,
        "devpayProductCodes": null,
        "imageId": IMAGE,
        "instanceId": instance.id.as_str(),
        "instanceType": instance.instance_type,
        "kernelId": null,
        "marketplaceProductCodes": null,
        "pendingTime": instant::imds(region.knobs.epoch_unix_seconds, instance.launched_at),
        "privateIp": primary.primary.to_string(),
        "ramdiskId": null,
        "region": region.spec.name,
        "version": "2017-09-30",
    }))
}

fn profile(region: &Region, instance: &Instance, role: &str, set: &Credentials) -> String {
    pretty(&json!({
        "Code": "Success",
        "InstanceProfileArn": format!("arn:aws:iam::{}:instance-profile/{role}", region.spec.account),
        "InstanceProfileId": format!("AIPA{:0>17}", instance.id.tail()),
        "LastUpdated": instant::imds(region.knobs.epoch_unix_seconds, set.issued_at),
    }))
}

fn credentials(region: &Region, set: &Credentials) -> String {
    let epoch = region.knobs.epoch_unix_seconds;
    pretty(&json!({
        "AccessKeyId": set.access_key_id,
        "Code": "Success",
        "Expiration": instant::imds(epoch, set.expires_at),
        "LastUpdated": instant::imds(epoch, set.issued_at),
        "SecretAccessKey": set.secret_access_key,
        "Token": set.session_token,
        "Type": "AWS-HMAC",
    }))
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
