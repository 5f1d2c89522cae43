//! The tour: a scenario, shown while it happens. On a terminal as a picture in place, elsewhere as lines; then what was proven,
//! and what to try next. Whatever is shown was read from the region, the daemons or the kernel.

#[cfg(test)]
mod examples;
mod frame;
mod line;
mod picture;
mod screen;
mod summary;

use anyhow::{Result, bail, ensure};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::audience::{Audience, Event};
use crate::binaries::Binaries;
use crate::report::{CellReport, StepReport};
use crate::scenario::ScenarioFile;
use crate::vantage::Vantage;
use frame::Size;
use picture::Picture;
use screen::Screen;

/// The scenario for whoever comes for the first time.
pub const TOUR: &str = "tour";

/// Between two pictures: a movement for the eye, and little work beside what is measured.
const PICTURE_MILLISECONDS: u64 = 100;

/// How it is shown.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// Nothing goes after the end, before somebody says so.
    pub keep: bool,
    /// `TERM`.
    pub terminal: Option<String>,
    /// Colours, unless `NO_COLOR` is set.
    pub colours: bool,
}

/// Whoever leads through the tour.
struct Guide {
    say: fn(&str),
    keep: bool,
    begun: Instant,
    picture: RefCell<Picture>,
    vantage: RefCell<Option<Rc<Vantage>>>,
    /// What a reader knows of each node.
    told: RefCell<BTreeMap<String, Vec<String>>>,
    /// Lines are said where there is none.
    screen: RefCell<Option<Screen>>,
    /// Did everything hold? Nothing while it is not over.
    held: Cell<Option<bool>>,
}

/// Leads through a scenario. Returns whether everything held.
///
/// # Errors
/// When it has several worlds or binaries are old, or when somebody ends it before it is over.
pub async fn lead(name: &str, file: &ScenarioFile, looks: &Looks, say: fn(&str)) -> Result<bool> {
    let binaries = Binaries::locate()?;
    binaries.verify().await?;
    ensure!(file.cells.len() == 1, "{name} is a table of {} worlds, and one can be shown", file.cells.len());
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let guide = Guide::new(name, file, looks, say);
    let report = tokio::select! {
        report = crate::run(name, file, &binaries, &guide) => Some(report),
        never = guide.watch() => match never {},
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    // The world is gone by now, one way or the other.
    guide.screen.take();
    match (report, guide.held.get()) {
        (Some(report), _) => Ok(report.holds),
        (None, Some(held)) => {
            say("Everything is removed.");
            Ok(held)
        }
        (None, None) => bail!("interrupted; everything the run made is removed"),
    }
}

impl Guide {
    fn new(name: &str, file: &ScenarioFile, looks: &Looks, say: fn(&str)) -> Self {
        let picture = file.cells.first().map(|cell| Picture::of(name, &cell.scenario)).unwrap_or_default();
        let screen = Screen::enter(looks.terminal.as_deref(), looks.colours);
        if screen.is_none() {
            say(&picture.summary);
        }
        Self {
            say,
            keep: looks.keep,
            begun: Instant::now(),
            picture: RefCell::new(picture),
            vantage: RefCell::new(None),
            told: RefCell::default(),
            screen: RefCell::new(screen),
            held: Cell::new(None),
        }
    }

    /// Draws, again and again, while there is a screen.
    async fn watch(&self) -> Infallible {
        let mut ticks = interval(Duration::from_millis(PICTURE_MILLISECONDS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.screen.borrow().is_some() {
            ticks.tick().await;
            self.look().await;
            self.draw();
        }
        std::future::pending().await
    }

    /// A fresh look at the world; the last one stays if there is nothing to see.
    async fn look(&self) {
        let Some(vantage) = self.vantage.borrow().clone() else { return };
        if let Ok(sight) = vantage.look().await {
            self.picture.borrow_mut().sees(sight);
        }
    }

    fn draw(&self) {
        let mut picture = self.picture.borrow_mut();
        picture.elapsed = self.begun.elapsed();
        if let Some(screen) = &*self.screen.borrow() {
            screen.draw(&frame::frame(&picture, screen.size()));
        }
    }

    /// The last picture stays on the page that the terminal goes back to.
    fn leave_screen(&self) {
        let Some(screen) = self.screen.take() else { return };
        let whole = Size { rows: usize::MAX, ..screen.size() };
        let lines = frame::frame(&self.picture.borrow(), whole);
        let lines: Vec<String> = lines.iter().map(|line| line.painted(screen.colours())).collect();
        drop(screen);
        lines.iter().for_each(|line| (self.say)(line));
    }

    fn reads(&self) -> bool {
        self.screen.borrow().is_none()
    }

    /// The nodes as they are now, for a reader who knows the last told.
    fn tell_nodes(&self) {
        let picture = self.picture.borrow();
        let mut told = self.told.borrow_mut();
        for node in &picture.sight.nodes {
            let lines: Vec<String> =
                frame::of_node(&picture, node).iter().map(|line| line.painted(false)).collect();
            if told.insert(node.name.clone(), lines.clone()).as_ref() != Some(&lines) {
                lines.iter().for_each(|line| (self.say)(&format!("     {line}")));
            }
        }
    }

    fn begins(&self, step: &str, chapter: Option<&str>) {
        let first = self.picture.borrow().is_before_the_first();
        if let Some(title) = chapter.filter(|_| self.reads()) {
            if !first {
                self.tell_nodes();
            }
            (self.say)(&format!("\n{title}"));
        }
        self.picture.borrow_mut().begins(step, chapter.is_some());
    }

    async fn ended(&self, step: &StepReport) {
        self.look().await;
        self.picture.borrow_mut().ended(step);
        if self.reads() {
            let mark = if step.holds { '✓' } else { '✗' };
            (self.say)(&format!("   {mark} {:<13} {}", step.step, step.outcome));
        }
    }

    /// The end, and, if it is to stay, for as long as nobody ends it.
    async fn judged(&self, report: &CellReport) {
        self.look().await;
        if self.reads() {
            self.tell_nodes();
        }
        {
            let mut picture = self.picture.borrow_mut();
            picture.elapsed = self.begun.elapsed();
            picture.judged(report);
        }
        self.leave_screen();
        self.held.set(Some(report.holds));
        self.sum_up(report);
        if self.keep {
            std::future::pending().await
        }
    }

    fn sum_up(&self, report: &CellReport) {
        let picture = self.picture.borrow();
        let nodes: Vec<String> = picture.sight.nodes.iter().map(|node| node.name.clone()).collect();
        let verdict = summary::verdict(&picture, report);
        verdict.iter().chain(&summary::next(self.keep, &nodes)).for_each(|line| (self.say)(line));
    }
}

impl Audience for Guide {
    /// The tour has lines of its own.
    fn line(&self, _: &str) {}

    fn hear<'a>(&'a self, event: Event<'a>) -> LocalBoxFuture<'a, ()> {
        async move {
            match event {
                Event::Stands(vantage) => drop(self.vantage.replace(Some(Rc::new(vantage)))),
                Event::Begins { step, chapter } => self.begins(step, chapter),
                Event::Ended(step) => self.ended(step).await,
                Event::Judged(report) => self.judged(report).await,
            }
        }
        .boxed_local()
    }
}
