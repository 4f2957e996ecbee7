//! Clocks.

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host};

use crate::call::{Call, Fail};
use crate::guest;

/// From this tolerated error on, in nanoseconds, a clock that is cheaper to read will do.
const COARSE_NS: u64 = 10_000_000;

/// The clock with number `id` (`clockid`).
pub(crate) fn clock(id: u32) -> Result<Clock, Errno> {
    match id {
        0 => Ok(Clock::Realtime),
        1 => Ok(Clock::Monotonic),
        2 => Ok(Clock::ProcessCpu),
        3 => Ok(Clock::ThreadCpu),
        _ => Err(Errno::Inval),
    }
}

impl<H: Host + ?Sized> Call<'_, H> {
    pub(crate) fn clock_res_get(&mut self, id: u32, resolution: u32) -> Result<(), Fail> {
        let ns = self.host.clock_resolution(clock(id)?);
        guest::put(self.memory, resolution, &ns.to_le_bytes())
    }

    pub(crate) fn clock_time_get(&mut self, id: u32, precision: u64, time: u32) -> Result<(), Fail> {
        let clock = clock(id)?;
        guest::check(self.memory, time, 8)?;
        let ns = self.host.clock(clock, precision < COARSE_NS)?;
        guest::put(self.memory, time, &ns.to_le_bytes())
    }
}
