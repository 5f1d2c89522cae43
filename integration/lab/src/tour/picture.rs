//! What the tour knows, and how what it hears and sees changes that. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::report::{CellReport, StepReport};
use crate::scenario::Scenario;
use crate::vantage::{NodeSight, Sight};

/// What the judge says in the end is the last chapter.
const JUDGED: &str = "All of it is judged: no packet lost, nothing left, no rule of EC2 broken";

/// The tour so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    /// What it shows.
    pub(crate) summary: String,
    /// Since the world stood.
    pub(crate) elapsed: Duration,
    pub(crate) chapters: Vec<Chapter>,
    /// The last look.
    pub(crate) sight: Sight,
    /// Restarts of actors, by node.
    pub(super) restarts: BTreeMap<String, Restarts>,
}

/// What is shown, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chapter {
    pub(crate) title: String,
    pub(crate) state: State,
    /// What came of its last step, or what is done now.
    pub(crate) outcome: String,
    /// All its steps so far.
    pub(crate) milliseconds: u64,
}

/// How far a chapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ahead,
    Now,
    Held,
    Failed,
}

/// A daemon counts its actors' restarts from its own start on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Restarts {
    /// Of daemons that are gone, as last seen.
    before: u64,
    /// Of this one.
    now: u64,
    /// Which one it is.
    life: u32,
}

impl Picture {
    /// Before anything happened. Steps before the first chapter are one that has the scenario's name.
    pub(crate) fn of(name: &str, scenario: &Scenario) -> Self {
        let chapters = scenario.step.iter().map(|placed| placed.chapter.as_deref());
        let nameless = chapters.clone().next() == Some(None);
        let titles = nameless.then_some(name).into_iter().chain(chapters.flatten());
        let chapter = |title: &str| Chapter {
            title: title.to_owned(),
            state: State::Ahead,
            outcome: String::new(),
            milliseconds: 0,
        };
        Self {
            summary: scenario.summary.clone(),
            chapters: titles.chain([JUDGED]).map(chapter).collect(),
            ..Self::default()
        }
    }

    /// Has no chapter begun yet?
    pub(crate) fn is_before_the_first(&self) -> bool {
        self.chapters.iter().all(|chapter| chapter.state == State::Ahead)
    }

    /// A step begins.
    pub(crate) fn begins(&mut self, step: &str, opens_chapter: bool) {
        if opens_chapter || self.is_before_the_first() {
            self.turns_page();
        }
        if let Some(now) = self.now() {
            now.outcome = format!("{step} …");
        }
    }

    /// A step ended.
    pub(crate) fn ended(&mut self, step: &StepReport) {
        if let Some(now) = self.now() {
            now.outcome.clone_from(&step.outcome);
            now.milliseconds = now.milliseconds.saturating_add(step.milliseconds);
            if !step.holds {
                now.state = State::Failed;
            }
        }
    }

    /// All is over. What failed at the end, or between two steps, failed in the chapter that is open then.
    pub(crate) fn judged(&mut self, report: &CellReport) {
        let asked = report.expectations.len();
        if asked > 0 {
            self.turns_page();
        }
        let Some(now) = self.now() else { return };
        if let Some(failure) = report.failures.first() {
            now.state = State::Failed;
            now.outcome = failure.lines().next().unwrap_or_default().to_owned();
        } else {
            now.state = State::Held;
            now.outcome = format!("{asked} of {asked} hold");
        }
    }

    /// A look at the world.
    pub(crate) fn sees(&mut self, sight: Sight) {
        for node in &sight.nodes {
            let known = self.restarts.entry(node.name.clone()).or_default();
            if node.lives != known.life {
                *known = Restarts { before: known.before + known.now, now: 0, life: node.lives };
            }
            if let Some(daemon) = &node.daemon {
                known.now = daemon.restarts;
            }
        }
        self.sight = sight;
    }

    /// Restarts of actors on this node, and of its daemon.
    pub(crate) fn restarts(&self, node: &NodeSight) -> (u64, u32) {
        let actors = self.restarts.get(&node.name).map_or(0, |known| known.before + known.now);
        (actors, node.lives.saturating_sub(1))
    }

    /// The title of the chapter in which something failed.
    pub(crate) fn failed(&self) -> Option<&Chapter> {
        self.chapters.iter().find(|chapter| chapter.state == State::Failed)
    }

    /// The open chapter held, and the next one opens.
    fn turns_page(&mut self) {
        if let Some(now) = self.now() {
            now.state = State::Held;
        }
        if let Some(next) = self.chapters.iter_mut().find(|chapter| chapter.state == State::Ahead) {
            next.state = State::Now;
        }
    }

    fn now(&mut self) -> Option<&mut Chapter> {
        self.chapters.iter_mut().find(|chapter| chapter.state == State::Now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tour::examples::{node, picture, step};
    use crate::vantage::DaemonSight;

    fn states(picture: &Picture) -> Vec<State> {
        picture.chapters.iter().map(|chapter| chapter.state).collect()
    }

    #[test]
    fn chapters_open_hold_and_fail_where_their_steps_do() {
        let mut picture = picture(&["one", "two", "end"]);
        picture.begins("start", true);
        picture.ended(&step("ready in 70 ms", true));
        picture.begins("burst", true);
        assert_eq!(states(&picture), [State::Held, State::Now, State::Ahead]);
        assert_eq!(picture.chapters[1].outcome, "burst …");
        let mut bad = picture.clone();
        bad.ended(&step("it did not", false));
        bad.judged(&CellReport { failures: vec!["line 3: it did not".into()], ..CellReport::default() });
        assert_eq!(bad.failed().unwrap().title, "two");
        assert_eq!(states(&bad), [State::Held, State::Failed, State::Ahead]);
        picture.ended(&step("2 pods", true));
        let seen = crate::report::Seen::list("region", "nothing", Vec::new());
        picture.judged(&CellReport { expectations: vec![seen], ..CellReport::default() });
        assert_eq!(states(&picture), [State::Held; 3]);
        assert_eq!(picture.chapters[2].outcome, "1 of 1 hold");
    }

    #[test]
    fn restarts_of_a_daemon_that_is_gone_are_remembered() {
        let mut picture = picture(&[]);
        let mut seen = |lives, restarts: Option<u64>| {
            let daemon = restarts.map(|restarts| DaemonSight { restarts, ..DaemonSight::default() });
            let node = NodeSight { lives, daemon, ..node("node-1", &[]) };
            picture.sees(Sight { nodes: vec![node.clone()], ..Sight::default() });
            picture.restarts(&node)
        };
        assert_eq!(seen(1, Some(2)), (2, 0));
        assert_eq!(seen(1, None), (2, 0));
        assert_eq!(seen(2, None), (2, 1));
        assert_eq!(seen(2, Some(1)), (3, 1));
    }
}
