//! The files of the repository, read once. It judges nothing.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Bits of a file's mode that let somebody execute it.
const EXECUTE_BITS: u32 = 0o111;

/// One file.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// What it says; empty where it is not UTF-8.
    pub text: String,
    /// Whether somebody may execute it.
    pub executable: bool,
}

/// Files by their path from the root, `/` between segments.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, File>,
}

impl Tree {
    /// Reads every file that git tracks, or would if it were added: a rule should speak before the commit. Where git or
    /// its records are missing, everything but `target` and `.git` is the repository.
    ///
    /// # Errors
    /// A folder or file that exists and cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let paths = match asked_of_git(root) {
            Some(paths) => paths,
            None => walked(root)?,
        };
        let mut files = BTreeMap::new();
        for path in paths {
            let place = root.join(&path);
            match std::fs::metadata(&place) {
                Ok(known) if known.is_file() => {
                    let file = File {
                        text: String::from_utf8(std::fs::read(&place)?).unwrap_or_default(),
                        executable: known.permissions().mode() & EXECUTE_BITS != 0,
                    };
                    files.insert(path, file);
                }
                Ok(_) => {}
                // Tracked, and deleted since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { files })
    }

    /// A tree of made-up texts, none of them executable.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |text: &str| File { text: text.to_owned(), executable: false };
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect() }
    }

    /// The same tree with one file made executable.
    #[must_use]
    pub fn with_executable(mut self, path: &str) -> Self {
        if let Some(file) = self.files.get_mut(path) {
            file.executable = true;
        }
        self
    }

    /// The file at `path`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// The text of the file at `path`.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    /// Whether `path` is a file, or a folder with a file somewhere below it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(at, _)| at.starts_with(&folder))
    }

    /// Every path and text, in order of path.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file.text.as_str()))
    }

    /// Every path and text whose path ends in `ending`, in order of path.
    pub fn ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts().filter(move |(path, _)| path.ends_with(ending))
    }
}

fn asked_of_git(root: &Path) -> Option<Vec<String>> {
    let asked = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let paths = String::from_utf8(asked.stdout).ok()?;
    let paths: Vec<String> = paths.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (asked.status.success() && !paths.is_empty()).then_some(paths)
}

fn walked(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let kind = entry.file_type()?;
            if kind.is_dir() && !(folder.is_empty() && ["target", ".git"].contains(&name.as_str())) {
                folders.push(format!("{folder}{name}/"));
            } else if kind.is_file() {
                found.push(format!("{folder}{name}"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_exists_by_what_is_in_it() {
        let tree = Tree::of(&[("actors/kernel/src/lib.rs", "")]);
        assert!(tree.has("actors/kernel"));
        assert!(tree.has("actors/kernel/src/lib.rs"));
        assert!(!tree.has("actors/kern"));
        assert!(!tree.has("actors/kernel/src/lib"));
    }

    #[test]
    fn without_git_the_folders_are_walked_and_say_the_same() {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = walked(crate_folder).unwrap();
        assert!(found.contains(&"src/tree.rs".to_owned()), "{found:?}");
        assert!(found.contains(&"Cargo.toml".to_owned()), "{found:?}");
    }
}
