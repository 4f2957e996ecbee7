//! As much of FlatBuffers as one service needs: tables of texts, bytes, tables and small numbers.
//!
//! A buffer begins with the position of its root table. Positions are u32, counted from where they stand, and point to what
//! comes later. A table begins with an i32: how far before it its layout is. The layout is made of u16: its own size, the
//! size of the table, and for each field where it is in the table, or 0 if it is not there. Texts and bytes are a u32 length and
//! so many bytes, a text also a zero. All numbers are little-endian and stand at multiples of their size.

use alloc::vec::Vec;

/// A table in a buffer. Every function returns `None` for what is not there, or not in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    /// The root table.
    pub(super) fn root(buffer: &'a [u8]) -> Option<Self> {
        Some(Self { buffer, at: target(buffer, 0)? })
    }

    /// A number of one byte.
    #[cfg(test)]
    pub(super) fn u8(&self, field: usize) -> Option<u8> {
        self.buffer.get(self.field(field)?).copied()
    }

    /// A number of two bytes.
    pub(super) fn u16(&self, field: usize) -> Option<u16> {
        u16_at(self.buffer, self.field(field)?)
    }

    /// A text, or bytes.
    pub(super) fn bytes(&self, field: usize) -> Option<&'a [u8]> {
        let at = target(self.buffer, self.field(field)?)?;
        let len = usize::try_from(u32_at(self.buffer, at)?).ok()?;
        let start = at.checked_add(4)?;
        self.buffer.get(start..start.checked_add(len)?)
    }

    /// Another table.
    #[cfg(test)]
    pub(super) fn table(&self, field: usize) -> Option<Self> {
        Some(Self { at: target(self.buffer, self.field(field)?)?, ..*self })
    }

    /// Where a field is in the buffer.
    fn field(&self, field: usize) -> Option<usize> {
        let back = i64::from(i32::from_le_bytes(u32_at(self.buffer, self.at)?.to_le_bytes()));
        let layout = usize::try_from(i64::try_from(self.at).ok()?.checked_sub(back)?).ok()?;
        let entry = 4 + 2 * field;
        if usize::from(u16_at(self.buffer, layout)?) < entry + 2 {
            return None;
        }
        match u16_at(self.buffer, layout.checked_add(entry)?)? {
            0 => None,
            offset => self.at.checked_add(offset.into()),
        }
    }
}

/// The field of a table that is built.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    /// It is not there.
    Absent,
    /// A number.
    U8(u8),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A table with these fields.
    Table(&'a [Field<'a>]),
}

/// A buffer whose root table has these fields.
pub(super) fn build(fields: &[Field<'_>]) -> Vec<u8> {
    let mut out = Vec::from([0; 4]);
    let root = table(&mut out, fields);
    put(&mut out, 0, root);
    out
}

/// Appends a table, and then what it points to. Returns where it is. Every field has four bytes, whatever it needs.
fn table(out: &mut Vec<u8>, fields: &[Field<'_>]) -> usize {
    let layout = out.len();
    let size = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_le_bytes();
    out.extend_from_slice(&size(4 + 2 * fields.len()));
    out.extend_from_slice(&size(4 + 4 * fields.len()));
    for (index, field) in fields.iter().enumerate() {
        let offset = if matches!(field, Field::Absent) { 0 } else { 4 + 4 * index };
        out.extend_from_slice(&size(offset));
    }
    align(out);
    let at = out.len();
    let back = u32::try_from(at - layout).unwrap_or(u32::MAX);
    out.extend_from_slice(&back.to_le_bytes());
    out.resize(at + 4 + 4 * fields.len(), 0);
    for (index, field) in fields.iter().enumerate() {
        let slot = at + 4 + 4 * index;
        match field {
            Field::Absent => {}
            Field::U8(number) => out[slot] = *number,
            Field::Text(text) => {
                let position = vector(out, text.as_bytes());
                put(out, slot, position);
                out.push(0);
                align(out);
            }
            Field::Bytes(bytes) => {
                let position = vector(out, bytes);
                put(out, slot, position);
                align(out);
            }
            Field::Table(fields) => {
                let position = table(out, fields);
                put(out, slot, position);
            }
        }
    }
    at
}

fn vector(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    let at = out.len();
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
    at
}

fn align(out: &mut Vec<u8>) {
    out.resize((out.len() + 3) & !3, 0);
}

/// Writes a position at `slot`.
fn put(out: &mut [u8], slot: usize, target: usize) {
    let distance = u32::try_from(target - slot).unwrap_or(u32::MAX);
    out[slot..slot + 4].copy_from_slice(&distance.to_le_bytes());
}

/// Where the position at `at` points.
fn target(buffer: &[u8], at: usize) -> Option<usize> {
    at.checked_add(usize::try_from(u32_at(buffer, at)?).ok()?)
}

fn u32_at(buffer: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(buffer.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u16_at(buffer: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(buffer.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
