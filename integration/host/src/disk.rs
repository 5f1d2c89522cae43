//! A directory on a disk that tears, reorders and loses: what a program sees, and beside it what would still be there if the
//! power went away. It promises what POSIX promises and nothing more: a file's content stands when the file was synced, a
//! name when the directory was.

mod power;

use std::collections::BTreeMap;

use crate::machine::Errno;

/// A file, whatever its names are. A number is not given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// What happens to an operation that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails with `IO`, and the next ones do not. Of a write a part is done; of a sync nothing, and what it should have
    /// made durable is clean from then on: no later sync makes it so.
    Fail,
    /// It and all that follow fail with `IO` and do nothing: the program was killed.
    Stop,
}

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// What surely survives, as far as it goes.
    durable: Vec<u8>,
    /// A sync failed, so none will do for what was written before.
    given_up: bool,
    changes: i64,
}

/// What a name may stand for after the power went away: all that it stood for since the directory was synced.
#[derive(Debug, Clone, Default)]
struct Name {
    now: Option<FileId>,
    earlier: Vec<Option<FileId>>,
    /// A sync failed since it changed last: how many of the earlier ones a later sync does not forget.
    given_up: usize,
}

/// The directory.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: BTreeMap<FileId, Content>,
    names: BTreeMap<String, Name>,
    made: u64,
    bytes_max: Option<usize>,
    operations: u64,
    fault: Option<(u64, Fault)>,
}

impl Disk {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How much fits, bytes; `None` is without a bound. What has no name takes no room.
    pub fn limit(&mut self, bytes_max: Option<usize>) {
        self.bytes_max = bytes_max;
    }

    /// Lets the operation after so many others fail, counted from now: those that change, sync or read a file, not those
    /// that look. `None` takes a fault back.
    pub fn fault(&mut self, fault: Option<(u64, Fault)>) {
        self.fault = fault.map(|(after, fault)| (self.operations + after, fault));
    }

    /// The file of a name.
    ///
    /// # Errors
    /// `NOENT`.
    pub fn open(&self, name: &str) -> Result<FileId, Errno> {
        self.names.get(name).and_then(|name| name.now).ok_or(Errno::NOENT)
    }

    /// Length, bytes, and how often the content was changed.
    ///
    /// # Errors
    /// `NOENT` for a file that was lost with the power.
    pub fn look(&self, file: FileId) -> Result<(usize, i64), Errno> {
        let content = self.files.get(&file).ok_or(Errno::NOENT)?;
        Ok((content.bytes.len(), content.changes))
    }

    /// Makes an empty file.
    ///
    /// # Errors
    /// `EXIST` when the name is taken, `IO` as asked.
    pub fn create(&mut self, name: &str) -> Result<FileId, Errno> {
        self.count()?;
        if self.open(name).is_ok() {
            return Err(Errno::EXIST);
        }
        self.made += 1;
        let file = FileId(self.made);
        self.files.insert(file, Content::default());
        self.point(name, Some(file));
        Ok(file)
    }

    /// All of a file's content.
    ///
    /// # Errors
    /// `NOENT` for a file that was lost with the power, `IO` as asked.
    pub fn read(&mut self, file: FileId) -> Result<Vec<u8>, Errno> {
        self.count()?;
        self.files.get(&file).map(|content| content.bytes.clone()).ok_or(Errno::NOENT)
    }

    /// Writes behind what is there.
    ///
    /// # Errors
    /// `NOSPC` when not all of it fits: what fits is written. `IO` as asked, with half of it written.
    pub fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<(), Errno> {
        let counted = self.count();
        let room = self.bytes_max.map_or(usize::MAX, |most| most.saturating_sub(self.bytes_used()));
        let content = self.files.get_mut(&file).ok_or(Errno::NOENT)?;
        let most = match counted {
            Ok(()) => bytes.len(),
            Err(_) if matches!(self.fault, Some((_, Fault::Stop))) => return counted,
            Err(_) => bytes.len() / 2,
        };
        let (fitting, _) = bytes.split_at_checked(most.min(room)).unwrap_or((bytes, &[]));
        content.bytes.extend(fitting);
        content.changes += 1;
        counted.and(if fitting.len() < most { Err(Errno::NOSPC) } else { Ok(()) })
    }

    /// Makes a file's content durable, and no name of it.
    ///
    /// # Errors
    /// `IO` as asked.
    pub fn sync(&mut self, file: FileId) -> Result<(), Errno> {
        let counted = self.count();
        let stopped = matches!(self.fault, Some((_, Fault::Stop)));
        let content = self.files.get_mut(&file).ok_or(Errno::NOENT)?;
        match counted {
            Ok(()) if !content.given_up => content.durable.clone_from(&content.bytes),
            Err(_) if !stopped => content.given_up |= content.durable != content.bytes,
            _ => {}
        }
        counted
    }

    /// Gives a file another name, in place of what has it.
    ///
    /// # Errors
    /// `NOENT` for the first name, `IO` as asked.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        self.count()?;
        let file = self.open(from)?;
        if self.open(to) != Ok(file) {
            self.point(to, Some(file));
            self.point(from, None);
        }
        Ok(())
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// `NOENT` for the first name, `EXIST` for the second, `IO` as asked.
    pub fn link(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        self.count()?;
        let file = self.open(from)?;
        if self.open(to).is_ok() {
            return Err(Errno::EXIST);
        }
        self.point(to, Some(file));
        Ok(())
    }

    /// Takes a name away.
    ///
    /// # Errors
    /// `NOENT`, `IO` as asked.
    pub fn unlink(&mut self, name: &str) -> Result<(), Errno> {
        self.count()?;
        self.open(name)?;
        self.point(name, None);
        Ok(())
    }

    /// Makes all names durable, and no content.
    ///
    /// # Errors
    /// `IO` as asked.
    pub fn sync_directory(&mut self) -> Result<(), Errno> {
        let counted = self.count();
        let stopped = matches!(self.fault, Some((_, Fault::Stop)));
        for name in self.names.values_mut() {
            match counted {
                Ok(()) => name.earlier.truncate(name.given_up),
                Err(_) if !stopped => name.given_up = name.earlier.len(),
                Err(_) => {}
            }
        }
        self.forget_the_unnamed();
        counted
    }

    fn count(&mut self) -> Result<(), Errno> {
        let number = self.operations;
        self.operations += 1;
        let (at, fault) = self.fault.unwrap_or((u64::MAX, Fault::Fail));
        let fails = match fault {
            Fault::Fail => number == at,
            Fault::Stop => number >= at,
        };
        if fails { Err(Errno::IO) } else { Ok(()) }
    }

    fn point(&mut self, name: &str, file: Option<FileId>) {
        let name = self.names.entry(name.to_owned()).or_default();
        name.earlier.push(name.now);
        // Its entry is dirty again, and the next sync writes it.
        name.given_up = 0;
        name.now = file;
    }

    fn bytes_used(&self) -> usize {
        let named: std::collections::BTreeSet<_> = self.names.values().filter_map(|name| name.now).collect();
        named.iter().filter_map(|file| self.files.get(file)).map(|content| content.bytes.len()).sum()
    }

    fn forget_the_unnamed(&mut self) {
        self.names.retain(|_, name| name.now.is_some() || !name.earlier.is_empty());
        let named: std::collections::BTreeSet<_> = self
            .names
            .values()
            .flat_map(|name| name.earlier.iter().copied().chain([name.now]))
            .flatten()
            .collect();
        self.files.retain(|file, _| named.contains(file));
    }
}
