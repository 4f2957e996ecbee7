//! One call of a function: what it works on, and how it fails.

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, Stop, StreamError};
use gate_abi::memory::OutOfBounds;

use crate::Wasi;

/// What a function works on. Every function is a method of this, in the file of its subject.
pub(crate) struct Call<'a, H: ?Sized> {
    pub(crate) wasi: &'a mut Wasi,
    pub(crate) memory: &'a mut [u8],
    pub(crate) host: &'a mut H,
    /// The program's monotonic time when this call began, if it was interrupted since then and is run again.
    pub(crate) begun: Option<u64>,
}

impl<H: Host + ?Sized> Call<'_, H> {
    /// The time for stamps in the file system. A tick of some milliseconds is what Linux uses there.
    pub(crate) fn now(&mut self) -> Result<u64, Fail> {
        Ok(self.host.clock(Clock::Realtime, false)?)
    }

    /// The program's monotonic time when this call began. It is remembered in case the call is interrupted.
    pub(crate) fn begun(&mut self) -> Result<u64, Fail> {
        let now = self.clock(Clock::Monotonic, true)?;
        // A saved state can claim anything; a call does not begin in the future.
        let begun = self.begun.map_or(now, |begun| begun.min(now));
        (self.begun, self.wasi.begun) = (Some(begun), Some(begun));
        Ok(begun)
    }
}

/// Why a function did not succeed.
#[derive(Debug)]
pub(crate) enum Fail {
    /// The program is told.
    Errno(Errno),
    /// The program is stopped.
    Stop(Stop),
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<OutOfBounds> for Fail {
    fn from(OutOfBounds: OutOfBounds) -> Self {
        Self::Errno(Errno::Fault)
    }
}

impl From<StreamError> for Fail {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Errno(errno) => Self::Errno(errno),
            StreamError::Stop(stop) => Self::Stop(stop),
        }
    }
}

/// Makes one call.
pub(crate) fn make<H: Host + ?Sized>(
    wasi: &mut Wasi,
    memory: &mut [u8],
    host: &mut H,
    function: impl FnOnce(&mut Call<'_, H>) -> Result<(), Fail>,
) -> Result<Errno, Stop> {
    let begun = wasi.begun.take();
    let result = outcome(function(&mut Call { wasi, memory, host, begun }));
    if result != Err(Stop::Interrupted) {
        wasi.begun = None;
    }
    result
}

/// What the program, or whoever runs it, is told.
fn outcome(result: Result<(), Fail>) -> Result<Errno, Stop> {
    match result {
        Ok(()) => Ok(Errno::Success),
        Err(Fail::Errno(errno)) => Ok(errno),
        Err(Fail::Stop(stop)) => Err(stop),
    }
}
