//! One pass over a module that validates it, holds it to its limits, and takes notes.

mod body;

use std::ops::Range;

use wasmparser::types::Types;
use wasmparser::{
    Error, FuncToValidate, FuncValidatorAllocations, FunctionBody, KnownCustom, Name, NameSectionReader,
    Parser, Payload, SectionLimited, TableSectionReader, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

use super::limits::Limits;
use super::refusal::What;

/// What a pass noted of a module that is valid with the features it was given.
pub(super) struct Notes<'a> {
    /// The types of everything.
    pub(super) types: Types,
    /// The imports with their offsets.
    pub(super) imports: Vec<(usize, wasmparser::Import<'a>)>,
    /// The exports.
    pub(super) exports: Vec<wasmparser::Export<'a>>,
    /// The start function.
    pub(super) start: Option<u32>,
    /// Whether there is a name section.
    pub(super) has_names: bool,
    /// Whether there is a `.debug_line` section.
    pub(super) has_debug_lines: bool,
}

/// What is wrong with a module.
#[derive(Debug)]
pub(super) struct Fault {
    /// What it is.
    pub(super) kind: FaultKind,
    /// The function it is in, if it is in one.
    pub(super) function: Option<u32>,
}

/// What is wrong, apart from where.
#[derive(Debug)]
pub(super) enum FaultKind {
    /// The validator refused it.
    Invalid(Error),
    /// A section claims to have more entries than bytes.
    Claim { count: u32, bytes: usize, offset: usize },
    /// It needs a feature that it was not validated with, which the validator lets pass.
    Feature { feature: WasmFeatures, offset: usize },
    /// A limit is exceeded.
    Limit { what: What, found: u64, limit: u64, offset: usize },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        FaultKind::Invalid(error).into()
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { kind, function: None }
    }
}

/// Validates `wasm` with `features` and within `limits`.
///
/// All sections come first and the functions' bodies last, as the name section stands behind the code, and since what is
/// wrong with a section explains more than what is then wrong with the code.
pub(super) fn walk<'a>(wasm: &'a [u8], limits: &Limits, features: WasmFeatures) -> Result<Notes<'a>, Fault> {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut validator = Validator::new_with_features(features);
    let mut pass = Pass::default();
    let mut types = None;
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        pass.before(&payload, limits)?;
        match validator.payload(&payload)? {
            ValidPayload::Func(function, body) => pass.bodies.push((function, body)),
            ValidPayload::End(found) => types = Some(found),
            ValidPayload::Ok | ValidPayload::Parser(_) => {}
        }
        pass.after(payload, features, limits)?;
    }
    let mut allocations = FuncValidatorAllocations::default();
    for (function, body) in pass.bodies {
        let index = function.index;
        let mut validator = function.into_validator(allocations);
        body::check(&mut validator, &body, features, limits)
            .map_err(|fault| Fault { kind: fault.kind, function: Some(index) })?;
        allocations = validator.into_allocations();
    }
    Ok(Notes {
        types: types.expect("parsing without an error ends with the payload that has the types"),
        imports: pass.imports,
        exports: pass.exports,
        start: pass.start,
        has_names: pass.has_names,
        has_debug_lines: pass.has_debug_lines,
    })
}

