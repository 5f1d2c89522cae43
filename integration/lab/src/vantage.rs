//! A place to look at a world from while it is used: the region's own books, each daemon's pages and file, the kernel of each
//! node. It only reads. A daemon that does not answer at once is shown as one that does not answer.

mod sight;

pub use sight::{DaemonSight, EniSight, NodeSight, Sight, Slot};

use anyhow::Result;
use region::InstanceId;
use rustix::time::{ClockId, clock_gettime};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::timeout;

use crate::kernel;
use crate::netns::Netns;
use crate::node::health_of;
use crate::region_task::RegionHandle;
use crate::traffic::Meter;

/// A page is made from memory; a daemon that takes longer is on its way in or out.
const PAGES_MILLISECONDS_MAX: u64 = 250;

/// Where to look from.
#[derive(Debug)]
pub struct Vantage {
    pub(crate) region: RegionHandle,
    pub(crate) nodes: Vec<Post>,
    pub(crate) meter: Arc<Meter>,
}

/// Where to look at a node from.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) name: String,
    pub(crate) instance: InstanceId,
    pub(crate) address: Ipv4Addr,
    pub(crate) netns: Netns,
    /// The daemon's own file, where it writes what is on its way and what rests.
    pub(crate) own_file: PathBuf,
    /// Daemons that were started on it.
    pub(crate) lives: Arc<AtomicU32>,
}

impl Vantage {
    /// Looks.
    ///
    /// # Errors
    /// When the region is gone, or a node's kernel cannot be asked.
    pub async fn look(&self) -> Result<Sight> {
        let mut nodes = Vec::new();
        for post in &self.nodes {
            nodes.push(post.look(&self.region).await?);
        }
        let calls = self.region.ask(|desk| desk.region.journal().by_action()).await?;
        Ok(Sight { nodes, calls, traffic: self.meter.read() })
    }
}

impl Post {
    async fn look(&self, region: &RegionHandle) -> Result<NodeSight> {
        let instance = self.instance.clone();
        let enis = region.ask(move |desk| sight::enis(&desk.region, &instance)).await?;
        // A daemon that has not written yet has nothing on its way.
        let own_file = std::fs::read_to_string(&self.own_file).unwrap_or_default();
        let uses = sight::Uses::read(kernel::pod_routes(&self.netns)?, &own_file, boottime_nanoseconds());
        let enis = enis.into_iter();
        let enis =
            enis.map(|(eni, blocks)| EniSight { slots: sight::slots(&blocks, &uses), ..eni }).collect();
        Ok(NodeSight {
            name: self.name.clone(),
            address: self.address,
            lives: self.lives.load(Ordering::Relaxed),
            daemon: self.daemon().await,
            enis,
        })
    }

    /// What the daemon says, if it answers.
    async fn daemon(&self) -> Option<DaemonSight> {
        let pages = async {
            let (_, metrics) = health_of(&self.netns, "/metrics").await?;
            anyhow::Ok((metrics, health_of(&self.netns, "/readyz").await?))
        };
        let limit = Duration::from_millis(PAGES_MILLISECONDS_MAX);
        let (metrics, (status, ready)) = timeout(limit, pages).await.ok()?.ok()?;
        Some(DaemonSight::read(&metrics, (status, &ready)))
    }
}

/// Time since this boot, as checkpoints count it.
fn boottime_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or_default())
}
