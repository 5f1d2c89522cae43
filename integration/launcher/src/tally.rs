//! Counting what passed, failed and was skipped, and reading those numbers out of what test programs print. Pure.

use std::ops::AddAssign;

/// What a test prints, at the start of a line, when it cannot run here.
const SKIP_MARK: &str = "SKIPPED ";

/// Numbers of tests, and the names of those that are not good.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: Vec<String>,
    pub(crate) skipped: Vec<String>,
}

impl Tally {
    /// One check that passed or failed.
    pub(crate) fn of_one(name: &str, passed: bool) -> Self {
        let mut tally = Self::default();
        if passed {
            tally.passed = 1;
        } else {
            tally.failed.push(name.to_owned());
        }
        tally
    }

    /// Reads what `cargo test -- --show-output` printed. A test that says SKIPPED is no passed test.
    pub(crate) fn of_tests(output: &str) -> Self {
        let mut tally = Self::default();
        let (mut passed, mut failed, mut unable) = (0_u32, 0_u32, 0_u32);
        for line in output.lines() {
            if let Some(counts) = line.strip_prefix("test result: ") {
                passed += count(counts, "passed");
                failed += count(counts, "failed");
                let ignored = count(counts, "ignored");
                tally.skipped.extend((0..ignored).map(|_| "an ignored test".to_owned()));
            } else if let Some(name) =
                line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
            {
                tally.failed.push(name.to_owned());
            } else if let Some(what) = line.strip_prefix(SKIP_MARK) {
                tally.skipped.push(what.to_owned());
                unable += 1; // counted as passed by its program, whose result comes after this line
            }
        }
        // A program that died names nobody; its number still counts.
        while tally.failed.len() < failed as usize {
            tally.failed.push("an unnamed test".to_owned());
        }
        tally.passed = passed.saturating_sub(unable);
        tally
    }

    /// The last line of `cargo verify`.
    pub(crate) fn line(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped.len())
    }

    /// Is this good enough? A skip is not, where everything is there to run everything.
    pub(crate) fn good(&self, ci: bool) -> bool {
        self.failed.is_empty() && self.passed > 0 && (self.skipped.is_empty() || !ci)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
    }
}

/// The number before a word: `ok. 7 passed; 0 failed`.
fn count(counts: &str, word: &str) -> u32 {
    let words: Vec<&str> = counts.split([' ', ';']).filter(|part| !part.is_empty()).collect();
    words
        .windows(2)
        .find_map(|pair| match pair {
            [number, name] if *name == word => number.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test a::works ... ok
test a::breaks ... FAILED
test a::wants_root ... ok
test a::later ... ignored

successes:

---- a::wants_root stdout ----
SKIPPED probes: not root

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn results_of_all_programs_are_added_and_a_skip_is_no_pass() {
        let tally = Tally::of_tests(OUTPUT);
        assert_eq!(tally.line(), "4 passed, 1 failed, 2 skipped");
        assert_eq!(tally.failed, ["a::breaks"]);
        assert_eq!(tally.skipped, ["probes: not root", "an ignored test"]);
    }

    #[test]
    fn skips_are_a_failure_in_ci_only_and_nothing_at_all_is_one_everywhere() {
        let mut tally = Tally::of_one("fmt", true);
        assert!(tally.good(true));
        tally.skipped.push("lab".into());
        assert!(tally.good(false) && !tally.good(true));
        tally += Tally::of_one("clippy", false);
        assert!(!tally.good(false));
        assert!(!Tally::default().good(false));
    }
}