/// What a pass has seen so far.
#[derive(Default)]
struct Pass<'a> {
    bodies: Vec<(FuncToValidate<ValidatorResources>, FunctionBody<'a>)>,
    imports: Vec<(usize, wasmparser::Import<'a>)>,
    exports: Vec<wasmparser::Export<'a>>,
    start: Option<u32>,
    has_names: bool,
    has_debug_lines: bool,
    functions: u64,
    memories: u64,
    globals: u64,
    tags: u64,
}

impl<'a> Pass<'a> {
    /// Checks how many entries a section claims to have, before the validator makes room for them.
    fn before(&mut self, payload: &Payload<'a>, limits: &Limits) -> Result<(), Fault> {
        match payload {
            Payload::TypeSection(section) => {
                at_most(What::Types, claimed(section)?, limits.types, &section.range())
            }
            Payload::ImportSection(section) => {
                at_most(What::Imports, claimed(section)?, limits.imports, &section.range())
            }
            Payload::FunctionSection(section) => {
                self.functions += claimed(section)?;
                at_most(What::Functions, self.functions, limits.functions, &section.range())
            }
            Payload::MemorySection(section) => {
                self.memories += claimed(section)?;
                at_most(What::Memories, self.memories, limits.memories, &section.range())
            }
            Payload::GlobalSection(section) => {
                self.globals += claimed(section)?;
                at_most(What::Globals, self.globals, limits.globals, &section.range())
            }
            Payload::TagSection(section) => {
                self.tags += claimed(section)?;
                at_most(What::Tags, self.tags, limits.tags, &section.range())
            }
            Payload::ExportSection(section) => {
                at_most(What::Exports, claimed(section)?, limits.exports, &section.range())
            }
            Payload::TableSection(section) => claimed(section).map(drop),
            Payload::ElementSection(section) => claimed(section).map(drop),
            Payload::DataSection(section) => claimed(section).map(drop),
            Payload::CodeSectionStart { count, range, .. } => claim(*count, range).map(drop),
            Payload::CodeSectionEntry(body) => {
                let bytes = u64::try_from(body.range().len()).unwrap_or(u64::MAX);
                at_most(What::FunctionBytes, bytes, limits.function_bytes, &body.range())
            }
            _ => Ok(()),
        }
    }

    /// Takes notes of a section that the validator has found valid.
    fn after(&mut self, payload: Payload<'a>, features: WasmFeatures, limits: &Limits) -> Result<(), Fault> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    let at = offset..offset;
                    if matches!(import.ty, TypeRef::FuncExact(_)) && !features.custom_descriptors() {
                        let feature = WasmFeatures::CUSTOM_DESCRIPTORS;
                        return Err(FaultKind::Feature { feature, offset }.into());
                    }
                    match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                            self.functions += 1;
                            at_most(What::Functions, self.functions, limits.functions, &at)?;
                        }
                        TypeRef::Memory(_) => {
                            self.memories += 1;
                            at_most(What::Memories, self.memories, limits.memories, &at)?;
                        }
                        TypeRef::Global(_) => {
                            self.globals += 1;
                            at_most(What::Globals, self.globals, limits.globals, &at)?;
                        }
                        TypeRef::Tag(_) => {
                            self.tags += 1;
                            at_most(What::Tags, self.tags, limits.tags, &at)?;
                        }
                        TypeRef::Table(_) => {}
                    }
                    self.imports.push((offset, import));
                }
                Ok(())
            }
            Payload::TableSection(section) => table_elements(section, limits),
            Payload::MemorySection(section) => {
                let mut pages = 0u64;
                for memory in section.into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    pages = pages.saturating_add(memory.initial);
                    at_most(What::MemoryPages, pages, limits.memory_pages, &(offset..offset))?;
                }
                Ok(())
            }
            Payload::ExportSection(section) => {
                self.exports = section.into_iter().collect::<Result<_, _>>()?;
                Ok(())
            }
            Payload::StartSection { func, .. } => {
                self.start = Some(func);
                Ok(())
            }
            Payload::CustomSection(section) => {
                self.has_names |= section.name() == "name";
                self.has_debug_lines |= section.name() == ".debug_line";
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn table_elements(section: TableSectionReader<'_>, limits: &Limits) -> Result<(), Fault> {
    let mut elements = 0u64;
    for table in section.into_iter_with_offsets() {
        let (offset, table) = table?;
        elements = elements.saturating_add(table.ty.initial);
        at_most(What::TableElements, elements, limits.table_elements, &(offset..offset))?;
    }
    Ok(())
}

/// How many entries `section` claims to have.
fn claimed<T>(section: &SectionLimited<'_, T>) -> Result<u64, Fault> {
    claim(section.count(), &section.range())
}

/// `count` if a section at `range` can have so many entries: none is shorter than a byte.
fn claim(count: u32, range: &Range<usize>) -> Result<u64, Fault> {
    if usize::try_from(count).is_ok_and(|count| count <= range.len()) {
        return Ok(count.into());
    }
    Err(FaultKind::Claim { count, bytes: range.len(), offset: range.start }.into())
}

fn at_most(what: What, found: u64, limit: impl Into<u64>, range: &Range<usize>) -> Result<(), Fault> {
    let limit = limit.into();
    if found <= limit {
        return Ok(());
    }
    Err(FaultKind::Limit { what, found, limit, offset: range.start }.into())
}

/// The name that the name section of `wasm` gives to a function. Whatever is wrong with the module ends the search.
pub(super) fn function_name(wasm: &[u8], function: u32) -> Option<String> {
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CustomSection(section) = payload.ok()? else { continue };
        let KnownCustom::Name(names) = section.as_known() else { continue };
        if let Some(name) = name_in(names, function) {
            return Some(name);
        }
    }
    None
}

fn name_in(names: NameSectionReader<'_>, function: u32) -> Option<String> {
    for names in names {
        let Name::Function(names) = names.ok()? else { continue };
        for naming in names {
            let naming = naming.ok()?;
            if naming.index == function {
                return Some(naming.name.to_owned());
            }
        }
    }
    None
}
