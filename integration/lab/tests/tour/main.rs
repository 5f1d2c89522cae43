//! The live view on a real terminal: it shows what happens, follows its size, and gives the terminal back, whatever ends it. By
//! the real program, with the real daemon and shim. Needs root.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

mod terminal;

use lab::Binaries;
use std::process::{Command, Output};
use terminal::{ENTER, LEAVE, Terminal, pictures, plain};

/// A pod waits a while for its address, and is reached.
const SHOWN: &str = r#"
summary = "A pod waits for its address."
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
knobs = { latency_milliseconds = { AssignPrivateIpAddresses = 1500 } }
[[node]]
name = "solo"
subnet = "a"
settings = { WARM_ENI_TARGET = "0" }
[[step]]
chapter = "The node starts"
do = "start"
[[step]]
chapter = "A pod comes"
do = "add"
pod = "web"
[[step]]
chapter = "It is reached"
do = "probe"
pod = "web"
[expect]
packets_lost = 0
"#;

/// The same, and something is waited for that never comes.
fn hangs() -> String {
    let wait =
        "do = \"wait\"\njournal = { action = \"CreateVpc\", count = 1 }\nwithin_seconds = 50\n[expect]";
    SHOWN.replace("[expect]", &format!("[[step]]\n{wait}"))
}

/// The lab with these arguments, without a terminal.
fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(arguments).output().unwrap()
}

/// Namespaces of runs that have a node of this name.
fn nodes_called(name: &str) -> Vec<String> {
    let names = std::fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|found| found.starts_with("enid-") && found.ends_with(&format!("-{name}"))).collect()
}

#[test]
fn the_picture_follows_what_happens_and_the_size_and_the_terminal_comes_back() {
    let Some(mut terminal) = Terminal::start(SHOWN, &[]) else { return };
    terminal.until("▸ A pod comes");
    terminal.until("1 waiting");
    let picture = terminal.picture();
    assert!(picture.iter().any(|line| line.starts_with("solo    10.0.0.4    ready")), "{picture:#?}");
    terminal.resize(40, 8);
    terminal.picture();
    let picture = terminal.picture();
    assert!(picture.len() <= 8 && picture.iter().all(|line| line.chars().count() <= 40), "{picture:#?}");
    assert!(picture.iter().any(|line| line.starts_with("▸ A pod comes")), "{picture:#?}");
    terminal.resize(80, 24);
    let (shown, status) = terminal.end();
    assert!(status.success(), "{shown}");
    let (before, after) = shown.rsplit_once(LEAVE).unwrap();
    assert!(before.starts_with(ENTER) && before.ends_with("\x1b[?25h"), "{before:?}");
    assert!(!pictures(before).is_empty() && before.contains("\x1b[32m"), "no colours: {before:?}");
    // The last picture stays on the page of the terminal's own.
    let after = plain(after);
    for words in
        ["●", "1 pods", "AssignPrivateIpAddresses 1", "✓ The node starts", "✓ It is reached", "✓ All of it"]
    {
        assert!(after.contains(words), "{words}:\n{after}");
    }
    for words in ["All 4 proofs hold", "ADD        1 pods, exec to exit: ", "20 sent, 0 lost"] {
        assert!(after.contains(words), "{words}:\n{after}");
    }
}

#[test]
fn ctrl_c_gives_the_terminal_back_and_leaves_nothing() {
    let Some(mut terminal) = Terminal::start(&hangs(), &[]) else { return };
    terminal.until("wait …");
    terminal.types("\x03");
    let (shown, status) = terminal.end();
    assert!(!status.success());
    let (_, after) = shown.rsplit_once(LEAVE).unwrap();
    assert!(after.contains("everything the run made is removed"), "{after}");
}

#[test]
fn what_is_kept_has_a_shell_and_metrics_until_ctrl_c() {
    let Some(mut terminal) = Terminal::start(&SHOWN.replace("solo", "kept"), &["--keep"]) else { return };
    terminal.until("until Ctrl-C");
    let told = lab(&["shell", "kept", "ip", "-br", "link", "show", "eth0"]);
    assert!(String::from_utf8_lossy(&told.stdout).starts_with("eth0"), "{told:?}");
    let get = "exec 3<>/dev/tcp/127.0.0.1/61678; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let told = lab(&["shell", "kept", "bash", "-c", get]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("awscni_assigned_ip_addresses 1"), "{told:?}");
    let told = lab(&["shell", "kept", "enid", "version"]);
    assert!(told.status.success(), "{told:?}");
    let told = lab(&["shell", "keep"]);
    assert!(!told.status.success());
    assert!(String::from_utf8_lossy(&told.stderr).contains("no lab that runs has a node keep"), "{told:?}");
    terminal.types("\x03");
    let (shown, status) = terminal.end();
    assert!(status.success(), "{shown}");
    assert!(plain(&shown).trim_end().ends_with("Everything is removed."), "{shown}");
    assert_eq!(nodes_called("kept"), Vec::<String>::new());
}

#[test]
fn without_a_terminal_there_are_lines_and_a_failure_is_named_and_ends_with_1() {
    if !lab::is_root() || Binaries::locate().is_err() {
        println!("SKIPPED the tour without a terminal: not root, or not built");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fails.toml");
    std::fs::write(&file, SHOWN.replace("do = \"probe\"", "do = \"probe\"\nreach = \"neither\"")).unwrap();
    let told = lab(&["run", &file.display().to_string(), "--live"]);
    assert_eq!(told.status.code(), Some(1));
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(!text.contains('\x1b'), "{text:?}");
    for words in [
        "\nA pod comes\n",
        "   ✓ add ",
        "     solo    10.0.0.4    ready ",
        "FAILED: It is reached\n",
        "expected silence",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}
