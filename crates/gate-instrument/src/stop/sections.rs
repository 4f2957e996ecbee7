//! Sections of a module with what is added to them.

use wasm_encoder::{Encode, RawSection};

use super::module::{Module, count, index};

/// The types of a module.
pub(super) const TYPE: u8 = 1;
/// Its imports.
pub(super) const IMPORT: u8 = 2;
/// The types of its functions.
pub(super) const FUNCTION: u8 = 3;
/// Its tables.
pub(super) const TABLE: u8 = 4;
/// Its memories.
pub(super) const MEMORY: u8 = 5;
/// Its globals.
pub(super) const GLOBAL: u8 = 6;
/// Its exports.
pub(super) const EXPORT: u8 = 7;
/// Its exception tags.
pub(super) const TAG: u8 = 13;

/// The bytes of entries, and how many there are.
#[derive(Default)]
pub(super) struct Entries {
    count: u32,
    bytes: Vec<u8>,
}

impl Entries {
    /// Appends an entry.
    pub(super) fn add(&mut self, entry: impl FnOnce(&mut Vec<u8>)) {
        entry(&mut self.bytes);
        self.count += 1;
    }

    /// Writes a number to where [`put_fixed`] has put one.
    pub(super) fn patch(&mut self, position: u32, number: u32) {
        let room = self.bytes.get_mut(index(position)..).and_then(|rest| rest.first_chunk_mut());
        *room.expect("a number was put there") = fixed(number);
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The entries.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The size of the entries in bytes.
    pub(super) fn size(&self) -> u32 {
        count(self.bytes.len())
    }

    /// Their number and the entries.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.bytes.len() + 5);
        self.count.encode(&mut data);
        data.extend_from_slice(&self.bytes);
        data
    }

    /// The entries of a section that was encoded by itself.
    pub(super) fn of(section: &impl Encode) -> Self {
        let mut bytes = Vec::new();
        section.encode(&mut bytes);
        // Its size and the number of its entries come first.
        let mut reader = wasmparser::BinaryReader::new(&bytes, 0);
        let count = reader.read_var_u32().and_then(|_| reader.read_var_u32());
        let count = count.expect("the section has just been encoded");
        let start = reader.original_position();
        Self { count, bytes: bytes.split_off(start) }
    }
}

/// Appends a section that has the entries of the original, and then others. Appends nothing if there are none.
pub(super) fn extend(to: &mut wasm_encoder::Module, module: &Module<'_>, id: u8, added: &Entries) {
    let (number, bytes) = module.section(id);
    let number = number + added.count;
    if number == 0 {
        return;
    }
    let mut data = Vec::with_capacity(bytes.len() + added.bytes.len() + 5);
    number.encode(&mut data);
    data.extend_from_slice(bytes);
    data.extend_from_slice(&added.bytes);
    to.section(&RawSection { id, data: &data });
}

/// Appends a number that is not known yet: [`Entries::patch`] writes it.
pub(super) fn put_fixed(bytes: &mut Vec<u8>) {
    bytes.extend(fixed(0));
}

/// LEB128 with as many bytes as the largest number needs.
fn fixed(number: u32) -> [u8; 5] {
    let digit = |position: u32| {
        let [digit, ..] = (number >> (7 * position)).to_le_bytes();
        digit | 0x80
    };
    [digit(0), digit(1), digit(2), digit(3), digit(4) & 0x7f]
}

/// Encodes a body with its size.
pub(super) fn code(entries: &mut Entries, body: &[u8]) {
    entries.add(|bytes| {
        count(body.len()).encode(bytes);
        bytes.extend_from_slice(body);
    });
}
