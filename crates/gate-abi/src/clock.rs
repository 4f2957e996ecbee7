//! Clocks of a program's own, which stand still while the program is stopped.
//!
//! A host's monotonic clock counts from some moment of the host's, and its processor time clocks belong to a process. A
//! program that is stopped, and continues in another process or on another host, must not see them jump, least of all
//! backwards. So it gets clocks of its own: each goes as fast as the host's while the program runs, and continues where
//! it stood when the program was stopped.

/// What the monotonic clock of a new program shows at least, in nanoseconds: one second. Programs tend to take a time of
/// 0 for none, and to go back a little from the present.
pub const MONOTONIC_START_NS: u64 = 1_000_000_000;

/// One clock of a program during one of its lives: from a start to the next stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramClock {
    /// The host's clock when this life began.
    host: u64,
    /// The program's clock at the same moment.
    program: u64,
    /// The latest time that was asked for.
    latest: u64,
}

impl ProgramClock {
    /// A clock that shows `time` now, when the host's clock shows `reading`; both in nanoseconds.
    #[must_use]
    pub const fn start(time: u64, reading: u64) -> Self {
        Self { host: reading, program: time, latest: time }
    }

    /// A monotonic clock: as [`ProgramClock::start`], but it shows at least [`MONOTONIC_START_NS`]. `time` is 0 for a new
    /// program.
    #[must_use]
    pub fn start_monotonic(time: u64, reading: u64) -> Self {
        Self::start(time.max(MONOTONIC_START_NS), reading)
    }

    /// What the program's clock shows when the host's shows `reading`.
    ///
    /// It never goes backwards, even if readings do: a host's coarse clock lags behind its fine one, and to the program
    /// they are the same. At 2⁶⁴ − 1, after 584 years, it stops.
    pub fn at(&mut self, reading: u64) -> u64 {
        let time = self.program.saturating_add(reading.saturating_sub(self.host));
        self.latest = self.latest.max(time);
        self.latest
    }
}

#[cfg(test)]
mod tests;
