//! How the original module's bytes are got from those of its snapshot.
//!
//! A script is a sequence of steps, of which each gives the next bytes:
//!
//! | Step | Bytes |
//! |---|---|
//! | copy | varint: 4 × length; varint: distance |
//! | insert | varint: 4 × length + 1; the bytes |
//! | zeros | varint: 4 × length + 2 |
//!
//! A varint is an unsigned LEB128 number of at most 64 bits. What is copied starts at the end of what was copied before (at
//! first, at the start of the snapshot), and as many bytes behind as the distance says: 2 × n for n bytes further on,
//! 2 × n − 1 for n bytes back.

use crate::sections::{push_length, push_unsigned, unsigned};

/// Steps to be written. Steps that continue each other are joined.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    steps: Vec<Step>,
    inserted: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Copy { from: u64, length: u64 },
    Insert { length: usize },
    Zeros { length: u64 },
}

impl Script {
    /// Bytes of the snapshot.
    pub(super) fn copy(&mut self, offset: u64, count: u64) {
        match self.steps.last_mut() {
            _ if count == 0 => {}
            Some(Step::Copy { from, length }) if *from + *length == offset => *length += count,
            _ => self.steps.push(Step::Copy { from: offset, length: count }),
        }
    }

    /// Bytes that the snapshot does not have.
    pub(super) fn insert(&mut self, bytes: &[u8]) {
        self.inserted.extend_from_slice(bytes);
        match self.steps.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Step::Insert { length }) => *length += bytes.len(),
            _ => self.steps.push(Step::Insert { length: bytes.len() }),
        }
    }

    /// Bytes that are zero.
    pub(super) fn zeros(&mut self, count: u64) {
        match self.steps.last_mut() {
            _ if count == 0 => {}
            Some(Step::Zeros { length }) => *length += count,
            _ => self.steps.push(Step::Zeros { length: count }),
        }
    }

    /// Appends the steps.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        let mut end = 0u64;
        let mut inserted = self.inserted.as_slice();
        for step in &self.steps {
            match *step {
                Step::Copy { from, length } => {
                    push_unsigned(bytes, length << 2);
                    // No file is so long that this does not fit.
                    push_unsigned(bytes, if from < end { (end - from) * 2 - 1 } else { (from - end) * 2 });
                    end = from + length;
                }
                Step::Insert { length } => {
                    push_length(bytes, length << 2 | 1);
                    let (now, later) = inserted.split_at(length);
                    bytes.extend_from_slice(now);
                    inserted = later;
                }
                Step::Zeros { length } => push_unsigned(bytes, length << 2 | 2),
            }
        }
    }
}

/// Why a script makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ScriptError {
    /// It ends within a step.
    #[error("the script that restores the module is cut off at its byte {at}")]
    CutOff { at: usize },
    /// There is no such step.
    #[error("the script that restores the module has an unknown step at its byte {at}")]
    Step { at: usize },
    /// It copies what is not there.
    #[error("the script that restores the module copies from outside of the snapshot at its byte {at}")]
    Range { at: usize },
    /// It gives more or less than the module is said to have.
    #[error("the script that restores the module gives {found} bytes or more, and should give {expected}")]
    Length { found: u64, expected: u64 },
}

/// Runs a script, which is to give a certain number of bytes.
pub(super) fn run(script: &[u8], snapshot: &[u8], expected: u64) -> Result<Vec<u8>, ScriptError> {
    // At first only as many as a script of no zeros gives: it may be a short one that is refused in the end.
    let capacity = expected.min(snapshot.len() as u64);
    let mut module = Vec::with_capacity(usize::try_from(capacity).unwrap_or(0));
    let mut rest = script;
    let mut end = 0u64;
    while !rest.is_empty() {
        let at = script.len() - rest.len();
        let mut number = || {
            let (number, length) = unsigned(rest).ok_or(ScriptError::CutOff { at })?;
            rest = &rest[length..];
            Ok(number)
        };
        let head = number()?;
        let length = head >> 2;
        let found = length.saturating_add(module.len() as u64);
        if found > expected {
            return Err(ScriptError::Length { found, expected });
        }
        // Not more than is expected, which has been compared with a limit.
        let count = usize::try_from(length).map_err(|_| ScriptError::Length { found, expected })?;
        match head & 3 {
            0 => {
                let distance = number()?;
                let from = match distance % 2 {
                    0 => end.checked_add(distance / 2),
                    _ => end.checked_sub(distance / 2 + 1),
                };
                let from = from.and_then(|from| usize::try_from(from).ok());
                let range = from.and_then(|from| Some(from..from.checked_add(count)?));
                let bytes = range.clone().and_then(|range| snapshot.get(range));
                module.extend_from_slice(bytes.ok_or(ScriptError::Range { at })?);
                end = range.map_or(0, |range| range.end as u64);
            }
            1 => {
                let (bytes, later) = rest.split_at_checked(count).ok_or(ScriptError::CutOff { at })?;
                module.extend_from_slice(bytes);
                rest = later;
            }
            2 => module.resize(module.len() + count, 0),
            _ => return Err(ScriptError::Step { at }),
        }
    }
    let found = module.len() as u64;
    if found == expected { Ok(module) } else { Err(ScriptError::Length { found, expected }) }
}

#[cfg(test)]
mod tests;
