//! What programs are told.

use gate_packet::{HEADER_SIZE, MAX_SIZE};

/// The size of the largest reply, in bytes: what a packet holds.
pub(super) const MAX_REPLY_BYTES: usize = MAX_SIZE as usize - HEADER_SIZE;

/// The size of what every reply and every entry of a listing begins with, in bytes.
const HEADER_BYTES: usize = 16;

/// What went wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The call makes no sense.
    Invalid,
    /// There is no such key.
    NotFound,
    /// The version is not the expected one.
    Conflict,
    /// A limit of the principal, or of the host, would be exceeded.
    Quota,
    /// The value is too large.
    TooLarge,
    /// The storage failed.
    Storage,
    /// The program has no principal.
    Anonymous,
}

impl ErrorCode {
    /// The number in a reply.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Invalid => 1,
            Self::NotFound => 2,
            Self::Conflict => 3,
            Self::Quota => 4,
            Self::TooLarge => 5,
            Self::Storage => 6,
            Self::Anonymous => 7,
        }
    }
}

/// The reply to a call that failed.
pub(super) fn error(code: ErrorCode) -> Vec<u8> {
    header(code.number(), 0, 0, 0)
}

/// The reply to a call that expected another version than this.
pub(super) fn conflict(version: u64) -> Vec<u8> {
    header(ErrorCode::Conflict.number(), 0, 0, version)
}

/// The reply to a successful call that has to do with this version, and no content.
pub(super) fn version(version: u64) -> Vec<u8> {
    header(0, 0, 0, version)
}

/// The reply with a value.
pub(super) fn value(version: u64, value: &[u8]) -> Vec<u8> {
    let mut reply = header(0, 0, 0, version);
    reply.extend_from_slice(value);
    reply
}

/// The reply with these numbers.
pub(super) fn usage(numbers: [u64; 4]) -> Vec<u8> {
    let mut reply = header(0, 0, 0, 0);
    reply.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    reply
}

/// A listing that is being made.
#[derive(Debug)]
pub(super) struct Listing {
    entries: Vec<u8>,
    count: u32,
}

impl Listing {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), count: 0 }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Adds an entry, if it fits. The value is added if it is wanted, else only its length.
    pub(super) fn push(&mut self, key: &[u8], version: u64, value: &[u8], with_value: bool) -> bool {
        let content = if with_value { value } else { &[] };
        let length = 2 * HEADER_BYTES + self.entries.len() + key.len() + content.len();
        let (Ok(key_length), Ok(value_length)) = (u8::try_from(key.len()), u32::try_from(value.len())) else {
            return false;
        };
        if length > MAX_REPLY_BYTES {
            return false;
        }
        self.entries.extend_from_slice(&[key_length, 0, 0, 0]);
        self.entries.extend_from_slice(&value_length.to_le_bytes());
        self.entries.extend_from_slice(&version.to_le_bytes());
        self.entries.extend_from_slice(key);
        self.entries.extend_from_slice(content);
        self.count += 1;
        true
    }

    /// The reply. `has_more` tells whether there are keys that come after these.
    pub(super) fn reply(self, has_more: bool) -> Vec<u8> {
        let mut reply = header(0, u16::from(has_more), self.count, 0);
        reply.extend_from_slice(&self.entries);
        reply
    }
}

fn header(error: i16, flags: u16, count: u32, version: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&error.to_le_bytes());
    header.extend_from_slice(&flags.to_le_bytes());
    header.extend_from_slice(&count.to_le_bytes());
    header.extend_from_slice(&version.to_le_bytes());
    header
}
