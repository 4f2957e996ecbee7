//! What programs ask for.

use super::reply::{ErrorCode, MAX_REPLY_BYTES};
use super::{MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// The size of what every call begins with, in bytes.
const HEADER_BYTES: usize = 16;

const FLAG_CONDITIONAL: u16 = 1;
const FLAG_VALUES: u16 = 2;

/// What a program asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Get { key: Vec<u8> },
    Set { key: Vec<u8>, expected: Option<u64>, value: Vec<u8> },
    Delete { key: Vec<u8>, expected: Option<u64> },
    List { prefix: Vec<u8>, after: Vec<u8>, limit: u32, with_values: bool },
    Usage,
}

/// Why a call is no operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another version of the service may know it.
    Unsupported,
    /// It makes no sense.
    Error(ErrorCode),
}

/// The fields of a call, in order.
struct Header {
    operation: u8,
    key_length: u8,
    flags: u16,
    limit: u32,
    expected: u64,
}

impl Operation {
    /// What the content of a call asks for.
    pub(super) fn decode(content: &[u8]) -> Result<Self, Refusal> {
        let (header, body) = split(content).ok_or(Refusal::Unsupported)?;
        let Header { operation, key_length, flags, limit, expected } = header;
        let allowed = match operation {
            1 | 2 => FLAG_CONDITIONAL,
            3 => FLAG_VALUES,
            0 | 4 => 0,
            _ => return Err(Refusal::Unsupported),
        };
        let invalid = Refusal::Error(ErrorCode::Invalid);
        let (key, rest) = body.split_at_checked(usize::from(key_length)).ok_or(invalid)?;
        let is_conditional = flags & FLAG_CONDITIONAL != 0;
        let is_sound = flags & !allowed == 0
            && (limit == 0 || operation == 3)
            && (expected == 0 || is_conditional)
            && match operation {
                0 | 2 => !key.is_empty() && rest.is_empty(),
                1 => !key.is_empty(),
                3 => true,
                _ => key.is_empty() && rest.is_empty(),
            };
        if !is_sound {
            return Err(invalid);
        }
        let key = key.to_vec();
        let expected = is_conditional.then_some(expected);
        match operation {
            0 => Ok(Self::Get { key }),
            1 if rest.len() > MAX_VALUE_BYTES => Err(Refusal::Error(ErrorCode::TooLarge)),
            1 => Ok(Self::Set { key, expected, value: rest.to_vec() }),
            2 => Ok(Self::Delete { key, expected }),
            3 if rest.len() > MAX_KEY_BYTES => Err(invalid),
            3 => Ok(Self::List {
                prefix: rest.to_vec(),
                after: key,
                limit,
                with_values: flags & FLAG_VALUES != 0,
            }),
            _ => Ok(Self::Usage),
        }
    }

    /// Whether it can change anything.
    pub(super) fn is_write(&self) -> bool {
        matches!(self, Self::Set { .. } | Self::Delete { .. })
    }

    /// How many bytes it takes until its reply is sent, at most, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Set { key, value, .. } => HEADER_BYTES + key.len() + value.len(),
            Self::Delete { key, .. } => HEADER_BYTES + key.len(),
            Self::Usage => 4 * HEADER_BYTES,
            Self::Get { .. } | Self::List { .. } => MAX_REPLY_BYTES,
        }
    }
}

/// The header of a call and what follows it; `None` if it is not whole.
fn split(content: &[u8]) -> Option<(Header, &[u8])> {
    let ([operation, key_length], rest) = content.split_first_chunk()?;
    let (flags, rest) = rest.split_first_chunk()?;
    let (limit, rest) = rest.split_first_chunk()?;
    let (expected, rest) = rest.split_first_chunk()?;
    let header = Header {
        operation: *operation,
        key_length: *key_length,
        flags: u16::from_le_bytes(*flags),
        limit: u32::from_le_bytes(*limit),
        expected: u64::from_le_bytes(*expected),
    };
    Some((header, rest))
}

#[cfg(test)]
mod tests;
