//! Takes orders until its stdin ends. The jobs of one order start together and are timed each by itself.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::Barrier;
use std::time::Instant;

use crate::execute::execute;
use crate::order::{Job, Took};
use crate::steps::Tools;

/// Works off orders: a line in, a line out.
///
/// # Errors
/// When a line is no order, or cannot be answered.
pub fn run(orders: impl BufRead, mut answers: impl Write) -> Result<()> {
    for line in orders.lines() {
        let jobs: Vec<Job> = serde_json::from_str(&line?).context("that is no order")?;
        serde_json::to_writer(&mut answers, &together(&jobs))?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}

/// Does the jobs, all at once.
#[must_use]
pub fn together(jobs: &[Job]) -> Vec<Took> {
    let start = Barrier::new(jobs.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = jobs.iter().map(|job| scope.spawn(|| timed(job, &start))).collect();
        let died = || Took { said: "the job's thread panicked".to_owned(), ..Took::default() };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| died())).collect()
    })
}

/// One job, from the moment when all are ready.
fn timed(job: &Job, start: &Barrier) -> Took {
    let tools = match job {
        Job::Execute(_) => None,
        Job::FloorAdd(_) | Job::FloorDel(_) => Some(Tools::new()),
    };
    start.wait();
    let watch = Stopwatch::start();
    let mut took =
        act(job, tools).unwrap_or_else(|error| Took { said: format!("{error:#}"), ..Took::default() });
    took.nanoseconds = watch.nanoseconds();
    took
}

fn act(job: &Job, tools: Option<Result<Tools>>) -> Result<Took> {
    match (job, tools.transpose()?) {
        (Job::Execute(program), _) => {
            let output =
                execute(program).with_context(|| format!("cannot execute {}", program.path.display()))?;
            Ok(Took {
                exit_code: output.status.code(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                said: String::from_utf8_lossy(&output.stderr).into_owned(),
                ..Took::default()
            })
        }
        (Job::FloorAdd(pod), Some(mut tools)) => Ok(floored(tools.add(pod)?)),
        (Job::FloorDel(pod), Some(mut tools)) => Ok(floored(tools.del(pod)?)),
        (Job::FloorAdd(_) | Job::FloorDel(_), None) => anyhow::bail!("no tools"),
    }
}

fn floored(parts: BTreeMap<String, u64>) -> Took {
    Took { parts, exit_code: Some(0), ..Took::default() }
}

/// Time, and laps of it by name.
pub(crate) struct Stopwatch {
    began: Instant,
    lap_began: Instant,
    pub(crate) laps: BTreeMap<String, u64>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        let began = now();
        Self { began, lap_began: began, laps: BTreeMap::new() }
    }

    pub(crate) fn lap(&mut self, name: &str) {
        let now = now();
        self.laps.insert(name.to_owned(), nanoseconds(now - self.lap_began));
        self.lap_began = now;
    }

    fn nanoseconds(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock; nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Program;

    fn program(path: &str, input: &str) -> Job {
        Job::Execute(Program { path: path.into(), environment: BTreeMap::new(), input: input.to_owned() })
    }

    #[test]
    fn an_order_is_answered_job_by_job_with_what_came_of_each() {
        let order =
            serde_json::to_string(&[program("/bin/cat", "hello"), program("/bin/false", "")]).unwrap();
        let mut answer = Vec::new();
        run(format!("{order}\n").as_bytes(), &mut answer).unwrap();
        let took: Vec<Took> = serde_json::from_slice(&answer).unwrap();
        assert_eq!((took[0].exit_code, took[0].stdout.as_str()), (Some(0), "hello"));
        assert_eq!(took[1].exit_code, Some(1));
        assert!(took.iter().all(|took| took.nanoseconds > 0));
    }

    #[test]
    fn a_job_that_cannot_be_done_says_why_and_no_exit_status() {
        let took = together(&[program("/nonexistent", "")]);
        assert_eq!(took[0].exit_code, None);
        assert!(took[0].said.contains("/nonexistent"), "{}", took[0].said);
        assert!(run(b"no json\n".as_slice(), Vec::new()).is_err());
    }
}
