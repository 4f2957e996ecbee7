//! Sealed files in memory, by which code and data cross from one process to another.
//!
//! A received memfd is only as good as its seals: without them the sender could still change or shorten the file while
//! the receiver reads it. [`verify`] is the check on the receiving side.
//!
//! A file that a process which is not trusted shall fill goes the other way: the trusted side makes it with
//! [`create_sized`], so that it can take no more of the host's memory than that, and closes it with [`finish`] when the
//! process has ended. What came of it is any bytes, but they stay the same.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, SeekFrom};
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
    /// It is shorter than the process which filled it says.
    #[error("the memfd is said to contain {claimed} bytes and has {found}")]
    TooShort { claimed: u64, found: u64 },
    /// It could not be cut or sealed: somebody has sealed it in another way, or has it mapped for writing.
    #[error("cannot seal the memfd")]
    Seal { source: io::Error },
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

/// Like [`create`], with `bytes` zeros which take memory only where they are overwritten. The file can never become
/// longer; it can still be cut and sealed.
///
/// This bounds what somebody can make of it who may write to it, resize it, and nothing else, also where
/// `RLIMIT_FSIZE` cannot because it would also apply to files that belong to others.
///
/// # Errors
///
/// As for [`create`]; `EFBIG` when `bytes` is more than this process's own `RLIMIT_FSIZE`.
pub fn create_sized(name: &str, bytes: u64) -> io::Result<OwnedFd> {
    let memfd = create(name)?;
    rustix::fs::ftruncate(&memfd, bytes)?;
    rustix::fs::fcntl_add_seals(&memfd, SealFlags::GROW)?;
    Ok(memfd)
}

/// Gives the first `bytes` bytes of a memfd of [`create_sized`] memory now, so that whoever writes there does not wait for it. They
/// stay zeros until then.
///
/// # Errors
///
/// Those of `fallocate`; among them `EPERM` when the file is shorter.
pub fn allocate(memfd: impl AsFd, bytes: u64) -> io::Result<()> {
    Ok(rustix::fs::fallocate(memfd, rustix::fs::FallocateFlags::empty(), 0, bytes)?)
}

/// Cuts a memfd of [`create_sized`] to the `bytes` that its writer claims to have written, and seals it for ever.
///
/// Only when the writer has ended: while it could have the file mapped, its content cannot be sealed.
///
/// # Errors
///
/// When it was not made by [`create_sized`], is shorter than claimed, or was sealed or mapped by somebody else; see
/// [`MemfdError`]. It is not changed then, except that it may have been cut.
pub fn finish(memfd: impl AsFd, bytes: u64, seals: Seals) -> Result<(), MemfdError> {
    // A writer that sends the file back could send any file it has, also one that belongs to others: a file in a tmpfs
    // has seals too, but never this one.
    let found = with_seals(&memfd, SealFlags::GROW)?;
    if found < bytes {
        return Err(MemfdError::TooShort { claimed: bytes, found });
    }
    let failed = |source: Errno| MemfdError::Seal { source: source.into() };
    if found > bytes {
        rustix::fs::ftruncate(&memfd, bytes).map_err(failed)?;
    }
    rustix::fs::fcntl_add_seals(&memfd, seals.flags()).map_err(failed)
}

/// Lets nobody write to a memfd of [`create_sized`] any more. It can still be cut, and is to be [finished](finish) by whoever
/// has made it.
///
/// That does it all the same; but who has just written the file can seal it at once, and others only after the kernel has
/// gone round the processors to ask whether they have pages of it at hand.
///
/// # Errors
///
/// `Errno::BUSY` while a writable shared mapping of it exists anywhere.
pub fn end_writing(memfd: impl AsFd) -> io::Result<()> {
    Ok(rustix::fs::fcntl_add_seals(memfd, SealFlags::WRITE)?)
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
    with_seals(memfd, seals.flags())
}

/// The size of a memfd that has at least these seals.
fn with_seals(memfd: impl AsFd, required: SealFlags) -> Result<u64, MemfdError> {
    let present = match rustix::fs::fcntl_get_seals(&memfd) {
        Ok(present) => present,
        Err(Errno::INVAL) => return Err(MemfdError::NotAMemfd),
        Err(error) => return Err(MemfdError::Inspect { source: error.into() }),
    };
    let missing = required.difference(present);
    if !missing.is_empty() {
        return Err(MemfdError::NotSealed { missing });
    }
    size(memfd).map_err(|source| MemfdError::Inspect { source })
}

/// The parts of a memfd that take memory, in order; everything else is zeros. A part begins and ends at a page, or at the
/// end of the file, and may contain zeros too.
///
/// Looking moves the file's offset, which everybody shares who has the file: for those who read and write at offsets of
/// their own.
pub fn extents(memfd: BorrowedFd<'_>) -> Extents<'_> {
    Extents { memfd, next: Some(0) }
}

/// See [`extents`].
#[derive(Debug)]
pub struct Extents<'a> {
    memfd: BorrowedFd<'a>,
    /// Where to look on; `None` after the last one and after an error.
    next: Option<u64>,
}

impl Iterator for Extents<'_> {
    type Item = io::Result<Range<u64>>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next.take()?;
        let found = rustix::fs::seek(self.memfd, SeekFrom::Data(from)).and_then(|start| {
            let end = rustix::fs::seek(self.memfd, SeekFrom::Hole(start))?;
            Ok(start..end)
        });
        match found {
            Ok(extent) => {
                self.next = Some(extent.end);
                Some(Ok(extent))
            }
            // There is no data any more, or the file has been cut meanwhile.
            Err(Errno::NXIO) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
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
    map_sealed(memfd, Seals::Content)
}

/// Maps a memfd of which only the size is sealed: a linear memory of a program that has been stopped and may be continued.
///
/// That nobody writes to it while it is mapped cannot be checked here. It is the duty of the trusted process which hands it
/// out: the process of its program must have ended, and nobody else must have it. Each page that is read takes memory;
/// [`extents`] tells which are zeros and need not be.
///
/// # Errors
///
/// When `memfd` is not sealed as [`Seals::Size`]; when there is no address space left.
pub fn map_at_rest(memfd: impl AsFd) -> Result<MappedFile, MemfdError> {
    map_sealed(memfd, Seals::Size)
}

fn map_sealed(memfd: impl AsFd, seals: Seals) -> Result<MappedFile, MemfdError> {
    let bytes = verify(&memfd, seals)?;
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
