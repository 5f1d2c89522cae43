//! One netlink socket: change, ask and dump, each answered by a deadline. It never takes silence for success: an answer
//! ends with the kernel's acknowledgement, and a stream that ends without one is a lost connection.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::host::HostError;
use futures::{Stream, StreamExt};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_proto::sys::{AsyncSocket, SocketAddr, protocols::NETLINK_ROUTE};
use netlink_proto::{Connection, ConnectionHandle};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::packet::Packet;
use crate::error::{lost, refused, refused_by, unreadable};

/// How often an interrupted dump is begun again: the kernel interrupts one when something changed under it, and four
/// changes in four dumps of a millisecond mean that waiting for quiet is hopeless.
const DUMP_ATTEMPTS_MAX: u32 = 4;

/// Messages taken from one dump: some hundred times what a full node shows, and still a bounded amount of memory.
const DUMP_MESSAGES_MAX: usize = 262_144;

/// By when a call must have its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    /// From now on.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, timeout }
    }

    /// Waits for the answer, at most until the deadline.
    pub(crate) async fn bound<T>(
        self,
        what: &str,
        answer: impl Future<Output = Result<T, HostError>>,
    ) -> Result<T, HostError> {
        match timeout_at(self.at, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(HostError::Timeout {
                what: what.to_owned(),
                milliseconds: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }
}

/// What a dump brought.
#[derive(Debug, Default)]
pub(crate) struct Dump {
    /// The messages that decoded.
    pub(crate) messages: Vec<RouteNetlinkMessage>,
    /// Something changed under the dump, in each attempt, or it was longer than we read.
    pub(crate) interrupted: bool,
    /// Messages that did not decode.
    pub(crate) unreadable: usize,
}

impl Dump {
    /// Nothing is missing.
    pub(crate) fn is_whole(&self) -> bool {
        !self.interrupted && self.unreadable == 0
    }
}

/// A handle to the socket; when the last one is dropped the socket closes.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    connection: ConnectionHandle<Packet>,
    /// The kernel answers a socket one dump at a time, and refuses another with EBUSY until that is read.
    dumping: Arc<Semaphore>,
}

impl Channel {
    /// Opens the socket in the network namespace of this thread, and spawns its task on the current tokio runtime.
    pub(crate) fn open() -> Result<Self, HostError> {
        let what = "open a netlink socket";
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|why| unreadable(what, why.to_string()))?;
        let io = |why: std::io::Error| match why.raw_os_error() {
            Some(errno) => refused(what, errno, None),
            None => unreadable(what, why.to_string()),
        };
        let (mut connection, handle, _unsolicited): (Connection<Packet>, _, _) =
            netlink_proto::new_connection(NETLINK_ROUTE).map_err(io)?;
        let socket = connection.socket_mut().socket_mut();
        socket.set_netlink_get_strict_chk(true).map_err(io)?;
        socket.set_ext_ack(true).map_err(io)?;
        socket.set_cap_ack(true).map_err(io)?;
        connection.set_forward_ack(true);
        connection.set_forward_done(true);
        runtime.spawn(connection);
        Ok(Self { connection: handle, dumping: Arc::new(Semaphore::new(1)) })
    }

    /// Makes a change; `flags` are those beside REQUEST and ACK.
    pub(crate) async fn change(
        &self,
        what: &str,
        message: RouteNetlinkMessage,
        flags: u16,
        deadline: Deadline,
    ) -> Result<(), HostError> {
        self.exchange(what, message, flags | NLM_F_ACK, deadline).await.map(drop)
    }

    /// Asks a question that has at most one answer.
    pub(crate) async fn ask(
        &self,
        what: &str,
        message: RouteNetlinkMessage,
        deadline: Deadline,
    ) -> Result<Option<RouteNetlinkMessage>, HostError> {
        let answer = self.exchange(what, message, NLM_F_ACK, deadline).await?;
        if answer.unreadable > 0 {
            return Err(unreadable(what, "the kernel's answer does not decode"));
        }
        Ok(answer.messages.into_iter().next())
    }

    /// Reads all of a kind, again if something changed meanwhile.
    pub(crate) async fn dump(
        &self,
        what: &str,
        message: &RouteNetlinkMessage,
        deadline: Deadline,
    ) -> Result<Dump, HostError> {
        let turn = async { self.dumping.acquire().await.map_err(|why| lost(format!("{what}: {why}"))) };
        let _turn = deadline.bound(what, turn).await?;
        let mut attempt = 1;
        loop {
            let dump = self.exchange(what, message.clone(), NLM_F_DUMP, deadline).await?;
            if !dump.interrupted || attempt == DUMP_ATTEMPTS_MAX {
                return Ok(dump);
            }
            attempt += 1;
        }
    }

    async fn exchange(
        &self,
        what: &str,
        message: RouteNetlinkMessage,
        flags: u16,
        deadline: Deadline,
    ) -> Result<Dump, HostError> {
        let mut header = NetlinkHeader::default();
        header.flags = flags | NLM_F_REQUEST;
        let payload = NetlinkPayload::InnerMessage(Packet::Route(Box::new(message)));
        let answers = self
            .connection
            .request(NetlinkMessage::new(header, payload), SocketAddr::new(0, 0))
            .map_err(|why| lost(format!("{what}: {why}")))?;
        deadline.bound(what, collect(what, answers)).await
    }
}

