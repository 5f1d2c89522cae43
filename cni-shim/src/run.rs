//! One call from end to end: reads, dispatches, prints. Whatever happens, stdout carries one CNI document or, where only
//! success was asked for, nothing; and the exit status is 0 or 1.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use crate::clock;
use crate::env::{self, Call};
use crate::error::{self, CODE_INTERNAL, ShimError};
use crate::netconf::{Document, read_bounded};
use crate::result::CniVersion;
use crate::{add, check, del, gc, names, status, version};

/// What the process leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For the runtime.
    pub stdout: String,
    /// It succeeded.
    pub ok: bool,
}

/// The whole process.
#[must_use]
pub fn main() -> ExitCode {
    let arrived = clock::boottime_nanoseconds();
    speak_when_panicking();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let lookup = |name: &str| std::env::var_os(name);
    let answer = answer(&lookup, &arguments, io::stdin().lock(), arrived);
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(answer.stdout.as_bytes()).and_then(|()| stdout.flush());
    match (answer.ok, printed) {
        (true, Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Answers one call.
pub fn answer(
    lookup: &dyn Fn(&str) -> Option<OsString>,
    arguments: &[OsString],
    stdin: impl Read,
    arrived_boottime_nanoseconds: u64,
) -> Answer {
    let asks_who = arguments.first().is_some_and(|argument| argument == "version");
    if asks_who && lookup("CNI_COMMAND").is_none() {
        return finish(CniVersion::NEWEST, version::identity().map_err(encoding));
    }
    let call = match env::read(lookup) {
        Ok(call) => call,
        Err(error) => return finish(CniVersion::NEWEST, Err(error)),
    };
    let bytes = match read_bounded(stdin) {
        Ok(bytes) => bytes,
        Err(error) => return finish(CniVersion::NEWEST, Err(error)),
    };
    if call == Call::Version {
        return finish(CniVersion::NEWEST, version::answer(&bytes).map_err(encoding));
    }
    let document = match Document::parse(&bytes) {
        Ok(document) => document,
        Err(error) => return finish(CniVersion::NEWEST, Err(error)),
    };
    let spoken = document.version().unwrap_or(CniVersion::NEWEST);
    finish(spoken, serve(&call, &document, arrived_boottime_nanoseconds))
}

fn serve(call: &Call, document: &Document, arrived: u64) -> Result<String, ShimError> {
    match call {
        Call::Add(call) => {
            let conf = document.for_add()?;
            runtime()?.block_on(add::run(call, &conf, arrived))
        }
        Call::Del(call) => {
            let conf = document.for_del()?;
            // A DEL needs no prefix; with a bad one nothing can have been made.
            let prefix = document.veth_prefix().unwrap_or_else(|_| names::DEFAULT_PREFIX.to_owned());
            runtime()?.block_on(del::run(call, &conf, &prefix))?;
            Ok(String::new())
        }
        Call::Check(call) => {
            let conf = document.for_check(&call.ifname)?;
            runtime()?.block_on(check::run(call, &conf))?;
            Ok(String::new())
        }
        Call::Gc => {
            let conf = document.for_gc()?;
            runtime()?.block_on(gc::run(&conf))?;
            Ok(String::new())
        }
        Call::Status => status::run(&document.for_status()?).map(|()| String::new()),
        Call::Version => version::answer(&[]).map_err(encoding),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, ShimError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| ShimError::System { step: "start the runtime", source })
}

fn finish(spoken: CniVersion, result: Result<String, ShimError>) -> Answer {
    match result {
        Ok(stdout) if stdout.is_empty() => Answer { stdout, ok: true },
        Ok(document) => Answer { stdout: format!("{document}\n"), ok: true },
        Err(error) => Answer { stdout: format!("{}\n", error.to_json(spoken.text())), ok: false },
    }
}

fn encoding(error: serde_json::Error) -> ShimError {
    ShimError::System { step: "encode the answer", source: error.into() }
}

/// A panic in the small build aborts: nothing but the hook can still speak.
pub fn speak_when_panicking() {
    std::panic::set_hook(Box::new(|panic| {
        let document = error::document(
            CniVersion::NEWEST.text(),
            CODE_INTERNAL,
            "enid-cni: internal error",
            &panic.to_string(),
        );
        // Written in one piece, past the locks of stdout that the panicking thread may hold.
        let _ = rustix::io::write(io::stdout(), format!("{document}\n").as_bytes());
        exit_failed();
    }));
}

#[expect(
    clippy::disallowed_methods,
    reason = "inside the panic hook there is no main to return to; aborting would leave a core file for each pod"
)]
fn exit_failed() -> ! {
    std::process::exit(1)
}
