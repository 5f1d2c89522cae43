//! Who watches a run: what is told while it happens, and how long its world stays afterwards.

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::report::{CellReport, StepReport};
use crate::vantage::Vantage;

/// Says one line to whoever watches.
pub type Say<'a> = &'a dyn Fn(&str);

/// Something that is told in the moment in which it is true.
#[derive(Debug)]
pub enum Event<'a> {
    /// The world stands, and can be looked at until it goes.
    Stands(Vantage),
    /// A step is about to be taken.
    Begins {
        /// Its `do`.
        step: &'a str,
        /// The chapter that begins with it, if one does.
        chapter: Option<&'a str>,
    },
    /// A step ended.
    Ended(&'a StepReport),
    /// All is over and judged. The world goes when this has been heard.
    Judged(&'a CellReport),
}

/// Watches a run. A function that takes a line is an audience that only reads.
pub trait Audience {
    /// A line about what was done.
    fn line(&self, line: &str);

    /// Hears of an event; the run goes on when this ends.
    fn hear<'a>(&'a self, _event: Event<'a>) -> LocalBoxFuture<'a, ()> {
        std::future::ready(()).boxed_local()
    }
}

impl<F: Fn(&str)> Audience for F {
    fn line(&self, line: &str) {
        self(line);
    }
}

/// The audience of one cell of a table: each line says which.
pub(crate) struct OfCell<'a> {
    pub(crate) cell: &'a str,
    pub(crate) audience: &'a dyn Audience,
}

impl Audience for OfCell<'_> {
    fn line(&self, line: &str) {
        match self.cell {
            "" => self.audience.line(line),
            cell => self.audience.line(&format!("{cell}: {line}")),
        }
    }

    fn hear<'a>(&'a self, event: Event<'a>) -> LocalBoxFuture<'a, ()> {
        self.audience.hear(event)
    }
}