/// Takes answers until the kernel says that this was the last.
async fn collect(
    what: &str,
    mut answers: impl Stream<Item = NetlinkMessage<Packet>> + Unpin,
) -> Result<Dump, HostError> {
    let mut dump = Dump::default();
    while let Some(message) = answers.next().await {
        dump.interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
        match message.payload {
            NetlinkPayload::InnerMessage(Packet::Route(message)) => {
                if dump.messages.len() >= DUMP_MESSAGES_MAX {
                    dump.interrupted = true;
                } else {
                    dump.messages.push(*message);
                }
            }
            NetlinkPayload::InnerMessage(Packet::Unreadable(kind, why)) => {
                tracing::warn!(what, kind, why, "a netlink message does not decode");
                dump.unreadable += 1;
            }
            NetlinkPayload::Done(done) if done.code == 0 => return Ok(dump),
            NetlinkPayload::Done(done) => return Err(refused(what, done.code.saturating_abs(), None)),
            NetlinkPayload::Error(error) if error.code.is_none() => return Ok(dump),
            NetlinkPayload::Error(error) => return Err(refused_by(what, &error)),
            _ => {}
        }
    }
    Err(lost(format!("{what}: the connection ended before the kernel's answer did")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{DoneMessage, ErrorMessage};
    use std::num::NonZeroI32;

    fn message(flags: u16, payload: NetlinkPayload<Packet>) -> NetlinkMessage<Packet> {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        NetlinkMessage::new(header, payload)
    }

    fn done(code: i32) -> NetlinkPayload<Packet> {
        let mut done = DoneMessage::default();
        done.code = code;
        NetlinkPayload::Done(done)
    }

    async fn collected(messages: Vec<NetlinkMessage<Packet>>) -> Result<Dump, HostError> {
        collect("read", futures::stream::iter(messages)).await
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_a_lost_connection_and_never_a_success() {
        let error = collected(vec![]).await.unwrap_err();
        assert!(matches!(error, HostError::ConnectionLost { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_interrupted_dump_says_so_even_if_only_its_last_message_does() {
        let dump = collected(vec![message(NLM_F_DUMP_INTR, done(0))]).await.unwrap();
        assert!(!dump.is_whole());
        assert!(collected(vec![message(0, done(0))]).await.unwrap().is_whole());
    }

    #[tokio::test]
    async fn a_dump_with_an_unreadable_message_is_not_whole() {
        let unreadable = NetlinkPayload::InnerMessage(Packet::Unreadable(16, "cut".into()));
        let dump = collected(vec![message(0, unreadable), message(0, done(0))]).await.unwrap();
        assert!(!dump.is_whole());
    }

    #[tokio::test]
    async fn a_dump_that_ends_with_an_errno_is_refused() {
        let error = collected(vec![message(0, done(-1))]).await.unwrap_err();
        assert_eq!(error, refused("read", 1, None));
        let mut nack = ErrorMessage::default();
        nack.code = NonZeroI32::new(-19);
        let error = collected(vec![message(0, NetlinkPayload::Error(nack))]).await.unwrap_err();
        assert_eq!(error, refused("read", 19, None));
    }
}
