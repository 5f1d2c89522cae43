//! The fault socket: one line orders one actor to panic, stall, flood or break, and is answered with `ok` or with what is wrong.
//! There only if `fault.socket` is set, which a build for shipping refuses.

use kernel::{Order, OrderBook, Orders, orders};
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::runtime::Handle;

/// For the daemon's own user alone.
const SOCKET_MODE: u32 = 0o600;

/// Longest line, with its end.
const LINE_BYTES_MAX: u64 = 256;

/// Who connects has said it and heard the answer within this: the next one waits meanwhile.
const CONVERSATION_MAX: Duration = Duration::from_secs(5);

/// Longest stall or flood: more than any pulse is waited for.
const MILLISECONDS_MAX: u64 = 600_000;

/// The orders, and whether they have a duration.
const ORDERS: [(&str, Shape); 6] = [
    ("panic", Shape::AtOnce(Order::Panic)),
    ("panic_next", Shape::AtOnce(Order::PanicNext)),
    ("stall", Shape::Lasting(Order::Stall)),
    ("flood", Shape::Lasting(Order::Flood)),
    ("stall_effects", Shape::AtOnce(Order::StallEffects)),
    ("break", Shape::AtOnce(Order::Break)),
];

#[derive(Clone, Copy)]
enum Shape {
    AtOnce(Order),
    Lasting(fn(Duration) -> Order),
}

/// A socket on which nobody is answered yet.
#[derive(Debug)]
pub(crate) struct FaultSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl FaultSocket {
    /// Opens it in place of one that a dead process left. The lock of the one writer is held.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(ErrorKind::AlreadyExists, "something else is there"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Nobody finds it under its name before its mode is set.
        let fresh = path.with_added_extension("new");
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&fresh)?;
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(&fresh, Permissions::from_mode(SOCKET_MODE))?;
        std::fs::rename(&fresh, path)?;
        Ok(Self { listener, path: path.to_path_buf() })
    }

    /// Answers in the background, one connection after another; what is ordered is in the book.
    pub(crate) fn serve(self, io: &Handle) -> OrderBook {
        let (orders, book) = orders();
        tracing::warn!(
            path = %self.path.display(),
            "the fault socket is open: whoever can connect to it can sabotage this daemon"
        );
        io.spawn(async move {
            if let Err(error) = answer_all(self.listener, &orders).await {
                tracing::error!(%error, "the fault socket is closed");
            }
        });
        book
    }
}

async fn answer_all(listener: UnixListener, orders: &Orders) -> io::Result<()> {
    let listener = tokio::net::UnixListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Who does not speak, or does not listen, has had its turn.
        let _ = tokio::time::timeout(CONVERSATION_MAX, converse(stream, orders)).await;
    }
}

async fn converse(mut stream: UnixStream, orders: &Orders) -> io::Result<()> {
    let line = read_line(&mut stream).await?;
    let answer = match obey(&line, orders).await {
        Ok(()) => "ok".to_owned(),
        Err(words) => format!("error: {words}"),
    };
    tracing::warn!(line = %String::from_utf8_lossy(&line).trim_end(), answer, "an order to the fault socket");
    stream.write_all(format!("{answer}\n").as_bytes()).await
}

/// A line, or as much of one as there is and may be.
async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_until(b'\n', &mut line).await?;
    Ok(line)
}

async fn obey(line: &[u8], orders: &Orders) -> Result<(), String> {
    let line = line
        .strip_suffix(b"\n")
        .ok_or_else(|| format!("no end of the line within {LINE_BYTES_MAX} bytes"))?;
    let line = std::str::from_utf8(line).map_err(|_| "the line is no UTF-8".to_owned())?;
    let (child, order) = parse(line)?;
    orders.give(child, order).await.map_err(|error| error.to_string())
}

