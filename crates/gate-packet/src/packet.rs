//! One packet: its header, and views of its content.

use std::fmt;

use crate::discovery::STATES_HEADER_SIZE;
use crate::violation::Violation;
use crate::{DATA_HEADER_SIZE, HEADER_SIZE, MAX_SIZE, padded};

/// Whom a packet is for, or from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Service discovery: -1.
    Discovery,
    /// The service discovered at this position, from 0. A packet holds values up to 32767.
    Service(u16),
}

/// What kind of packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// A call of the program, or the reply to one.
    Call,
    /// A notification that nobody answers.
    Info,
    /// Stream credit.
    Flow,
    /// Stream content.
    Data,
}

impl Domain {
    /// The number in a packet's header.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Call => 0,
            Self::Info => 1,
            Self::Flow => 2,
            Self::Data => 3,
        }
    }

    /// The domain with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Domain> {
        match number {
            0 => Some(Self::Call),
            1 => Some(Self::Info),
            2 => Some(Self::Flow),
            3 => Some(Self::Data),
            _ => None,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "call",
            Self::Info => "info",
            Self::Flow => "flow",
            Self::Data => "data",
        })
    }
}

/// A checked header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Of header and content, in bytes.
    pub(crate) size: usize,
    code: Code,
    domain: Domain,
    index: u8,
}

impl Header {
    /// Checks everything about a packet that its header alone tells.
    pub(crate) fn decode(bytes: [u8; HEADER_SIZE]) -> Result<Header, Violation> {
        let [s0, s1, s2, s3, c0, c1, domain, index] = bytes;
        let found = u32::from_le_bytes([s0, s1, s2, s3]);
        let size = usize::try_from(found).unwrap_or(usize::MAX);
        if size < HEADER_SIZE || found > MAX_SIZE {
            return Err(Violation::Size { found });
        }
        let number = i16::from_le_bytes([c0, c1]);
        let code = match u16::try_from(number) {
            Ok(service) => Code::Service(service),
            Err(_) if number == -1 => Code::Discovery,
            Err(_) => return Err(Violation::Code { found: number }),
        };
        let number = domain & 0x0f;
        let domain = Domain::from_number(number).ok_or(Violation::Domain { found: number })?;
        match (code, domain) {
            // The runtime tells the states of services in info packets.
            (Code::Discovery, Domain::Call | Domain::Info) if size < HEADER_SIZE + STATES_HEADER_SIZE => {
                return Err(Violation::DiscoverySize { found });
            }
            (Code::Discovery, Domain::Flow | Domain::Data) => {
                return Err(Violation::DiscoveryDomain { found: domain });
            }
            (Code::Service(_), Domain::Data) if size < DATA_HEADER_SIZE => {
                return Err(Violation::DataSize { found });
            }
            _ => {}
        }
        Ok(Header { size, code, domain, index })
    }
}

/// A complete packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    header: Header,
    content: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `content` is what follows the header, without padding; its size was taken from `header`.
    pub(crate) fn new(header: Header, content: &'a [u8]) -> Packet<'a> {
        debug_assert_eq!(header.size, HEADER_SIZE + content.len());
        Packet { header, content }
    }

    /// The packet at the front of `bytes`, and what follows its padding; `None` as long as not all of both is there.
    ///
    /// For bytes that lie in one place. [`Parser`](crate::Parser) is for bytes that arrive in pieces.
    ///
    /// # Errors
    /// The [`Violation`] that its header is, as soon as the header is there.
    pub fn split_first(bytes: &'a [u8]) -> Result<Option<(Packet<'a>, &'a [u8])>, Violation> {
        let Some(first) = bytes.first_chunk() else { return Ok(None) };
        let header = Header::decode(*first)?;
        let Some((packet, rest)) = bytes.split_at_checked(padded(header.size)) else { return Ok(None) };
        let content = packet.get(HEADER_SIZE..header.size).unwrap_or_default();
        Ok(Some((Packet::new(header, content), rest)))
    }

    /// How many bytes there are to come of the packet at the beginning of `bytes`, padding included; 0 if it is complete or broken, or there is
    /// so little of it that this cannot be known.
    #[must_use]
    pub fn lacking(bytes: &[u8]) -> usize {
        let header = bytes.first_chunk().and_then(|first| Header::decode(*first).ok());
        header.map_or(0, |header| padded(header.size).saturating_sub(bytes.len()))
    }

    /// Whom it is for, or from.
    #[must_use]
    pub fn code(&self) -> Code {
        self.header.code
    }

    /// What kind of packet it is.
    #[must_use]
    pub fn domain(&self) -> Domain {
        self.header.domain
    }

    /// Which outstanding call a reply answers, counted from the oldest. Means nothing in a packet of a program.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.header.index
    }

    /// What follows the header, without padding.
    #[must_use]
    pub fn content(&self) -> &'a [u8] {
        self.content
    }

    /// The entries of a flow packet, in order; none if it is another packet.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + use<'a> {
        let content = if self.domain() == Domain::Flow { self.content } else { &[] };
        content.as_chunks().0.iter().map(|&[i0, i1, i2, i3, v0, v1, v2, v3]| Flow {
            id: i32::from_le_bytes([i0, i1, i2, i3]),
            value: i32::from_le_bytes([v0, v1, v2, v3]),
        })
    }

    /// The parts of a data packet; `None` if it is another packet.
    #[must_use]
    pub fn data(&self) -> Option<Data<'a>> {
        if self.domain() != Domain::Data {
            return None;
        }
        let (&[i0, i1, i2, i3, n0, n1, n2, n3], bytes) = self.content.split_first_chunk()?;
        Some(Data {
            id: i32::from_le_bytes([i0, i1, i2, i3]),
            note: i32::from_le_bytes([n0, n1, n2, n3]),
            bytes,
        })
    }
}

impl fmt::Debug for Packet<'_> {
    /// Without the content, which can be long and private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet").field("header", &self.header).finish_non_exhaustive()
    }
}

/// One entry of a flow packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The stream.
    pub id: i32,
    /// See [`FlowMeaning`].
    pub value: i32,
}

/// What an entry of a flow packet says about its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowMeaning {
    /// The receiver of the stream can take this many more bytes; at least 1.
    Credit(u32),
    /// The receiver of the stream will take no more.
    End,
    /// Up to the service; negative.
    Note(i32),
}

impl FlowMeaning {
    /// The value that has this meaning.
    #[must_use]
    pub fn value(self) -> i32 {
        match self {
            FlowMeaning::Credit(credit) => i32::try_from(credit).unwrap_or(i32::MAX),
            FlowMeaning::End => 0,
            FlowMeaning::Note(value) => value,
        }
    }
}

impl Flow {
    /// What the value means.
    #[must_use]
    pub fn meaning(self) -> FlowMeaning {
        match u32::try_from(self.value) {
            Ok(0) => FlowMeaning::End,
            Ok(credit) => FlowMeaning::Credit(credit),
            Err(_) => FlowMeaning::Note(self.value),
        }
    }
}

/// The parts of a data packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// The stream.
    pub id: i32,
    /// Up to the service.
    pub note: i32,
    /// What is sent through the stream. Nothing: the sender of the stream will send no more.
    pub bytes: &'a [u8],
}

#[cfg(test)]
mod tests;
