//! `gate.io_N`: send and receive in one call.

use gate_abi::host::{Host, Stop};

use crate::stream::{self, Directions, Transfer, Vectors};
use crate::{Calls, guest};

/// The flag that tells the program that it was started or resumed since it last looked.
const STARTED_OR_RESUMED: u64 = 0x1;

/// Timeouts from 0 to less than this many nanoseconds stand for no wait at all, if there is something to transfer.
const NO_WAIT_BELOW: i64 = 1000;

/// The arguments of [`Calls::io`]. Pointers may be null where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoArgs {
    /// Pointer to buffers for what is received: u32 pointer and u32 length each.
    pub(crate) receive: u32,
    /// How many there are; negative is none.
    pub(crate) receive_count: i32,
    /// Where the number of bytes received is stored, a u32, or null.
    pub(crate) received: u32,
    /// Pointer to buffers with what is sent.
    pub(crate) send: u32,
    /// How many there are; negative is none.
    pub(crate) send_count: i32,
    /// Where the number of bytes sent is stored, a u32, or null.
    pub(crate) sent: u32,
    /// How long to wait until something can be transferred, in nanoseconds; negative is for ever.
    pub(crate) timeout: i64,
    /// Where the flags are stored, a u64, or null.
    pub(crate) flags: u32,
}

impl Calls {
    /// `gate.fd_N`: the number of the packet stream's descriptor.
    pub(crate) fn fd(&self) -> u32 {
        crate::descriptor::PACKETS
    }

    /// `gate.io_N`: waits until something can be sent or received, sends, and receives. There may be nothing transferred
    /// at the end, and packets may be transferred in part.
    ///
    /// The wait is always for input, too, even if nothing is to be received: a program that sends without regard for what
    /// its services want to tell it would block itself.
    ///
    /// `begun` is when the call began, if it was interrupted since then: it waits for what is left of its time.
    pub(crate) fn io(
        &mut self,
        memory: &mut [u8],
        host: &mut dyn Host,
        args: IoArgs,
        begun: Option<u64>,
    ) -> Result<(), Stop> {
        let send = Vectors::new(args.send, args.send_count);
        let receive = Vectors::new(args.receive, args.receive_count);
        let sending = send.has_bytes(memory)?;
        let receiving = receive.has_bytes(memory)?;
        let ready = if (0..NO_WAIT_BELOW).contains(&args.timeout) && (sending || receiving) {
            Directions { read: true, write: true }
        } else {
            let timeout = match u64::try_from(args.timeout).ok().map(|nanos| self.mask.timeout(nanos)) {
                Some(span) if !span.is_zero() => Some(self.begin(begun, host)?.left(span)),
                timeout => timeout,
            };
            stream::wait(host, Directions { read: true, write: sending }, timeout)?
        };
        let mut sent = Transfer::default();
        if ready.write {
            sent = stream::send(memory, host, send)?;
        }
        let mut received = Transfer::default();
        if ready.read {
            received = stream::receive(memory, host, receive, sent.bytes > 0)?;
        }
        if args.sent != 0 {
            guest::write(memory, args.sent, sent.bytes.to_le_bytes())?;
        }
        if args.received != 0 {
            guest::write(memory, args.received, received.bytes.to_le_bytes())?;
        }
        if args.flags != 0 {
            let flags = if self.started { STARTED_OR_RESUMED } else { 0 };
            guest::write(memory, args.flags, flags.to_le_bytes())?;
            self.started = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
