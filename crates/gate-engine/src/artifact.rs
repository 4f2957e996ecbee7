//! The file form of a compiled module, or of one that is to be interpreted.
//!
//! Its container, which tells integers and lists apart too, is described in [`container`]; the engine's image is that of
//! the stoppable module. The facts are: the start function's index + 1 or 0 (`u64`), the number of functions (`u32`), the
//! index + 1 of the memory that imported functions use or 0 (`u64`); a list of exports, each a string, an index (`u32`)
//! and a kind (`u8`): 0 table, 1 memory, 2 global, 3 tag, 4 function; then, of a function, a list of parameter types and a
//! list of result types, a byte each. All of that is said of the original. Then follows 0 (`u8`) if the module is compiled and cannot be
//! stopped. If it is to be interpreted, in which case the image is the module itself, there are 2, how it can be stopped (`u8`: 0 not at all, 1 flag,
//! 2 count), the number of its memories (`u32`), and a list of imports, each two strings and the types of a function. Otherwise there are 1 and what was added to it: the prefix of names (string), the number of tables of the original
//! (`u32`), and of [`Control`] the memory, its pages, the frames' offset, the number of segments' bytes, and the global of
//! unwinding (`u32` each), then the globals of the countdown and of breakpoints and the three spill tables, each an index + 1 or 0 (`u64`).
//!
//! The rest is the table of offsets, as [`Offsets::encode`] makes it.

use std::fs::File;

use gate_instrument::accept::{self, Export, Facts, FunctionType, Kind, Outline};
use gate_instrument::stop::{Control, Names, Offsets};

use crate::Stops;
use crate::codec::{Input, Output};
use crate::container::{self, ArtifactError, Magic};

const MAGIC: Magic = Magic(*b"GtFacts4");

/// What an artifact says of its module.
#[derive(Debug)]
pub(crate) struct ArtifactFacts {
    pub(crate) start: Option<u32>,
    pub(crate) functions: u32,
    pub(crate) memory: Option<u32>,
    pub(crate) exports: Vec<Export>,
    pub(crate) form: Form,
}

impl ArtifactFacts {
    /// What programs tell of their module: everything but imports, memories, tables and debug information.
    pub(crate) fn outline(self) -> Outline {
        Outline {
            imports: Vec::new(),
            exports: self.exports,
            start: self.start,
            functions: self.functions,
            memories: Vec::new(),
            tables: Vec::new(),
            has_names: false,
            has_debug_lines: false,
        }
    }
}

/// What a module is made into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Code that cannot be stopped.
    Plain,
    /// Code that can be stopped, by what was added.
    Stoppable(Added),
    /// It stays as it is.
    Interpreted(Interpreted),
}

/// What is told of a module that is to be interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interpreted {
    pub(crate) stops: Stops,
    /// The number of its memories.
    pub(crate) memories: u32,
    pub(crate) imports: Vec<Import>,
}

impl Interpreted {
    /// Of a module with these facts, that can be stopped in this way.
    pub(crate) fn new(facts: &Facts, stops: Stops) -> Self {
        let import = |import: &accept::Import| match &import.kind {
            Kind::Function(ty) => {
                Some(Import { module: import.module.clone(), field: import.field.clone(), ty: ty.clone() })
            }
            // There are no others.
            _ => None,
        };
        let memories = u32::try_from(facts.memories.len()).expect("a module has at most 100 memories");
        Self { stops, memories, imports: facts.imports.iter().filter_map(import).collect() }
    }
}

/// A function that a module imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) field: String,
    pub(crate) ty: FunctionType,
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
pub(crate) fn append(image: &mut Vec<u8>, facts: &Facts, form: &Form, offsets: &Offsets) {
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
    match form {
        Form::Plain => out.u8(0),
        Form::Interpreted(Interpreted { stops, memories, imports }) => {
            out.u8(2);
            out.u8(match stops {
                Stops::None => 0,
                Stops::Flag => 1,
                Stops::Count => 2,
            });
            out.u32(*memories);
            out.count(imports.len());
            for import in imports {
                out.bytes(import.module.as_bytes());
                out.bytes(import.field.as_bytes());
                out.types(&import.ty.params);
                out.types(&import.ty.results);
            }
        }
        Form::Stoppable(added) => {
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

/// The length of the image, which of a program that is to be interpreted is its module.
pub(crate) fn image_bytes(file: &File, artifact_bytes: u64) -> Result<u64, ArtifactError> {
    container::image_bytes(file, artifact_bytes, MAGIC)
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
    let form = match input.u8()? {
        0 => Form::Plain,
        1 => Form::Stoppable(added(input)?),
        2 => Form::Interpreted(interpreted(input)?),
        _ => return None,
    };
    Some(ArtifactFacts { start, functions, memory, exports, form })
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

fn interpreted(input: &mut Input<'_>) -> Option<Interpreted> {
    let stops = match input.u8()? {
        0 => Stops::None,
        1 => Stops::Flag,
        2 => Stops::Count,
        _ => return None,
    };
    let memories = input.u32()?;
    let import = |input: &mut Input<'_>| {
        let (module, field) = (input.string()?, input.string()?);
        Some(Import { module, field, ty: FunctionType { params: input.types()?, results: input.types()? } })
    };
    let imports = (0..input.count(16)?).map(|_| import(input)).collect::<Option<_>>()?;
    Some(Interpreted { stops, memories, imports })
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
