//! Executes a program as a container runtime does: its stdin from a pipe, its stdout and stderr into pipes, until it ends.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

use crate::order::Program;

/// From exec to exit.
pub(crate) fn execute(program: &Program) -> io::Result<Output> {
    let mut child = Command::new(&program.path)
        .env_clear()
        .envs(&program.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its stdin, and may be gone already, says all it has to say by its exit.
        let _ = stdin.write_all(program.input.as_bytes());
    }
    child.wait_with_output()
}
