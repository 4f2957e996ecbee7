//! The directory that artifacts are kept in, and whom it must be safe from.
//!
//! Artifacts are native code. Somebody who can write to the directory chooses what runs in our workers: sealed from the
//! host, but with the files and arguments of whatever program the user meant to run. So a directory is used only when
//! nobody but the user (and root) can write to it. The open directory is checked, not its path, and everything later is
//! relative to the open directory without following symbolic links. So it does not matter who can write to parents:
//! at worst, they make us use another directory that only the user can write to.

use std::env;
use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, Stat, fstat};
use rustix::io::Errno;

/// The permission bits that let others than the owner write. An access control list shows up in the group's bit, as
/// that holds the most that the list grants to anybody (acl(5), "Correspondence between ACL entries and file permission
/// bits").
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why a directory cannot serve as a cache. Programs can be run without one.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum OpenError {
    /// The directory does not exist and could not be created.
    #[error("cannot create cache directory {}", path.display())]
    Create { path: PathBuf, source: io::Error },
    /// The directory could not be opened or examined.
    #[error("cannot open cache directory {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// The last part of the path is a symbolic link, or not a directory.
    #[error("cache {} is not a directory (or is a symbolic link to one); name the directory itself", path.display())]
    NotADirectory { path: PathBuf },
    /// Another user owns the directory and could put code of theirs there.
    #[error("cache directory {} belongs to user {owner}, not to user {user}, and could hold their code", path.display())]
    Owner { path: PathBuf, owner: u32, user: u32 },
    /// Others than the owner may write to the directory and could put code of theirs there.
    #[error(
        "cache directory {} can be written by others (mode {mode:04o}) and could hold their code; \
         use chmod go-w or another directory",
        path.display()
    )]
    Mode { path: PathBuf, mode: u32 },
}

/// Opens the directory `path`, creating it (and its parents) for the user alone if it does not exist.
pub(crate) fn open(path: &Path) -> Result<OwnedFd, OpenError> {
    let create = |source| OpenError::Create { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).or_else(|error| {
        // What exists is looked at below, for a better message than "file exists".
        if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(create(error)) }
    })?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR => OpenError::NotADirectory { path: path.to_owned() },
        errno => OpenError::Open { path: path.to_owned(), source: errno.into() },
    })?;
    let stat =
        fstat(&dir).map_err(|errno| OpenError::Open { path: path.to_owned(), source: errno.into() })?;
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user {
        return Err(OpenError::Owner { path: path.to_owned(), owner: stat.st_uid, user });
    }
    if writable_by_others(&stat) {
        return Err(OpenError::Mode { path: path.to_owned(), mode: stat.st_mode & 0o7777 });
    }
    Ok(dir)
}

/// Whether the permissions let others than the owner write.
pub(crate) fn writable_by_others(stat: &Stat) -> bool {
    stat.st_mode & WRITABLE_BY_OTHERS != 0
}

/// The directory for this user's artifacts: `$XDG_CACHE_HOME/gate/artifacts`, else `$HOME/.cache/gate/artifacts`.
///
/// `None` if the environment names neither. The directory need not exist.
#[must_use]
pub fn default_dir() -> Option<PathBuf> {
    default_dir_from(env::var_os("XDG_CACHE_HOME").as_deref(), env::var_os("HOME").as_deref())
}

/// As [`default_dir`], with the values of the variables `XDG_CACHE_HOME` and `HOME`.
///
/// A relative path counts as unset, as the XDG Base Directory Specification asks for.
#[must_use]
pub fn default_dir_from(xdg_cache_home: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    let absolute = |value: &OsStr| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    let cache = xdg_cache_home
        .and_then(absolute)
        .or_else(|| home.and_then(absolute).map(|home| home.join(".cache")))?;
    Some(cache.join("gate").join("artifacts"))
}

#[cfg(test)]
mod tests;
