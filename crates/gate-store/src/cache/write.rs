//! Writing an artifact file so that it appears whole or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, fdatasync, flock, fstat, openat, renameat};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::{Artifact, Cache};
use crate::key::{CHUNK_BYTES, Key};
use crate::trailer::{Checksum, TRAILER_BYTES, Trailer};

/// Names of files being written start like this.
pub(super) const TEMPORARY_PREFIX: &str = "tmp-";

/// How often a temporary file may be taken from us between its creation and its locking. A handful of processes would
/// have to meet in that moment each time.
const ATTEMPTS: usize = 16;

/// Why an artifact was not stored. The program can be run all the same.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum PutError {
    /// The disk, or the user's share of it, is full.
    #[error("no space left for artifacts in {}", path.display())]
    Full { path: PathBuf, source: io::Error },
    /// The directory is read-only, was removed, or the disk failed.
    #[error("cannot write artifact in {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The artifact alone would be larger than the cache may be.
    #[error("artifact file would be larger than the whole cache in {} (at most {max_bytes} bytes)", path.display())]
    TooLarge { path: PathBuf, max_bytes: u64 },
    /// The source of the artifact failed.
    #[error("cannot read compiled artifact")]
    Source { source: io::Error },
}

/// Writes what `source` yields to the entry `name`, which is opened for reading.
pub(super) fn write(
    cache: &Cache,
    key: &Key,
    name: &str,
    source: &mut (impl Read + ?Sized),
) -> Result<Artifact, PutError> {
    let failed = |error: io::Error| write_error(&cache.path, error);
    let mut temporary = Temporary::create(cache).map_err(|errno| failed(errno.into()))?;
    let mut checksum = Checksum::new();
    let mut artifact_bytes: u64 = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let filled = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => &chunk[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(PutError::Source { source }),
        };
        artifact_bytes += filled.len() as u64;
        if artifact_bytes.saturating_add(TRAILER_BYTES as u64) > cache.max_bytes {
            return Err(PutError::TooLarge { path: cache.path.clone(), max_bytes: cache.max_bytes });
        }
        checksum.update(filled);
        temporary.file.write_all(filled).map_err(failed)?;
    }
    let trailer = Trailer { key: *key, artifact_bytes, checksum: checksum.finish() };
    temporary.file.write_all(&trailer.encode()).map_err(failed)?;
    // The directory itself is not synchronized: an entry that is lost is just a miss.
    fdatasync(&temporary.file).map_err(|errno| failed(errno.into()))?;
    let file = temporary.publish(name).map_err(|errno| failed(errno.into()))?;
    Ok(Artifact { file, artifact_bytes })
}

fn write_error(path: &Path, source: io::Error) -> PutError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PutError::Full { path, source },
        _ => PutError::Write { path, source },
    }
}

/// A locked temporary file, removed when dropped.
///
/// An unnamed file (`O_TMPFILE`) would need no removal, but not all file systems have them, `linkat` cannot replace an
/// entry, and without privileges it needs `/proc`. Names work everywhere.
struct Temporary<'a> {
    cache: &'a Cache,
    name: String,
    file: File,
    published: bool,
}

impl<'a> Temporary<'a> {
    fn create(cache: &'a Cache) -> Result<Self, Errno> {
        for _ in 0..ATTEMPTS {
            let name = random_name()?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // Not writable, not even by us: through a descriptor that it is given for reading, a worker that runs as the
            // same user could otherwise open the file anew (by way of /proc/self/fd) and change its own artifact.
            let file = openat(&cache.dir, &name, flags, Mode::RUSR)?;
            let temporary = Self { cache, name, file: file.into(), published: false };
            // Between the two calls the file looks abandoned. Whoever takes it for that holds the lock while removing
            // it, so that once we have the lock it is clear which it was.
            flock(&temporary.file, FlockOperation::LockExclusive)?;
            if fstat(&temporary.file)?.st_nlink > 0 {
                return Ok(temporary);
            }
        }
        Err(Errno::AGAIN)
    }

    /// Makes the file the directory entry `name`, and opens it for reading.
    fn publish(mut self, name: &str) -> Result<File, Errno> {
        // Opened before it is renamed: afterwards, the entry may be somebody else's, or evicted.
        let file = self.cache.open_entry(&self.name)?;
        renameat(&self.cache.dir, &self.name, &self.cache.dir, name)?;
        self.published = true;
        Ok(file)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.published {
            // Whatever cannot be removed now is collected by a later writer.
            let _ = self.cache.remove(&self.name);
        }
    }
}

/// A name that no other file has, as 128 random bits do not repeat.
fn random_name() -> Result<String, Errno> {
    let mut bytes = [0; 16];
    // Fewer bytes than 256 are never cut short (getrandom(2)).
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(format!("{TEMPORARY_PREFIX}{:032x}", u128::from_le_bytes(bytes)))
}
