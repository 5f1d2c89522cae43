//! `cargo lab sabotage`: a copy of the sources in which one thing is broken, the binaries built from it, and the verdict on the
//! scenario that should have noticed. The launcher builds; the working tree is never touched.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::Binaries;
use crate::report::Report;
use crate::scenario::Sabotage;

/// The copy of the sources and what was built from it, under the directory that the launcher gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workshop {
    directory: PathBuf,
}

/// What a scenario said of a product that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It failed, and says so in the words that were expected.
    Red(String),
    /// It failed for another reason than the one that was expected.
    RedOtherwise(String),
    /// It holds: it does not see what it was made to see.
    StillGreen,
}

// === impl Workshop ===

impl Workshop {
    /// The workshop in this directory, which need not exist yet.
    #[must_use]
    pub fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The broken sources.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.directory.join("tree")
    }

    /// The binaries built from them. Both are of the dev profile: what is broken is seen in either, and a release build of
    /// the shim takes longer than the scenario.
    #[must_use]
    pub fn binaries(&self) -> Binaries {
        let built = self.directory.join("target/debug");
        Binaries { daemon: built.join("enid"), shim: built.join("enid-cni") }
    }

    /// Makes the copy equal to the sources under `root`, but for the sabotage. Times are such that cargo builds only what differs
    /// from the last sabotage, and at first from what was built of the sources themselves.
    ///
    /// # Errors
    /// When the sabotage does not fit the sources, or a file cannot be read or written.
    pub fn copy(&self, root: &Path, sabotage: &Sabotage) -> Result<()> {
        let broken = root.join(&sabotage.file);
        let text =
            fs::read_to_string(&broken).with_context(|| format!("cannot read {}", broken.display()))?;
        let text = sabotage.apply(&text)?;
        let tree = self.tree();
        fs::create_dir_all(&tree).with_context(|| format!("cannot make {}", tree.display()))?;
        mirror(root, &tree, &|name| name == "target" || name.to_string_lossy().starts_with('.'), &|from| {
            (from == broken).then(|| text.clone().into_bytes())
        })
    }
}

/// Makes the folder `to` hold what `from` holds, but for what is left out at its top and files that are given otherwise.
fn mirror(
    from: &Path,
    to: &Path,
    leave_out: &dyn Fn(&OsString) -> bool,
    instead: &dyn Fn(&Path) -> Option<Vec<u8>>,
) -> Result<()> {
    let mut there: BTreeSet<OsString> = names_in(to)?.into_iter().collect();
    for name in names_in(from)?.into_iter().filter(|name| !leave_out(name)) {
        let (source, copy) = (from.join(&name), to.join(&name));
        if source.is_dir() {
            fs::create_dir_all(&copy).with_context(|| format!("cannot make {}", copy.display()))?;
            mirror(&source, &copy, &|_| false, instead)?;
        } else {
            let read =
                |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
            let wanted = instead(&source).map_or_else(|| read(&source), Ok)?;
            let there = fs::read(&copy).ok();
            if there.as_ref() != Some(&wanted) {
                write(&source, &copy, &wanted, there.is_none() && instead(&source).is_none())
                    .with_context(|| format!("cannot write {}", copy.display()))?;
            }
        }
        there.remove(&name);
    }
    for name in there {
        let gone = to.join(name);
        let removed = if gone.is_dir() { fs::remove_dir_all(&gone) } else { fs::remove_file(&gone) };
        removed.with_context(|| format!("cannot remove {}", gone.display()))?;
    }
    Ok(())
}

/// Writes a file. One that cargo sees here for the first time is as old as its source.
fn write(source: &Path, copy: &Path, text: &[u8], first: bool) -> std::io::Result<()> {
    fs::write(copy, text)?;
    if first {
        fs::File::options().write(true).open(copy)?.set_modified(fs::metadata(source)?.modified()?)?;
    }
    Ok(())
}

fn names_in(folder: &Path) -> Result<Vec<OsString>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name())).collect()
}

// === impl Verdict ===

impl Verdict {
    /// Judges a run against the broken product.
    #[must_use]
    pub fn of(sabotage: &Sabotage, report: &Report) -> Self {
        if report.holds {
            return Self::StillGreen;
        }
        let failure = report.failures.join("; ");
        if sabotage.says.iter().all(|words| failure.contains(words)) {
            Self::Red(failure)
        } else {
            Self::RedOtherwise(failure)
        }
    }

