//! The `gate.stack` section as words.
//!
//! Words have 64 bits and are little-endian. The frames follow each other, the innermost first. A frame is a header word, the
//! number of a site and, in the upper half, its offset; then `offset / 8 - 1` words, first the operands, the topmost first,
//! and then the locals that are no parameters, the last one first. Parameters are among the operands of the caller.
//!
//! The last header is followed by `offset / 8` words instead:
//!
//! | Number | Offset | Words | The program |
//! |---|---|---|---|
//! | 0 | 16 | start function, entry function | has not run; there are no other frames |
//! | 1 | 8 | entry function | is in its start function |
//! | 2 | 0 | | is in its entry function |
//!
//! A function that there is not is ffffffffffffffff. In files of the existing system it can also be 00000000ffffffff.

use super::error::StackError;
use super::module::wide;
use super::numbering::BASES;

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawFrame<'a> {
    /// The number of its site.
    pub(super) number: u32,
    /// Its size in bytes, with the header.
    pub(super) offset: u32,
    /// Its words.
    pub(super) words: Words<'a>,
}

/// Some words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words<'a>(&'a [[u8; 8]]);

impl<'a> Words<'a> {
    /// The words, in order.
    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator + 'a {
        self.0.iter().map(|word| u64::from_le_bytes(*word))
    }

    /// How many there are.
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    /// The first ones, and the others.
    pub(super) fn split(self, count: usize) -> Option<(Self, Self)> {
        let (first, rest) = self.0.split_at_checked(count)?;
        Some((Self(first), Self(rest)))
    }
}

/// The bottom of a stack. Functions are given by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing has run.
    Fresh { start: Option<u32>, entry: Option<u32> },
    /// The outermost function is the start function.
    Start { entry: Option<u32> },
    /// The outermost function is the entry function.
    Entry,
}

/// Takes a stack apart: its frames, the innermost first, and its bottom.
pub(super) fn split(bytes: &[u8]) -> Result<(Vec<RawFrame<'_>>, Base), StackError> {
    let (words, rest) = bytes.as_chunks();
    if words.is_empty() || !rest.is_empty() {
        return Err(StackError::Size { found: bytes.len() });
    }
    let mut words = Words(words);
    let mut frames = Vec::new();
    loop {
        let position = frames.len();
        let (header, rest) = words.split(1).ok_or(StackError::CutOff { position })?;
        let header = header.iter().next().unwrap_or_default();
        let (number, offset) = halves(header);
        if number < BASES {
            let base = base(number, offset, rest)?;
            if matches!(base, Base::Fresh { .. }) != frames.is_empty() {
                return Err(StackError::Frames { number, frames: position });
            }
            return Ok((frames, base));
        }
        let count =
            offset.checked_div(8).filter(|_| offset.is_multiple_of(8)).and_then(|all| all.checked_sub(1));
        let count = count.ok_or(StackError::Offset { position, found: offset })?;
        let (own, rest) = rest.split(wide(count)).ok_or(StackError::CutOff { position })?;
        frames.push(RawFrame { number, offset, words: own });
        words = rest;
    }
}

fn base(number: u32, offset: u32, words: Words<'_>) -> Result<Base, StackError> {
    let expected = 8 * (BASES - 1 - number);
    if offset != expected {
        return Err(StackError::BaseOffset { number, found: offset, expected });
    }
    let (own, rest) = words.split(wide(expected / 8)).ok_or(StackError::BaseCutOff { number })?;
    if rest.len() > 0 {
        return Err(StackError::Trailing { words: rest.len() });
    }
    let mut functions = own.iter().map(function);
    let mut next = || functions.next().unwrap_or(Ok(None));
    Ok(match number {
        0 => Base::Fresh { start: next()?, entry: next()? },
        1 => Base::Start { entry: next()? },
        _ => Base::Entry,
    })
}

/// The function that a word at the bottom is.
fn function(word: u64) -> Result<Option<u32>, StackError> {
    if word == u64::MAX || word == u64::from(u32::MAX) {
        return Ok(None);
    }
    u32::try_from(word).map(Some).map_err(|_| StackError::NoFunction { found: word })
}

/// A stack that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds a frame, further out than those before it.
    pub(super) fn frame(&mut self, number: u32, offset: u32, words: impl Iterator<Item = u64>) {
        let header = u64::from(offset) << 32 | u64::from(number);
        for word in std::iter::once(header).chain(words) {
            self.bytes.extend(word.to_le_bytes());
        }
    }

    /// The stack with its bottom.
    pub(super) fn finish(mut self, base: Base) -> Vec<u8> {
        let word = |function: Option<u32>| function.map_or(u64::MAX, u64::from);
        match base {
            Base::Fresh { start, entry } => self.frame(0, 16, [start, entry].into_iter().map(word)),
            Base::Start { entry } => self.frame(1, 8, [entry].into_iter().map(word)),
            Base::Entry => self.frame(2, 0, std::iter::empty()),
        }
        self.bytes
    }
}

/// The lower and the upper half of a word.
fn halves(word: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// The lower half of a word.
pub(super) fn low(word: u64) -> u32 {
    halves(word).0
}
