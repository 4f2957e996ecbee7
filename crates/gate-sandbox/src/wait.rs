//! Waiting for a descriptor with a deadline.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};

/// Waits until `fd` can be read without blocking (data, end or error). `false` when the deadline came first; without
/// a deadline it waits for ever.
///
/// # Errors
///
/// Those of `ppoll`, except that interruptions by signals are repeated.
pub fn readable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    ready(fd, PollFlags::IN, deadline)
}

/// Like [`readable`] for writing.
///
/// # Errors
///
/// As for [`readable`].
pub fn writable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    ready(fd, PollFlags::OUT, deadline)
}

pub(crate) fn ready(fd: BorrowedFd<'_>, flags: PollFlags, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = match deadline {
            None => None,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // A deadline too far to be expressed is no deadline.
                Timespec::try_from(left).ok()
            }
        };
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, flags)], timeout.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
