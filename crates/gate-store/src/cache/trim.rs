//! Keeping the cache small: eviction, and collection of what dead writers left behind.
//!
//! Processes that trim at the same time need no lock: they see the same files and choose the same victims in the same
//! order, and a victim that is already gone counts as evicted.

use std::ffi::CStr;
use std::io;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, flock, statat};
use rustix::io::Errno;

use super::Cache;
use super::write::TEMPORARY_PREFIX;

/// Why the cache may have grown larger than it should be.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum TrimError {
    /// The directory could not be listed.
    #[error("cannot list cache directory {}", path.display())]
    List { path: PathBuf, source: io::Error },
    /// An artifact could not be removed.
    #[error("cannot remove artifact {}", path.display())]
    Remove { path: PathBuf, source: io::Error },
}

/// An artifact file. The order of the fields is the order of eviction: least recently used first, then by name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    used: (i64, i64),
    name: String,
    bytes: u64,
}

/// Removes temporary files of dead writers, and the least recently used artifacts (but not `keep`) until the others fit.
/// Returns how many artifacts went.
pub(super) fn trim(cache: &Cache, keep: &str) -> Result<usize, TrimError> {
    let mut entries =
        list(cache).map_err(|errno| TrimError::List { path: cache.path.clone(), source: errno.into() })?;
    let mut total: u64 = entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes));
    if total <= cache.max_bytes {
        return Ok(0);
    }
    entries.sort_unstable();
    let mut evicted = 0;
    for entry in entries.iter().filter(|entry| entry.name != keep) {
        if total <= cache.max_bytes {
            break;
        }
        match cache.remove(&entry.name) {
            Ok(()) => evicted += 1,
            Err(Errno::NOENT) => {}
            Err(errno) => {
                return Err(TrimError::Remove { path: cache.path.join(&entry.name), source: errno.into() });
            }
        }
        total = total.saturating_sub(entry.bytes);
    }
    Ok(evicted)
}

/// The artifact files of all formats. Abandoned temporary files are removed on the way.
fn list(cache: &Cache) -> Result<Vec<Entry>, Errno> {
    let mut entries = Vec::new();
    for found in Dir::read_from(&cache.dir)? {
        let found = found?;
        let Some(name) = ours(found.file_name()) else { continue };
        if name.starts_with(TEMPORARY_PREFIX) {
            collect(cache, name);
            continue;
        }
        let stat = match statat(&cache.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue, // Evicted by another process since it was listed.
            stat => stat?,
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            entries.push(Entry {
                used: (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
                name: name.to_owned(),
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
            });
        }
    }
    Ok(entries)
}

/// The name, if it is one that this cache gives to files, in whatever version.
fn ours(name: &CStr) -> Option<&str> {
    let name = name.to_str().ok()?;
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(random) = name.strip_prefix(TEMPORARY_PREFIX) {
        return (random.len() == 32 && is_hex(random)).then_some(name);
    }
    let (key, format) = name.split_once(".v")?;
    let is_number = !format.is_empty() && format.bytes().all(|byte| byte.is_ascii_digit());
    (key.len() == 64 && is_hex(key) && is_number).then_some(name)
}

/// Removes the temporary file `name` if its writer is gone.
fn collect(cache: &Cache, name: &str) {
    // Failures do not matter: the file has been renamed or removed, or the next writer tries again. (NFS refuses to lock
    // for writing what is open for reading only, so there such files stay until somebody removes them by hand.)
    let Ok(file) = cache.open_entry(name) else { return };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        // Names do not repeat, so this is still the file that we hold the lock of. (Or its writer has renamed it away
        // since, and there is nothing to remove.)
        let _ = cache.remove(name);
    }
}

#[cfg(test)]
mod tests;
