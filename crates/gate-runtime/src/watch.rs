//! Waiting for what a process says, for its end, for a deadline, and for whoever wants it all to stop.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What ends a wait besides the process itself.
pub struct Watch<'a> {
    /// Everything ends when this descriptor becomes readable: for signals.
    pub cancel: Option<BorrowedFd<'a>>,
    /// A program that is run is asked to stop when this descriptor becomes readable.
    pub suspend: Option<BorrowedFd<'a>>,
    /// Called again and again, with this much time between, while the wait lasts: for progress.
    pub tick: Option<(Duration, &'a mut dyn FnMut())>,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("cancel", &self.cancel)
            .field("suspend", &self.suspend)
            .finish_non_exhaustive()
    }
}

/// Why a wait came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// One of the descriptors is ready, or was closed.
    Ready,
    /// The deadline came.
    Deadline,
    /// Somebody wants an end.
    Cancelled,
}

impl Watch<'_> {
    /// Waits until one of `descriptors` is ready for what is asked of it.
    pub(crate) fn wait(
        &mut self,
        descriptors: &[(BorrowedFd<'_>, PollFlags)],
        deadline: Option<Instant>,
    ) -> io::Result<Woken> {
        self.wait_or(self.cancel, descriptors, deadline)
    }

    /// Likewise, but not to be cancelled: for ends that are certain to come.
    pub(crate) fn wait_for_certain(
        &mut self,
        descriptors: &[(BorrowedFd<'_>, PollFlags)],
        deadline: Option<Instant>,
    ) -> io::Result<Woken> {
        self.wait_or(None, descriptors, deadline)
    }

    fn wait_or(
        &mut self,
        cancel: Option<BorrowedFd<'_>>,
        descriptors: &[(BorrowedFd<'_>, PollFlags)],
        deadline: Option<Instant>,
    ) -> io::Result<Woken> {
        let mut fds: Vec<PollFd<'_>> =
            descriptors.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
        fds.extend(cancel.map(|cancel| PollFd::from_borrowed_fd(cancel, PollFlags::IN)));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let until_tick = self.tick.as_ref().map(|(period, _)| *period);
            let timeout = match (left, until_tick) {
                (Some(left), Some(period)) => Some(left.min(period)),
                (left, period) => left.or(period),
            };
            let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
            let count = match rustix::event::poll(&mut fds, timeout.as_ref()) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if cancel.is_some() && fds.last().is_some_and(|fd| !fd.revents().is_empty()) {
                return Ok(Woken::Cancelled);
            }
            // First: what is always ready again must not keep the deadline from coming.
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Woken::Deadline);
            }
            if count > 0 {
                return Ok(Woken::Ready);
            }
            if let Some((_, tick)) = &mut self.tick {
                tick();
            }
        }
    }
}

/// Has the Tokio runtime of the caller notice when `file` is ready.
pub(crate) fn watched(file: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        deprecated,
        reason = "what it is deprecated for cannot be: the descriptor is owned, and stays the same"
    )]
    AsyncFd::with_interest(file, interest)
}
