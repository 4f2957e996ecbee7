//! The contents of a regular file: chunks that are owned, borrowed from the image, or absent.
//!
//! A file is cut into chunks of [`CHUNK`] bytes. A chunk is *owned* (a buffer whose size is a power of two), *borrowed*
//! (a range of the image), or a hole. The first write to a chunk makes it owned. Whatever lies behind the stored bytes of
//! a chunk reads as zeros.
//!
//! Each chunk is charged for by [`unit`] of its stored bytes, owned or borrowed, so copying a borrowed chunk in order to
//! write to it costs nothing more: overwriting never fails for want of space.

use std::collections::{BTreeMap, BTreeSet};

use gate_abi::errno::Errno;

/// Bytes in a chunk. A random write to a borrowed file copies this much at worst.
pub(crate) const CHUNK: u64 = 64 * 1024;

/// The smallest owned buffer, so that a small file costs little.
const MIN_UNIT: u64 = 512;

/// A run of bytes borrowed from the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Where it is in the file: a multiple of [`CHUNK`].
    pub(crate) at: u64,
    /// Where it is in the image.
    pub(crate) from: u64,
    /// Its length in bytes, not 0.
    pub(crate) len: u64,
}

/// The contents of a regular file.
#[derive(Debug, Default)]
pub(crate) struct Content {
    len: u64,
    owned: BTreeMap<u64, Box<[u8]>>,
    /// Ascending, not overlapping, inside `..len`.
    borrowed: Vec<Extent>,
    charge: u64,
}

/// What `stored` bytes of one chunk are charged for.
pub(crate) fn unit(stored: u64) -> u64 {
    if stored == 0 { 0 } else { stored.next_power_of_two().max(MIN_UNIT) }
}

/// What `len` borrowed bytes are charged for.
pub(crate) fn run_charge(len: u64) -> u64 {
    (len - len % CHUNK).saturating_add(unit(len % CHUNK))
}

/// `n` as an index; it is at most a chunk's size, or an offset into an image that is in memory.
fn index(n: u64) -> usize {
    usize::try_from(n).expect("an offset into something in memory fits a usize")
}

impl Content {
    /// A file of `len` bytes whose contents are `borrowed`: aligned, ascending runs inside of `..len`.
    pub(crate) fn from_extents(len: u64, borrowed: Vec<Extent>) -> Self {
        let mut content = Self { len, borrowed, ..Self::default() };
        content.charge = content.count_charge();
        content
    }

    /// The size in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// What the file is charged for at present.
    pub(crate) fn charge(&self) -> u64 {
        self.charge
    }

    /// What the file ought to be charged for, counted anew.
    pub(crate) fn count_charge(&self) -> u64 {
        let borrowed: u64 = self.borrowed.iter().map(|extent| run_charge(extent.len)).sum();
        let hidden: u64 = self.owned.keys().map(|&chunk| unit(self.borrowed_in(chunk).1)).sum();
        let owned: u64 = self.owned.values().map(|bytes| bytes.len() as u64).sum();
        borrowed - hidden + owned
    }

    /// Where the bytes are that `chunk` borrows, and how many there are, whether or not an owned chunk hides them.
    fn borrowed_in(&self, chunk: u64) -> (u64, u64) {
        let at = chunk.saturating_mul(CHUNK);
        let behind = self.borrowed.partition_point(|extent| extent.at <= at);
        let Some(extent) = behind.checked_sub(1).and_then(|i| self.borrowed.get(i)) else { return (0, 0) };
        let skip = at - extent.at;
        let len = extent.len.saturating_sub(skip).min(CHUNK);
        if len == 0 { (0, 0) } else { (extent.from + skip, len) }
    }

    /// The stored bytes of `chunk`; behind them are zeros.
    fn stored<'a>(&'a self, image: &'a [u8], chunk: u64) -> &'a [u8] {
        if let Some(bytes) = self.owned.get(&chunk) {
            return bytes;
        }
        let (from, len) = self.borrowed_in(chunk);
        image.get(index(from)..index(from + len)).unwrap_or_default()
    }

    /// Reads at `offset` and returns how many bytes that were: less than asked for only at the end of the file.
    pub(crate) fn read(&self, image: &[u8], offset: u64, buf: &mut [u8]) -> usize {
        let available = self.len.saturating_sub(offset).min(buf.len() as u64);
        let mut done = 0;
        while done < available {
            let at = offset + done;
            let inside = at % CHUNK;
            let take = (CHUNK - inside).min(available - done);
            let target = &mut buf[index(done)..index(done + take)];
            let stored = self.stored(image, at / CHUNK).get(index(inside)..).unwrap_or_default();
            let copied = stored.len().min(target.len());
            target[..copied].copy_from_slice(&stored[..copied]);
            target[copied..].fill(0);
            done += take;
        }
        index(done)
    }

