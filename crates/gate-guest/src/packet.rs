//! The form of packets: what is sent is appended to a buffer, what is received is cut into packets.
//!
//! | offset | type | field |
//! |---|---|---|
//! | 0 | u32 | size of header and content, without padding |
//! | 4 | i16 | code: the service, by its position among all that were discovered; -1 for discovery |
//! | 6 | u8 | domain in the low four bits |
//! | 7 | u8 | in a reply: which outstanding call it answers, from the oldest |
//! | 8 | | content, then padding up to a multiple of 8 |
//!
//! All numbers are little-endian. This is the guest's own small codec: the one that the host has (`gate-packet`) needs a
//! compiler that is years newer than those that there are for WebAssembly in distributions. The tests of this crate hold
//! the two against each other.

use alloc::vec::Vec;
use core::fmt;

/// The size of a packet's header in bytes.
pub(crate) const HEADER_SIZE: usize = 8;

/// The size of a data packet's header in bytes.
const DATA_HEADER_SIZE: usize = 16;

/// The largest size of a packet in bytes, without padding: 65536.
pub(crate) const MAX_SIZE: usize = 65536;

/// The largest content of a call or info in bytes: 65528.
pub const MAX_CONTENT: usize = MAX_SIZE - HEADER_SIZE;

/// The most bytes that one data packet holds: 65520.
pub(crate) const MAX_DATA: usize = MAX_SIZE - DATA_HEADER_SIZE;

/// The longest name of a service in bytes.
pub const MAX_NAME: usize = 127;

/// The code of discovery.
const DISCOVERY: i16 = -1;

/// The bit of a service's state that tells that it is available.
const AVAILABLE: u8 = 1;

const CALL: u8 = 0;
const INFO: u8 = 1;
const FLOW: u8 = 2;
const DATA: u8 = 3;

/// What is wrong with the bytes that the host sent. No host does that; a program cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A packet's size is out of range.
    Size {
        /// In bytes.
        found: u32,
    },
    /// A packet is too small for what it is.
    Short {
        /// In bytes.
        found: u32,
    },
    /// A packet's code is of no service that the program has discovered.
    Code {
        /// The code.
        found: i16,
    },
    /// There is no such domain, or not for discovery.
    Domain {
        /// Its low four bits.
        found: u8,
    },
    /// A reply is to a call that is not outstanding.
    Reply {
        /// The index in the reply.
        found: u8,
        /// How many calls are outstanding.
        outstanding: usize,
    },
    /// A stream's identifier is negative.
    Stream {
        /// The identifier.
        found: i32,
    },
    /// More was sent through a stream than it has credit for.
    Credit {
        /// The stream.
        id: i32,
    },
    /// A stream has more credit than a number can hold.
    Flow {
        /// The stream.
        id: i32,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { found } => {
                write!(f, "packet of {found} bytes (allowed: {HEADER_SIZE} to {MAX_SIZE})")
            }
            Self::Short { found } => write!(f, "packet of {found} bytes is too small for what it is"),
            Self::Code { found } => write!(f, "packet of service {found}, which was not discovered"),
            Self::Domain { found } => write!(f, "packet with domain {found}"),
            Self::Reply { found, outstanding } => {
                write!(f, "reply to call {found} when {outstanding} are outstanding")
            }
            Self::Stream { found } => write!(f, "stream {found}"),
            Self::Credit { id } => write!(f, "data of stream {id} without credit"),
            Self::Flow { id } => write!(f, "too much credit for stream {id}"),
        }
    }
}

