//! WASI preview 1 over guest memory and an in-memory file system.
//!
//! [`Wasi`] is what one program has: arguments, environment, file descriptors, and its [`Fs`]. Each of the 46 functions
//! is a method with the parameters it has in WebAssembly; [`FUNCTIONS`] lists them, and [`Wasi::call`] calls them with
//! arguments as they come from an engine.
//!
//! Semantics are those of the WASI documents, and of POSIX where these are silent. What is decided here:
//!
//! * Pointers that do not lie in memory give `fault`, before the function has had any other effect.
//! * A function that may block is restartable: after [`Stop::Interrupted`] nothing has changed that the program could
//!   notice. When the call is made again, in this life of the program or in another one, a wait for a span of time goes
//!   on with what is left of it.
//! * The monotonic clock and the clocks of processor time are the program's own: they stand still while it is stopped and
//!   never go backwards, wherever it continues. Only the wall clock is the host's.
//! * Rights are enforced, and can only be dropped. Where a kind of descriptor can never do what is asked, the error says
//!   why (`spipe`, `isdir`, `notdir`) rather than `notcapable`.
//! * Clocks of processor time stand still while a program waits. Waiting for one waits for the same span of time.
//!
//! **Invariant**: no I/O, no clocks, no randomness: all of them come through [`Host`]. Neither
//! arguments nor memory of a program can make this crate panic or let it allocate more than a bounded amount.
#![forbid(unsafe_code)]

mod call;
mod clock;
mod directory;
mod fds;
mod file;
mod flags;
mod functions;
mod guest;
mod metadata;
mod path;
mod poll;
mod process;
mod rights;
mod socket;
mod state;
mod stream;
mod strings;
mod summary;

pub use fds::MAX_FDS;
pub use functions::{FUNCTIONS, Function, Param};
pub use guest::MAX_IOVECS;
pub use poll::MAX_SUBSCRIPTIONS;
pub use state::{MAGIC, RestoreError, SaveError, VERSION};
pub use strings::MAX_STRINGS_BYTES;
pub use summary::{DescriptorKind, DescriptorSummary, FileCounts, Obstacle, Summary, inspect};

use clock::{Clocks, CpuTimes};
use fds::Fds;
use gate_abi::host::{Clock, Host, HostFailure, Stop};
use gate_fs::Fs;
use strings::Strings;

/// Why a program cannot be given what it is to start with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StartError {
    /// A string with a NUL inside would be two for the program.
    #[error("argument or environment variable {index} contains a NUL byte")]
    Nul { index: usize },
    /// More than [`MAX_STRINGS_BYTES`].
    #[error("arguments or environment variables have {found} bytes (the limit is {MAX_STRINGS_BYTES})")]
    TooLong { found: usize },
    /// More directories than there can be descriptors.
    #[error("there are {found} preopened directories (the limit is {limit})")]
    Preopens { found: usize, limit: usize },
    /// The program's clocks cannot be set going.
    #[error("cannot start the program's clocks")]
    Clock { source: HostFailure },
}

/// What a program that imports WASI functions has.
#[derive(Debug)]
pub struct Wasi {
    args: Strings,
    env: Strings,
    fds: Fds,
    fs: Fs,
    clocks: Clocks,
    /// The monotonic time when the call began that was interrupted, if it waits for a span of time.
    begun: Option<u64>,
    /// Whether the files had been changed already in an earlier life.
    changed_before: bool,
    /// What [`Fs::changes`] was when this life began.
    changes_at_start: u64,
}

impl Wasi {
    /// A program with these arguments (the first is its name) and environment variables (`NAME=value`). Descriptors 0 to 2
    /// are the standard streams, then come the preopened directories of `fs`. Its clocks start now; `monotonic_time` is
    /// what its monotonic clock shows, in nanoseconds: 0 for a new program, which stands for one second.
    ///
    /// # Errors
    /// [`StartError`] when arguments or environment contain NUL or are too large, there are too many preopens, or the clocks
    /// cannot be read.
    pub fn new<S: AsRef<[u8]>, H: Host + ?Sized>(
        args: &[S],
        env: &[S],
        mut fs: Fs,
        monotonic_time: u64,
        host: &mut H,
    ) -> Result<Self, StartError> {
        let (args, env) = (Strings::new(args)?, Strings::new(env)?);
        let fds = Fds::new(&mut fs)?;
        let clocks = Clocks::start(monotonic_time, CpuTimes::default(), host)
            .map_err(|stop| StartError::Clock { source: failure(stop) })?;
        let changes_at_start = fs.changes();
        Ok(Self { args, env, fds, fs, clocks, begun: None, changed_before: false, changes_at_start })
    }

    /// The file system.
    #[must_use]
    pub fn fs(&self) -> &Fs {
        &self.fs
    }

    /// The program's monotonic clock in nanoseconds. To be kept when the program stops.
    ///
    /// # Errors
    /// [`Stop::Host`] when the clock cannot be read.
    pub fn monotonic_time<H: Host + ?Sized>(&mut self, host: &mut H) -> Result<u64, Stop> {
        self.clocks.read(Clock::Monotonic, true, host)
    }

    /// Whether the program has changed any file or directory, in this life or in an earlier one.
    fn has_changed_files(&self) -> bool {
        self.changed_before || self.fs.changes() != self.changes_at_start
    }
}

/// What failed when a clock could not be read.
fn failure(stop: Stop) -> HostFailure {
    match stop {
        Stop::Host(failure) => failure,
        Stop::Exit(_) | Stop::Trap(_) | Stop::Interrupted | Stop::OutputLimit(_) => {
            HostFailure { operation: "read a clock", errno: None }
        }
    }
}

#[cfg(test)]
mod tests;
