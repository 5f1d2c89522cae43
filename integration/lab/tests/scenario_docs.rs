//! Every example of the page is a whole scenario, and holds with the real daemon and the real shim. Needs root.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use lab::{Binaries, ScenarioFile, is_root, run, workspace_root};

const PAGE: &str = "integration/scenarios/README.md";

/// The blocks of the page that are files, each with the line it begins in.
fn examples(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (line, number) in page.lines().zip(1..) {
        match (&mut open, line) {
            (None, "```toml") => open = Some((number, String::new())),
            (Some(_), "```") => found.extend(open.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

fn page() -> Vec<(usize, String)> {
    let page = std::fs::read_to_string(workspace_root().unwrap().join(PAGE)).unwrap();
    examples(&page)
}

#[test]
fn blocks_are_found_with_their_lines() {
    assert_eq!(examples("x\n```toml\na\nb\n```\n```\nc\n```\n"), [(2, "a\nb\n".to_owned())]);
}

#[test]
fn every_example_of_the_page_is_a_whole_scenario() {
    let examples = page();
    assert!(examples.len() >= 3, "{} examples", examples.len());
    for (line, text) in examples {
        ScenarioFile::parse(&text, &[]).unwrap_or_else(|error| panic!("{PAGE}:{line}: {error:#}"));
    }
}

#[tokio::test]
async fn every_example_of_the_page_holds() {
    if !is_root() {
        println!("SKIPPED the examples of the page: not root");
        return;
    }
    let binaries = match Binaries::locate() {
        Ok(binaries) => binaries,
        Err(error) => {
            println!("SKIPPED the examples of the page: {error:#}");
            return;
        }
    };
    binaries.verify().await.unwrap();
    for (line, text) in page() {
        let file = ScenarioFile::parse(&text, &[]).unwrap();
        let report = run("example", &file, &binaries, &|_: &str| {}).await;
        assert!(report.holds, "{PAGE}:{line}: {}\n{}", report.figure, report.failures.join("\n"));
    }
}