    /// Did the scenario see it?
    #[must_use]
    pub fn seen(&self) -> bool {
        matches!(self, Self::Red(_))
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Red(failure) => write!(f, "red as it should be: {}", in_short(failure)),
            Self::RedOtherwise(failure) => write!(f, "RED FOR ANOTHER REASON: {failure}"),
            Self::StillGreen => f.write_str("STILL GREEN"),
        }
    }
}

/// The first line of a failure that is not of a log that it quotes, after its cell.
fn in_short(failure: &str) -> String {
    let mut parts = failure.split("\n--- log of ");
    let before = parts.next();
    let behind = parts.filter_map(|part| part.split_once("\n---\n").map(|(_, rest)| rest));
    let told = before.into_iter().chain(behind).map(|part| part.trim_start_matches([':', ';', ' ', '\n']));
    let mut lines = told.flat_map(str::lines).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or(failure);
    if first.starts_with("cell ") && first.ends_with(": ") {
        return format!("{first}{}", lines.next().unwrap_or_default());
    }
    first.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::ScenarioFile;

    fn sabotage() -> Sabotage {
        let file = crate::scenario::find("add_pod").unwrap().1;
        let mut first = ScenarioFile::read(&file, &[]).unwrap().sabotages()[0].clone();
        first.file = "config/a.rs".into();
        first.find = "good".to_owned();
        first.replace = "bad".to_owned();
        first.says = vec!["nobody answered".to_owned()];
        first
    }

    #[test]
    fn the_copy_is_the_sources_but_for_the_sabotage_and_untouched_files_keep_their_time() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        for (file, text) in
            [("config/a.rs", "good"), ("config/b.rs", "b"), ("target/x", "x"), (".git/x", "x")]
        {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), text).unwrap();
        }
        let shop = Workshop::at(directory.path().join("shop"));
        shop.copy(&root, &sabotage()).unwrap();
        let copied = |file: &str| fs::read_to_string(shop.tree().join(file)).ok();
        assert_eq!(copied("config/a.rs").unwrap(), "bad");
        assert_eq!((copied("target/x"), copied(".git/x")), (None, None));
        assert_eq!(fs::read_to_string(root.join("config/a.rs")).unwrap(), "good");

        let of = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        let changed = |file: &str| of(shop.tree().join(file));
        assert_eq!(changed("config/b.rs"), of(root.join("config/b.rs")));
        let before = (changed("config/a.rs"), changed("config/b.rs"));
        fs::write(shop.tree().join("config/left.rs"), "of another day").unwrap();
        shop.copy(&root, &sabotage()).unwrap();
        assert_eq!((changed("config/a.rs"), changed("config/b.rs")), before);
        assert_eq!(copied("config/left.rs"), None);
    }

    #[test]
    fn a_scenario_that_holds_or_fails_for_another_reason_has_not_seen_it() {
        let of = |failures: &[&str]| {
            let failures: Vec<String> = failures.iter().map(|text| (*text).to_owned()).collect();
            Verdict::of(&sabotage(), &Report { holds: failures.is_empty(), failures, ..Report::default() })
        };
        assert_eq!(of(&[]), Verdict::StillGreen);
        assert!(of(&["probe: nobody answered"]).seen());
        assert!(!of(&["the disk is full"]).seen());
    }

    #[test]
    fn a_failure_is_shown_without_the_log_that_it_quotes() {
        let failure = "\n--- log of the daemon on node ends:\nline\n---\n: step 2 (ADD): ADD failed";
        assert_eq!(in_short(failure), "step 2 (ADD): ADD failed");
        let failure = "left of pod web: a rule\n--- log of the daemon on node ends:\nline\n---\n";
        assert_eq!(in_short(failure), "left of pod web: a rule");
        assert_eq!(in_short("journal: two\nand more"), "journal: two");
        let failure = "cell a: \n--- log of the daemon on node ends:\nline\n---\n: step 2 (ADD): ADD failed";
        assert_eq!(in_short(failure), "cell a: step 2 (ADD): ADD failed");
    }
}
