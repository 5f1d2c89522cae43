//! VPCs, subnets and security groups by plain calls: what EC2 allows of their blocks is decided here, whoever asks.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::error::RegionError;
use crate::ids::{SecurityGroupId, SubnetId, VpcId};
use crate::ipv6_space;
use crate::region::Region;
use crate::security_group::SecurityGroup;
use crate::subnet::Subnet;
use crate::tags::Tags;
use crate::vpc::{self, Vpc};

impl Region {
    /// Makes a VPC, with a default security group.
    ///
    /// # Errors
    /// No block, one of a size EC2 does not allow, or two that overlap.
    pub fn add_vpc(&mut self, cidrs: &[Ipv4Net]) -> Result<VpcId, RegionError> {
        if cidrs.is_empty() {
            return Err(RegionError::NoCidr);
        }
        for (index, cidr) in cidrs.iter().enumerate() {
            if !vpc::allowed_block(*cidr) {
                return Err(RegionError::BlockSize { cidr: (*cidr).into() });
            }
            free_of(cidrs.iter().take(index).copied(), *cidr)?;
        }
        let id = VpcId::mint(&mut self.mint);
        let default_group = self.put_group(&id, "default", "default VPC security group");
        let vpc = Vpc {
            id: id.clone(),
            cidrs: cidrs.to_vec(),
            ipv6_cidrs: Vec::new(),
            default_group,
            tags: Tags::new(),
        };
        self.vpcs.insert(id.clone(), vpc);
        Ok(id)
    }

    /// Gives a VPC an IPv6 block.
    ///
    /// # Errors
    /// No such VPC, a size EC2 does not allow, or a block that overlaps another one of any VPC.
    pub fn add_vpc_ipv6(&mut self, id: &VpcId, cidr: Ipv6Net) -> Result<(), RegionError> {
        if !ipv6_space::allowed_vpc_block(cidr) {
            return Err(RegionError::BlockSize { cidr: cidr.into() });
        }
        free_of(self.vpcs.values().flat_map(|vpc| vpc.ipv6_cidrs.clone()), cidr)?;
        self.vpcs.get_mut(id).ok_or_else(|| id.not_found())?.ipv6_cidrs.push(cidr);
        Ok(())
    }

    /// Makes a subnet in the zone with this letter.
    ///
    /// # Errors
    /// No such VPC, a block outside it, one that overlaps another subnet's, or one of a size EC2 does not allow.
    pub fn add_subnet(
        &mut self,
        vpc: &VpcId,
        cidr: Ipv4Net,
        zone_letter: &str,
    ) -> Result<SubnetId, RegionError> {
        let cidrs = &self.vpcs.get(vpc).ok_or_else(|| vpc.not_found())?.cidrs;
        if !vpc::allowed_block(cidr) {
            return Err(RegionError::BlockSize { cidr: cidr.into() });
        }
        if !cidrs.iter().any(|block| block.contains(&cidr)) {
            return Err(RegionError::OutsideVpc { cidr: cidr.into(), vpc: vpc.to_string() });
        }
        free_of(self.siblings(vpc).map(|subnet| subnet.cidr), cidr)?;
        let id = SubnetId::mint(&mut self.mint);
        let zone = format!("{}{zone_letter}", self.spec.name);
        self.subnets.insert(id.clone(), Subnet::new(id.clone(), vpc.clone(), cidr, zone));
        Ok(id)
    }

    /// Gives a subnet its IPv6 block.
    ///
    /// # Errors
    /// No such subnet, a size EC2 does not allow, a block outside its VPC's, one that overlaps another subnet's; or it has a
    /// block already.
    pub fn set_subnet_ipv6(&mut self, id: &SubnetId, cidr: Ipv6Net) -> Result<(), RegionError> {
        let vpc = self.subnets.get(id).ok_or_else(|| id.not_found())?.vpc.clone();
        self.check_subnet_ipv6(&vpc, cidr)?;
        let subnet = self.subnets.get_mut(id).ok_or_else(|| id.not_found())?;
        if let Some(other) = subnet.ipv6_cidr() {
            return Err(RegionError::Overlap { cidr: cidr.into(), other: other.into() });
        }
        subnet.set_ipv6(cidr);
        Ok(())
    }

    /// Whether a subnet of this VPC could have this block.
    pub(crate) fn check_subnet_ipv6(&self, vpc: &VpcId, cidr: Ipv6Net) -> Result<(), RegionError> {
        if !ipv6_space::allowed_subnet_block(cidr) {
            return Err(RegionError::BlockSize { cidr: cidr.into() });
        }
        let blocks = &self.vpcs.get(vpc).ok_or_else(|| vpc.not_found())?.ipv6_cidrs;
        if !blocks.iter().any(|block| block.contains(&cidr)) {
            return Err(RegionError::OutsideVpc { cidr: cidr.into(), vpc: vpc.to_string() });
        }
        free_of(self.siblings(vpc).filter_map(Subnet::ipv6_cidr), cidr)
    }

    /// Makes a security group.
    ///
    /// # Errors
    /// No such VPC.
    pub fn add_security_group(&mut self, vpc: &VpcId, name: &str) -> Result<SecurityGroupId, RegionError> {
        if !self.vpcs.contains_key(vpc) {
            return Err(vpc.not_found().into());
        }
        Ok(self.put_group(vpc, name, name))
    }

    pub(crate) fn put_group(&mut self, vpc: &VpcId, name: &str, description: &str) -> SecurityGroupId {
        let id = SecurityGroupId::mint(&mut self.mint);
        let group = SecurityGroup {
            id: id.clone(),
            name: name.to_owned(),
            description: description.to_owned(),
            vpc: vpc.clone(),
            tags: Tags::new(),
        };
        self.groups.insert(id.clone(), group);
        id
    }

    fn siblings(&self, vpc: &VpcId) -> impl Iterator<Item = &Subnet> {
        self.subnets.values().filter(move |subnet| subnet.vpc == *vpc)
    }
}

/// Whether a block shares no address with those that are there.
fn free_of<N: Into<IpNet>>(there: impl Iterator<Item = N>, cidr: N) -> Result<(), RegionError> {
    let cidr = cidr.into();
    match there.map(Into::into).find(|other| vpc::overlap(other, &cidr)) {
        Some(other) => Err(RegionError::Overlap { cidr, other }),
        None => Ok(()),
    }
}
