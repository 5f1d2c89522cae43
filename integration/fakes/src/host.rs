//! The host port over the small Linux: one connection of one room, which can be lost for good.

use contract::ports::host::{
    Host, HostChange, HostError, HostEvent, HostSnapshot, Link, NftTable, RouteAnswer, RouteQuestion,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use host::Errno;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

use crate::ears::Ears;
use crate::shared::{Shared, SharedWorld};
use crate::weather::{Fate, Journey, Part};

/// As the driver is made with.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A change is told of after so long at the latest.
const LISTENS_EVERY: Duration = Duration::from_millis(200);

/// The host port.
#[derive(Clone)]
pub struct FakeHost {
    world: SharedWorld,
    lost: Arc<AtomicBool>,
    ears: Shared<Option<Ears>>,
}

impl FakeHost {
    /// A new connection to the kernel of this world's node.
    #[must_use]
    pub fn connect(world: SharedWorld) -> Self {
        Self { world, lost: Arc::default(), ears: Shared::new(None) }
    }

    /// The way to the kernel: what became of the call before it got there.
    async fn there(&self, what: &str) -> Result<Journey, HostError> {
        self.by(Part::Host, what).await
    }

    async fn by(&self, part: Part, what: &str) -> Result<Journey, HostError> {
        let journey = self.world.journey(part);
        if journey.fate == Fate::Hangs {
            // What a socket does not survive.
            self.lost.store(true, Ordering::Relaxed);
        }
        if self.lost.load(Ordering::Relaxed) {
            return Err(HostError::ConnectionLost { detail: "the socket is closed".to_owned() });
        }
        sleep(journey.there).await;
        if journey.fate == Fate::LostBefore {
            return Err(self.silence(what).await);
        }
        Ok(journey)
    }

    async fn back(&self, journey: Journey, what: &str) -> Result<(), HostError> {
        sleep(journey.back).await;
        if journey.fate == Fate::LostAfter {
            return Err(self.silence(what).await);
        }
        Ok(())
    }

    async fn silence(&self, what: &str) -> HostError {
        sleep(TIMEOUT).await;
        let milliseconds = u64::try_from(TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        HostError::Timeout { what: what.to_owned(), milliseconds }
    }

    async fn read(&self) -> Result<HostSnapshot, HostError> {
        let journey = self.there("read the kernel").await?;
        let mut read = self.world.with(|world| world.linux.snapshot(world.host)).unwrap_or_default();
        if journey.fate == Fate::Refused {
            // It changed faster than it could be read: some of it is there.
            read.complete = false;
            read.links.truncate(read.links.len() / 2);
        }
        self.back(journey, "read the kernel").await?;
        Ok(read)
    }

    async fn change(&self, change: HostChange) -> Result<(), HostError> {
        let what = format!("{change:?}");
        let journey = self.there(&what).await?;
        if journey.fate == Fate::Refused {
            return Err(refused(what, Errno::BUSY));
        }
        let done = self.world.with(|world| world.linux.apply(world.host, &change));
        self.back(journey, &what).await?;
        done.map_err(|errno| refused(what, errno))
    }
}

fn refused(what: String, Errno(errno): Errno) -> HostError {
    let error = std::io::Error::from_raw_os_error(errno).to_string();
    HostError::Refused { what, error, errno }
}

impl Host for FakeHost {
    fn snapshot(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        let host = self.clone();
        async move { host.read().await }.boxed()
    }

    fn overview(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        let host = self.clone();
        async move {
            let mut read = host.read().await?;
            read.links.iter_mut().for_each(|link| link.behind = None);
            Ok(read)
        }
        .boxed()
    }

    fn link(&self, ifindex: u32) -> BoxFuture<'static, Result<Option<Link>, HostError>> {
        let host = self.clone();
        async move {
            let journey = host.there("read a link").await?;
            let read = host.world.with(|world| world.linux.snapshot(world.host)).unwrap_or_default();
            let link = read.links.into_iter().find(|link| link.ifindex == ifindex);
            host.back(journey, "read a link").await?;
            if journey.fate == Fate::Refused {
                return Err(refused("read a link".to_owned(), Errno::BUSY));
            }
            Ok(link.map(|link| Link { addresses: Vec::new(), behind: None, ..link }))
        }
        .boxed()
    }

    fn news(
        &self,
        table: &'static str,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Vec<HostEvent>, HostError>> {
        let host = self.clone();
        async move {
            let until = host.world.now() + patience;
            loop {
                let journey = host.by(Part::News, "listen to the kernel").await?;
                let told = host.world.with(|world| {
                    host.ears.with(|ears| match ears {
                        Some(ears) => ears.hear(world, table),
                        None => {
                            *ears = Some(Ears::new(world, table));
                            vec![HostEvent::Lost]
                        }
                    })
                });
                if journey.fate == Fate::LostAfter {
                    // As when the socket's buffer was full.
                    return Ok(vec![HostEvent::Lost]);
                }
                if !told.is_empty() || host.world.now() >= until {
                    return Ok(told);
                }
                sleep(LISTENS_EVERY).await;
            }
        }
        .boxed()
    }

    fn apply(&self, changes: Vec<HostChange>) -> BoxFuture<'static, (usize, Option<HostError>)> {
        let (host, count) = (self.clone(), changes.len());
        async move {
            for (done, change) in changes.into_iter().enumerate() {
                if let Err(error) = host.change(change).await {
                    return (done, Some(error));
                }
            }
            (count, None)
        }
        .boxed()
    }

    fn route(&self, question: RouteQuestion) -> BoxFuture<'static, Result<Option<RouteAnswer>, HostError>> {
        let host = self.clone();
        async move {
            let journey = host.there("ask for a route").await?;
            let answer = host.world.with(|world| world.linux.route(world.host, question));
            host.back(journey, "ask for a route").await?;
            answer.map_err(|errno| refused("ask for a route".to_owned(), errno))
        }
        .boxed()
    }

    fn replace_nft_table(&self, table: NftTable) -> BoxFuture<'static, Result<(), HostError>> {
        let host = self.clone();
        async move {
            let journey = host.there("replace a table").await?;
            if journey.fate == Fate::Refused {
                return Err(HostError::Nft { detail: "Device or resource busy".to_owned() });
            }
            let replaced = host.world.with(|world| world.linux.replace_nft_table(world.host, &table));
            host.back(journey, "replace a table").await?;
            replaced.map_err(|why| HostError::Nft { detail: why.to_string() })
        }
        .boxed()
    }

    fn read_nft_table(
        &self,
        family: &'static str,
        name: &'static str,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, HostError>> {
        let host = self.clone();
        async move {
            let journey = host.there("read a table").await?;
            if journey.fate == Fate::Refused {
                return Err(HostError::Nft { detail: "Device or resource busy".to_owned() });
            }
            let read = host.world.with(|world| world.linux.nft_table(world.host, family, name));
            host.back(journey, "read a table").await?;
            Ok(read)
        }
        .boxed()
    }
}
