//! Bytes that come in at one end and leave at the other.

use std::fmt;

/// What is larger than this is given back when it is not needed, in bytes.
const KEPT_BYTES: usize = 4 << 10;

/// A queue of bytes that lie in one place. What leaves costs nothing but a move of the rest now and then, at most once per byte.
#[derive(Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    /// How many at the front have left.
    gone: usize,
}

impl Queue {
    /// The queue of these bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, gone: 0 }
    }

    /// What is in it.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// How much that is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Where bytes can be added at the end, and how many at the front of it have left.
    pub(super) fn end(&mut self) -> (&mut Vec<u8>, usize) {
        (&mut self.bytes, self.gone)
    }

    /// Removes `count` bytes from the front.
    ///
    /// # Panics
    /// When there are fewer.
    pub(super) fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "{count} bytes cannot leave a queue of {}", self.len());
        self.gone += count;
        if self.gone == self.bytes.len() {
            self.bytes.clear();
            self.gone = 0;
        } else if self.gone > self.bytes.len() / 2 {
            // Moves fewer bytes than have left since the last time.
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// Whether there is memory to give back.
    pub(super) fn has_spare(&self) -> bool {
        self.bytes.capacity() > self.len().max(KEPT_BYTES)
    }

    /// Gives memory back that the bytes do not need.
    pub(super) fn shrink(&mut self) {
        self.bytes.drain(..self.gone);
        self.gone = 0;
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes.shrink_to(KEPT_BYTES);
        }
    }
}

impl fmt::Debug for Queue {
    /// Without the bytes, which can be many and private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
