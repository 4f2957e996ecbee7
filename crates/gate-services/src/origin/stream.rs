//! One stream, and the connection at its other end.

use std::io;
use std::task::{Context, Poll, ready};

use gate_packet::encode::EncodeError;
use gate_packet::stream::{FromProgram, MAX_DATA, Misuse, ToProgram};
use gate_packet::{Data, Flow, FlowMeaning, MAX_CREDIT_TO_PROGRAM};
use gate_service::Outbox;

use super::backlog::Backlog;
use super::connector::Link;

/// How much is read first, in bytes. It doubles whenever all of it is filled, for the memory that is read into is cleared before.
const FIRST_READ: usize = 4 << 10;

/// How many reads in a row have to fill less than a quarter before less is read: between large ones there can be a small one.
const SHORT_READS: u8 = 4;

/// How much data in a packet is written to the connection at once, in bytes. Less is put together with what follows, if that is there already: to copy
/// it costs less than to call the system for it.
const WRITTEN_AT_ONCE: usize = 8 << 10;

/// A stream.
pub(super) struct Stream {
    pub(super) to_program: ToProgram,
    /// Whether more can be read from the connection.
    pub(super) is_readable: bool,
    /// What was read elsewhere, and not sent to the program.
    pub(super) undelivered: Backlog,
    pub(super) from_program: FromProgram,
    /// Whether the connection takes what the program sends.
    pub(super) is_writable: bool,
    /// What the program has sent and the connection not taken.
    pub(super) unwritten: Backlog,
    /// Whether nothing was written since the connection was flushed.
    is_flushed: bool,
    /// How much is read next, in bytes.
    read_size: usize,
    /// How many reads in a row have filled less than a quarter of that.
    short_reads: u8,
    link: Option<Link>,
    /// The first error of the connection.
    error: Option<io::Error>,
}

impl Stream {
    /// A new stream without a connection.
    pub(super) fn new() -> Self {
        Self {
            to_program: ToProgram::new(),
            is_readable: false,
            undelivered: Backlog::default(),
            from_program: FromProgram::new(),
            is_writable: false,
            unwritten: Backlog::default(),
            is_flushed: true,
            read_size: FIRST_READ,
            short_reads: 0,
            link: None,
            error: None,
        }
    }

    /// A new stream of a connection.
    pub(super) fn of(link: Link) -> Self {
        Self { is_readable: true, is_writable: true, link: Some(link), ..Self::new() }
    }

    /// Whether it is of more use with a connection.
    pub(super) fn wants_link(&self) -> bool {
        self.link.is_none() && (self.is_readable || self.is_writable)
    }

    /// Gives the stream, which was restored, a connection in the place of the one that it had.
    pub(super) fn adopt(&mut self, mut link: Link) {
        if !self.is_readable {
            link.transport.close_read();
        }
        if !self.is_writable {
            link.transport.close_write();
            self.unwritten.clear();
        }
        self.link = Some(link);
    }

    /// Leaves the stream, if it was restored and has no connection, without one.
    pub(super) fn orphan(&mut self) {
        if self.link.is_none() {
            self.is_readable = false;
            self.is_writable = false;
            self.unwritten.clear();
        }
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.to_program.is_closed() && self.from_program.is_closed()
    }

    /// Takes in an entry of a flow packet.
    pub(super) fn flow(&mut self, meaning: FlowMeaning) -> Result<(), Misuse> {
        self.to_program.flow(meaning)
    }

    /// Counts data of the program, which is to be [taken in](Self::data) then.
    pub(super) fn count(&mut self, bytes: &[u8]) -> Result<(), Misuse> {
        self.from_program.data(bytes.len())
    }

    /// Takes in data of the program. If it is much, as much as possible is written.
    pub(super) fn data(&mut self, context: &mut Context<'_>, bytes: &[u8]) {
        if bytes.len() < WRITTEN_AT_ONCE {
            if self.is_writable {
                self.unwritten.push(bytes);
            }
            if self.unwritten.len() >= WRITTEN_AT_ONCE {
                self.write_behind(context, &[]);
            }
            return;
        }
        let rest = self.write_behind(context, bytes);
        if self.is_writable {
            self.unwritten.push(rest);
        }
    }

    /// Writes and reads what can be, and sends it; `flows` are added to what is to be sent, too.
    pub(super) fn poll(
        &mut self,
        id: i32,
        window: u32,
        context: &mut Context<'_>,
        out: &mut Outbox<'_>,
        flows: &mut Vec<Flow>,
    ) -> Result<(), EncodeError> {
        if self.link.as_ref().is_some_and(Link::is_cancelled) {
            self.link = None;
            self.orphan();
        }
        // What is not ready wakes the context.
        let _ = self.poll_write(context);
        if out.has_room() {
            self.grant(id, window, 0, flows);
        }
        self.poll_read(id, context, out)?;
        if !self.is_readable
            && !self.is_writable
            && let Some(link) = self.link.take()
        {
            link.end(self.error.take());
        }
        Ok(())
    }

