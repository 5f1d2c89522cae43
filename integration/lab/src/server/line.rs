//! One connection as the one who answers sees it: who is at the other end, and how it is to end when it does not end well.

use rustix::net::sockopt::set_socket_linger;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// A connection. Its socket belongs to whoever speaks HTTP on it.
#[derive(Debug)]
pub(super) struct Line {
    /// The other end.
    pub(super) peer: SocketAddr,
    /// The same socket once more, to set what hyper knows nothing of.
    socket: OwnedFd,
    orders: mpsc::Sender<Duration>,
}

/// Tells a line to close, so much after it was dropped.
#[derive(Debug)]
pub(super) struct CloseAfter {
    orders: mpsc::Sender<Duration>,
    delay: Duration,
}

/// Ends when the line is to be closed; else never.
#[derive(Debug)]
pub(super) struct Closing(mpsc::Receiver<Duration>);

impl Line {
    /// The line of a socket, and what tells of its end.
    pub(super) fn of(socket: &TcpStream, peer: SocketAddr) -> io::Result<(Self, Closing)> {
        let (orders, inbox) = mpsc::channel(1);
        Ok((Self { peer, socket: socket.as_fd().try_clone_to_owned()?, orders }, Closing(inbox)))
    }

    /// Its end will be a reset, whatever ends it.
    pub(super) fn end_in_reset(&self) -> io::Result<()> {
        Ok(set_socket_linger(&self.socket, Some(Duration::ZERO))?)
    }

    /// An order to close, given when it is dropped.
    pub(super) fn close_after(&self, delay: Duration) -> CloseAfter {
        CloseAfter { orders: self.orders.clone(), delay }
    }
}

impl Drop for CloseAfter {
    fn drop(&mut self) {
        // A line that is closed already needs no order; one order is enough.
        let _ = self.orders.try_send(self.delay);
    }
}

impl Closing {
    /// Waits for an order and for its time.
    pub(super) async fn come(mut self) {
        match self.0.recv().await {
            Some(delay) => sleep(delay).await,
            None => std::future::pending().await,
        }
    }
}
