//! The `gate.snapshot` section: how a program was stopped.
//!
//! | Size | Meaning |
//! |---|---|
//! | varint | version of the snapshot |
//! | varint | flags: bit 0, see [`Details::is_final`]; the others mean nothing |
//! | varint | [`Details::trap`], at most 32 bits |
//! | varint | [`Details::result`], at most 32 bits |
//! | varint | the program's monotonic clock, in nanoseconds |
//! | varint | number of breakpoints, at most [`MAX_BREAKPOINTS`] |
//! | varints | [`Details::breakpoints`] |
//!
//! A varint is an unsigned LEB128 number of at most 64 bits. Bytes behind the last breakpoint mean nothing.

use crate::sections::{push_length, push_unsigned, unsigned};

/// The section's name.
pub(crate) const NAME: &str = "gate.snapshot";

/// How many breakpoints there can be: as many as the existing system takes.
pub const MAX_BREAKPOINTS: usize = 100;

/// The bit of the flags for a program that has come to its end.
const FINAL: u64 = 1;

/// How a program was stopped, as far as it makes no difference to what it does next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Whether it is not meant to be continued: it has come to its end, or was killed.
    pub is_final: bool,
    /// The number of the trap that stopped it, see `gate_abi::trap`; 0 for none.
    pub trap: u32,
    /// What the program returned, if no trap stopped it: 0 or 1.
    pub result: u32,
    /// Where it is to stop by itself. Each is the offset of the byte behind an opcode's first one, less that of the byte
    /// behind the number of functions in the code section.
    pub breakpoints: Vec<u64>,
}

/// Why a `gate.snapshot` section makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum DetailsError {
    /// It ends within a number, or a number is too large.
    #[error("{what} in section gate.snapshot is cut off or too large")]
    Number { what: &'static str },
    /// There are more breakpoints than there can be.
    #[error("section gate.snapshot has {found} breakpoints (limit: {MAX_BREAKPOINTS})")]
    Breakpoints { found: u64 },
}

/// What a section says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) version: u64,
    pub(crate) monotonic_nanos: u64,
    pub(crate) details: Details,
}

impl Content {
    /// The content of a section. There must not be more breakpoints than [`MAX_BREAKPOINTS`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { version, monotonic_nanos, details } = self;
        let flags = if details.is_final { FINAL } else { 0 };
        let mut bytes = Vec::new();
        for number in [*version, flags, details.trap.into(), details.result.into(), *monotonic_nanos] {
            push_unsigned(&mut bytes, number);
        }
        push_length(&mut bytes, details.breakpoints.len());
        for breakpoint in &details.breakpoints {
            push_unsigned(&mut bytes, *breakpoint);
        }
        bytes
    }

    /// Reads the content of a section.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, DetailsError> {
        let mut number = |what| {
            let (number, length) = unsigned(bytes).ok_or(DetailsError::Number { what })?;
            bytes = bytes.get(length..).unwrap_or_default();
            Ok(number)
        };
        let narrow = |what, number| u32::try_from(number).map_err(|_| DetailsError::Number { what });
        let version = number("the version")?;
        let flags = number("the flags")?;
        let trap = narrow("the trap", number("the trap")?)?;
        let result = narrow("the result", number("the result")?)?;
        let monotonic_nanos = number("the time")?;
        let found = number("the number of breakpoints")?;
        if usize::try_from(found).map_or(true, |found| found > MAX_BREAKPOINTS) {
            return Err(DetailsError::Breakpoints { found });
        }
        let breakpoints = (0..found).map(|_| number("a breakpoint")).collect::<Result<_, _>>()?;
        let details = Details { is_final: flags & FINAL != 0, trap, result, breakpoints };
        Ok(Self { version, monotonic_nanos, details })
    }
}

#[cfg(test)]
mod tests;