    /// Writes to the connection until nothing of the program is left, and then what follows from that. Ready if nothing more will
    /// be written before the program sends more.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.write_behind(context, &[]);
        let Some(link) = self.link.as_mut().filter(|_| self.is_writable) else { return Poll::Ready(()) };
        if !self.unwritten.is_empty() {
            return Poll::Pending;
        }
        if !self.is_flushed {
            match ready!(link.transport.poll_flush(context)) {
                Ok(()) => self.is_flushed = true,
                Err(error) => self.fail_writing(error),
            }
        }
        if !self.from_program.is_data_open() {
            return self.poll_shutdown(context);
        }
        Poll::Ready(())
    }

    /// Writes what is left of a program that has ended, and then ends the connection. Ready when that is done.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.link.as_ref().is_some_and(Link::is_cancelled) {
            self.link = None;
        }
        ready!(self.poll_write(context));
        ready!(self.poll_shutdown(context));
        if let Some(link) = self.link.take() {
            link.end(self.error.take());
        }
        Poll::Ready(())
    }

    /// Ends the writing side of the connection.
    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(link) = self.link.as_mut().filter(|_| self.is_writable) else { return Poll::Ready(()) };
        match ready!(link.transport.poll_shutdown(context)) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => self.fail_writing(error),
            // Whoever was at the other end has gone before us.
            Ok(()) | Err(_) => {
                link.transport.close_write();
                self.is_writable = false;
            }
        }
        Poll::Ready(())
    }

    /// Writes what waits, and `rest` behind it, as far as possible. Returns what is left of `rest`.
    fn write_behind<'a>(&mut self, context: &mut Context<'_>, mut rest: &'a [u8]) -> &'a [u8] {
        while self.is_writable && !(self.unwritten.is_empty() && rest.is_empty()) {
            let Some(link) = self.link.as_mut() else { break };
            let [first, second] = self.unwritten.as_slices();
            let parts = [first, second, rest].map(io::IoSlice::new);
            let count = match link.transport.poll_write(context, &parts) {
                Poll::Ready(Ok(0)) => {
                    self.fail_writing(io::ErrorKind::WriteZero.into());
                    break;
                }
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(error)) => {
                    self.fail_writing(error);
                    break;
                }
                Poll::Pending => break,
            };
            self.is_flushed = false;
            let waited = count.min(self.unwritten.len());
            self.unwritten.consume(waited);
            rest = rest.get(count - waited..).unwrap_or_default();
        }
        rest
    }

    fn fail_writing(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
        self.is_writable = false;
        self.unwritten.clear();
        if let Some(link) = &mut self.link {
            link.transport.close_write();
        }
    }

    /// Grants the program what is left of a window of credit, if that is at least half of one; or ends the flow. `at_hand` bytes are about to be
    /// written. As much as a window may wait to be written meanwhile, and what is more than that uses up credit.
    ///
    /// So it sends while what it has sent before is written. Never less than half a window: a program that uses up each credit at once would get
    /// the rest back in as small a piece, and so would send nothing but small pieces from then on. It lacks nothing as long as it has half of the
    /// window.
    pub(super) fn grant(&mut self, id: i32, window: u32, at_hand: usize, flows: &mut Vec<Flow>) {
        if !self.is_writable {
            if self.from_program.is_flow_open() {
                self.from_program.end();
                flows.push(Flow { id, value: 0 });
            }
            return;
        }
        self.from_program.limit(window.max(MAX_CREDIT_TO_PROGRAM));
        let window = window as usize;
        let total = 2 * window;
        let waiting = self.unwritten.len() + at_hand;
        let credit = self.from_program.credit() as usize;
        let rest = total.saturating_sub(waiting + credit).min(window.saturating_sub(credit));
        let credit = u32::try_from(rest).unwrap_or(u32::MAX).min(self.from_program.grantable());
        if credit > 0 && credit as usize >= window.div_ceil(2) {
            self.from_program.grant(credit);
            flows.push(Flow { id, value: i32::try_from(credit).expect("it is at most the window") });
        }
    }

    /// Reads from the connection straight into packets, as far as the program and the outbox take it.
    fn poll_read(
        &mut self,
        id: i32,
        context: &mut Context<'_>,
        out: &mut Outbox<'_>,
    ) -> Result<(), EncodeError> {
        while self.to_program.is_data_open() && out.has_room() {
            if self.to_program.is_exhausted() || self.undelivered.is_empty() && !self.is_readable {
                self.undelivered.clear();
                self.close_read();
                out.data(Data { id, note: 0, bytes: &[] })?;
                self.to_program.end();
                break;
            }
            let sendable = self.to_program.sendable();
            if sendable == 0 {
                break;
            }
            if !self.undelivered.is_empty() {
                let [bytes, _] = self.undelivered.as_slices();
                let bytes = bytes.get(..sendable).unwrap_or(bytes);
                out.data(Data { id, note: 0, bytes })?;
                let count = bytes.len();
                self.to_program.sent(count);
                self.undelivered.consume(count);
                continue;
            }
            let Some(link) = &mut self.link else { break };
            let len = sendable.min(self.read_size);
            let mut end = None;
            let read =
                out.data_with(id, 0, len, |buffer| match link.transport.poll_read(context, buffer) {
                    Poll::Ready(Ok(0)) => {
                        end = Some(None);
                        None
                    }
                    Poll::Ready(Ok(count)) => Some(count),
                    Poll::Ready(Err(error)) => {
                        end = Some(Some(error));
                        None
                    }
                    Poll::Pending => None,
                })?;
            if let Some(count) = read {
                self.to_program.sent(count);
                self.adapt(len, count);
            } else if let Some(error) = end {
                if let Some(error) = error {
                    self.error.get_or_insert(error);
                }
                self.close_read();
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Chooses how much is read next, after `count` of `len` bytes were there.
    fn adapt(&mut self, len: usize, count: usize) {
        self.short_reads = if count < len / 4 { self.short_reads + 1 } else { 0 };
        if count == self.read_size {
            self.read_size = usize::min(self.read_size * 2, MAX_DATA);
        } else if self.short_reads == SHORT_READS {
            self.short_reads = 0;
            self.read_size = usize::max(self.read_size / 2, FIRST_READ);
        }
    }

    fn close_read(&mut self) {
        self.is_readable = false;
        if let Some(link) = &mut self.link {
            link.transport.close_read();
        }
    }
}
