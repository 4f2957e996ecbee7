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
//! * [`Stop::Interrupted`] is passed on only while a call has had no effect. After
//!   that the call ends early, with what it did.
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
mod stream;

use std::time::Duration;

use gate_abi::host::{Host, Stop};
use gate_abi::limits::RANDOM_BUDGET_BYTES;
#[cfg(doc)]
use gate_abi::trap::Trap;

use clock::{MonotonicBase, TimeMask};

/// The state that calls keep from one start of a program to its next stop.
///
/// All that outlives the stop is [`monotonic_time`](Calls::monotonic_time).
#[derive(Debug)]
pub struct Calls {
    mask: TimeMask,
    monotonic: MonotonicBase,
    random_left: u32,
    /// The program has not been told yet that it was started or resumed.
    started: bool,
}

impl Calls {
    /// For a program that starts or continues now.
    ///
    /// `time_resolution` is what the program can tell apart in time, at most one second; zero stands for one second. It is
    /// rounded up to a power of two of nanoseconds. `monotonic_time` is what [`Calls::monotonic_time`] was at the last
    /// stop, 0 for a new program.
    ///
    /// # Errors
    /// [`Stop::Host`] when the clock cannot be read.
    pub fn start(time_resolution: Duration, monotonic_time: u64, host: &mut dyn Host) -> Result<Calls, Stop> {
        let mask = TimeMask::new(time_resolution);
        let monotonic = MonotonicBase::start(mask, monotonic_time, host)?;
        Ok(Calls { mask, monotonic, random_left: RANDOM_BUDGET_BYTES, started: true })
    }

    /// The program's monotonic clock in nanoseconds. To be saved when the program stops.
    ///
    /// # Errors
    /// [`Stop::Host`] when the clock cannot be read.
    pub fn monotonic_time(&mut self, host: &mut dyn Host) -> Result<u64, Stop> {
        self.monotonic.now(self.mask, true, host)
    }
}

#[cfg(test)]
mod tests;
