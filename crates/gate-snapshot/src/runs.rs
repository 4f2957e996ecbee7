//! Which bytes of memories are worth writing down.
//!
//! A memory is words of 8 bytes. A run starts and ends with a word that is not zero, and has no sequence of zero words in it
//! that is longer than the gap. The gap is as small as possible, so that equal memories have equal runs: it is doubled
//! only when there would be more runs than allowed.

use std::ops::Range;

use crate::snapshot::Memory;

/// Bytes in a word.
const WORD: usize = 8;

/// How many bytes are looked at together, first of all.
const CHUNK: usize = 4096;

/// How many bytes are looked at together, then.
const BLOCK: usize = 64;

/// Bytes of a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The memory's index.
    pub(crate) memory: u32,
    /// The bytes.
    pub(crate) range: Range<usize>,
}

/// The runs of some memories, of which each has a size in bytes, in ascending order. Sequences of fewer than `gap` bytes that
/// are zero, a positive number, do not end a run, and there are at most `limit` runs, or one for each memory.
pub(crate) fn spans(memories: &[(Memory<'_>, u64)], gap: usize, limit: usize) -> Vec<Span> {
    let mut found = Found { spans: Vec::new(), gap, limit: limit.max(memories.len()) };
    for (index, (memory, size)) in (0..).zip(memories) {
        let size = usize::try_from(*size).unwrap_or(usize::MAX).min(memory.bytes.len());
        let bytes = &memory.bytes[..size];
        match memory.extents {
            None => found.scan(index, bytes, 0),
            Some(extents) => {
                let mut extents = extents.to_vec();
                extents.sort_by_key(|extent| extent.start);
                let mut scanned = 0;
                for extent in extents {
                    let position = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(size);
                    // Words are counted from the start of the memory.
                    let start = (position(extent.start) / WORD * WORD).max(scanned);
                    let end = position(extent.end).checked_next_multiple_of(WORD).unwrap_or(size).min(size);
                    if start < end {
                        found.scan(index, &bytes[start..end], start);
                        scanned = end;
                    }
                }
            }
        }
    }
    found.spans
}

struct Found {
    spans: Vec<Span>,
    gap: usize,
    limit: usize,
}

impl Found {
    /// Looks at the bytes of a memory that start at an offset, a multiple of [`WORD`].
    fn scan(&mut self, memory: u32, bytes: &[u8], offset: usize) {
        for (chunk, at) in bytes.chunks(CHUNK).zip((offset..).step_by(CHUNK)) {
            if chunk.chunks(BLOCK).all(is_zero) {
                continue;
            }
            // Mostly there is something everywhere. From word to word in blocks next to each other it is less than two blocks.
            if self.gap >= 2 * BLOCK && chunk.len() == CHUNK && !chunk.chunks(BLOCK).any(is_zero) {
                self.add(memory, trimmed(chunk, at));
                continue;
            }
            for (block, at) in chunk.chunks(BLOCK).zip((at..).step_by(BLOCK)) {
                if is_zero(block) {
                    continue;
                }
                let words = block.chunks(WORD);
                if self.gap < BLOCK {
                    for (word, at) in words.zip((at..).step_by(WORD)).filter(|(word, _)| !is_zero(word)) {
                        self.add(memory, at..at + word.len());
                    }
                } else {
                    // What is between the first and the last word is shorter than the gap.
                    self.add(memory, trimmed(block, at));
                }
            }
        }
    }

    /// Adds bytes that are behind all others.
    fn add(&mut self, memory: u32, range: Range<usize>) {
        if !self.join(memory, &range) {
            self.spans.push(Span { memory, range });
            while self.spans.len() > self.limit {
                self.gap = self.gap.saturating_mul(2);
                for span in std::mem::take(&mut self.spans) {
                    if !self.join(span.memory, &span.range) {
                        self.spans.push(span);
                    }
                }
            }
        }
    }

    /// Makes the last run longer, if it is near enough.
    fn join(&mut self, memory: u32, range: &Range<usize>) -> bool {
        let near = |last: &&mut Span| last.memory == memory && range.start - last.range.end < self.gap;
        let last = self.spans.last_mut().filter(near);
        if let Some(last) = last {
            last.range.end = range.end;
            return true;
        }
        false
    }
}

/// Where bytes are, which start at an offset and are not all zero, without the words that are zero at either end.
fn trimmed(bytes: &[u8], at: usize) -> Range<usize> {
    let mut words = bytes.chunks(WORD);
    let first = words.position(|word| !is_zero(word)).unwrap_or_default();
    let last = bytes.chunks(WORD).rposition(|word| !is_zero(word)).unwrap_or_default();
    at + first * WORD..at + bytes.len().min((last + 1) * WORD)
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<WORD>();
    words.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word)) == 0
        && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests;
