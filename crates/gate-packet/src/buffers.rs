//! What a stop leaves of a packet stream: the payload of a snapshot's `gate.buffer` section.
//!
//! | size | meaning |
//! |---|---|
//! | varint | input size |
//! | varint | output size |
//! | varint | number of services |
//! | varies | for each service: length of its name (a byte, 1 to 127), the name, and the size of its snapshot (varint) |
//! | input size | packets that the program has not read, which can begin and end in the middle of one |
//! | output size | packets that the program has sent and nobody has handled, likewise |
//! | varies | the snapshots of the services, in order |
//!
//! A varint is an unsigned LEB128 number of at most 32 bits. Bytes behind the last snapshot are not looked at.

use crate::packet::Header;
use crate::{MAX_NAME_LENGTH, MAX_SERVICES, padded};

/// What is between a program and its services when it stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// The services that the program has discovered, in the order of their codes.
    pub services: Vec<ServiceBuffer>,
    /// What the program has not read yet.
    pub input: Vec<u8>,
    /// What the program has sent and nobody has handled yet.
    pub output: Vec<u8>,
}

/// A service as it is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceBuffer {
    /// Its name: 1 to 127 bytes.
    pub name: Box<[u8]>,
    /// What it keeps for the program.
    pub snapshot: Vec<u8>,
}

/// Why bytes are not buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum BuffersError {
    /// A size or a name is cut, or larger than what is there.
    #[error("packet buffers end early")]
    Short,
    /// A number has more than 32 bits.
    #[error("packet buffers contain a number that is too large")]
    Number,
    /// There are too many services.
    #[error("packet buffers are of {found} services (limit: {MAX_SERVICES})")]
    Services { found: u32 },
    /// A name is empty or too long.
    #[error("name of service {position} has {found} bytes (allowed: 1 to {MAX_NAME_LENGTH})")]
    NameLength { position: usize, found: usize },
}

impl Buffers {
    /// Whether there is nothing to save.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.input.is_empty() && self.output.is_empty()
    }

    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + self.input.len() + self.output.len());
        varint(&mut bytes, self.input.len());
        varint(&mut bytes, self.output.len());
        varint(&mut bytes, self.services.len());
        for service in &self.services {
            bytes.push(u8::try_from(service.name.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(&service.name);
            varint(&mut bytes, service.snapshot.len());
        }
        bytes.extend_from_slice(&self.input);
        bytes.extend_from_slice(&self.output);
        for service in &self.services {
            bytes.extend_from_slice(&service.snapshot);
        }
        bytes
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`BuffersError`].
    pub fn decode(mut bytes: &[u8]) -> Result<Self, BuffersError> {
        let input = &mut bytes;
        let (input_size, output_size) = (number(input)?, number(input)?);
        let count = number(input)?;
        if usize::try_from(count).map_or(true, |count| count > MAX_SERVICES) {
            return Err(BuffersError::Services { found: count });
        }
        let mut services = Vec::new();
        let mut sizes = Vec::new();
        for position in 0..count as usize {
            let length = usize::from(take(input, 1)?.first().copied().unwrap_or(0));
            if length == 0 || length > MAX_NAME_LENGTH {
                return Err(BuffersError::NameLength { position, found: length });
            }
            let name = take(input, length)?.into();
            sizes.push(number(input)?);
            services.push(ServiceBuffer { name, snapshot: Vec::new() });
        }
        let mut part = |size: u32| Ok(take(input, size as usize)?.to_vec());
        let (input, output) = (part(input_size)?, part(output_size)?);
        for (service, size) in services.iter_mut().zip(sizes) {
            service.snapshot = part(size)?;
        }
        Ok(Self { services, input, output })
    }
}

/// The payload with padding behind every packet of the input, if some was left out; `None` if none was, or if that cannot be told.
///
/// Only for snapshots of the existing system, which pads packets when it hands them to a program, but not those that it keeps for one
/// that has stopped. When the input begins in the middle of a packet, packets cannot be told from what is in them.
#[must_use]
pub fn pad_input(payload: &[u8]) -> Option<Vec<u8>> {
    let buffers = Buffers::decode(payload).ok()?;
    let input = padded_packets(&buffers.input)?;
    (input != buffers.input).then(|| Buffers { input, ..buffers }.encode())
}

/// The packets in `bytes`, each with its padding; `None` if there is something else.
fn padded_packets(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_start = |at: usize| {
        let header = bytes.get(at..).and_then(|rest| rest.first_chunk());
        at == bytes.len() || header.is_some_and(|header| Header::decode(*header).is_ok())
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let header = Header::decode(*bytes.get(at..)?.first_chunk()?).ok()?;
        let end = at + header.size;
        out.extend_from_slice(bytes.get(at..end)?);
        out.resize(padded(out.len()), 0);
        // The next header begins with a size, which is hardly ever mistaken for zeros.
        let behind = at + padded(header.size);
        let has_padding = bytes.get(end..behind).is_some_and(|padding| padding.iter().all(|byte| *byte == 0));
        at = if has_padding && is_start(behind) { behind } else { end };
    }
    Some(out)
}

fn varint(out: &mut Vec<u8>, value: usize) {
    let mut value = value;
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn number(input: &mut &[u8]) -> Result<u32, BuffersError> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = take(input, 1)?.first().copied().unwrap_or(0);
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| BuffersError::Number);
        }
    }
    Err(BuffersError::Number)
}

fn take<'a>(input: &mut &'a [u8], size: usize) -> Result<&'a [u8], BuffersError> {
    let (taken, rest) = input.split_at_checked(size).ok_or(BuffersError::Short)?;
    *input = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests;
