//! Files that are made to be executed. Another process writes them: one that we wrote ourselves could not be executed for as
//! long as a child that another thread forked meanwhile still holds our descriptor ("text file busy").

use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes an executable file with this text.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let shown = path.display();
    let mut writer = Command::new("/bin/sh")
        .args(["-c", r#"cat > "$0" && chmod 755 "$0""#])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot write {shown}"))?;
    if let Some(mut stdin) = writer.stdin.take() {
        stdin.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
    }
    ensure!(writer.wait()?.success(), "cannot write {shown}");
    Ok(())
}

/// Copies an executable file.
///
/// # Errors
/// When it cannot be copied.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("/bin/cp").arg(from).arg(to).status().context("cannot run cp")?;
    ensure!(copied.success(), "cannot copy {} to {}", from.display(), to.display());
    Ok(())
}
