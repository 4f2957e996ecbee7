//! The cache: a directory with a file per artifact, shared by all processes of a user without a lock.
//!
//! * `<key in hexadecimal>.v<format>` is an artifact file. It appears whole, by `rename`, and is never changed after
//!   that, only removed; whoever has it open or mapped keeps it. Its time of modification is that of its last use.
//! * `tmp-<random>` is a file being written. Its writer holds a lock on it (`flock`), so a temporary file without a lock
//!   was left by a writer that died, and whoever comes next removes it.
//! * Anything else is not ours: neither counted nor touched.

mod trim;
mod write;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::fs::{fstat, futimens, openat, statat, unlinkat};
use rustix::io::Errno;

use crate::dir::{self, OpenError};
use crate::key::Key;
use crate::trailer::{FORMAT, Rejection, verify};

pub use trim::TrimError;
pub use write::PutError;

/// The artifacts in a directory.
#[derive(Debug)]
pub struct Cache {
    dir: OwnedFd,
    path: PathBuf,
    max_bytes: u64,
}

/// An artifact in an open file.
#[derive(Debug)]
pub struct Artifact {
    /// The artifact file, open for reading only, positioned at the start. The artifact starts at offset 0 and ends before
    /// the file does.
    pub file: File,
    /// The length of the artifact in bytes.
    pub artifact_bytes: u64,
}

/// What [`Cache::get`] found.
#[derive(Debug)]
pub enum Lookup {
    /// The artifact.
    Hit(Artifact),
    /// No artifact, and why.
    Miss(Miss),
}

/// Why there was no artifact. None of it stands in the way of compiling the module again.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Miss {
    /// Never stored, or evicted since.
    #[error("not in the cache")]
    Absent,
    /// There was a file, but it is unusable; it has been removed if that was possible. Seldom, and worth a line in a log.
    #[error("unusable artifact {} ({})", path.display(), if *removed { "removed" } else { "cannot be removed" })]
    Rejected { path: PathBuf, removed: bool, source: Rejection },
    /// The directory or file could not be opened.
    #[error("cannot open artifact {}", path.display())]
    Open { path: PathBuf, source: io::Error },
}

/// What [`Cache::put`] did.
#[derive(Debug)]
pub struct Stored {
    /// What was stored. It can be used even if another process evicts it at once.
    pub artifact: Artifact,
    /// How many other artifacts were evicted to make room. Failure leaves the cache larger than it should be.
    pub evicted: Result<usize, TrimError>,
}

impl Cache {
    /// Opens the cache in `directory`, which is created if it does not exist.
    ///
    /// Artifact files together occupy at most `max_bytes`, apart from those just being stored: after each
    /// [`put`](Self::put) the least recently used ones are removed until that is so. The directory may be read-only.
    ///
    /// # Errors
    /// When the directory cannot be had, or is not safe from other users ([`OpenError::Owner`], [`OpenError::Mode`]).
    pub fn open(directory: &Path, max_bytes: u64) -> Result<Self, OpenError> {
        Ok(Self { dir: dir::open(directory)?, path: directory.to_owned(), max_bytes })
    }

    /// Looks for the artifact of `key`, and makes it the most recently used one.
    ///
    /// The artifact has been read and its checksum verified. An unusable file is removed and is a miss.
    #[must_use]
    pub fn get(&self, key: &Key) -> Lookup {
        let name = file_name(key);
        match self.open_entry(&name) {
            Err(Errno::NOENT) => Lookup::Miss(Miss::Absent),
            // `NOFOLLOW` met a symbolic link; sockets have no open at all.
            Err(Errno::LOOP | Errno::NXIO) => self.reject(&name, None, Rejection::NotAFile),
            Err(errno) => Lookup::Miss(Miss::Open { path: self.path.join(&name), source: errno.into() }),
            Ok(mut file) => match check(&mut file, key) {
                Ok(artifact_bytes) => {
                    touch(&file);
                    Lookup::Hit(Artifact { file, artifact_bytes })
                }
                Err(rejection) => self.reject(&name, Some(&file), rejection),
            },
        }
    }

    /// Stores the artifact that `source` yields up to its end as that of `key`, and evicts others if need be.
    ///
    /// The artifact appears whole or not at all, and replaces an earlier one of the same key; processes may store the
    /// same key at the same time. It is on disk before it appears, so that a power failure seldom leaves a torn file.
    ///
    /// # Errors
    /// When the artifact is larger than the cache, or reading or writing fails; what was written has been removed.
    pub fn put(&self, key: &Key, source: &mut (impl Read + ?Sized)) -> Result<Stored, PutError> {
        let name = file_name(key);
        let artifact = write::write(self, key, &name, source)?;
        Ok(Stored { artifact, evicted: trim::trim(self, &name) })
    }

    /// Opens the directory entry `name` for reading.
    fn open_entry(&self, name: &str) -> Result<File, Errno> {
        // `NONBLOCK` as opening a pipe would wait for a writer; it means nothing for files.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        openat(&self.dir, name, flags, Mode::empty()).map(File::from)
    }

    /// Removes the bad entry `name`, unless it is no longer the one that was opened as `file`.
    ///
    /// Another process may still replace the entry between the comparison and the removal, and its good artifact would
    /// be removed. That costs a compilation, nothing else.
    fn reject(&self, name: &str, file: Option<&File>, rejection: Rejection) -> Lookup {
        let replaced = file.is_some_and(|file| {
            match (fstat(file), statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)) {
                (Ok(opened), Ok(current)) => opened.st_ino != current.st_ino,
                _ => false,
            }
        });
        let removed = replaced || matches!(self.remove(name), Ok(()) | Err(Errno::NOENT));
        Lookup::Miss(Miss::Rejected { path: self.path.join(name), removed, source: rejection })
    }

    /// Removes the directory entry `name`.
    fn remove(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.dir, name, AtFlags::empty())
    }
}

/// The name of the artifact file of `key`. It contains the format so that versions of Gate can share a directory.
fn file_name(key: &Key) -> String {
    format!("{key}.v{FORMAT}")
}

/// Checks that `file` is a file that only we can write, that it holds the artifact of `key`, and goes to its start.
fn check(file: &mut File, key: &Key) -> Result<u64, Rejection> {
    let stat = fstat(&*file).map_err(|errno| Rejection::Read { source: errno.into() })?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Rejection::NotAFile);
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() || dir::writable_by_others(&stat) {
        return Err(Rejection::Untrusted { owner: stat.st_uid, mode: stat.st_mode & 0o7777 });
    }
    let artifact_bytes = verify(file, key)?;
    file.rewind().map_err(|source| Rejection::Read { source })?;
    Ok(artifact_bytes)
}

/// Notes that `file` was used just now. The time of access would not do: most file systems do not keep it up to date.
fn touch(file: &File) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    // Fails where the cache is read-only; then nothing is evicted either.
    let _ = futimens(file, &Timestamps { last_access: keep, last_modification: now });
}

#[cfg(test)]
mod tests;
