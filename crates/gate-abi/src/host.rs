//! What the functions that a program imports need from outside of the program.
//!
//! The functions themselves (`gate-wasi`, `gate-calls`) are pure: they see guest memory, their own state, and a
//! [`Host`].
//!
//! Every call that may block is restartable. When [`Host::wait`], [`Host::read`] or [`Host::write`] is interrupted, a call
//! that has had an effect already returns with that (a short count); any other ends with [`Stop::Interrupted`], and
//! nothing has happened that the program could notice. The program may then be stopped, kept, moved, and continued: it
//! makes the same call again, before any other. A call that waits for a span of time goes on with what was left of
//! it: its state has remembered, by the [clock of the program's own](crate::clock), when the call began.

use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::time::Duration;

use crate::errno::Errno;
use crate::trap::Trap;

/// One of the byte streams that connect a program with whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard input: read only.
    Stdin,
    /// Standard output: write only.
    Stdout,
    /// Standard error: write only.
    Stderr,
    /// The packet stream of a program that imports `gate.*`: both directions, never blocking.
    Packets,
}

/// What a stream is connected to, as far as a program may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A terminal.
    Terminal,
    /// A pipe, a file, a socket: anything else.
    Other,
}

/// One of the clocks of the WASI documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Wall-clock time since 1970-01-01T00:00:00Z.
    Realtime,
    /// Never goes backwards; its zero is arbitrary.
    Monotonic,
    /// Processor time of this program.
    ProcessCpu,
    /// Processor time of this thread: the same, as a program has one thread.
    ThreadCpu,
}

/// Why a call does not return to the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The program called `proc_exit` with this status.
    Exit(u32),
    /// The call traps.
    Trap(Trap),
    /// The call was interrupted before it had any effect; it is to be run again when the program continues.
    Interrupted,
    /// The program wrote more than it may: the limit in bytes.
    OutputLimit(u64),
    /// Something that the program is not to blame for went wrong in the host.
    Host(HostFailure),
}

/// What failed in the host, and the operating system's error number where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFailure {
    /// The operation, for people: `"read the clock"`.
    pub operation: &'static str,
    /// The operating system's error number.
    pub errno: Option<i32>,
}

impl std::error::Error for HostFailure {}

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.operation)?;
        match self.errno {
            Some(errno) => write!(f, " (os error {errno})"),
            None => Ok(()),
        }
    }
}

/// Why a stream operation did not transfer anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The program is told this error number.
    Errno(Errno),
    /// The program is not told anything: it stops.
    Stop(Stop),
}

impl From<Errno> for StreamError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// Something a program waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The stream.
    pub stream: Stream,
    /// The direction: `true` to write, `false` to read.
    pub write: bool,
}

/// How a stream that was waited for turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Readiness {
    /// A transfer in the direction waited for would not block. End of file and errors count as ready.
    pub ready: bool,
    /// The other end is closed.
    pub hangup: bool,
    /// How many bytes can be read at once, if that is known; 0 if not.
    pub bytes: u64,
}

/// What calls need from outside.
pub trait Host {
    /// The reading of `clock` in nanoseconds. `precise` is false where a resolution of some milliseconds will do.
    ///
    /// All but the wall clock may start anywhere: programs see [clocks of their own](crate::clock) instead.
    ///
    /// # Errors
    /// [`Stop::Host`] when the clock cannot be read; never [`Stop::Interrupted`].
    fn clock(&mut self, clock: Clock, precise: bool) -> Result<u64, Stop>;

    /// The resolution of `clock` in nanoseconds, at least 1.
    fn clock_resolution(&mut self, clock: Clock) -> u64;

    /// Fills `buf` with cryptographically random bytes.
    ///
    /// # Errors
    /// [`Stop::Host`] when the operating system has none; never [`Stop::Interrupted`].
    fn random(&mut self, buf: &mut [u8]) -> Result<(), Stop>;

    /// Reads from `stream` into `bufs` in order: at least one byte, or 0 at the end of the stream. Standard input
    /// blocks; the packet stream answers [`Errno::Again`].
    ///
    /// # Errors
    /// [`StreamError::Errno`] with what the program is to be told; [`StreamError::Stop`] when interrupted before the first
    /// byte: nothing was taken from the stream then.
    fn read(&mut self, stream: Stream, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError>;

    /// Writes `bufs` in order to `stream` and returns how many bytes that were: at least one if there are any.
    /// Standard output and error block; the packet stream answers [`Errno::Again`]. Nothing is kept in buffers.
    ///
    /// # Errors
    /// [`StreamError::Errno`] with what the program is to be told ([`Errno::Pipe`] when nobody reads);
    /// [`StreamError::Stop`] when interrupted before the first byte (after it, the count is the answer), or over the
    /// output limit.
    fn write(&mut self, stream: Stream, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError>;

    /// Waits until a stream in `interests` is ready or `timeout` has passed (`None`: for ever; zero: look only), and
    /// returns the readiness of each in order. It may return early with nothing ready.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] when the program is asked to stop, however much of `timeout` has passed; [`Stop::Host`] when
    /// waiting is impossible.
    fn wait(&mut self, interests: &[Interest], timeout: Option<Duration>) -> Result<Vec<Readiness>, Stop>;

    /// What `stream` is connected to.
    fn stream_kind(&mut self, stream: Stream) -> StreamKind;
}
