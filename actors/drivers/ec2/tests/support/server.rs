//! A small HTTP/1.1 server on loopback, which answers as a test says, records what it was asked, and misbehaves on demand.

use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What is answered.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "each test file misbehaves in its own ways")]
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// These bytes, and then the connection is closed.
    Raw(String),
    /// These bytes, and then nothing, for ever.
    Stall(String),
    /// Nothing, for ever.
    Silence,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::new(200, body)
    }
}

/// The server; it ends with the runtime of its test.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (record, requests) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, record) = (Arc::clone(&answer), record.clone());
                tokio::spawn(async move { serve(stream, &*answer, &record).await });
            }
        });
        Self { endpoint, requests }
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
    record: &mpsc::UnboundedSender<Request>,
) {
    while let Some(request) = read(&mut stream).await {
        let reply = answer(&request);
        record.send(request).unwrap();
        match reply {
            Reply::Answer { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Any\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                if stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Raw(bytes) => {
                drop(stream.write_all(bytes.as_bytes()).await);
                return;
            }
            Reply::Stall(bytes) => {
                drop(stream.write_all(bytes.as_bytes()).await);
                std::future::pending().await
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let mut request =
        Request { method: first.next()?.to_owned(), path: first.next()?.to_owned(), ..Request::default() };
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request.headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length: usize = request.headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}

/// Answers as the metadata service does for a session and for a role's credentials; `None` for anything else.
pub(crate) fn session_and_role(request: &Request) -> Option<Reply> {
    let role = "/latest/meta-data/iam/security-credentials/";
    match (request.method.as_str(), request.path.as_str()) {
        ("PUT", "/latest/api/token") => Some(Reply::Answer {
            status: 200,
            headers: vec![("x-aws-ec2-metadata-token-ttl-seconds", "300".to_owned())],
            body: "token-1".to_owned(),
        }),
        ("GET", path) if path == role => Some(Reply::ok("node-role")),
        ("GET", path) if path == format!("{role}node-role") => Some(Reply::ok(
            r#"{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIANODE",
                "SecretAccessKey":"secret","Token":"session","Expiration":"2096-01-01T00:00:00Z"}"#,
        )),
        ("GET", path) if path.starts_with("/latest/meta-data/iam/") => Some(Reply::new(404, "")),
        _ => None,
    }
}
