//! Reading and writing the streams that lead outside.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, Interest, Stream};
use std::time::Duration;

use crate::call::{Call, Fail};
use crate::flags::FDFLAGS_NONBLOCK;
use crate::guest::{self, Buffer};

impl<H: Host + ?Sized> Call<'_, H> {
    /// Reads into `buffers` and returns how many bytes that were; 0 at the end of the stream.
    pub(crate) fn read_stream(
        &mut self,
        stream: Stream,
        flags: u16,
        buffers: &[Buffer],
    ) -> Result<usize, Fail> {
        if buffers.is_empty() {
            return Ok(0);
        }
        self.would_not_block(Interest { stream, write: false }, flags)?;
        let mut slices = guest::slices_mut(self.memory, buffers)?;
        Ok(self.host.read(stream, &mut slices)?)
    }

    /// Writes `buffers` and returns how many bytes that were.
    pub(crate) fn write_stream(
        &mut self,
        stream: Stream,
        flags: u16,
        buffers: &[Buffer],
    ) -> Result<usize, Fail> {
        if buffers.is_empty() {
            return Ok(0);
        }
        self.would_not_block(Interest { stream, write: true }, flags)?;
        let slices = guest::slices(self.memory, buffers)?;
        Ok(self.host.write(stream, &slices)?)
    }

    /// `again` when the descriptor is not to block and the transfer would.
    fn would_not_block(&mut self, interest: Interest, flags: u16) -> Result<(), Fail> {
        if flags & FDFLAGS_NONBLOCK == 0 {
            return Ok(());
        }
        match self.host.wait(&[interest], Some(Duration::ZERO))?.first() {
            Some(readiness) if readiness.ready || readiness.hangup => Ok(()),
            Some(_) | None => Err(Errno::Again.into()),
        }
    }
}
