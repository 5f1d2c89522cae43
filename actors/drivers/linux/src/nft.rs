//! The nft command: one table replaced as a whole, and read back. It touches no table but the one it is given.

mod text;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;

use contract::ports::host::{HostError, NftTable};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::error::nft as failed;

/// What we read of nft's output: our table is a few kilobytes, and a set of a thousand networks less than a hundred.
const OUTPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How much of its complaints goes into an error.
const COMPLAINT_CHARACTERS_MAX: usize = 2000;

/// What nft says of a table that is not there; LC_ALL=C keeps the words.
const NO_SUCH_TABLE: &str = "No such file or directory";

/// The command, by name or path.
#[derive(Debug, Clone)]
pub(crate) struct Nft {
    program: PathBuf,
}

impl Default for Nft {
    fn default() -> Self {
        Self::new(PathBuf::from("nft"))
    }
}

/// How one run ended.
struct Ended {
    success: bool,
    output: Vec<u8>,
    complaint: String,
}

impl Nft {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Replaces the table in one transaction: there is no moment with half of it or without it.
    pub(crate) async fn replace(&self, table: &NftTable) -> Result<(), HostError> {
        let NftTable { family, name, body } = table;
        check_body(body).map_err(failed)?;
        // `delete` fails on a table that is not there, so it is made first.
        let batch = format!(
            "add table {family} {name}\ndelete table {family} {name}\ntable {family} {name} {{\n{body}\n}}\n"
        );
        let ended = self.run(&["-f", "-"], batch).await?;
        if ended.success { Ok(()) } else { Err(failed(ended.complaint)) }
    }

    /// The table in canonical text; `None` if there is none.
    pub(crate) async fn read(&self, family: &str, name: &str) -> Result<Option<Vec<String>>, HostError> {
        let ended = self.run(&["-j", "list", "table", family, name], String::new()).await?;
        if !ended.success {
            let absent = ended.complaint.contains(NO_SUCH_TABLE);
            return if absent { Ok(None) } else { Err(failed(ended.complaint)) };
        }
        let listing = serde_json::from_slice(&ended.output)
            .map_err(|why| failed(format!("the listing of table {family} {name} is no JSON: {why}")))?;
        Ok(Some(text::canonical(&listing)))
    }

    async fn run(&self, arguments: &[&str], input: String) -> Result<Ended, HostError> {
        let mut child = Command::new(&self.program)
            .args(arguments.iter().map(OsStr::new))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|why| failed(format!("cannot start {}: {why}", self.program.display())))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // A child that ends early breaks the pipe; its own words say why.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), output, complaint) = tokio::join!(feed, drain(stdout), drain(stderr));
        let (output, complaint) = (output?, complaint?);
        let status = child.wait().await.map_err(|why| failed(format!("waiting for it: {why}")))?;
        let words = String::from_utf8_lossy(&complaint);
        let complaint = match words.trim() {
            "" => status.to_string(),
            words => words.chars().take(COMPLAINT_CHARACTERS_MAX).collect(),
        };
        Ok(Ended { success: status.success(), output, complaint })
    }
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, HostError> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // One byte more than allowed tells "too long" from "just fits".
        let read = pipe.take(OUTPUT_BYTES_MAX + 1).read_to_end(&mut bytes).await;
        read.map_err(|why| failed(format!("reading its output: {why}")))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > OUTPUT_BYTES_MAX) {
            return Err(failed(format!("its output is longer than {OUTPUT_BYTES_MAX} bytes")));
        }
    }
    Ok(bytes)
}

/// A body must end inside its table: a brace too many would make what follows a command of its own, on any table.
fn check_body(body: &str) -> Result<(), String> {
    let (mut depth, mut quoted, mut comment) = (0_u32, false, false);
    for character in body.chars() {
        match character {
            '\n' => comment = false,
            _ if comment => {}
            '"' => quoted = !quoted,
            _ if quoted => {}
            '#' => comment = true,
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.checked_sub(1).ok_or("the body closes a brace that it did not open")?,
            _ => {}
        }
    }
    match (depth, quoted, comment) {
        (0, false, _) => Ok(()),
        _ => Err("the body leaves a brace or a quote open".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_leaves_its_table_is_refused() {
        for body in
            ["}", "chain a { } }\ntable ip other {", "chain a {", "chain a { comment \"x }", "\"}\" }"]
        {
            assert!(check_body(body).is_err(), "{body}");
        }
        for body in ["", "chain a { type filter; }\n set b { }", "chain a { comment \"}\" ; # }\n }", "# {"] {
            assert_eq!(check_body(body), Ok(()), "{body}");
        }
    }

    #[tokio::test]
    async fn an_nft_that_is_not_there_is_named() {
        let error = Nft::new("/nowhere/nft".into()).read("ip", "enid").await.unwrap_err();
        assert!(error.to_string().contains("cannot start /nowhere/nft"), "{error}");
    }
}
