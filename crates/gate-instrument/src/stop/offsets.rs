//! Which instruction of the original one of the stoppable module is.

/// Offsets in the original for offsets in the stoppable module, both in bytes from the start of the module: for backtraces.
///
/// It has an entry per place where something was inserted or changed its length. What is inserted between two instructions
/// counts as what follows the first; nothing of it traps or calls. The code of stop points and added functions are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Where the bytes from an offset on come from; `None` for what was added. In ascending order.
    origins: Vec<(u32, Option<u32>)>,
}

impl Offsets {
    /// The offset in the original of the instruction at `offset`. `None` if it is none of the original's.
    pub fn original(&self, offset: u32) -> Option<u32> {
        let behind = self.origins.partition_point(|(start, _)| *start <= offset);
        let (start, original) = self.origins.get(behind.checked_sub(1)?)?;
        (*original)?.checked_add(offset - start)
    }

    /// The table as bytes, few for each entry: LEB128 numbers, by how much the offset is larger than the one before, then 0
    /// for `None`, or 1 + the zigzag code of by how much the original offset is larger than the last there was.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.origins.len() * 4);
        let (mut offset, mut original) = (0, 0);
        for (start, origin) in &self.origins {
            put(&mut bytes, u64::from(start - offset));
            offset = *start;
            match origin {
                None => put(&mut bytes, 0),
                Some(origin) => {
                    let more = i64::from(*origin) - i64::from(original);
                    put(&mut bytes, 1 + ((more << 1) ^ (more >> 63)).cast_unsigned());
                    original = *origin;
                }
            }
        }
        bytes
    }

    /// The table of which [`Offsets::encode`] made these bytes; `None` if they are no table's.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut origins = Vec::new();
        let (mut offset, mut original) = (0u32, 0u32);
        while !bytes.is_empty() {
            offset = offset.checked_add(u32::try_from(take(&mut bytes)?).ok()?)?;
            let origin = match take(&mut bytes)?.checked_sub(1) {
                None => None,
                Some(code) => {
                    let more = (code >> 1).cast_signed() ^ -(code & 1).cast_signed();
                    original = u32::try_from(i64::from(original).checked_add(more)?).ok()?;
                    Some(original)
                }
            };
            origins.push((offset, origin));
        }
        Some(Self { origins })
    }

    /// Notes that the bytes from `offset` on come from `original`. Offsets are noted in ascending order.
    pub(super) fn note(&mut self, offset: u32, original: Option<u32>) {
        if let Some((start, last)) = self.origins.last_mut() {
            if last.map(|last| last + (offset - *start)) == original {
                return;
            }
            if *start == offset {
                *last = original;
                return;
            }
        }
        self.origins.push((offset, original));
    }

    /// Appends offsets that were noted for a part, which is at `offset` now.
    pub(super) fn append(&mut self, offset: u32, part: &Self) {
        for (start, original) in &part.origins {
            self.note(offset + start, *original);
        }
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while let rest @ 1.. = number >> 7 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number = rest;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests;
