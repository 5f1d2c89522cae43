//! What a call asks of a subnet for an ENI, in either family: by name, by count, prefixes by name, prefixes by count; one way
//! per call.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::error::ApiError;
use crate::params::{Params, parsed};
use crate::want::Want;

/// How one family spells the four ways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    /// The family, for refusals.
    family: &'static str,
    addresses: &'static str,
    address_count: &'static str,
    prefixes: &'static str,
    prefix_count: &'static str,
    only_one: &'static str,
}

pub(super) const IPV4: Spelling = Spelling {
    family: "IPv4",
    addresses: "PrivateIpAddress",
    address_count: "SecondaryPrivateIpAddressCount",
    prefixes: "Ipv4Prefix",
    prefix_count: "Ipv4PrefixCount",
    only_one: "Only one of PrivateIpAddresses, SecondaryPrivateIpAddressCount, Ipv4Prefixes and Ipv4PrefixCount may be specified.",
};

pub(super) const IPV6: Spelling = Spelling {
    family: "IPv6",
    addresses: "Ipv6Addresses",
    address_count: "Ipv6AddressCount",
    prefixes: "Ipv6Prefix",
    prefix_count: "Ipv6PrefixCount",
    only_one: "Only one of Ipv6Addresses, Ipv6AddressCount, Ipv6Prefixes and Ipv6PrefixCount may be specified.",
};

/// What an Assign call asks for: something, in one way.
pub(super) fn assigned<A, P>(params: &Params, spelling: &Spelling) -> Result<Want<A, P>, ApiError>
where
    A: FromStr + Ord,
    P: FromStr + Ord,
{
    let (addresses, prefixes) = named(params, spelling)?;
    let counts = [spelling.address_count, spelling.prefix_count].map(|name| (name, params.integer(name)));
    if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
        return Err(ApiError::invalid_value(format!("Value (0) for parameter {name} is invalid.")));
    }
    let [address_count, prefix_count] = counts.map(|(_, count)| count.unwrap_or(0));
    let want = Want { addresses, address_count, prefixes, prefix_count };
    match want.ways() {
        0 => Err(ApiError::missing(spelling.address_count)),
        1 => Ok(want),
        _ => Err(ApiError::combination(spelling.only_one)),
    }
}

/// What an Unassign call names: something.
pub(super) fn unassigned<A, P>(params: &Params, spelling: &Spelling) -> Result<(Vec<A>, Vec<P>), ApiError>
where
    A: FromStr + Ord,
    P: FromStr + Ord,
{
    let (addresses, prefixes) = named(params, spelling)?;
    if addresses.is_empty() && prefixes.is_empty() {
        return Err(ApiError::missing(spelling.addresses));
    }
    Ok((addresses, prefixes))
}

/// What a new ENI is to have beside its own address: maybe nothing. `addresses` is how this call spells the named ones.
pub(super) fn created<A, P>(
    params: &Params,
    spelling: &Spelling,
    addresses: Vec<A>,
) -> Result<Want<A, P>, ApiError>
where
    P: FromStr + Ord,
{
    let mut prefixes = Vec::new();
    for record in params.records(spelling.prefixes) {
        prefixes.push(prefix(record.required(spelling.prefixes)?, spelling)?);
    }
    let want = Want {
        addresses,
        address_count: params.integer(spelling.address_count).unwrap_or(0),
        prefixes,
        prefix_count: params.integer(spelling.prefix_count).unwrap_or(0),
    };
    if want.ways() > 1 {
        return Err(ApiError::combination(spelling.only_one));
    }
    Ok(want)
}

/// Addresses and prefixes by name; one named twice is refused.
fn named<A, P>(params: &Params, spelling: &Spelling) -> Result<(Vec<A>, Vec<P>), ApiError>
where
    A: FromStr + Ord,
    P: FromStr + Ord,
{
    let addresses = params.list(spelling.addresses);
    let addresses =
        addresses.into_iter().map(|value| address(value, spelling)).collect::<Result<Vec<A>, _>>()?;
    let prefixes = params.list(spelling.prefixes);
    let prefixes =
        prefixes.into_iter().map(|value| prefix(value, spelling)).collect::<Result<Vec<P>, _>>()?;
    let distinct =
        addresses.iter().collect::<BTreeSet<_>>().len() + prefixes.iter().collect::<BTreeSet<_>>().len();
    if distinct != addresses.len() + prefixes.len() {
        return Err(ApiError::invalid_value("An address or prefix is specified more than once."));
    }
    Ok((addresses, prefixes))
}

pub(super) fn address<A: FromStr>(value: &str, spelling: &Spelling) -> Result<A, ApiError> {
    parsed(value, &format!("{} address", spelling.family))
}

fn prefix<P: FromStr>(value: &str, spelling: &Spelling) -> Result<P, ApiError> {
    parsed(value, &format!("{} prefix", spelling.family))
}
