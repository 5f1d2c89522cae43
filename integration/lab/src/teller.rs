//! Who answered, and which source did it see? A server that tells its own name and the address a datagram came from, and a
//! client that asks from a fresh socket each time, so that every question is a connection of its own to NAT.

use anyhow::{Context, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::netns::Netns;

/// Where tellers listen: nobody's port (RFC 6335 leaves it unassigned), apart from the echo's.
pub const TELLER_PORT: u16 = 8007;

/// How long answers may take, all together. Inside one machine an answer takes less than a millisecond; a machine busy with a
/// build takes longer.
const ANSWER_SECONDS_MAX: u64 = 2;

/// A teller in a namespace; it ends when this is dropped.
#[derive(Debug)]
pub struct Teller {
    task: JoinHandle<()>,
}

impl Teller {
    /// Answers every datagram that comes to this address in the name of `name`.
    ///
    /// # Errors
    /// When the address is not in the namespace.
    pub fn start(netns: &Netns, address: Ipv4Addr, name: &str) -> Result<Self> {
        let socket = netns.udp(address, TELLER_PORT).with_context(|| format!("cannot tell at {address}"))?;
        Ok(Self { task: tokio::spawn(tell(socket, name.to_owned())) })
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tell(socket: UdpSocket, name: String) {
    let mut buffer = [0; 8];
    loop {
        // An error is an ICMP message for an earlier answer: the asker is gone, the next one may not be.
        if let Ok((_, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(format!("{name} {}", from.ip()).as_bytes(), from).await;
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// Who answered.
    pub by: String,
    /// The source that it saw.
    pub source: Ipv4Addr,
}

/// Asks `count` times, each from a socket of its own, and once more from there when an answer came: what NAT and marks do with a
/// connection's first packet they may not do with the next. Returns the later answers; a question without one is left out. An
/// answer counts only if it comes from the address that was asked.
///
/// # Errors
/// When the address to ask from is not in the namespace.
pub async fn ask(netns: &Netns, from: Ipv4Addr, to: (Ipv4Addr, u16), count: u32) -> Result<Vec<Told>> {
    let to = SocketAddr::from(to);
    let mut sockets = Vec::new();
    for _ in 0..count {
        let socket = netns.udp(from, 0).with_context(|| format!("cannot ask from {from}"))?;
        // What the kernel refuses to send is a question without an answer.
        if socket.connect(to).await.is_ok() && socket.send(b"who").await.is_ok() {
            sockets.push(socket);
        }
    }
    let deadline = Instant::now() + Duration::from_secs(ANSWER_SECONDS_MAX);
    let mut told = Vec::new();
    for socket in sockets {
        if hear(&socket, deadline).await.is_some() && socket.send(b"who").await.is_ok() {
            told.extend(hear(&socket, deadline).await);
        }
    }
    Ok(told)
}

/// An error is a refusal by ICMP: an answer of a kind, but not a teller's.
async fn hear(socket: &UdpSocket, deadline: Instant) -> Option<Told> {
    let mut buffer = [0; 128];
    let length = timeout_at(deadline, socket.recv(&mut buffer)).await.ok()?.ok()?;
    read(buffer.get(..length)?)
}

fn read(answer: &[u8]) -> Option<Told> {
    let (by, source) = std::str::from_utf8(answer).ok()?.split_once(' ')?;
    match source.parse().ok()? {
        IpAddr::V4(source) => Some(Told { by: by.to_owned(), source }),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_name_and_an_address_and_anything_else_is_none() {
        let told = Told { by: "web".into(), source: Ipv4Addr::new(10, 0, 0, 7) };
        assert_eq!(read(b"web 10.0.0.7"), Some(told));
        for other in [&b"web"[..], b"web x", b"web ::1", b"\xff 10.0.0.7"] {
            assert_eq!(read(other), None);
        }
    }
}
