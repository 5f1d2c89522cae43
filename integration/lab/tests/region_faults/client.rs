//! A client that sees everything: not only an answer, but how a connection ended and what had arrived by then.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer that must come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a client waits that expects nothing.
pub(crate) const IMPATIENCE: Duration = Duration::from_millis(300);

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What came of a request. `arrived` is everything up to the end, headers too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Answer(Answer),
    Refused,
    Reset { arrived: String },
    Closed { arrived: String },
    Silence { arrived: String },
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Seen> {
        match timeout(PATIENCE, TcpStream::connect(address)).await.expect("a connection or a refusal") {
            Ok(stream) => Ok(Self { stream }),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Err(Seen::Refused),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a request, and waits at most so long for each piece of what comes.
    pub(crate) async fn send(&mut self, request: &str, patience: Duration) -> Seen {
        if self.stream.write_all(request.as_bytes()).await.is_err() {
            return Seen::Reset { arrived: String::new() };
        }
        let mut arrived = Vec::new();
        loop {
            if let Some(answer) = whole(&String::from_utf8_lossy(&arrived)) {
                return Seen::Answer(answer);
            }
            let mut piece = [0; 4_096];
            let read = timeout(patience, self.stream.read(&mut piece)).await;
            let text = || String::from_utf8_lossy(&arrived).into_owned();
            match read {
                Err(_) => return Seen::Silence { arrived: text() },
                Ok(Ok(0)) => return Seen::Closed { arrived: text() },
                Ok(Ok(bytes)) => arrived.extend_from_slice(&piece[..bytes]),
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => {
                    return Seen::Reset { arrived: text() };
                }
                Ok(Err(error)) => panic!("{error}"),
            }
        }
    }

    /// Waits until the other end closes; what arrived by then.
    pub(crate) async fn until_closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("an end").unwrap();
        rest
    }
}

/// One request on a connection of its own.
pub(crate) async fn once(address: SocketAddr, request: &str, patience: Duration) -> Seen {
    match Client::connect(address).await {
        Ok(mut client) => client.send(request, patience).await,
        Err(seen) => seen,
    }
}

/// The answer, once all of its announced body is there.
fn whole(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse::<usize>().ok()?;
    (body.len() >= length).then(|| Answer { status, headers, body: body[..length].to_owned() })
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Seen {
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Answer(answer) => answer,
            other => panic!("no answer came, but {other:?}"),
        }
    }
}
