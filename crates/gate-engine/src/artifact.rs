//! The file form of a compiled module.
//!
//! Its container, which tells integers and lists apart too, is described in [`container`]; the engine's image is that of
//! the stoppable module. The facts are: the start function's index + 1 or 0 (`u64`), the number of functions (`u32`), the
//! index + 1 of the memory that imported functions use or 0 (`u64`); a list of exports, each a string, an index (`u32`)
//! and a kind (`u8`): 0 table, 1 memory, 2 global, 3 tag, 4 function; then, of a function, a list of parameter types and a
//! list of result types, a byte each. All of that is said of the original. Then follows 0 (`u8`) if the module cannot be
//! stopped, otherwise 1 and what was added to it: the prefix of names (string), the number of tables of the original
//! (`u32`), and of [`Control`] the memory, its pages, the frames' offset, the number of segments' bytes, and the global of
//! unwinding (`u32` each), then the globals of the countdown and of breakpoints and the three spill tables, each an index + 1 or 0 (`u64`).
//!
//! The rest is the table of offsets, as [`Offsets::encode`] makes it.

use std::fs::File;

use gate_instrument::accept::{Export, Facts, FunctionType, Kind};
use gate_instrument::stop::{Control, Names, Offsets};

use crate::codec::{Input, Output};
use crate::container::{self, ArtifactError, Magic};

const MAGIC: Magic = Magic(*b"GtFacts3");

/// What an artifact says of its module.
#[derive(Debug)]
pub(crate) struct ArtifactFacts {
    pub(crate) start: Option<u32>,
    pub(crate) functions: u32,
    pub(crate) memory: Option<u32>,
    pub(crate) exports: Vec<Export>,
    pub(crate) added: Option<Added>,
}

/// What was added to a module so that it can be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// What everything is exported by.
    pub(crate) names: Names,
    /// The number of tables of the original.
    pub(crate) tables: u32,
    /// The index of the control memory, which is also the number of memories of the original.
    pub(crate) memory: u32,
    /// The size of the control memory in pages.
    pub(crate) pages: u32,
    /// The offset of the first frame in it.
    pub(crate) frames: u32,
    /// How many bytes of it tell of dropped segments.
    pub(crate) segments: u32,
    /// The index of the global that tells whether the program unwinds; also the number of globals of the original.
    pub(crate) unwinding: u32,
    /// The index of the global that counts down.
    pub(crate) countdown: Option<u32>,
    /// The index of the global that says whether to stop at breakpoints, if there are any.
    pub(crate) breakpoints: Option<u32>,
    /// The indices of the spill tables.
    pub(crate) spill: [Option<u32>; 3],
    /// The functions that there can be references to.
    pub(crate) referenced: Vec<u32>,
}

impl Added {
    /// What was added to a module with this number of tables, and with these functions that there can be references to.
    pub(crate) fn new(control: &Control, names: &Names, tables: u32, referenced: Vec<u32>) -> Self {
        Self {
            names: names.clone(),
            tables,
            memory: control.memory,
            pages: control.pages,
            frames: control.frames,
            segments: control.segments,
            unwinding: control.unwinding,
            countdown: control.countdown,
            breakpoints: control.breakpoints,
            spill: control.tables,
            referenced,
        }
    }
}

/// Appends everything else to the engine's image.
pub(crate) fn append(image: &mut Vec<u8>, facts: &Facts, added: Option<&Added>, offsets: &Offsets) {
    let mut out = Output::default();
    out.index(facts.start);
    out.u32(facts.outline.functions);
    out.index(facts.memory);
    out.count(facts.exports.len());
    for export in &facts.exports {
        out.bytes(export.name.as_bytes());
        out.u32(export.index);
        match &export.kind {
            Kind::Table => out.u8(0),
            Kind::Memory => out.u8(1),
            Kind::Global => out.u8(2),
            Kind::Tag => out.u8(3),
            Kind::Function(ty) => {
                out.u8(4);
                out.types(&ty.params);
                out.types(&ty.results);
            }
        }
    }
    match added {
        None => out.u8(0),
        Some(added) => {
            out.u8(1);
            out.bytes(added.names.prefix().as_bytes());
            for number in
                [added.tables, added.memory, added.pages, added.frames, added.segments, added.unwinding]
            {
                out.u32(number);
            }
            out.index(added.countdown);
            out.index(added.breakpoints);
            added.spill.iter().for_each(|table| out.index(*table));
            out.count(added.referenced.len());
            added.referenced.iter().for_each(|function| out.u32(*function));
        }
    }
    container::append(image, MAGIC, &out.0, &offsets.encode());
}

/// Reads the facts from the first `artifact_bytes` bytes of `file`.
pub(crate) fn read(file: &File, artifact_bytes: u64) -> Result<ArtifactFacts, ArtifactError> {
    let bytes = container::facts(file, artifact_bytes, MAGIC)?;
    let mut input = Input(&bytes);
    facts(&mut input).and_then(|facts| input.end(facts)).ok_or(ArtifactError::Damaged)
}

/// Reads from the first `artifact_bytes` bytes of `file` which instruction of the original is where in the code that
/// runs. It is large, and needed only to tell people where something happened.
///
/// # Errors
/// [`ArtifactError`] when the file is no artifact.
pub fn offsets(file: &File, artifact_bytes: u64) -> Result<Offsets, ArtifactError> {
    let bytes = container::rest(file, artifact_bytes, MAGIC)?;
    Offsets::decode(&bytes).ok_or(ArtifactError::Damaged)
}

fn facts(input: &mut Input<'_>) -> Option<ArtifactFacts> {
    let start = input.index()?;
    let functions = input.u32()?;
    let memory = input.index()?;
    let exports = (0..input.count(9)?).map(|_| export(input)).collect::<Option<_>>()?;
    let added = match input.u8()? {
        0 => None,
        1 => Some(added(input)?),
        _ => return None,
    };
    Some(ArtifactFacts { start, functions, memory, exports, added })
}

fn export(input: &mut Input<'_>) -> Option<Export> {
    let name = input.string()?;
    let index = input.u32()?;
    let kind = match input.u8()? {
        0 => Kind::Table,
        1 => Kind::Memory,
        2 => Kind::Global,
        3 => Kind::Tag,
        4 => Kind::Function(FunctionType { params: input.types()?, results: input.types()? }),
        _ => return None,
    };
    Some(Export { name, index, kind })
}

fn added(input: &mut Input<'_>) -> Option<Added> {
    Some(Added {
        names: Names::with_prefix(input.string()?),
        tables: input.u32()?,
        memory: input.u32()?,
        pages: input.u32()?,
        frames: input.u32()?,
        segments: input.u32()?,
        unwinding: input.u32()?,
        countdown: input.index()?,
        breakpoints: input.index()?,
        spill: [input.index()?, input.index()?, input.index()?],
        referenced: (0..input.count(4)?).map(|_| input.u32()).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests;
