//! Reads a module: to be hashed and handed on, not to be looked at.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use gate_sandbox::memfd::{self, Seals};
use gate_store::{CopyError, ModuleHash};

/// The largest module in bytes, as a binary or as text. What is larger is refused before it takes memory.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// A module in memory.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its bytes, sealed against changes.
    pub(crate) file: OwnedFd,
    /// Its hash.
    pub(crate) hash: ModuleHash,
    /// Its size.
    pub(crate) bytes: u64,
}

/// Why a module could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is not there, or not readable, or no file.
    Missing(anyhow::Error),
    /// It is too large.
    TooLarge,
    /// This host has no memory for it.
    Host(anyhow::Error),
}

/// Whether the module comes from standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads the module at `path`, or from standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Module, Unreadable> {
    if is_stdin(path) {
        return copy(io::stdin().lock(), path);
    }
    let missing = |error: anyhow::Error| {
        Unreadable::Missing(error.context(format!("cannot read module {}", path.display())))
    };
    let file = File::open(path).map_err(|error| missing(error.into()))?;
    let metadata = file.metadata().map_err(|error| missing(error.into()))?;
    if metadata.is_dir() {
        return Err(missing(anyhow::anyhow!("it is a directory; name the .wasm or .wat file in it")));
    }
    if metadata.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    copy(file, path)
}

fn copy(source: impl Read, path: &Path) -> Result<Module, Unreadable> {
    let host = |error: anyhow::Error| Unreadable::Host(error.context("cannot keep the module in memory"));
    let memfd = memfd::create("module").map_err(|error| host(error.into()))?;
    let mut file = File::from(memfd);
    let (hash, bytes) = match gate_store::hash_and_copy(&mut source.take(MAX_BYTES + 1), &mut file) {
        Ok(copied) => copied,
        Err(error @ CopyError::Write { .. }) => return Err(host(error.into())),
        Err(error) => {
            let error = anyhow::Error::from(error).context(format!("cannot read module {}", path.display()));
            return Err(Unreadable::Missing(error));
        }
    };
    if bytes > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let file = OwnedFd::from(file);
    memfd::seal(&file, Seals::Content).map_err(|error| host(error.into()))?;
    Ok(Module { file, hash, bytes })
}
