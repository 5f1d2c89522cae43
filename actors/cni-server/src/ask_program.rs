//! Asks a plugin's program which versions it speaks, as a runtime would: VERSION, with nothing else in its environment. Bounded in
//! time and in what is read of it; it is killed when it takes too long.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// A plugin answers within milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer is some hundred bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Every version understands this question.
const QUESTION: &[u8] = br#"{"cniVersion":"1.0.0"}"#;

/// The versions that a program says it speaks, or why it does not say so, in words.
pub(crate) async fn ask(program: &Path) -> Result<BTreeSet<String>, String> {
    match tokio::time::timeout(ANSWER_TIMEOUT, run(program)).await {
        Ok(Ok(answer)) => read(&answer),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}

async fn run(program: &Path) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new(program)
        .env_clear()
        .env("CNI_COMMAND", "VERSION")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its question may answer it all the same.
        let _ = stdin.write_all(QUESTION).await;
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    }
    Ok(answer)
}

fn read(answer: &[u8]) -> Result<BTreeSet<String>, String> {
    let answer: Value =
        serde_json::from_slice(answer).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let versions = answer.get("supportedVersions").and_then(Value::as_array);
    let versions = versions.ok_or("its answer has no supportedVersions")?;
    Ok(versions.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
