//! Packets out of a stream of bytes that arrives in pieces.

use crate::packet::{Header, Packet};
use crate::violation::Violation;
use crate::{HEADER_SIZE, padded};

/// Cuts a stream of bytes into packets.
///
/// A packet that lies within one piece is borrowed from it; only a packet that is spread over several pieces is copied,
/// into a buffer that is kept for the next one. How the stream is cut into pieces makes no difference to its packets.
///
/// ```
/// # use gate_packet::{Code, Parser};
/// let mut parser = Parser::new();
/// let mut piece: &[u8] = &[9, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0];
/// let packet = parser.next(&mut piece)?.expect("the piece starts with a packet");
/// assert_eq!((packet.code(), packet.content()), (Code::Service(2), &[1][..]));
/// assert!(parser.next(&mut piece)?.is_none());
/// assert_eq!(parser.partial(), [8, 0, 0]);
/// # Ok::<(), gate_packet::Violation>(())
/// ```
#[derive(Debug, Default)]
pub struct Parser {
    /// The packet that `next` returned last, if `returned`; otherwise the beginning of the next packet, not all of it.
    buffer: Vec<u8>,
    returned: bool,
    /// Set for ever once the stream makes no sense any more.
    violation: Option<Violation>,
}

impl Parser {
    /// A parser at the beginning of a stream.
    #[must_use]
    pub fn new() -> Parser {
        Parser::default()
    }

    /// The next packet, if `input` completes one. What is used is cut from the front of `input`; `None` means that all of
    /// it was used.
    ///
    /// A packet is complete when its padding is there, too. What is wrong with a header is found as soon as the header
    /// is there.
    ///
    /// # Errors
    /// The [`Violation`] that the stream contains at this place; from then on always the same.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<Packet<'s>>, Violation> {
        if let Some(violation) = self.violation {
            return Err(violation);
        }
        match self.step(input) {
            Ok(Step::Borrowed(packet)) => Ok(Some(packet)),
            Ok(Step::Buffered(header)) => {
                self.returned = true;
                let content = self.buffer.get(HEADER_SIZE..header.size).unwrap_or_default();
                Ok(Some(Packet::new(header, content)))
            }
            Ok(Step::More) => Ok(None),
            Err(violation) => {
                self.violation = Some(violation);
                Err(violation)
            }
        }
    }

    /// The bytes that were taken in and belong to a packet that is not complete. Feeding them to a new parser first makes
    /// it continue where this one is.
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        if self.returned { &[] } else { &self.buffer }
    }

    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Step<'i>, Violation> {
        if self.returned {
            self.buffer.clear();
            self.returned = false;
        }
        if self.buffer.is_empty()
            && let Some((packet, rest)) = Packet::split_first(input)?
        {
            *input = rest;
            return Ok(Step::Borrowed(packet));
        }
        if !self.fill(HEADER_SIZE, input) {
            return Ok(Step::More);
        }
        let Some(bytes) = self.buffer.first_chunk() else { return Ok(Step::More) };
        let header = Header::decode(*bytes)?;
        Ok(if self.fill(padded(header.size), input) { Step::Buffered(header) } else { Step::More })
    }

    /// Moves bytes from the front of `input` to the buffer until that holds `len`, and tells whether it does.
    fn fill(&mut self, len: usize, input: &mut &[u8]) -> bool {
        let missing = len.saturating_sub(self.buffer.len());
        let (taken, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
        self.buffer.extend_from_slice(taken);
        *input = rest;
        taken.len() == missing
    }
}

/// What the front of the input turned out to be.
enum Step<'i> {
    /// A packet.
    Borrowed(Packet<'i>),
    /// The rest of the packet that is now in the buffer.
    Buffered(Header),
    /// Not enough.
    More,
}

#[cfg(test)]
mod tests;
