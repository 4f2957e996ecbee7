//! Child processes: fork, wait with resource usage, signals.
//!
//! Every child is held by a [`Child`], which owns a descriptor of the process, so that a signal can never reach a
//! stranger with a reused id. Dropping it kills and reaps the process: none is left behind by an early return.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal};

use crate::{sys, wait};

#[cfg(test)]
mod tests;

/// Why a process could not be forked.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ForkError {
    /// Another thread could hold a lock that the child would wait for for ever.
    #[error("cannot fork: this process has more than one thread")]
    Threads,
    /// Neither `unshare` nor `/proc` told how many threads there are.
    #[error("cannot fork: the number of threads is unknown")]
    CountThreads { source: io::Error },
    /// The kernel refused, usually because a limit of processes or memory is reached.
    #[error("cannot fork")]
    Fork { source: io::Error },
    /// There was no descriptor left for the new process; it was killed.
    #[error("cannot open a descriptor of the new process")]
    Descriptor { source: io::Error },
}

/// Which of the two processes continues.
#[derive(Debug)]
pub enum Fork {
    /// The caller.
    Parent(Child),
    /// The new process.
    Child,
}

/// Forks this process, which must have a single thread (this is checked).
///
/// The child inherits every descriptor and mapping. It must not return into frames which own what belongs to the
/// parent (destructors would run twice): run its work and finish with [`exit`].
///
/// # Errors
///
/// When there are several threads or the kernel refuses; see [`ForkError`].
pub fn fork() -> Result<Fork, ForkError> {
    match sys::is_single_threaded() {
        Ok(true) => {}
        Ok(false) => return Err(ForkError::Threads),
        Err(source) => return Err(ForkError::CountThreads { source }),
    }
    let pid = sys::fork().map_err(|source| ForkError::Fork { source })?;
    let Some(pid) = Pid::from_raw(pid) else { return Ok(Fork::Child) };
    // The child is not reaped yet, so its id cannot belong to anybody else.
    match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Fork::Parent(Child::new(pid, pidfd))),
        Err(error) => {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = sys::wait4(pid.as_raw_pid(), 0);
            Err(ForkError::Descriptor { source: error.into() })
        }
    }
}

/// Ends this process with `status` (its low 8 bits), without running destructors or exit handlers.
///
/// This is how a forked process ends: the state it inherited belongs to its parent.
pub fn exit(status: i32) -> ! {
    sys::exit_now(status)
}

/// Has the kernel kill this process when its parent ends.
///
/// `parent` is the parent's id as seen from this process (1 inside a container). The parent's end means the end of
/// the *thread* that forked. A change of user id clears this setting.
///
/// # Errors
///
/// `ErrorKind::NotFound` when the parent had ended already, and the errors of `prctl`.
pub fn set_parent_death_signal(parent: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::NotFound, "the parent process has ended"))
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It called `exit` with this status, 0 to 255.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
}

impl std::fmt::Display for Ending {
    /// As in `exit status 1` and `signal 9`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signaled(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a process used until its end; from `struct rusage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// Largest resident set, in bytes; includes pages shared with the parent.
    pub max_resident_bytes: u64,
    /// Page faults which needed no input.
    pub minor_faults: u64,
    /// Page faults which read from a file or swap.
    pub major_faults: u64,
}

/// End of a process, as its parent learns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Status or signal.
    pub ending: Ending,
    /// Resources used.
    pub usage: Usage,
}

/// A child process that has not been waited for. Dropping kills and reaps it.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    /// The process which made this value: a copy of it in a forked process must not kill its sibling.
    owner: Pid,
    exit: Option<Exit>,
}

impl Child {
    pub(crate) fn new(pid: Pid, pidfd: OwnedFd) -> Child {
        Child { pid, pidfd, owner: rustix::process::getpid(), exit: None }
    }

    /// Process id in the namespace of this process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Descriptor of the process; readable in `poll` once it has ended.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Sends a signal. Succeeds without effect when the process has ended.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for instance because the child has another user id.
    pub fn kill(&self, signal: Signal) -> io::Result<()> {
        match rustix::process::pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the end. Later calls return the same.
    ///
    /// # Errors
    ///
    /// When the process is not a child of the caller (it was made by another process), or was reaped elsewhere.
    pub fn wait(&mut self) -> io::Result<Exit> {
        self.reap(0)?.ok_or_else(|| io::Error::other("wait returned without a process"))
    }

    /// Like [`Child::wait`], but `None` when the process still runs.
    ///
    /// # Errors
    ///
    /// As for [`Child::wait`].
    pub fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        self.reap(libc::WNOHANG)
    }

    /// Waits until the end or the deadline; `None` when the deadline came first.
    ///
    /// # Errors
    ///
    /// As for [`Child::wait`], and the errors of `poll`.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<Exit>> {
        if self.exit.is_none() && !wait::readable(self.pidfd.as_fd(), Some(deadline))? {
            return Ok(None);
        }
        self.try_wait()
    }

    fn reap(&mut self, options: libc::c_int) -> io::Result<Option<Exit>> {
        if self.exit.is_none() {
            self.exit = sys::wait4(self.pid.as_raw_pid(), options)?
                .map(|(status, usage)| Exit { ending: ending(status), usage: Usage::from_raw(&usage) });
        }
        Ok(self.exit)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.exit.is_none() && rustix::process::getpid() == self.owner {
            // Errors leave nothing to do: the process is gone, or was never ours to kill.
            if self.kill(Signal::KILL).is_ok() {
                let _ = self.wait();
            }
        }
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd()
    }
}

impl Usage {
    fn from_raw(usage: &libc::rusage) -> Usage {
        let count = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
        let time = |value: libc::timeval| {
            Duration::from_secs(count(value.tv_sec)) + Duration::from_micros(count(value.tv_usec))
        };
        Usage {
            user: time(usage.ru_utime),
            system: time(usage.ru_stime),
            // The kernel counts in units of 1024 bytes (getrusage(2)).
            max_resident_bytes: count(usage.ru_maxrss).saturating_mul(1024),
            minor_faults: count(usage.ru_minflt),
            major_faults: count(usage.ru_majflt),
        }
    }
}

/// Without `WUNTRACED` and `WCONTINUED` a wait status is one of these two.
fn ending(status: libc::c_int) -> Ending {
    if libc::WIFEXITED(status) {
        Ending::Exited(libc::WEXITSTATUS(status))
    } else {
        Ending::Signaled(libc::WTERMSIG(status))
    }
}
