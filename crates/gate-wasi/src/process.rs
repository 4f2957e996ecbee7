//! The process: its end, signals, random bytes, giving up the processor.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, Stop};
use gate_abi::memory;

use crate::call::{Call, Fail};

/// The exit status of a process that a signal ended is this and the signal's number, as shells have it.
const STATUS_OF_SIGNAL: u32 = 128;

impl<H: Host + ?Sized> Call<'_, H> {
    pub(crate) fn proc_exit(&mut self, status: u32) -> Result<(), Fail> {
        Err(Stop::Exit(status).into())
    }

    /// Does what POSIX has as the default action: nobody can handle signals here. Signals are numbered as in Linux.
    pub(crate) fn proc_raise(&mut self, signal: u32) -> Result<(), Fail> {
        match signal {
            // None, and those that are ignored unless handled: child, continue, urgent, window size.
            0 | 16 | 17 | 22 | 27 => Ok(()),
            // Those that stop a process until somebody else continues it: stop, tstp, ttin, ttou.
            18..=21 => Err(Errno::NotSup.into()),
            1..=30 => Err(Stop::Exit(STATUS_OF_SIGNAL + signal).into()),
            _ => Err(Errno::Inval.into()),
        }
    }

    pub(crate) fn sched_yield(&mut self) -> Result<(), Fail> {
        Ok(())
    }

    pub(crate) fn random_get(&mut self, buf: u32, buf_len: u32) -> Result<(), Fail> {
        Ok(self.host.random(memory::bytes_mut(self.memory, buf, buf_len)?)?)
    }
}