/// A packet that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// The states of all services that were discovered, a byte each ([`available`]). `reply` if it was asked for.
    States { reply: bool, states: &'a [u8] },
    /// A reply to the outstanding call `index`.
    Reply { code: u16, index: u8, content: &'a [u8] },
    /// A notification.
    Info { code: u16, content: &'a [u8] },
    /// Entries of 8 bytes, see [`flows`].
    Flow { code: u16, entries: &'a [u8] },
    /// Data of a stream. None is the end.
    Data { code: u16, id: i32, note: i32, bytes: &'a [u8] },
}

/// Whether a service with this state is available.
pub(crate) const fn available(state: u8) -> bool {
    state & AVAILABLE != 0
}

/// The stream and value of each entry of a flow packet.
pub(crate) fn flows(entries: &[u8]) -> impl Iterator<Item = (i32, i32)> + '_ {
    entries.chunks_exact(8).map(|entry| (int(entry, 0), int(entry, 4)))
}

/// Cuts the first packet off `input`; `None` if not all of it, padding included, is there yet.
pub(crate) fn next<'a>(input: &mut &'a [u8]) -> Result<Option<Packet<'a>>, Violation> {
    let bytes = *input;
    if bytes.len() < HEADER_SIZE {
        return Ok(None);
    }
    let found = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let size = usize::try_from(found).unwrap_or(usize::MAX);
    if !(HEADER_SIZE..=MAX_SIZE).contains(&size) {
        return Err(Violation::Size { found });
    }
    let end = padded(size);
    if bytes.len() < end {
        return Ok(None);
    }
    let packet = decode(&bytes[..size], found)?;
    *input = &bytes[end..];
    Ok(Some(packet))
}

/// `found` is the length of `packet`, which has a whole header.
fn decode(packet: &[u8], found: u32) -> Result<Packet<'_>, Violation> {
    let number = i16::from_le_bytes([packet[4], packet[5]]);
    let (domain, index) = (packet[6] & 0xf, packet[7]);
    let content = &packet[HEADER_SIZE..];
    if number == DISCOVERY {
        if domain != CALL && domain != INFO {
            return Err(Violation::Domain { found: domain });
        }
        if content.len() < 2 {
            return Err(Violation::Short { found });
        }
        let count = usize::from(u16::from_le_bytes([content[0], content[1]]));
        let states = content.get(2..2 + count).ok_or(Violation::Short { found })?;
        return Ok(Packet::States { reply: domain == CALL, states });
    }
    let code = u16::try_from(number).map_err(|_| Violation::Code { found: number })?;
    match domain {
        CALL => Ok(Packet::Reply { code, index, content }),
        INFO => Ok(Packet::Info { code, content }),
        FLOW => Ok(Packet::Flow { code, entries: content }),
        DATA if content.len() < 8 => Err(Violation::Short { found }),
        DATA => {
            let (id, note) = (int(content, 0), int(content, 4));
            Ok(Packet::Data { code, id, note, bytes: &content[8..] })
        }
        _ => Err(Violation::Domain { found: domain }),
    }
}

/// Appends a request to discover services. The names have 1 to [`MAX_NAME`] bytes each.
pub(crate) fn discover<'a>(out: &mut Vec<u8>, names: impl ExactSizeIterator<Item = &'a str>) {
    let count = u16::try_from(names.len()).unwrap_or(u16::MAX);
    build(out, DISCOVERY, CALL, |out| {
        out.extend_from_slice(&count.to_le_bytes());
        for name in names {
            out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(name.as_bytes());
        }
    });
}

/// Appends a call. The content has at most [`MAX_CONTENT`] bytes.
pub(crate) fn call(out: &mut Vec<u8>, code: u16, content: &[u8]) {
    build(out, number(code), CALL, |out| out.extend_from_slice(content));
}

/// Appends a notification. The content has at most [`MAX_CONTENT`] bytes.
pub(crate) fn info(out: &mut Vec<u8>, code: u16, content: &[u8]) {
    build(out, number(code), INFO, |out| out.extend_from_slice(content));
}

/// Appends an entry about a stream: more credit, or with 0 that no more is taken.
pub(crate) fn flow(out: &mut Vec<u8>, code: u16, id: i32, value: i32) {
    build(out, number(code), FLOW, |out| {
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    });
}

/// Appends data of a stream, at most [`MAX_DATA`] bytes. None is the end.
pub(crate) fn data(out: &mut Vec<u8>, code: u16, id: i32, note: i32, bytes: &[u8]) {
    build(out, number(code), DATA, |out| {
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&note.to_le_bytes());
        out.extend_from_slice(bytes);
    });
}

/// Codes are below the limit of services, which is 256.
fn number(code: u16) -> i16 {
    i16::try_from(code).unwrap_or(i16::MAX)
}

fn build(out: &mut Vec<u8>, code: i16, domain: u8, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&[domain, 0]);
    content(out);
    let size = out.len() - start;
    debug_assert!(size <= MAX_SIZE, "packet of {size} bytes");
    let field = u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    out[start..start + 4].copy_from_slice(&field);
    out.resize(start + padded(size), 0);
}

const fn padded(size: usize) -> usize {
    (size + 7) & !7
}

fn int(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests;
