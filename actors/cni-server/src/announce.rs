//! Tells the runtime of enid: the mark of this boot for STATUS, and the list of plugins. The hands only: what the list says is
//! decided in `plan/conflist.rs`, when it is looked at in `state/announcement.rs`.

use protocol::{served, whole_file};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

use crate::ask_program::ask;
use crate::plan::{Existing, ListError, OurPlugin, PORTMAP, Spoken};

/// One look ends by then, whatever the disk and the programs do.
pub(crate) const ANNOUNCE_MAX: Duration = Duration::from_secs(20);

/// A list is some kilobytes.
const LIST_BYTES_MAX: u64 = 1024 * 1024;
const LIST_MODE: u32 = 0o644;
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Where the runtime is told, and what of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceConfig {
    /// The list, as the daemon sees it.
    pub list: PathBuf,
    /// The directory of the plugins' programs, as the daemon sees it.
    pub programs: PathBuf,
    /// Where the mark of this boot is: beside the socket.
    pub mark_directory: PathBuf,
    /// Our part of the list.
    pub ours: OurPlugin,
}

/// The programs of a list, by their `type`. One that is not there is absent.
pub type Programs = BTreeMap<String, Program>;

/// A program that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    identity: Identity,
    /// Its versions; none if it could not be asked.
    speaks: Option<BTreeSet<String>>,
}

/// A file that was not replaced since.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// The hands, one pair for all incarnations: a disk that never answers holds one thread, and not one for each attempt.
#[derive(Debug)]
pub struct Announcer {
    config: AnnounceConfig,
    disk: Arc<Semaphore>,
}

impl Announcer {
    /// Tells the runtime what `config` says.
    #[must_use]
    pub fn new(config: AnnounceConfig) -> Self {
        Self { config, disk: Arc::new(Semaphore::new(1)) }
    }

    /// Puts mark and list in place if they are not, given what the programs said last: what they say now, or why not, in words.
    pub(crate) async fn announce(&self, known: Programs) -> Result<Programs, String> {
        match tokio::time::timeout(ANNOUNCE_MAX, self.look(known)).await {
            Ok(result) => result,
            Err(_) => Err(format!("{} is not in place after {} s", self.list(), ANNOUNCE_MAX.as_secs())),
        }
    }

    async fn look(&self, known: Programs) -> Result<Programs, String> {
        let config = &self.config;
        self.on_disk(mark).await?;
        let found = self.on_disk(read_list).await?;
        let mixed = found.list.clone().mix(&config.ours);
        let kinds: BTreeSet<String> = mixed.kinds().map(str::to_owned).collect();
        let there = self.on_disk(move |config| identities(config, &kinds)).await?;
        let programs = self.asked(there, known).await;
        self.is_ours_usable(&programs)?;
        let spoken: Spoken =
            programs.iter().filter_map(|(kind, of)| Some((kind.clone(), of.speaks.clone()?))).collect();
        let list = mixed.with_versions(&spoken).map_err(|error| format!("{}: {error}", self.list()))?;
        let stands = found.usable == Some(Ok(())) && found.list.says(&list);
        if !stands {
            self.on_disk(move |config| replace_list(config, &found, &list)).await?;
        }
        Ok(programs)
    }

    /// A list that names a program which is not there, or does not run, would fail every pod.
    fn is_ours_usable(&self, programs: &Programs) -> Result<(), String> {
        let AnnounceConfig { ours, programs: directory, .. } = &self.config;
        match programs.get(&ours.kind) {
            None => {
                Err(format!("{} is not in {}: `enid install` puts it there", ours.kind, directory.display()))
            }
            Some(Program { speaks: None, .. }) => {
                Err(format!("{} in {} does not answer VERSION", ours.kind, directory.display()))
            }
            Some(_) => Ok(()),
        }
    }

