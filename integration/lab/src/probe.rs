//! Is an address reachable? Datagrams with sequence numbers to an echo, and a count of the answers. Our own code, so that a
//! missing tool never looks like a lost packet.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::netns::Netns;

/// Where echoes listen: the port the echo service has had since 1983.
pub const ECHO_PORT: u16 = 7;

/// Between two datagrams: long enough not to be a burst, short enough that 20 take a tenth of a second.
const GAP_MILLISECONDS: u64 = 5;

/// How long the last answers may take. Inside one machine an answer takes less than a millisecond; a machine busy with a
/// build takes longer.
pub(crate) const ANSWER_SECONDS_MAX: u64 = 2;

/// An echo in a namespace; it ends when this is dropped.
#[derive(Debug)]
pub struct Echo {
    task: JoinHandle<()>,
}

impl Echo {
    /// Answers every datagram that comes to this address.
    ///
    /// # Errors
    /// When the address is not in the namespace.
    pub fn start(netns: &Netns, address: Ipv4Addr) -> Result<Self> {
        let socket = netns.udp(address, ECHO_PORT).with_context(|| format!("cannot answer at {address}"))?;
        Ok(Self { task: tokio::spawn(answer(socket)) })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(socket: UdpSocket) {
    let mut buffer = [0; 64];
    // An error is an ICMP message for an earlier answer: the asker is gone, the next one may not be.
    loop {
        if let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(buffer.get(..length).unwrap_or_default(), from).await;
        }
    }
}

/// How many datagrams went out, and how many different ones were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Probed {
    /// Sent.
    pub sent: u32,
    /// Answered in time.
    pub answered: u32,
}

impl Probed {
    /// All of them, and there were some.
    #[must_use]
    pub fn all(self) -> bool {
        self.sent > 0 && self.answered == self.sent
    }

    /// None of them, and there were some.
    #[must_use]
    pub fn none(self) -> bool {
        self.sent > 0 && self.answered == 0
    }
}

impl std::fmt::Display for Probed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.answered, self.sent)
    }
}

/// Sends `count` datagrams from `from` in this namespace to the echo at `to`, and counts the answers.
///
/// # Errors
/// When the address to send from is not in the namespace. A datagram that the kernel refuses to send counts as sent and not
/// answered: an unreachable peer is a finding.
pub async fn probe(netns: &Netns, from: Ipv4Addr, to: Ipv4Addr, count: u32) -> Result<Probed> {
    let socket = netns.udp(from, 0).with_context(|| format!("cannot ask from {from}"))?;
    let to = SocketAddr::from((to, ECHO_PORT));
    let mut answered = BTreeSet::new();
    for sequence in 0..count {
        let _ = socket.send_to(&sequence.to_be_bytes(), to).await;
        let next = Instant::now() + Duration::from_millis(GAP_MILLISECONDS);
        collect(&socket, to, count, next, &mut answered).await;
    }
    let last = Instant::now() + Duration::from_secs(ANSWER_SECONDS_MAX);
    collect(&socket, to, count, last, &mut answered).await;
    Ok(Probed { sent: count, answered: u32::try_from(answered.len()).unwrap_or(u32::MAX) })
}

/// Takes answers until the deadline, or until there are as many as there can be.
async fn collect(
    socket: &UdpSocket,
    to: SocketAddr,
    count: u32,
    deadline: Instant,
    answered: &mut BTreeSet<u32>,
) {
    let mut buffer = [0; 64];
    while answered.len() < count as usize {
        let Ok(received) = timeout_at(deadline, socket.recv_from(&mut buffer)).await else {
            return;
        };
        // A refusal (ICMP) ends nothing: later datagrams may be answered.
        let Ok((length, from)) = received else { continue };
        let sequence = sequence_of(buffer.get(..length).unwrap_or_default());
        if let Some(sequence) = sequence.filter(|sequence| *sequence < count && from == to) {
            answered.insert(sequence);
        }
    }
}

/// The number that an answer carries.
pub(crate) fn sequence_of(answer: &[u8]) -> Option<u32> {
    <[u8; 4]>::try_from(answer).ok().map(u32::from_be_bytes)
}
