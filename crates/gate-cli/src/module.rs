//! Reads a module: to be hashed and handed on, not to be looked at.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use gate_runtime::Sealed;
use gate_sandbox::memfd::{self, Seals};
use gate_store::{CopyError, ModuleHash};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::text;

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

impl Module {
    /// One that was made in a container.
    pub(crate) fn of(made: Sealed) -> anyhow::Result<Self> {
        // Read from the mapping: whoever wrote the file has moved its offset, and may do so again.
        let mapped = memfd::map(&made.file)?;
        let (hash, bytes) =
            gate_store::hash_and_copy(&mut mapped.as_ref().take(made.bytes), &mut io::sink())?;
        Ok(Self { file: made.file, hash, bytes })
    }

    /// Whether it may be a snapshot. Whoever reads it finds out.
    pub(crate) fn may_be_snapshot(&self) -> io::Result<bool> {
        // The name of the section that every snapshot has, and before its code.
        const NAME: &[u8] = b"gate.snapshot";
        const BYTES: usize = 4 << 20;
        let mapped = memfd::map(&self.file).map_err(io::Error::other)?;
        let start = mapped.as_ref();
        let start = start.get(..BYTES).unwrap_or(start);
        Ok(memchr::memmem::find(start, NAME).is_some())
    }
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
    /// A signal came first.
    Cancelled,
}

/// Whether the module comes from standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads the module at `path`, or from standard input for `-`, until `cancel` becomes readable.
pub(crate) fn read(path: &Path, cancel: BorrowedFd<'_>) -> Result<Module, Unreadable> {
    if is_stdin(path) {
        return copy(io::stdin().as_fd(), cancel, path);
    }
    let missing = |error: anyhow::Error| {
        Unreadable::Missing(error.context(format!("cannot read module {}", text::name(path))))
    };
    // Opening a pipe must not wait for its writer: reading does, and can be cancelled. Files do not care.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| missing(errno.into()))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(|error| missing(error.into()))?;
    if metadata.is_dir() {
        return Err(missing(anyhow::anyhow!("it is a directory; name the .wasm or .wat file in it")));
    }
    if metadata.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    copy(file.as_fd(), cancel, path)
}

fn copy(source: BorrowedFd<'_>, cancel: BorrowedFd<'_>, path: &Path) -> Result<Module, Unreadable> {
    let host = |error: anyhow::Error| Unreadable::Host(error.context("cannot keep the module in memory"));
    let memfd = memfd::create("module").map_err(|error| host(error.into()))?;
    let mut file = File::from(memfd);
    let mut source = Cancellable { source, cancel, cancelled: false };
    let (hash, bytes) = match gate_store::hash_and_copy(&mut source.by_ref().take(MAX_BYTES + 1), &mut file) {
        Ok(copied) => copied,
        Err(_) if source.cancelled => return Err(Unreadable::Cancelled),
        Err(error @ CopyError::Write { .. }) => return Err(host(error.into())),
        Err(error) => {
            let error =
                anyhow::Error::from(error).context(format!("cannot read module {}", text::name(path)));
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

/// Reads what may be long in coming, until `cancel` becomes readable; from then on there are errors only.
struct Cancellable<'a> {
    source: BorrowedFd<'a>,
    cancel: BorrowedFd<'a>,
    cancelled: bool,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(self.source, PollFlags::IN),
                PollFd::from_borrowed_fd(self.cancel, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            if !fds[1].revents().is_empty() {
                self.cancelled = true;
                return Err(io::Error::other("cancelled"));
            }
            match rustix::io::read(self.source, &mut *buffer) {
                // Somebody else has read it, or it was a false alarm.
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }
}

#[cfg(test)]
mod tests;
