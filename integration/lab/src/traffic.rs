//! Datagrams at a steady interval to an echo, for as long as somebody wants: how many were sent, how many answered.

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::netns::Netns;
use crate::probe::{ANSWER_SECONDS_MAX, ECHO_PORT, Probed, sequence_of};

/// The first answer comes at once; a machine busy with a build takes longer.
const FLOWS_SECONDS_MAX: u64 = 5;

/// Counts the datagrams of all traffic of a run while it goes on. Those that were sent just now are on their way.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    sent: AtomicU32,
    answered: AtomicU32,
}

/// Directions that run together.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    streams: Vec<Stream>,
}

/// One direction. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    label: String,
    /// Told `true` to send no more.
    stop: watch::Sender<bool>,
    /// Answers so far.
    answered: watch::Receiver<u32>,
    task: JoinHandle<Probed>,
}

impl Meter {
    /// So far.
    pub(crate) fn read(&self) -> Probed {
        // Answers first: no more of them than datagrams.
        let answered = self.answered.load(Ordering::Relaxed);
        Probed { sent: self.sent.load(Ordering::Relaxed), answered }
    }
}

impl Traffic {
    /// One more direction.
    pub(crate) fn add(&mut self, stream: Stream) {
        self.streams.push(stream);
    }

    /// How many directions there are.
    #[must_use]
    pub(crate) fn directions(&self) -> usize {
        self.streams.len()
    }

    /// Waits until every direction has had an answer: what is lost from then on was reachable before.
    ///
    /// # Errors
    /// Those that have none.
    pub(crate) async fn flows(&mut self) -> Result<()> {
        let limit = Duration::from_secs(FLOWS_SECONDS_MAX);
        for stream in &mut self.streams {
            let flows = stream.answered.wait_for(|answers| *answers > 0);
            if !matches!(timeout(limit, flows).await, Ok(Ok(_))) {
                bail!("{}: no answer within {FLOWS_SECONDS_MAX} s of the first datagram", stream.label);
            }
        }
        Ok(())
    }

    /// Sends no more, waits for the last answers, and counts.
    ///
    /// # Errors
    /// When a direction's task is gone.
    pub(crate) async fn stop(self) -> Result<Vec<(String, Probed)>> {
        for stream in &self.streams {
            let _ = stream.stop.send(true);
        }
        let ends = self.streams.into_iter().map(|mut stream| async move {
            let probed = (&mut stream.task).await.context("a direction of the traffic is gone")?;
            anyhow::Ok((stream.label.clone(), probed))
        });
        try_join_all(ends).await
    }
}

impl Stream {
    /// Sends from this namespace and address to the echo at `to`.
    ///
    /// # Errors
    /// When the address to send from is not in the namespace.
    pub(crate) fn start(
        label: String,
        netns: &Netns,
        (from, to): (Ipv4Addr, Ipv4Addr),
        every: Duration,
        meter: Arc<Meter>,
    ) -> Result<Self> {
        let socket = netns.udp(from, 0).with_context(|| format!("cannot send from {from}"))?;
        let (stop, stopped) = watch::channel(false);
        let (answers, answered) = watch::channel(0);
        let to = SocketAddr::from((to, ECHO_PORT));
        let task = tokio::spawn(flow(socket, to, every, stopped, (answers, meter)));
        Ok(Self { label, stop, answered, task })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn flow(
    socket: UdpSocket,
    to: SocketAddr,
    every: Duration,
    mut stopped: watch::Receiver<bool>,
    (answers, meter): (watch::Sender<u32>, Arc<Meter>),
) -> Probed {
    let mut ticks = interval(every);
    // A lab that was held up does not make up for it with a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut probed = Probed::default();
    let mut answered = BTreeSet::new();
    let mut buffer = [0; 64];
    let mut last: Option<Instant> = None;
    while last.is_none_or(|last| Instant::now() < last && probed.answered < probed.sent) {
        let end = last.unwrap_or_else(Instant::now);
        tokio::select! {
            _ = ticks.tick(), if last.is_none() => {
                let _ = socket.send_to(&probed.sent.to_be_bytes(), to).await;
                probed.sent += 1;
                meter.sent.fetch_add(1, Ordering::Relaxed);
            }
            // An error is a refusal (ICMP): that datagram is lost, later ones may not be.
            Ok((length, from)) = socket.recv_from(&mut buffer) => {
                let sequence = sequence_of(buffer.get(..length).unwrap_or_default());
                if from == to && sequence.is_some_and(|it| it < probed.sent && answered.insert(it)) {
                    probed.answered += 1;
                    answers.send_replace(probed.answered);
                    meter.answered.fetch_add(1, Ordering::Relaxed);
                }
            }
            _ = stopped.changed(), if last.is_none() => {
                last = Some(Instant::now() + Duration::from_secs(ANSWER_SECONDS_MAX));
            }
            () = tokio::time::sleep_until(end), if last.is_some() => {}
        }
    }
    probed
}
