//! One stream: what was received, what may be received and sent, and who has ended what.
//!
//! | | program to service | service to program |
//! |---|---|---|
//! | receiver grants credit, or takes no more | flow from the service | flow from the program |
//! | sender sends data, or sends no more | data from the program | data from the service |
//!
//! When all four have ended, the stream's identifier may be used for another one.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};

use super::StreamError;
use crate::packet::Violation;

/// Data as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Up to the service.
    pub note: i32,
    /// At least one.
    pub bytes: Vec<u8>,
}

/// Which ways data goes through a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the program and to the service.
    Both,
    /// Only to the program.
    Incoming,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    code: u16,
    id: i32,
    /// Whether a task has it.
    claimed: bool,
    /// Whether its service is not available any more.
    lost: bool,
    incoming: Incoming,
    outgoing: Outgoing,
}

/// From the service to the program.
#[derive(Debug, Default)]
struct Incoming {
    /// How much is received in advance, in bytes.
    window: u32,
    chunks: VecDeque<Chunk>,
    /// In the chunks, in bytes.
    buffered: u32,
    /// How much the service may send, in bytes.
    credit: u32,
    /// The program takes no more.
    closed: bool,
    /// The service sends no more; its last note.
    ended: Option<i32>,
    reader: Option<Waker>,
}

/// From the program to the service.
#[derive(Debug, Default)]
struct Outgoing {
    /// How much the program may send, in bytes.
    credit: u32,
    /// The service's last note about it, a negative number.
    note: Option<i32>,
    /// The service takes no more.
    refused: bool,
    /// The program sends no more.
    closed: bool,
    writer: Option<Waker>,
}

impl Stream {
    /// A stream without credit.
    pub(crate) fn new(code: u16, id: i32) -> Self {
        Self {
            code,
            id,
            claimed: false,
            lost: false,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
        }
    }

    pub(crate) fn key(&self) -> (u16, i32) {
        (self.code, self.id)
    }

    pub(crate) fn is_claimed(&self) -> bool {
        self.claimed
    }

    /// A task takes it. Whether the service has already ended what it sends, so that the program is to say that it takes no more.
    pub(crate) fn claim(&mut self, direction: Direction, window: u32) -> bool {
        self.claimed = true;
        self.incoming.window = window;
        if direction == Direction::Incoming {
            self.outgoing.refused = true;
            self.outgoing.closed = true;
        }
        self.incoming.ended.is_some()
    }

    /// Whether nothing more is to be said about it.
    pub(crate) fn is_finished(&self) -> bool {
        let (incoming, outgoing) = (&self.incoming, &self.outgoing);
        incoming.closed && incoming.ended.is_some() && outgoing.closed && outgoing.refused
    }

    /// The service will not be there any more. Who waits for it.
    pub(crate) fn lose(&mut self) -> impl Iterator<Item = Waker> {
        self.lost = true;
        self.incoming.reader.take().into_iter().chain(self.outgoing.writer.take())
    }

    /// What the service says about data that the program sends. Who waits for it.
    pub(crate) fn flow(&mut self, id: i32, value: i32) -> Result<Option<Waker>, Violation> {
        let outgoing = &mut self.outgoing;
        match u32::try_from(value) {
            Ok(0) => outgoing.refused = true,
            Ok(more) => {
                let credit =
                    outgoing.credit.checked_add(more).filter(|credit| i32::try_from(*credit).is_ok());
                outgoing.credit = credit.ok_or(Violation::Flow { id })?;
            }
            Err(_) => {
                outgoing.note = Some(value);
                return Ok(None);
            }
        }
        Ok(outgoing.writer.take())
    }

    /// Data of the service, the end if there is none. Who waits for it.
    pub(crate) fn data(&mut self, id: i32, note: i32, bytes: &[u8]) -> Result<Option<Waker>, Violation> {
        let incoming = &mut self.incoming;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let credit = incoming.credit.checked_sub(len).filter(|_| incoming.ended.is_none());
        incoming.credit = credit.ok_or(Violation::Credit { id })?;
        if bytes.is_empty() {
            incoming.ended = Some(note);
        } else if !incoming.closed {
            incoming.buffered += len;
            incoming.chunks.push_back(Chunk { note, bytes: bytes.into() });
        }
        Ok(incoming.reader.take())
    }

    pub(crate) fn take_chunk(&mut self) -> Option<Chunk> {
        let chunk = self.incoming.chunks.pop_front()?;
        self.incoming.buffered -= u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX);
        Some(chunk)
    }

    /// How much more the service may send from now on, if it is to be told: when half of the window is unused.
    pub(crate) fn grant(&mut self) -> Option<i32> {
        let incoming = &mut self.incoming;
        if incoming.closed || incoming.ended.is_some() || self.lost {
            return None;
        }
        let promised = incoming.credit.saturating_add(incoming.buffered);
        if promised > incoming.window / 2 {
            return None;
        }
        let more = incoming.window.saturating_sub(promised);
        incoming.credit += more;
        i32::try_from(more).ok().filter(|more| *more > 0)
    }

    /// There is no data to take: whether there will be none.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Chunk>, StreamError>> {
        if self.incoming.ended.is_some() || self.incoming.closed {
            return Poll::Ready(Ok(None));
        }
        if self.lost {
            return Poll::Ready(Err(StreamError::Lost));
        }
        self.incoming.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The note with which the service ended what it sends.
    pub(crate) fn end_note(&self) -> Option<i32> {
        self.incoming.ended
    }

    /// The last note of the service about what it receives.
    pub(crate) fn flow_note(&self) -> Option<i32> {
        self.outgoing.note
    }

    /// Waits until the program may send, and takes credit for `wanted` bytes or fewer.
    pub(crate) fn poll_credit(
        &mut self,
        wanted: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, StreamError>> {
        let outgoing = &mut self.outgoing;
        if self.lost {
            return Poll::Ready(Err(StreamError::Lost));
        }
        if outgoing.refused || outgoing.closed {
            return Poll::Ready(Err(StreamError::Closed));
        }
        if wanted > 0 && outgoing.credit == 0 {
            outgoing.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = u32::try_from(wanted).unwrap_or(u32::MAX).min(outgoing.credit);
        outgoing.credit -= taken;
        Poll::Ready(Ok(usize::try_from(taken).unwrap_or(wanted)))
    }

    /// The program takes no more. Whether the service is to be told.
    pub(crate) fn close_incoming(&mut self) -> bool {
        let first = !self.incoming.closed && !self.lost;
        self.incoming.closed = true;
        if self.incoming.ended.is_none() {
            self.incoming.chunks.clear();
            self.incoming.buffered = 0;
        }
        first
    }

    /// The program sends no more. Whether the service is to be told.
    pub(crate) fn close_outgoing(&mut self) -> bool {
        let first = !self.outgoing.closed && !self.lost;
        self.outgoing.closed = true;
        first
    }
}
