//! Descriptors of a worker: those with fixed numbers, then the files that it was given, and nothing else.
//!
//! The filters name descriptors by number, so a worker puts them in place before its filter is installed.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};

use crate::sys;

#[cfg(test)]
mod tests;

/// The program's standard input.
pub const STDIN: RawFd = 0;
/// The program's standard output.
pub const STDOUT: RawFd = 1;
/// The program's standard error.
pub const STDERR: RawFd = 2;
/// Channel to the supervisor.
pub const CONTROL: RawFd = 3;
/// Socket by which a program and its supervisor wake each other for packets of services.
pub const PACKETS: RawFd = 4;
/// What a program's process writes about itself when it is stopped: a file of [`crate::memfd::create_sized`], because
/// the filter lets it write there and nothing else bounds how much.
pub const STATE: RawFd = 5;
/// First number after the fixed ones.
pub const FIRST_FREE: RawFd = 6;
/// What a compiler makes, in place of [`PACKETS`].
pub const ARTIFACT: RawFd = 4;
/// Numbers of the files that a compiler may write: what it makes, and what was sent to it in the same message.
pub const OUTPUTS: RangeInclusive<RawFd> = ARTIFACT..=63;

/// Moves `descriptors` to the numbers 0, 1, 2 and so on, closes every other descriptor of this process, and returns
/// them in the same order. None of them is closed on exec afterwards.
///
/// Only for a process that has just been forked: whatever else in it owns a descriptor must not be used any more, nor
/// dropped, because its number is closed or means something else now. End such a process with [`crate::process::exit`].
///
/// # Errors
///
/// When the limit of open files leaves no room to move them.
pub fn arrange(descriptors: Vec<OwnedFd>) -> io::Result<Vec<OwnedFd>> {
    let count = RawFd::try_from(descriptors.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // Out of the way first: a descriptor may stand where another one belongs.
    let mut away = Vec::with_capacity(descriptors.len());
    for descriptor in &descriptors {
        away.push(rustix::io::fcntl_dupfd_cloexec(descriptor, count)?);
    }
    for (number, descriptor) in (0..count).zip(&away) {
        sys::duplicate_onto(descriptor.as_raw_fd(), number)?;
    }
    // The originals are closed below or have been replaced; closing them by number again would hit the new ones.
    for descriptor in descriptors.into_iter().chain(away) {
        let _ = descriptor.into_raw_fd();
    }
    sys::close_range(count, None)?;
    Ok((0..count).map(sys::adopt).collect())
}

/// A copy, closed on exec and out of the way of the fixed numbers, of a descriptor that the program which executed this
/// one left open.
///
/// # Errors
///
/// `EBADF` when there is none with this number.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(fixed(number), FIRST_FREE)?)
}

/// Leaves a process that has just been forked with the standard streams it has and `control` at [`CONTROL`]. The duty
/// of [`arrange`] applies.
///
/// # Errors
///
/// When the kernel refuses to move or close descriptors.
pub fn only_control(control: OwnedFd) -> io::Result<OwnedFd> {
    let number = control.into_raw_fd();
    if number != CONTROL {
        sys::duplicate_onto(number, CONTROL)?;
    }
    sys::close_range(CONTROL + 1, None)?;
    Ok(sys::adopt(CONTROL))
}

/// Moves a descriptor to one of the fixed numbers, closing what is there: nothing may own that, so a process that opens files
/// before it has all of these in place must keep their numbers taken.
///
/// # Errors
///
/// Those of `dup3`.
pub fn place(descriptor: OwnedFd, number: RawFd) -> io::Result<()> {
    if descriptor.as_raw_fd() == number {
        let _ = descriptor.into_raw_fd();
        return Ok(());
    }
    sys::duplicate_onto(descriptor.as_raw_fd(), number)
}

/// Which file or socket a descriptor names: the same for all descriptors of it, in all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// Finds out what a descriptor names.
///
/// A process that is not trusted and is to give something back could give anything else that it has, for instance the
/// caller's standard output, which would then be read. What has no seals to look at is compared with what it was when the
/// process was still trusted. It is another file with the same identity only if the first one is gone everywhere.
///
/// # Errors
///
/// Those of `fstat`.
pub fn identity(descriptor: impl AsFd) -> io::Result<Identity> {
    let status = rustix::fs::fstat(descriptor)?;
    Ok(Identity { device: status.st_dev, inode: status.st_ino })
}

/// One of the fixed descriptors, for the life of the process. Using it while nothing is there is an error of each call
/// (`EBADF`), not a danger.
#[must_use]
pub fn fixed(number: RawFd) -> BorrowedFd<'static> {
    sys::borrow(number)
}

/// Closes every descriptor from 3 on, except those in `keep`, in a process that has just been forked; 0, 1 and 2 stay.
/// The duty of [`arrange`] applies.
///
/// # Errors
///
/// When the kernel has no `close_range` (Linux before 5.9) or a filter forbids it.
pub fn close_except(keep: &[RawFd]) -> io::Result<()> {
    let mut sorted: Vec<RawFd> = keep.iter().copied().filter(|fd| *fd >= CONTROL).collect();
    sorted.sort_unstable();
    let mut next = CONTROL;
    for fd in sorted {
        if fd > next {
            sys::close_range(next, Some(fd - 1))?;
        }
        next = next.max(fd + 1);
    }
    sys::close_range(next, None)
}