    /// Writes `data` at `offset`, charging at most `budget` more bytes, and returns how many bytes were written. The
    /// caller has checked that the file may become that long.
    ///
    /// # Errors
    /// `NoSpc` when `budget` does not cover a single byte.
    pub(crate) fn write(
        &mut self,
        image: &[u8],
        offset: u64,
        data: &[u8],
        budget: u64,
    ) -> Result<usize, Errno> {
        let before = self.charge;
        let mut done = 0;
        let wanted = data.len() as u64;
        while done < wanted {
            let at = offset + done;
            let (chunk, inside) = (at / CHUNK, at % CHUNK);
            let take = (CHUNK - inside).min(wanted - done);
            if self.growth(chunk, inside + take) > budget - (self.charge - before) {
                break;
            }
            let bytes = self.own(image, chunk, inside + take);
            bytes[index(inside)..index(inside + take)]
                .copy_from_slice(&data[index(done)..index(done + take)]);
            done += take;
            self.len = self.len.max(at + take);
        }
        if done == 0 && wanted > 0 { Err(Errno::NoSpc) } else { Ok(index(done)) }
    }

    /// How much more is charged for once `chunk` is owned with at least `stored` bytes.
    fn growth(&self, chunk: u64, stored: u64) -> u64 {
        let now = match self.owned.get(&chunk) {
            Some(bytes) => bytes.len() as u64,
            None => unit(self.borrowed_in(chunk).1),
        };
        unit(stored).saturating_sub(now)
    }

    /// Makes `chunk` owned with at least `stored` bytes.
    fn own(&mut self, image: &[u8], chunk: u64, stored: u64) -> &mut [u8] {
        let growth = self.growth(chunk, stored);
        if growth > 0 || !self.owned.contains_key(&chunk) {
            let old = self.stored(image, chunk);
            let mut bytes = vec![0; index(unit(stored.max(old.len() as u64)))].into_boxed_slice();
            bytes[..old.len()].copy_from_slice(old);
            self.owned.insert(chunk, bytes);
            self.charge += growth;
        }
        self.owned.get_mut(&chunk).expect("it was there, or it was put there above")
    }

    /// Makes sure that `offset..offset + len` can be written without further charge, at most `budget` now. The file
    /// becomes at least that long.
    ///
    /// # Errors
    /// `NoSpc` when `budget` does not cover it; nothing has changed then.
    pub(crate) fn allocate(&mut self, image: &[u8], offset: u64, len: u64, budget: u64) -> Result<(), Errno> {
        let end = offset + len;
        let chunks = offset / CHUNK..end.div_ceil(CHUNK);
        let stored = |chunk: u64| (end - chunk * CHUNK).min(CHUNK);
        // Each chunk is charged for at most its size, so a range that is too long is noticed before it is walked.
        let mut growth = 0;
        for chunk in chunks.clone() {
            growth += self.growth(chunk, stored(chunk));
            if growth > budget {
                return Err(Errno::NoSpc);
            }
        }
        for chunk in chunks {
            self.own(image, chunk, stored(chunk));
        }
        self.len = self.len.max(end);
        Ok(())
    }

    /// Makes the file `len` bytes long: what is cut off is gone, what is added is a hole.
    pub(crate) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let tail = len % CHUNK;
            drop(self.owned.split_off(&len.div_ceil(CHUNK)));
            if let Some(bytes) = self.owned.get_mut(&(len / CHUNK)) {
                let size = index(unit(tail));
                if size < bytes.len() {
                    *bytes = bytes[..size].into();
                }
                if let Some(cut) = bytes.get_mut(index(tail)..) {
                    cut.fill(0);
                }
            }
            self.borrowed.retain(|extent| extent.at < len);
            if let Some(last) = self.borrowed.last_mut() {
                last.len = last.len.min(len - last.at);
            }
            self.charge = self.count_charge();
        }
        self.len = len;
    }

    /// What is stored, in ascending order; everything between the pieces is zeros.
    ///
    /// A piece is what has to be said of a chunk so that it reads the same and is charged for in the same way. It does not
    /// tell how the chunk came about: neither which of its zeros were written, nor whether it is owned.
    pub(crate) fn pieces<'a>(&'a self, image: &'a [u8]) -> impl Iterator<Item = Piece<'a>> {
        let borrowed = self
            .borrowed
            .iter()
            .flat_map(|extent| extent.at / CHUNK..(extent.at + extent.len).div_ceil(CHUNK));
        let chunks: BTreeSet<u64> = self.owned.keys().copied().chain(borrowed).collect();
        chunks.into_iter().filter_map(move |chunk| {
            let at = chunk * CHUNK;
            let left = self.len.saturating_sub(at).min(CHUNK);
            let stored = self.stored(image, chunk);
            let stored = stored.get(..index(left)).unwrap_or(stored);
            let unit = unit(stored.len() as u64);
            let (bytes, zeros) = if unit == CHUNK {
                // To the end of the chunk or of the file, so that chunks that follow each other make one extent.
                (stored, left - stored.len() as u64)
            } else {
                let least = if unit <= MIN_UNIT { unit.min(1) } else { unit / 2 + 1 };
                let used = stored.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                (stored.get(..used.max(index(least))).unwrap_or(stored), 0)
            };
            (!bytes.is_empty()).then_some(Piece { at, bytes, zeros })
        })
    }
}

/// What is stored of one chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// Where it is in the file.
    pub(crate) at: u64,
    /// Its bytes, as far as they are in memory.
    pub(crate) bytes: &'a [u8],
    /// How many zeros follow them.
    pub(crate) zeros: u64,
}

impl Piece<'_> {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.zeros
    }
}

#[cfg(test)]
mod tests;
