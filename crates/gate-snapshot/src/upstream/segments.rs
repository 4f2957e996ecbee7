//! Data segments: those of a file, and the same memory in fewer.

use std::ops::Range;

use wasmparser::{BinaryReader, DataSectionReader};

use super::module::{ModuleError, data_segment};
use crate::sections::{push_length, push_signed};

/// How many data segments a module can have.
pub(super) const MAX_SEGMENTS: usize = 100_000;

/// What an expression ends with.
pub(super) const END: u8 = 0x0b;

/// The addresses of the segments in the data section whose content is somewhere in a file, and where their bytes are in it.
pub(super) fn segments(file: &[u8], content: Range<usize>) -> Result<Vec<(u32, Range<usize>)>, ModuleError> {
    let bytes = file.get(content.clone()).unwrap_or_default();
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let section = DataSectionReader::new(BinaryReader::new(bytes, content.start))?;
    section.into_iter().map(|data| data_segment(file, &data?)).collect()
}

/// The content of a data section for some segments, when there are more than a module can have: they are joined, with zeros
/// between them. The existing system makes a segment for every few bytes that are not zero.
///
/// `None` if there are not too many, or they are not one behind the other, or they would have more than `limit` bytes.
pub(super) fn joined(file: &[u8], segments: &[(u32, Range<usize>)], limit: u64) -> Option<Vec<u8>> {
    if segments.len() <= MAX_SEGMENTS {
        return None;
    }
    let end =
        |(address, bytes): &(u32, Range<usize>)| Some(u64::from(*address) + u64::try_from(bytes.len()).ok()?);
    let mut gaps = Vec::with_capacity(segments.len());
    for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
        gaps.push(u64::from(next.0).checked_sub(end(segment)?)?);
    }
    // The smallest power of two that is enough.
    let mut gap = 16;
    while gaps.iter().filter(|found| **found >= gap).count() >= MAX_SEGMENTS {
        gap *= 2;
    }
    let zeros: u64 = gaps.iter().filter(|found| **found < gap).sum();
    if zeros > limit {
        return None;
    }
    let mut content = Vec::new();
    push_length(&mut content, gaps.iter().filter(|found| **found >= gap).count() + 1);
    let mut bytes = Vec::new();
    let mut first = segments.first()?.0;
    for (position, (address, range)) in segments.iter().enumerate() {
        if bytes.is_empty() {
            first = *address;
        }
        bytes.extend_from_slice(file.get(range.clone())?);
        match gaps.get(position) {
            Some(found) if *found < gap => bytes.resize(bytes.len() + usize::try_from(*found).ok()?, 0),
            _ => {
                content.extend([0, 0x41]);
                push_signed(&mut content, first.cast_signed().into());
                content.push(END);
                push_length(&mut content, bytes.len());
                content.append(&mut bytes);
            }
        }
    }
    Some(content)
}
