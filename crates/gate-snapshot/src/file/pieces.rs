//! A file that is put together from bytes of its own and bytes that are elsewhere, which are not copied.

use std::io::{self, IoSlice, Write};
use std::ops::Range;

/// From which length on bytes that are elsewhere stay there.
const WORTH_BORROWING: usize = 1024;

/// How many pieces are written at once.
const BATCH: usize = 256;

/// A snapshot that can be written out.
#[derive(Clone, Debug, Default)]
pub struct File<'a> {
    owned: Vec<u8>,
    pieces: Vec<Piece<'a>>,
    length: u64,
}

#[derive(Clone, Debug)]
enum Piece<'a> {
    Owned(Range<usize>),
    Borrowed(&'a [u8]),
}

impl<'a> File<'a> {
    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its bytes, in pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Owned(range) => &self.owned[range.clone()],
            Piece::Borrowed(bytes) => bytes,
        })
    }

    /// Its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.length).unwrap_or(0));
        self.pieces().for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// Writes it out, many pieces at a time.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        let slices: Vec<_> = self.pieces().map(IoSlice::new).collect();
        for batch in slices.chunks(BATCH) {
            let mut batch = batch.to_vec();
            let mut left = batch.as_mut_slice();
            while !left.is_empty() {
                match to.write_vectored(left) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => IoSlice::advance_slices(&mut left, written),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Appends bytes that are made for it.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let start = self.owned.len();
        self.owned.extend_from_slice(bytes);
        let end = self.owned.len();
        match self.pieces.last_mut() {
            Some(Piece::Owned(last)) if last.end == start => last.end = end,
            _ => self.pieces.push(Piece::Owned(start..end)),
        }
        self.length += bytes.len() as u64;
    }

    /// Appends bytes that are elsewhere.
    pub(super) fn borrow(&mut self, bytes: &'a [u8]) {
        if bytes.len() < WORTH_BORROWING {
            self.push(bytes);
        } else {
            self.pieces.push(Piece::Borrowed(bytes));
            self.length += bytes.len() as u64;
        }
    }

    /// Appends another file.
    pub(super) fn append(&mut self, other: &File<'a>) {
        for piece in &other.pieces {
            match piece {
                Piece::Owned(range) => self.push(&other.owned[range.clone()]),
                Piece::Borrowed(bytes) => self.borrow(bytes),
            }
        }
    }
}
