//! What the builder of the lab tells while it builds: cargo's own bar on a terminal, and lines elsewhere, where a bar would be
//! noise and silence would look like a hang.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo;

/// Between two lines about a build: often enough that nobody thinks it hangs.
const LINE_SECONDS: u64 = 15;

/// Crates that were compiled and not yet read about; cargo waits beyond.
const NEWS_MAX: usize = 256;

/// Is there a terminal for cargo's own bar?
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// What is about to be built, and why it takes long, if it does.
pub(crate) fn announce() {
    if cargo::has_compiled_sdk() {
        if !is_watched() {
            eprintln!("building what changed");
        }
        return;
    }
    eprintln!(
        "The first build: enid, the lab around it, and nearly 400 crates below them. It takes some six minutes and 8 GB,\n\
         most of it for one crate: aws-sdk-ec2, Amazon's generated client with every call that EC2 has. It is compiled once."
    );
}

/// Tells how a build goes, until its messages end. `crates` is how many there are, if that is known.
pub(crate) fn tell(messages: impl Read + Send + 'static, crates: Option<usize>) {
    let (news, heard) = sync_channel(NEWS_MAX);
    // Ends with the messages: cargo closes them when it ends.
    thread::spawn(move || {
        for line in BufReader::new(messages).split(b'\n').map_while(Result::ok) {
            if let Some(name) = artifact(&String::from_utf8_lossy(&line)) {
                let _ = news.send(name);
            }
        }
    });
    tell_all(&heard, crates);
}

fn tell_all(heard: &Receiver<String>, crates: Option<usize>) {
    let begun = now();
    let mut done = BTreeSet::new();
    let mut due = Duration::from_secs(LINE_SECONDS);
    loop {
        match heard.recv_timeout(due.saturating_sub(begun.elapsed())) {
            Ok(name) => {
                done.insert(name);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if begun.elapsed() >= due {
            eprintln!("{}", line(due, done.len(), crates, !cargo::has_compiled_sdk()));
            due += Duration::from_secs(LINE_SECONDS);
        }
    }
}

/// `  45 s: 212 of 371 crates, aws-sdk-ec2 not yet`
fn line(time: Duration, done: usize, crates: Option<usize>, waits: bool) -> String {
    let of = crates.map(|crates| format!(" of {}", crates.max(done))).unwrap_or_default();
    let sdk = if waits { ", aws-sdk-ec2 not yet" } else { "" };
    format!("  {} s: {done}{of} crates{sdk}", time.as_secs())
}

/// The name of the crate that a message of cargo's says is compiled.
fn artifact(message: &str) -> Option<String> {
    let rest = message.strip_prefix("{\"reason\":\"compiler-artifact\"")?;
    let (_, target) = rest.split_once("\"target\":{")?;
    let (_, name) = target.split_once("\"name\":\"")?;
    Some(name.split('"').next()?.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a build is timed for whoever reads; nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_crate_and_a_line_says_how_far_it_is() {
        let message = "{\"reason\":\"compiler-artifact\",\"package_id\":\"x\",\"target\":{\"kind\":[\"lib\"],\"name\":\"hyper\"}}";
        assert_eq!(artifact(message).as_deref(), Some("hyper"));
        assert_eq!(artifact("{\"reason\":\"build-finished\",\"success\":true}"), None);
        let quarter = Duration::from_secs(15);
        assert_eq!(line(quarter, 212, Some(371), true), "  15 s: 212 of 371 crates, aws-sdk-ec2 not yet");
        assert_eq!(line(quarter, 7, None, false), "  15 s: 7 crates");
        // Two versions of a crate are two crates, and a crate may be counted that the plan left out.
        assert_eq!(line(quarter, 9, Some(8), false), "  15 s: 9 of 9 crates");
    }

    #[test]
    fn telling_ends_with_the_messages() {
        tell("{\"reason\":\"build-finished\",\"success\":true}\n".as_bytes(), Some(1));
    }
}
