//! Scripts of somebody else: which files they may read and how much they may take.
//!
//! A confined script is one that came over the network. It has no imports, reads data files beneath one folder alone, and what
//! it can build is small. That does not make its author harmless: the bounds keep one script from taking the machine or
//! reading what it should not, and the operator decides who may send scripts at all.

use std::path::{Component, Path, PathBuf};

use rhai::{Engine, EvalAltResult, Module, ModuleResolver, Position, Shared};

use super::import::MAX_SCRIPT_BYTES;
use super::reply::runtime_error;
use crate::plan::Confinement;

/// How much a script may take. RELIABILITY's c.4 has the reasons of the confined values: containers are small because Rhai
/// walks a whole container at each step that could make it larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Of its text.
    pub(crate) source_bytes: usize,
    /// Of one string.
    pub(crate) string_bytes: usize,
    /// Of one array.
    pub(crate) items: usize,
    /// Of one map.
    pub(crate) keys: usize,
    /// That it defines.
    pub(crate) functions: usize,
    /// At the same time.
    pub(crate) variables: usize,
    /// Steps of one call; 0 for a bound in time alone.
    pub(crate) operations: u64,
}

impl Bounds {
    /// Those of a script of the user's own.
    const OWN: Self = Self {
        source_bytes: MAX_SCRIPT_BYTES as usize,
        string_bytes: 64 << 20,
        items: 1_000_000,
        keys: 100_000,
        functions: 2_000,
        variables: 10_000,
        operations: 0,
    };
    /// Those of a script of somebody else.
    const CONFINED: Self = Self {
        source_bytes: 1 << 20,
        string_bytes: 8 << 20,
        items: 10_000,
        keys: 10_000,
        functions: 256,
        variables: 512,
        operations: 10_000_000,
    };

    pub(crate) fn of(confinement: Option<&Confinement>) -> Self {
        if confinement.is_some() { Self::CONFINED } else { Self::OWN }
    }
}

/// Where a script's data files are.
#[derive(Debug, Clone)]
pub(crate) enum Folder {
    /// Anywhere; paths begin here.
    From(PathBuf),
    /// Beneath this folder and nowhere else; `None` when there is no such folder.
    Beneath(Option<PathBuf>),
}

impl Folder {
    pub(crate) fn new(own: &Path, confinement: Option<&Confinement>) -> Self {
        match confinement {
            None => Self::From(own.to_owned()),
            Some(confinement) => Self::Beneath(confinement.files.clone()),
        }
    }

    pub(crate) fn is_confined(&self) -> bool {
        matches!(self, Self::Beneath(_))
    }

    /// The file that a script calls `path`.
    ///
    /// # Errors
    /// One text for all that a confined script may not read, so that it cannot find out what there is.
    pub(crate) fn find(&self, path: &str) -> Result<PathBuf, Box<EvalAltResult>> {
        match self {
            Self::From(folder) => Ok(folder.join(path)),
            Self::Beneath(folder) => {
                let found = folder.as_ref().and_then(|folder| beneath(folder, path));
                found.ok_or_else(|| {
                    let path = path.escape_default();
                    runtime_error(format!(
                        "{path} cannot be read: data files lie beneath the server's script folder"
                    ))
                })
            }
        }
    }
}

/// A plain file beneath `folder`, reached through folders alone: no step is a link, leads upwards or is hidden.
///
/// Each step is looked at before the file is opened. Whoever can turn a folder into a link meanwhile can write to the script
/// folder by other means than this server.
fn beneath(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut found = folder.to_owned();
    for step in Path::new(path).components() {
        let name = match step {
            Component::Normal(name) => name,
            Component::CurDir => continue,
            _ => return None,
        };
        if name.as_encoded_bytes().starts_with(b".") {
            return None;
        }
        let is_whole = found == folder || found.symlink_metadata().ok()?.is_dir();
        found.push(name);
        if !is_whole || found.symlink_metadata().ok()?.is_symlink() {
            return None;
        }
    }
    found.symlink_metadata().ok()?.is_file().then_some(found)
}

/// Finds no import.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoImports;

impl ModuleResolver for NoImports {
    fn resolve(
        &self,
        _: &Engine,
        _: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        Err(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}

#[cfg(test)]
mod tests;
