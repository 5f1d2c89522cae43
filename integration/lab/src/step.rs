//! The steps of a scenario. A step is one line in the list below and one file: its keys, what must make sense before anything
//! starts, and what it does.

pub(crate) mod actor;
mod add;
mod burst;
mod change_kernel;
mod change_pod;
mod conflist;
mod daemon_refuses;
mod delete;
mod external;
mod fault;
mod knobs;
mod lose;
mod neighbour;
mod plugin;
pub(crate) mod pods;
mod probe;
mod reboot;
mod runtime;
pub(crate) mod services;
mod start;
mod status;
mod stop;
mod traffic;
mod visit;
mod wait;
mod watch;
mod write_file;

use anyhow::{Result, ensure};
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::runner::Stage;
use crate::scenario::{Document, PlacedStep, Plan, unknown_word};

/// What a step's type does.
pub(crate) trait Take {
    /// Refuses what could not mean what it says, and notes what later steps may refer to. Pure.
    fn check(&self, plan: &mut Plan) -> Result<()>;

    /// Does it; what came of it in words, or what was expected and did not come.
    async fn take(&self, stage: &mut Stage<'_>) -> Result<String>;
}

macro_rules! steps {
    ($($(#[$doc:meta])+ $verb:literal => $name:ident($room:ident),)+) => {
        /// One step.
        #[derive(Debug, Clone)]
        pub(crate) enum Step {
            $($(#[$doc])+ $name($room::$name),)+
        }

        /// What `do` can be.
        pub(crate) const VERBS: &[&str] = &[$($verb),+];

        impl Step {
            /// What it says behind `do`.
            pub(crate) fn verb(&self) -> &'static str {
                match self { $(Self::$name(_) => $verb,)+ }
            }

            /// A table without its `do`, by the type of its verb.
            fn of<'i>(verb: &str, document: Document<'i>, table: Spanned<DeTable<'i>>) -> Result<Option<Self>> {
                Ok(Some(match verb {
                    $($verb => Self::$name(document.read(table)?),)+
                    _ => return Ok(None),
                }))
            }

            pub(crate) fn check(&self, plan: &mut Plan) -> Result<()> {
                match self { $(Self::$name(step) => step.check(plan),)+ }
            }

            pub(crate) async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
                match self { $(Self::$name(step) => step.take(stage).await,)+ }
            }
        }

        /// The keys of every verb, as its type has them.
        #[cfg(test)]
        pub(crate) fn keys() -> Vec<(&'static str, Vec<&'static str>)> {
            vec![$(($verb, crate::scenario::keys_of::<$room::$name>())),+]
        }
    };
}

steps! {
    /// Starts daemons and waits until they are ready.
    "start" => Start(start),
    /// Tells the daemon to stop, and expects it to end well.
    "stop" => Stop(stop),
    /// Kills the daemon.
    "kill" => Kill(stop),
    /// Ends the daemon one way or the other, starts it again, and waits until it is ready.
    "restart" => Restart(stop),
    /// Starts a daemon that must refuse and end, beside the running one if there is one, and touch nothing.
    "daemon_refuses" => DaemonRefuses(daemon_refuses),
    /// The node goes down without a warning, and comes up again without a daemon.
    "reboot" => Reboot(reboot),
    /// The runtime adds a pod.
    "add" => Add(add),
    /// The runtime adds many pods at once.
    "burst" => Burst(burst),
    /// The runtime stops and removes pods: DEL, its namespace, DEL again.
    "delete" => Delete(delete),
    /// Datagrams between pods and a peer, counted before the next step.
    "probe" => Probe(probe),
    /// Datagrams between pods and a peer, while the next steps are taken.
    "traffic_start" => TrafficStart(traffic),
    /// Ends traffic, and counts what was lost.
    "traffic_stop" => TrafficStop(traffic),
    /// Notes what is deleted in a node's kernel, while the next steps are taken.
    "watch_start" => WatchStart(watch),
    /// Ends the watch, and counts what was deleted.
    "watch_stop" => WatchStop(watch),
    /// Waits until something holds.
    "wait" => Wait(wait),
    /// Another hand changes the node's kernel.
    "change_kernel" => ChangeKernel(change_kernel),
    /// Another hand changes a pod's own network.
    "change_pod" => ChangePod(change_pod),
    /// A pod is lost to its runtime without a DEL.
    "lose" => Lose(lose),
    /// EC2 becomes slower, stingier, more forbidding, or the reverse.
    "knobs" => Knobs(knobs),
    /// Calls go wrong from now on.
    "fault" => Fault(fault),
    /// Nothing that was scripted goes wrong any more.
    "clear_faults" => ClearFaults(fault),
    /// Another hand changes something in EC2.
    "external" => External(external),
    /// Writes a file into one of the node's directories.
    "write_file" => WriteFile(write_file),
    /// Executes the plugin with any environment and stdin.
    "plugin" => Plugin(plugin),
    /// Harms one actor of the daemon.
    "actor" => Actor(actor),
    /// The node gets another list of plugins.
    "conflist" => Conflist(conflist),
    /// CHECK, GC or STATUS.
    "runtime" => Runtime(runtime),
    /// STATUS again and again, while the next steps are taken.
    "status_start" => StatusStart(status),
    /// Ends that, and counts what failed.
    "status_stop" => StatusStop(status),
    /// The cluster's Services and host ports, in every node's rules.
    "services" => Services(services),
    /// Somebody asks an address, and the answers are judged.
    "visit" => Visit(visit),
    /// An agent with mark bits of its own settles on a node.
    "neighbour" => Neighbour(neighbour),
}

/// The words that values of keys can be.
#[cfg(test)]
pub(crate) fn words() -> Vec<Vec<&'static str>> {
    use crate::scenario::keys_of;
    vec![
        keys_of::<probe::Reach>(),
        keys_of::<change_kernel::Change>(),
        keys_of::<change_kernel::Seen>(),
        keys_of::<change_pod::PodChange>(),
        keys_of::<lose::Lost>(),
        keys_of::<external::Hand>(),
        keys_of::<wait::WaitJournal>(),
        keys_of::<wait::WaitRules>(),
        keys_of::<actor::Order>(),
        keys_of::<crate::proxy::Form>(),
        keys_of::<crate::proxy::TrafficPolicy>(),
        keys_of::<runtime::RuntimeVerb>(),
        keys_of::<services::ServiceKeys>(),
        keys_of::<services::HostPortKeys>(),
        keys_of::<visit::Place>(),
        keys_of::<visit::Target>(),
        keys_of::<visit::NodePort>(),
    ]
}

impl PlacedStep {
    /// A `[[step]]`: what every step may have, and the rest as the type of its verb.
    pub(crate) fn read<'i>(document: Document<'i>, table: Spanned<DeTable<'i>>) -> Result<Self> {
        let span = table.span();
        let mut keys = table.into_inner();
        let Some((at, verb)) = word(document, &mut keys, "do", "the name of a step")? else {
            return Err(document.at(&span, "a [[step]] needs a `do`, which names it"));
        };
        let chapter = word(document, &mut keys, "chapter", "what begins to be shown")?;
        let line = document.line(&span);
        let step = Step::of(&verb, document, Spanned::new(span, keys))?
            .ok_or_else(|| document.at(&at, &unknown_word("step", &verb, VERBS)))?;
        Ok(Self { step, line, chapter: chapter.map(|(_, title)| title.into_owned()) })
    }
}

