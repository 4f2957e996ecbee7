//! The file form of a compiled module.
//!
//! | offset | size | meaning |
//! |---|---|---|
//! | 0 | c | the engine's own image of code and data; mapped in place, so it starts at offset 0 |
//! | c | f | facts about the module, below |
//! | c + f | 8 | c |
//! | c + f + 8 | 8 | magic, `"GtFacts1"` |
//!
//! Integers are little-endian; a string is a `u32` length and its bytes. The facts are: the start function's index + 1
//! or 0 (`u64`), the number of functions (`u32`), the index + 1 of the memory that imported functions use or 0 (`u64`),
//! and a list of exports, each a string, an index (`u32`) and a kind (`u8`): 0 table, 1 memory, 2 global, 3 tag, 4
//! function; then, of a function, a list of parameter types and a list of result types, a byte each.
//!
//! An artifact is made by a process that has seen a hostile module. Reading one never panics; what it says may be a lie,
//! which harms nobody but the program itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use gate_instrument::accept::{Export, Facts, FunctionType, Kind, ValueType};

const MAGIC: [u8; 8] = *b"GtFacts1";
const FOOTER_BYTES: u64 = 16;
/// Far more than the exports of any accepted module take.
const MAX_FACTS_BYTES: u64 = 256 << 20;

/// What an artifact says of its module.
#[derive(Debug)]
pub(crate) struct ArtifactFacts {
    pub(crate) start: Option<u32>,
    pub(crate) functions: u32,
    pub(crate) memory: Option<u32>,
    pub(crate) exports: Vec<Export>,
}

/// Why a file is not an artifact.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It cannot be read.
    #[error("cannot read the compiled module")]
    Read(#[from] io::Error),
    /// It has not the form of one.
    #[error("the compiled module is damaged")]
    Damaged,
}

/// Appends what `facts` say to the engine's image.
pub(crate) fn append(image: &mut Vec<u8>, facts: &Facts) {
    let image_bytes = image.len() as u64;
    let index = |index: Option<u32>| index.map_or(0, |index| u64::from(index) + 1).to_le_bytes();
    image.extend_from_slice(&index(facts.start));
    image.extend_from_slice(&facts.outline.functions.to_le_bytes());
    image.extend_from_slice(&index(facts.memory));
    count(image, facts.exports.len());
    for export in &facts.exports {
        count(image, export.name.len());
        image.extend_from_slice(export.name.as_bytes());
        image.extend_from_slice(&export.index.to_le_bytes());
        match &export.kind {
            Kind::Table => image.push(0),
            Kind::Memory => image.push(1),
            Kind::Global => image.push(2),
            Kind::Tag => image.push(3),
            Kind::Function(ty) => {
                image.push(4);
                for types in [&ty.params, &ty.results] {
                    count(image, types.len());
                    image.extend(types.iter().map(|ty| type_number(*ty)));
                }
            }
        }
    }
    image.extend_from_slice(&image_bytes.to_le_bytes());
    image.extend_from_slice(&MAGIC);
}

fn count(image: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a module of less than 4 GiB has fewer of anything");
    image.extend_from_slice(&count.to_le_bytes());
}

/// Reads the facts from the first `artifact_bytes` bytes of `file`.
pub(crate) fn read(file: &File, artifact_bytes: u64) -> Result<ArtifactFacts, ArtifactError> {
    let mut footer = [0; 16];
    let facts_end = artifact_bytes.checked_sub(FOOTER_BYTES).ok_or(ArtifactError::Damaged)?;
    file.read_exact_at(&mut footer, facts_end)?;
    let (start, magic) = footer.split_at(8);
    if magic != MAGIC {
        return Err(ArtifactError::Damaged);
    }
    let start = u64::from_le_bytes(start.try_into().map_err(|_| ArtifactError::Damaged)?);
    let len =
        facts_end.checked_sub(start).filter(|len| *len <= MAX_FACTS_BYTES).ok_or(ArtifactError::Damaged)?;
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| ArtifactError::Damaged)?];
    file.read_exact_at(&mut bytes, start)?;
    let mut input = Input(&bytes);
    let facts = input.facts().ok_or(ArtifactError::Damaged)?;
    if input.0.is_empty() { Ok(facts) } else { Err(ArtifactError::Damaged) }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn index(&mut self) -> Option<Option<u32>> {
        match u64::from_le_bytes(self.array()?) {
            0 => Some(None),
            n => u32::try_from(n - 1).ok().map(Some),
        }
    }

    fn facts(&mut self) -> Option<ArtifactFacts> {
        let start = self.index()?;
        let functions = self.u32()?;
        let memory = self.index()?;
        let count = self.u32()?;
        let mut exports = Vec::new();
        for _ in 0..count {
            exports.push(self.export()?);
        }
        Some(ArtifactFacts { start, functions, memory, exports })
    }

    fn export(&mut self) -> Option<Export> {
        let len = self.u32()? as usize;
        let name = String::from_utf8(self.take(len)?.to_vec()).ok()?;
        let index = self.u32()?;
        let kind = match self.array::<1>()?[0] {
            0 => Kind::Table,
            1 => Kind::Memory,
            2 => Kind::Global,
            3 => Kind::Tag,
            4 => Kind::Function(FunctionType { params: self.types()?, results: self.types()? }),
            _ => return None,
        };
        Some(Export { name, index, kind })
    }

    fn types(&mut self) -> Option<Vec<ValueType>> {
        let len = self.u32()? as usize;
        self.take(len)?.iter().map(|number| numbered_type(*number)).collect()
    }
}

const TYPES: [ValueType; 8] = [
    ValueType::I32,
    ValueType::I64,
    ValueType::F32,
    ValueType::F64,
    ValueType::V128,
    ValueType::FuncRef,
    ValueType::ExternRef,
    ValueType::ExnRef,
];

fn type_number(ty: ValueType) -> u8 {
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

fn numbered_type(number: u8) -> Option<ValueType> {
    TYPES.get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests;
