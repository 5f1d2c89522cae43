//! A terminal that a program is started on, and what it shows.

use lab::{Binaries, is_root};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus};
use tempfile::TempDir;

/// The page that programs paint on, and the one that stays.
pub(crate) const ENTER: &str = "\x1b[?1049h";
pub(crate) const LEAVE: &str = "\x1b[?1049l";

/// A lab on a terminal of its own.
pub(crate) struct Terminal {
    master: File,
    child: Child,
    shown: String,
    _scenario: TempDir,
}

impl Terminal {
    /// Starts the lab with this scenario; `None`, with the reason, where that cannot be.
    pub(crate) fn start(scenario: &str, more: &[&str]) -> Option<Self> {
        if !is_root() {
            println!("SKIPPED the tour on a terminal: not root");
            return None;
        }
        if let Err(error) = Binaries::locate() {
            println!("SKIPPED the tour on a terminal: {error}");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shown.toml");
        std::fs::write(&file, scenario).unwrap();
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        resize(&master, 80, 24);
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = || open(name.as_c_str(), flags, Mode::empty()).unwrap();
        // In a session of its own, whose terminal it is: Ctrl-C is for it.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_lab"), "run"])
            .arg(&file)
            .arg("--live")
            .args(more)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .unwrap();
        Some(Self { master: master.into(), child, shown: String::new(), _scenario: directory })
    }

    /// Reads until this is shown, in colours or not.
    pub(crate) fn until(&mut self, words: &str) {
        while !plain(&self.shown).contains(words) {
            assert!(self.read(), "the lab ended, and never showed `{words}`:\n{}", plain(&self.shown));
        }
    }

    /// Reads until a picture that was begun after now is whole, and returns its lines.
    pub(crate) fn picture(&mut self) -> Vec<String> {
        let before = self.shown.len();
        loop {
            assert!(self.read(), "the lab ended without another picture");
            if let Some(picture) = pictures(self.shown.get(before..).unwrap_or_default()).pop() {
                return picture;
            }
        }
    }

    /// Reads to the end; returns all that was shown, and how it ended.
    pub(crate) fn end(mut self) -> (String, ExitStatus) {
        while self.read() {}
        // Nothing was changed that would have to be changed back.
        let modes = tcgetattr(&self.master).map(|modes| modes.local_modes);
        assert!(modes.is_ok_and(|modes| modes.contains(LocalModes::ECHO | LocalModes::ICANON)));
        (self.shown.clone(), self.child.wait().unwrap())
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        resize(&self.master, columns, rows);
    }

    /// A bit more; not when the other end is closed.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 65_536];
        let Ok(length @ 1..) = self.master.read(&mut buffer) else { return false };
        self.shown.push_str(&String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()));
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn resize(terminal: impl AsFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

/// Every whole picture of what was shown, as lines without colours. (A terminal makes CR LF of each LF.)
pub(crate) fn pictures(shown: &str) -> Vec<Vec<String>> {
    let whole = shown.split("\x1b[H").skip(1).filter_map(|rest| rest.split_once("\x1b[J"));
    whole
        .map(|(picture, _)| {
            plain(picture).split('\n').map(|line| line.trim_end_matches('\r').to_owned()).collect()
        })
        .collect()
}

/// Without what begins with ESC [ and ends with a letter.
pub(crate) fn plain(shown: &str) -> String {
    let mut plain = String::new();
    let mut parts = shown.split("\x1b[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |end| end + 1);
        plain.push_str(&part[end..]);
    }
    plain
}
