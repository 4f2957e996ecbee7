//! Service discovery: the content of packets with code -1.
//!
//! A program sends the names of services it wants; their positions among all names it ever sent are their codes. The
//! answer, and the notification after a resume, tell the states of all of them.
//!
//! | | Offset in content | Type | Field |
//! |---|---|---|---|
//! | request (call) | 0 | u16 | how many names follow |
//! | | 2 | | per name: u8 length, 1 to [`MAX_NAME_LENGTH`], and the bytes; what is left at the end is ignored |
//! | states (call, info) | 0 | u16 | how many services there are |
//! | | 2 | u8 each | per service: bit 0, available ([`STATE_AVAILABLE`]); the other bits are 0 |

use crate::encode::{self, EncodeError};
use crate::packet::{Code, Domain, Packet};
use crate::violation::Violation;
use crate::{HEADER_SIZE, MAX_NAME_LENGTH};

/// The bit of a service's state that tells that it is available.
pub const STATE_AVAILABLE: u8 = 0x1;

/// The size of the count before names and states, in bytes.
pub(crate) const STATES_HEADER_SIZE: usize = 2;

/// The names in a request, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    rest: &'a [u8],
    index: u16,
    count: u16,
}

impl<'a> Names<'a> {
    /// The names in the discovery request `packet`. Each is checked when it is reached.
    ///
    /// # Errors
    /// [`Violation::DiscoveryDomain`] and [`Violation::DiscoverySize`].
    pub fn decode(packet: &Packet<'a>) -> Result<Names<'a>, Violation> {
        if packet.domain() != Domain::Call {
            return Err(Violation::DiscoveryDomain { found: packet.domain() });
        }
        let Some((count, rest)) = packet.content().split_first_chunk() else {
            let size = HEADER_SIZE + packet.content().len();
            return Err(Violation::DiscoverySize { found: u32::try_from(size).unwrap_or(u32::MAX) });
        };
        Ok(Names { rest, index: 0, count: u16::from_le_bytes(*count) })
    }

    fn cut(&mut self) -> Result<&'a [u8], Violation> {
        let truncated = Violation::NameTruncated { index: self.index, count: self.count };
        let (&length, rest) = self.rest.split_first().ok_or(truncated)?;
        if length == 0 || usize::from(length) > MAX_NAME_LENGTH {
            return Err(Violation::NameLength { found: length });
        }
        let (name, rest) = rest.split_at_checked(usize::from(length)).ok_or(truncated)?;
        self.rest = rest;
        self.index += 1;
        Ok(name)
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Result<&'a [u8], Violation>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.count {
            return None;
        }
        let name = self.cut();
        if name.is_err() {
            self.index = self.count;
        }
        Some(name)
    }
}

/// The states of services in a reply or notification; `None` if `packet` is something else or ends too early.
#[must_use]
pub fn states<'a>(packet: &Packet<'a>) -> Option<&'a [u8]> {
    if packet.code() != Code::Discovery {
        return None;
    }
    let (count, rest) = packet.content().split_first_chunk()?;
    rest.get(..usize::from(u16::from_le_bytes(*count)))
}

/// Appends a discovery request to `out`.
///
/// # Errors
/// [`EncodeError::NameLength`], or [`EncodeError::Size`] if the names are too many; nothing was written.
pub fn encode_request(out: &mut Vec<u8>, names: &[&[u8]]) -> Result<(), EncodeError> {
    let mut len = STATES_HEADER_SIZE;
    for name in names {
        if name.is_empty() || name.len() > MAX_NAME_LENGTH {
            return Err(EncodeError::NameLength { found: name.len() });
        }
        len += 1 + name.len();
    }
    let count = u16::try_from(names.len()).map_err(|_| EncodeError::Size { found: HEADER_SIZE + len })?;
    encode::parts(out, Code::Discovery, Domain::Call, 0, len, |out| {
        out.extend_from_slice(&count.to_le_bytes());
        for name in names {
            out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(name);
        }
    })
}

/// Appends the states of all services to `out`: a reply in the call domain, or a notification in the info domain.
///
/// # Errors
/// [`EncodeError::Size`] if there are too many.
pub fn encode_states(
    out: &mut Vec<u8>,
    domain: Domain,
    states: impl ExactSizeIterator<Item = u8>,
) -> Result<(), EncodeError> {
    let len = STATES_HEADER_SIZE + states.len();
    let count = u16::try_from(states.len()).map_err(|_| EncodeError::Size { found: HEADER_SIZE + len })?;
    encode::parts(out, Code::Discovery, domain, 0, len, |out| {
        out.extend_from_slice(&count.to_le_bytes());
        out.extend(states);
    })
}

#[cfg(test)]
mod tests;
