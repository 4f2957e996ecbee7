//! Bytes that wait for somebody to take them.

/// A queue of bytes. It takes no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// How many at the front are gone.
    gone: usize,
}

impl Backlog {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, gone: 0 }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.gone > self.bytes.len() / 2 {
            // Moves fewer bytes than have left since the last time.
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Removes `count` bytes from the front, of at least as many.
    pub(super) fn consume(&mut self, count: usize) {
        self.gone += count;
        if self.gone >= self.bytes.len() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