/// A text that a step may have, and where it stands.
fn word<'i>(
    document: Document<'i>,
    keys: &mut DeTable<'i>,
    key: &str,
    what: &str,
) -> Result<Option<(Range<usize>, DeString<'i>)>> {
    let Some(value) = keys.remove(key) else { return Ok(None) };
    let at = value.span();
    match value.into_inner() {
        DeValue::String(text) => Ok(Some((at, text))),
        _ => Err(document.at(&at, &format!("`{key}` is {what}, in quotes"))),
    }
}

/// Not later than expected.
pub(crate) fn within(took: Duration, milliseconds: Option<u64>, what: &str) -> Result<()> {
    if let Some(limit) = milliseconds {
        ensure!(
            took <= Duration::from_millis(limit),
            "{what} after {} ms instead of {limit} ms",
            took.as_millis()
        );
    }
    Ok(())
}

/// Not earlier than expected: it really had to wait.
pub(crate) fn not_before(took: Duration, milliseconds: Option<u64>, what: &str) -> Result<()> {
    if let Some(least) = milliseconds {
        ensure!(
            took >= Duration::from_millis(least),
            "{what} took {} ms: it cannot have waited {least} ms",
            took.as_millis()
        );
    }
    Ok(())
}

/// Every word is in the text.
pub(crate) fn says(text: &str, words: &[String]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word.as_str()), "`{word}` is not in what it said:\n{text}");
    }
    Ok(())
}

const fn fifteen() -> u64 {
    15
}
