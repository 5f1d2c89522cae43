//! One rtnetlink socket: a request out, its answer in, one at a time. It lives in the namespace of the thread that opened it.

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::message::{Request, i32_at, messages};

/// The kernel has its answer ready when the request is sent; a lost one must not hold a pod up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The kernel fills at most 32 KiB of a dump into one datagram.
const DATAGRAM_BYTES_MAX: usize = 32 * 1024;
/// Datagrams of one answer: far more than the addresses of a pod.
const DATAGRAMS_MAX: usize = 64;

/// `NLMSG_ERROR`: the end of an answer; code 0 is a success.
const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
const DONE: u16 = 3;

/// An open socket.
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

// === impl Socket ===

impl Socket {
    pub(super) fn open() -> io::Result<Self> {
        let descriptor = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&descriptor, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        // Connected to the kernel, which is port 0, it hears nobody else.
        connect(&descriptor, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self { descriptor, sequence: 0, buffer: vec![0; DATAGRAM_BYTES_MAX] })
    }

    /// Sends a request, which must ask for an acknowledgement or be a dump, and gathers the answer: type and body of each
    /// message before its end.
    pub(super) fn exchange(&mut self, request: Request) -> io::Result<Vec<(u16, Vec<u8>)>> {
        self.sequence = self.sequence.wrapping_add(1);
        send(&self.descriptor, &request.into_bytes(self.sequence), SendFlags::empty())?;
        let mut answer = Vec::new();
        for _ in 0..DATAGRAMS_MAX {
            let length = self.receive()?;
            for message in messages(self.buffer.get(..length).unwrap_or_default()) {
                match message.kind {
                    _ if message.sequence != self.sequence => {}
                    ERROR | DONE => match i32_at(message.body, 0).unwrap_or(0) {
                        0 => return Ok(answer),
                        code => return Err(io::Error::from_raw_os_error(code.saturating_abs())),
                    },
                    kind => answer.push((kind, message.body.to_vec())),
                }
            }
        }
        Err(io::Error::other("a netlink answer without an end"))
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            match recv(&self.descriptor, self.buffer.as_mut_slice(), RecvFlags::empty()) {
                Ok((length, _)) => return Ok(length),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let what = "the kernel did not answer a netlink request";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, what));
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
