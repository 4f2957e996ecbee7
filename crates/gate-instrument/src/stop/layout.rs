//! Where the values of a frame are in its record.

use super::module::index;
use super::plan::Parked;
use crate::accept::ValueType;

/// How many values are handed to a helper function at once. More would be stored by the caller where the callee finds
/// them, only to be stored by the callee again.
pub(super) const CHUNK: usize = 16;

/// Bytes at the end of a record: the stop point and the slot.
pub(super) const TRAILER: u32 = 8;

/// A saved value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// What is saved.
    pub(super) source: Source,
    /// Its type.
    pub(super) ty: ValueType,
    /// Its offset in the record.
    pub(super) offset: u32,
}

/// What a saved value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The local with this index.
    Local(u32),
    /// The operand at this position, counted from the lowest.
    Operand(usize),
    /// What was parked for an operand at this position, which is none of the stop point's.
    Unused(usize),
}

/// The record of a frame.
pub(super) struct Layout {
    /// The values in the order in which they are stored.
    pub(super) fields: Vec<Field>,
    /// The size of the record in bytes, the trailer included.
    pub(super) size: u32,
}

/// The record that saves some locals, given with their types, and operands: all that are `parked` in the function, if it has
/// one record for all its stop points.
pub(super) fn layout(
    live: impl Iterator<Item = (u32, ValueType)>,
    operands: &[ValueType],
    parked: Option<&[Parked]>,
) -> Layout {
    let mut values: Vec<_> = live.map(|(local, ty)| (Source::Local(local), ty)).collect();
    match parked {
        None => values.extend((0..).map(Source::Operand).zip(operands.iter().copied())),
        Some(parked) => values.extend(parked.iter().map(|(slot, ty)| {
            let slot = index(*slot);
            let is_operand = operands.get(slot) == Some(ty);
            (if is_operand { Source::Operand(slot) } else { Source::Unused(slot) }, *ty)
        })),
    }
    // Sorted by type, there are few different lists of types, and each needs a function that saves them.
    values.sort_by_key(|(_, ty)| rank(*ty));
    let mut offset = 0;
    let fields = values.into_iter().map(|(source, ty)| {
        let field = Field { source, ty, offset };
        offset += size(ty);
        field
    });
    Layout { fields: fields.collect(), size: offset + TRAILER }
}

impl Layout {
    /// The values in the portions that helper functions take. There is at least one, the last, which may be empty.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &[Field]> {
        let none = self.fields.is_empty().then_some(&self.fields[..]);
        self.fields.chunks(CHUNK).chain(none)
    }
}

/// The size of a value in a record, in bytes.
pub(super) const fn size(ty: ValueType) -> u32 {
    match ty {
        ValueType::I32 | ValueType::F32 | ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => 4,
        ValueType::I64 | ValueType::F64 => 8,
        ValueType::V128 => 16,
    }
}

/// The place of a type among all types.
pub(super) const fn rank(ty: ValueType) -> u8 {
    match ty {
        ValueType::I32 => 0,
        ValueType::I64 => 1,
        ValueType::F32 => 2,
        ValueType::F64 => 3,
        ValueType::V128 => 4,
        ValueType::FuncRef => 5,
        ValueType::ExternRef => 6,
        ValueType::ExnRef => 7,
    }
}
