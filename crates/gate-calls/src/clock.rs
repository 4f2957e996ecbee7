//! Clocks: what time a program sees, and how exactly.

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, Stop};
use gate_abi::trap::Trap;

use crate::{Calls, guest};

const SECOND: u64 = 1_000_000_000;

/// Resolutions from this on, in nanoseconds, are had from the host's cheaper clocks.
const COARSE: u64 = 1_000_000;

/// How many clocks WASI numbers. The last two measure processor time.
const CLOCKS: u32 = 4;

/// The bits of the nanosecond part of times that a program sees. Seconds are always exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeMask(u32);

impl TimeMask {
    pub(crate) fn new(resolution: Duration) -> TimeMask {
        let second = Duration::from_secs(1);
        let resolution = if resolution.is_zero() { second } else { resolution.min(second) };
        // Ten digits: at most 30 bits.
        let nanos = u32::try_from(resolution.as_nanos()).unwrap_or(u32::MAX >> 2);
        TimeMask(u32::MAX << (u32::BITS - nanos.leading_zeros()))
    }

    /// The resolution in nanoseconds.
    pub(crate) fn resolution(self) -> u64 {
        (u64::from(!self.0) + 1).min(SECOND)
    }

    /// A time as the program sees it.
    pub(crate) fn timestamp(self, nanos: u64) -> u64 {
        nanos / SECOND * SECOND + ((nanos % SECOND) & u64::from(self.0))
    }

    /// How long the program waits when it asks for `nanos`.
    pub(crate) fn timeout(self, nanos: u64) -> Duration {
        Duration::from_nanos(self.timestamp(nanos))
    }
}

/// A clock that a program names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockId {
    Realtime,
    Monotonic,
    /// Known to WASI, but not to be had here.
    Processor,
}

impl ClockId {
    pub(crate) fn from_number(number: u32) -> Option<ClockId> {
        match number {
            0 => Some(Self::Realtime),
            1 => Some(Self::Monotonic),
            2..CLOCKS => Some(Self::Processor),
            _ => None,
        }
    }
}

impl Calls {
    /// The program's time by `clock`, if `precision` nanoseconds will do.
    pub(crate) fn now(&mut self, clock: ClockId, precision: u64, host: &mut dyn Host) -> Result<u64, Stop> {
        let precise = precision.max(self.mask.resolution()) < COARSE;
        match clock {
            ClockId::Realtime => Ok(self.mask.timestamp(host.clock(Clock::Realtime, precise)?)),
            ClockId::Monotonic => {
                let reading = host.clock(Clock::Monotonic, precise)?;
                Ok(self.mask.timestamp(self.monotonic.at(reading)))
            }
            ClockId::Processor => Err(Stop::Trap(Trap::AbiDeficiency)),
        }
    }

    /// `clock_res_get`: stores the resolution in nanoseconds, the same for all clocks.
    pub(crate) fn clock_res_get(&self, memory: &mut [u8], id: u32, result: u32) -> Result<Errno, Stop> {
        if result == 0 {
            return Ok(Errno::Fault);
        }
        if id >= CLOCKS {
            return Ok(Errno::Inval);
        }
        guest::write(memory, result, self.mask.resolution().to_le_bytes())?;
        Ok(Errno::Success)
    }

    /// `clock_time_get`: stores the time in nanoseconds.
    pub(crate) fn clock_time_get(
        &mut self,
        memory: &mut [u8],
        host: &mut dyn Host,
        id: u32,
        precision: u64,
        result: u32,
    ) -> Result<Errno, Stop> {
        if result == 0 {
            return Ok(Errno::Fault);
        }
        let Some(clock) = ClockId::from_number(id) else { return Ok(Errno::Inval) };
        let now = self.now(clock, precision, host)?;
        guest::write(memory, result, now.to_le_bytes())?;
        Ok(Errno::Success)
    }
}

#[cfg(test)]
mod tests;