    /// Asks the programs that are new or were replaced, and again those that gave no answer: a node may have been too busy.
    async fn asked(&self, there: BTreeMap<String, Identity>, known: Programs) -> Programs {
        let directory = &self.config.programs;
        let asked = there.into_iter().map(|(kind, identity)| {
            let before = known.get(&kind).filter(|program| program.identity == identity).cloned();
            async move {
                let was_silent = before.is_some();
                let speaks = match before.and_then(|program| program.speaks) {
                    Some(speaks) => Some(speaks),
                    None => told(&kind, ask(&directory.join(&kind)).await, was_silent),
                };
                (kind, Program { identity, speaks })
            }
        });
        futures::future::join_all(asked).await.into_iter().collect()
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AnnounceConfig) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let permit = Arc::clone(&self.disk).try_acquire_owned();
        let permit = permit.map_err(|_| format!("the disk of {} does not answer", self.list()))?;
        let config = self.config.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&config);
            drop(permit);
            done
        });
        done.await.map_err(|error| error.to_string())?
    }

    fn list(&self) -> std::path::Display<'_> {
        self.config.list.display()
    }
}

/// What is silent for long is told once.
fn told(kind: &str, answer: Result<BTreeSet<String>, String>, was_silent: bool) -> Option<BTreeSet<String>> {
    let failed = |error: &String| {
        if !was_silent {
            tracing::warn!(kind, error, "a plugin cannot be asked for its CNI versions");
        }
    };
    answer.inspect_err(failed).ok()
}

fn mark(config: &AnnounceConfig) -> Result<(), String> {
    let boot_id =
        std::fs::read_to_string(BOOT_ID).map_err(|error| format!("cannot read {BOOT_ID}: {error}"))?;
    served::mark(&config.mark_directory, boot_id.trim()).map_err(|error| error.to_string())
}

/// What a look found.
#[derive(Debug)]
struct Found {
    /// The list that is there, or a fresh one.
    list: Existing,
    /// Whether what is there could be used; `None` where nothing is there.
    usable: Option<Result<(), ListError>>,
}

fn read_list(config: &AnnounceConfig) -> Result<Found, String> {
    let path = &config.list;
    let fresh = |usable| Found { list: Existing::fresh(config.programs.join(PORTMAP).is_file()), usable };
    let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let bytes = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(fresh(None)),
        Err(error) => return Err(failed(error)),
        Ok(about) if about.len() > LIST_BYTES_MAX => Err(ListError::NoList("too long".to_owned())),
        Ok(_) => Ok(std::fs::read(path).map_err(failed)?),
    };
    Ok(match bytes.and_then(|bytes| Existing::read(&bytes)) {
        Ok(list) => Found { list, usable: Some(Ok(())) },
        Err(error) => fresh(Some(Err(error))),
    })
}

/// What could not be used is lost to nobody: it lies beside, under a name that no runtime reads and that nothing else has.
fn replace_list(config: &AnnounceConfig, found: &Found, list: &serde_json::Value) -> Result<(), String> {
    if let Some(Err(error)) = &found.usable {
        keep_aside(&config.list, error)?;
    }
    write_list(config, list)
}

/// A second name for it, so that there is no moment without a list.
fn keep_aside(path: &Path, error: &ListError) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot set {} aside: {error}", path.display());
    let about = std::fs::metadata(path).map_err(failed)?;
    let aside = path.with_extension(format!("conflist.{}-{}", about.mtime(), about.ino()));
    match std::fs::hard_link(path, &aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    tracing::warn!(path = %path.display(), aside = %aside.display(), %error, "a list of plugins is set aside");
    Ok(())
}

fn identities(
    config: &AnnounceConfig,
    kinds: &BTreeSet<String>,
) -> Result<BTreeMap<String, Identity>, String> {
    let mut found = BTreeMap::new();
    for kind in kinds {
        let path = config.programs.join(kind);
        match std::fs::metadata(&path) {
            Ok(about) if about.is_file() => drop(found.insert(kind.clone(), identity(&about))),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("cannot look at {}: {error}", path.display())),
        }
    }
    Ok(found)
}

fn identity(about: &Metadata) -> Identity {
    Identity { inode: about.ino(), bytes: about.len(), changed: (about.ctime(), about.ctime_nsec()) }
}

fn write_list(config: &AnnounceConfig, list: &serde_json::Value) -> Result<(), String> {
    let path = &config.list;
    let directory = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    let text = serde_json::to_string_pretty(list).map_err(|error| error.to_string())?;
    whole_file::put(path, format!("{text}\n").as_bytes(), LIST_MODE).map_err(|error| error.to_string())?;
    let versions = list.get("cniVersions").or(list.get("cniVersion")).map(ToString::to_string);
    tracing::info!(path = %path.display(), versions, "the runtime's list of plugins is written");
    Ok(())
}
