//! The functions of Gate's own ABI over guest memory.
//!
//! A program that imports from module `gate` has one stream of packets, a log, clocks, a little randomness, and nothing
//! else: no files, no arguments, a fixed environment. It also imports WASI functions, because its language's library
//! does; most of them only refuse, in the way that makes those libraries give up quietly.
//!
//! What a call answers depends on guest memory, on [`Calls`] and on the [`Host`], and on nothing else. The rules that
//! hold for all functions:
//!
//! * A null pointer where there must be one is [`Errno::Fault`](gate_abi::errno::Errno::Fault), and looked for before
//!   anything else. Any other pointer outside of memory ends the program with [`Trap::MemoryAccessOutOfBounds`].
//! * What this host does not have, but another might, ends the run with [`Trap::AbiDeficiency`] before the call has had
//!   any effect. The program can continue elsewhere, and then makes the same call again.
//! * [`Stop::Interrupted`] is passed on only while a call has had no effect. After that the call ends early, with what it
//!   did. An interrupted call is made again, in this life of the program or in another one; then a wait for a span of time
//!   goes on with what is left of it.
//! * The monotonic clock is the program's own: it stands still while the program is stopped.
//!
//! **Invariant**: no I/O, no clock, no randomness of its own; no answer reveals anything about the host but time at the
//! resolution that was configured.
#![forbid(unsafe_code)]

mod clock;
mod descriptor;
mod dispatch;
mod environment;
mod guest;
mod io;
mod poll;
mod random;
mod state;
mod stream;

pub use state::{MAGIC, RestoreError, VERSION};

use std::time::Duration;

use gate_abi::clock::ProgramClock;
use gate_abi::host::{Clock, Host, Stop};
use gate_abi::limits::RANDOM_BUDGET_BYTES;
#[cfg(doc)]
use gate_abi::trap::Trap;

use clock::TimeMask;

/// The state that calls keep from one start of a program to its next stop.
///
/// What outlives the stop are [`monotonic_time`](Calls::monotonic_time) and [`save`](Calls::save).
#[derive(Debug)]
pub struct Calls {
    mask: TimeMask,
    monotonic: ProgramClock,
    random_left: u32,
    /// The program has not been told yet that it was started or resumed.
    started: bool,
    /// The program's monotonic time when the call began that was interrupted, if it waits for a span of time.
    begun: Option<u64>,
}

impl Calls {
    /// For a program that starts or continues now.
    ///
    /// `time_resolution` is what the program can tell apart in time, at most one second; zero stands for one second. It is
    /// rounded up to a power of two of nanoseconds. `monotonic_time` is what [`Calls::monotonic_time`] was at the last
    /// stop, 0 for a new program, which stands for one second.
    ///
    /// # Errors
    /// [`Stop::Host`] when the clock cannot be read.
    pub fn start(time_resolution: Duration, monotonic_time: u64, host: &mut dyn Host) -> Result<Calls, Stop> {
        let mask = TimeMask::new(time_resolution);
        let monotonic = ProgramClock::start_monotonic(monotonic_time, host.clock(Clock::Monotonic, true)?);
        Ok(Calls { mask, monotonic, random_left: RANDOM_BUDGET_BYTES, started: true, begun: None })
    }

    /// The program's monotonic clock in nanoseconds, not cut to the resolution. To be saved when the program stops.
    ///
    /// # Errors
    /// [`Stop::Host`] when the clock cannot be read.
    pub fn monotonic_time(&mut self, host: &mut dyn Host) -> Result<u64, Stop> {
        Ok(self.monotonic.at(host.clock(Clock::Monotonic, true)?))
    }

    /// When the present call began and what time it is, by the program's monotonic clock. `begun` is when it began if it
    /// is made again. It is remembered in case the call is interrupted.
    fn begin(&mut self, begun: Option<u64>, host: &mut dyn Host) -> Result<Begin, Stop> {
        let now = self.monotonic_time(host)?;
        // A saved state can claim anything; a call does not begin in the future.
        let begun = begun.map_or(now, |begun| begun.min(now));
        self.begun = Some(begun);
        Ok(Begin { begun, now })
    }
}

/// When a call began, by the program's monotonic clock in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Begin {
    begun: u64,
    /// What time it is now: later, if the call was interrupted.
    now: u64,
}

impl Begin {
    /// What is left of a wait that was to last for `span`.
    fn left(self, span: Duration) -> Duration {
        span.saturating_sub(Duration::from_nanos(self.now.saturating_sub(self.begun)))
    }
}

#[cfg(test)]
mod tests;
