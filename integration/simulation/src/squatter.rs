//! Somebody else in the subnet, who takes its addresses and gives them back.

use std::time::Duration;

use fakes::World;
use region::{EniId, QueryRequest};

/// Addresses of one ENI nobody has attached: as many as EC2 gives at all.
const PER_ENI: u32 = 40;

/// What somebody else holds.
#[derive(Debug, Default)]
pub(crate) struct Squatter {
    enis: Vec<EniId>,
}

impl Squatter {
    pub(crate) fn sits(&self) -> bool {
        !self.enis.is_empty()
    }

    /// Takes all but `left` free addresses.
    pub(crate) fn take(&mut self, world: &mut World, left: u32, now: Duration) {
        let free = |world: &World| world.region.subnet(&world.subnet).map_or(0, region::Subnet::free);
        while let Some(count) = free(world).checked_sub(left).filter(|count| *count > 0) {
            let more = count.saturating_sub(1).min(PER_ENI);
            let mut request =
                QueryRequest::new("CreateNetworkInterface").with("SubnetId", world.subnet.as_str());
            if more > 0 {
                request = request.with("SecondaryPrivateIpAddressCount", more);
            }
            let known: Vec<EniId> = world.region.enis().map(|eni| eni.id.clone()).collect();
            world.region.handle(request, now);
            let new = world.region.enis().map(|eni| eni.id.clone()).find(|id| !known.contains(id));
            match new {
                Some(eni) => self.enis.push(eni),
                None => return world.troubles.push("the subnet cannot be taken".to_owned()),
            }
        }
    }

    /// Gives everything back.
    pub(crate) fn free(&mut self, world: &mut World, now: Duration) {
        for eni in self.enis.drain(..) {
            let request =
                QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", eni.as_str());
            world.region.handle(request, now);
        }
    }
}
