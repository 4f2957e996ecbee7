//! Sealed files in memory, by which code and data cross from one process to another.
//!
//! A received memfd is only as good as its seals: without them the sender could still change or shorten the file while
//! the receiver reads it. [`verify`] is the check on the receiving side.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use crate::sys;

#[cfg(test)]
mod tests;

/// What a sealed memfd promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seals {
    /// Its size is final; its content may change. For memory that is shared on purpose.
    Size,
    /// Size and content are final. For compiled code and everything else that is checked once and used later.
    Content,
}

impl Seals {
    fn flags(self) -> SealFlags {
        let size = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        match self {
            Seals::Size => size,
            Seals::Content => size | SealFlags::WRITE,
        }
    }
}

/// Why a received memfd is not accepted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum MemfdError {
    /// It is another kind of file, which has no seals.
    #[error("the descriptor is not a memfd")]
    NotAMemfd,
    /// A seal is missing, so the sender could still change the file.
    #[error("the memfd is not sealed: missing {missing:?}")]
    NotSealed { missing: SealFlags },
    /// Its size could not be read.
    #[error("cannot inspect the memfd")]
    Inspect { source: io::Error },
    /// It could not be mapped.
    #[error("cannot map the memfd")]
    Map { source: io::Error },
}

/// Creates an empty memfd which can be sealed, is closed on exec and cannot be executed as a program.
///
/// `name` appears in `/proc/PID/maps` and nowhere else. It can be mapped executable: what `MFD_NOEXEC_SEAL` forbids is
/// `execve`. That flag is left away on kernels before 6.3, which do not know it.
///
/// # Errors
///
/// When there are no descriptors left or the name is longer than 249 bytes.
pub fn create(name: &str) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => Ok(rustix::fs::memfd_create(name, flags)?),
        result => Ok(result?),
    }
}

/// Seals a memfd for ever.
///
/// # Errors
///
/// `Errno::BUSY` for [`Seals::Content`] while a writable shared mapping of it exists anywhere.
pub fn seal(memfd: impl AsFd, seals: Seals) -> io::Result<()> {
    Ok(rustix::fs::fcntl_add_seals(memfd, seals.flags())?)
}

/// Size in bytes.
///
/// # Errors
///
/// Those of `fstat`.
pub fn size(memfd: impl AsFd) -> io::Result<u64> {
    Ok(u64::try_from(rustix::fs::fstat(memfd)?.st_size).unwrap_or(0))
}

/// Checks that a memfd from somebody else has at least these seals; returns its size, which is final.
///
/// # Errors
///
/// See [`MemfdError`].
pub fn verify(memfd: impl AsFd, seals: Seals) -> Result<u64, MemfdError> {
    let present = match rustix::fs::fcntl_get_seals(&memfd) {
        Ok(present) => present,
        Err(Errno::INVAL) => return Err(MemfdError::NotAMemfd),
        Err(error) => return Err(MemfdError::Inspect { source: error.into() }),
    };
    let missing = seals.flags().difference(present);
    if !missing.is_empty() {
        return Err(MemfdError::NotSealed { missing });
    }
    size(memfd).map_err(|source| MemfdError::Inspect { source })
}

/// A file mapped for reading, as a whole.
#[derive(Debug)]
pub struct MappedFile {
    mapping: sys::Mapping,
}

/// Maps a sealed memfd. Its bytes are read in place.
///
/// # Errors
///
/// When `memfd` is not sealed as [`Seals::Content`], because then its bytes could change while they are read; when there
/// is no address space left.
pub fn map(memfd: impl AsFd) -> Result<MappedFile, MemfdError> {
    let bytes = verify(&memfd, Seals::Content)?;
    let bytes =
        usize::try_from(bytes).map_err(|_| MemfdError::Map { source: io::ErrorKind::OutOfMemory.into() })?;
    let mapping =
        sys::Mapping::read_only(memfd.as_fd(), bytes).map_err(|source| MemfdError::Map { source })?;
    Ok(MappedFile { mapping })
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        self.mapping.bytes()
    }
}