/// `ORDER CHILD`, or `ORDER CHILD MILLISECONDS` for what lasts.
fn parse(line: &str) -> Result<(&str, Order), String> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let Some((_, shape)) = ORDERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = ORDERS.iter().map(|(known, _)| *known).collect();
        return Err(format!("there is no order {name:?}; there are: {}", known.join(", ")));
    };
    match (*shape, words.next(), words.next(), words.next()) {
        (Shape::AtOnce(order), Some(child), None, None) => Ok((child, order)),
        (Shape::Lasting(order), Some(child), Some(long), None) => match long.parse() {
            Ok(milliseconds @ 1..=MILLISECONDS_MAX) => {
                Ok((child, order(Duration::from_millis(milliseconds))))
            }
            _ => Err(format!("{long:?} is not a whole number of milliseconds from 1 to {MILLISECONDS_MAX}")),
        },
        (Shape::AtOnce(_), ..) => Err(format!("it is `{name} CHILD`")),
        (Shape::Lasting(_), ..) => Err(format!("it is `{name} CHILD MILLISECONDS`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::Shutdown;

    #[test]
    fn a_line_is_an_order_to_one_child() {
        let millis = Duration::from_millis;
        for (line, child, order) in [
            ("panic warm-pool", "warm-pool", Order::Panic),
            ("panic_next cni-server", "cni-server", Order::PanicNext),
            ("stall eni-manager 5000", "eni-manager", Order::Stall(millis(5000))),
            ("  flood  warm-pool 600000 ", "warm-pool", Order::Flood(millis(600_000))),
            ("stall_effects eni-manager", "eni-manager", Order::StallEffects),
            ("break route-programmer", "route-programmer", Order::Break),
        ] {
            assert_eq!(parse(line), Ok((child, order)), "{line}");
        }
    }

    #[test]
    fn a_line_that_is_no_order_is_told_what_would_be_one() {
        for (line, words) in [
            ("", "no order \"\"; there are: panic, panic_next, stall, flood, stall_effects, break"),
            ("Panic warm-pool", "no order \"Panic\""),
            ("panic", "it is `panic CHILD`"),
            ("panic warm-pool 5", "it is `panic CHILD`"),
            ("stall warm-pool", "it is `stall CHILD MILLISECONDS`"),
            ("flood warm-pool 5 6", "it is `flood CHILD MILLISECONDS`"),
            ("stall warm-pool 0", "\"0\" is not a whole number of milliseconds from 1 to 600000"),
            ("stall warm-pool 600001", "is not a whole number"),
            ("stall warm-pool -1", "is not a whole number"),
            ("stall warm-pool soon", "is not a whole number"),
        ] {
            let refused = parse(line).unwrap_err();
            assert!(refused.contains(words), "{line:?}: {refused}");
        }
    }

    #[test]
    fn each_connection_is_answered_however_it_speaks() {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fault.sock");
        // Without a tree that reads its book, an order that is understood fails by name.
        drop(FaultSocket::open(&path).unwrap().serve(io.handle()));
        for (said, answer) in [
            (&b"panic warm-pool\n"[..], "error: the tree has ended\n"),
            (b"panic warm-pool\nstall warm-pool 5\n", "error: the tree has ended\n"),
            (b"panic \xff\n", "error: the line is no UTF-8\n"),
            (b"panic warm-pool", "error: no end of the line within 256 bytes\n"),
            (&[b'x'; 100_000], "error: no end of the line within 256 bytes\n"),
        ] {
            let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
            // More than is read may find the other end closed.
            let _ = stream.write_all(said);
            let _ = stream.shutdown(Shutdown::Write);
            let mut heard = vec![0; answer.len()];
            stream.read_exact(&mut heard).unwrap();
            assert_eq!(String::from_utf8_lossy(&heard), answer);
        }
    }

    #[test]
    fn it_is_its_owners_alone_takes_a_dead_ones_place_and_no_other_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fault.sock");
        drop(FaultSocket::open(&path).unwrap());
        let _again = FaultSocket::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let file = directory.path().join("ipam.json");
        std::fs::write(&file, "leases").unwrap();
        assert!(FaultSocket::open(&file).unwrap_err().to_string().contains("something else"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "leases");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
