//! Clocks.

use gate_abi::clock::ProgramClock;
use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, Stop};

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

/// The clocks that continue where they stood when the program was stopped: all but the wall clock.
#[derive(Debug)]
pub(crate) struct Clocks {
    monotonic: ProgramClock,
    process: ProgramClock,
    thread: ProgramClock,
}

/// What clocks of processor time showed when the program was stopped, in nanoseconds; 0 for a new program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTimes {
    pub(crate) process: u64,
    pub(crate) thread: u64,
}

impl Clocks {
    /// Clocks that go on now.
    pub(crate) fn start<H: Host + ?Sized>(
        monotonic_time: u64,
        cpu: CpuTimes,
        host: &mut H,
    ) -> Result<Self, Stop> {
        Ok(Self {
            monotonic: ProgramClock::start_monotonic(monotonic_time, host.clock(Clock::Monotonic, true)?),
            process: ProgramClock::start(cpu.process, host.clock(Clock::ProcessCpu, true)?),
            thread: ProgramClock::start(cpu.thread, host.clock(Clock::ThreadCpu, true)?),
        })
    }

    /// Clocks of a program that is not going to run.
    pub(crate) fn stopped(cpu: CpuTimes) -> Self {
        Self {
            monotonic: ProgramClock::start_monotonic(0, 0),
            process: ProgramClock::start(cpu.process, 0),
            thread: ProgramClock::start(cpu.thread, 0),
        }
    }

    /// What the program's `clock` shows, in nanoseconds. `precise` is as in [`Host::clock`].
    pub(crate) fn read<H: Host + ?Sized>(
        &mut self,
        clock: Clock,
        precise: bool,
        host: &mut H,
    ) -> Result<u64, Stop> {
        let reading = host.clock(clock, precise)?;
        Ok(match clock {
            Clock::Realtime => reading,
            Clock::Monotonic => self.monotonic.at(reading),
            Clock::ProcessCpu => self.process.at(reading),
            Clock::ThreadCpu => self.thread.at(reading),
        })
    }

    /// What the clocks of processor time show.
    pub(crate) fn cpu_times<H: Host + ?Sized>(&mut self, host: &mut H) -> Result<CpuTimes, Stop> {
        Ok(CpuTimes {
            process: self.read(Clock::ProcessCpu, true, host)?,
            thread: self.read(Clock::ThreadCpu, true, host)?,
        })
    }
}

impl<H: Host + ?Sized> Call<'_, H> {
    /// What the program's `clock` shows, in nanoseconds. `precise` is as in [`Host::clock`].
    pub(crate) fn clock(&mut self, clock: Clock, precise: bool) -> Result<u64, Stop> {
        self.wasi.clocks.read(clock, precise, self.host)
    }

    pub(crate) fn clock_res_get(&mut self, id: u32, resolution: u32) -> Result<(), Fail> {
        let ns = self.host.clock_resolution(clock(id)?);
        guest::put(self.memory, resolution, &ns.to_le_bytes())
    }

    pub(crate) fn clock_time_get(&mut self, id: u32, precision: u64, time: u32) -> Result<(), Fail> {
        let clock = clock(id)?;
        guest::check(self.memory, time, 8)?;
        let ns = self.clock(clock, precision < COARSE_NS)?;
        guest::put(self.memory, time, &ns.to_le_bytes())
    }
}
