//! Puts the module together: sections of the program, of the module with its state, and what is added.

use std::ops::Range;

use wasm_encoder::{
    CustomSection, ElementSection, Elements, Encode, ExportSection, FunctionSection, RawSection,
};
use wasmparser::{BinaryReader, ExternalKind, Parser, Payload};

use super::StandaloneError;
use super::functions::Functions;
use crate::stop::assemble;
use crate::stop::error::StopError;
use crate::stop::module::Module;
use crate::stop::sections::{self, Entries};

/// The name of what is to be run.
const START: &str = "_start";

const ELEMENT: u8 = 9;
const CODE: u8 = 10;

/// The order of sections in a module, that of the start function left out.
const ORDER: [u8; 12] = [1, 2, 3, 4, 5, 13, 6, 7, ELEMENT, 12, CODE, 11];

/// The sections whose contents make up the state.
const OF_STATE: [u8; 6] = [4, 5, 6, ELEMENT, 12, 11];

/// A module with the state of a program.
pub(super) struct State<'s> {
    wasm: &'s [u8],
    sections: Vec<(u8, Range<usize>)>,
}

impl<'s> State<'s> {
    /// Finds the sections of a module that is to be like the program but for its state.
    pub(super) fn read(module: &Module<'_>, wasm: &'s [u8]) -> Result<Self, StandaloneError> {
        let state = Self { wasm, sections: ranges(wasm)? };
        let program = State { wasm: module.wasm, sections: ranges(module.wasm)? };
        for id in ORDER {
            if id != sections::EXPORT && !OF_STATE.contains(&id) && state.section(id) != program.section(id) {
                return Err(StandaloneError::State { id });
            }
        }
        Ok(state)
    }

    /// The contents of a section, if there is one.
    fn section(&self, id: u8) -> Option<&'s [u8]> {
        let (_, range) = self.sections.iter().find(|(found, _)| *found == id)?;
        self.wasm.get(range.clone())
    }
}

/// The sections of a module that are not custom ones.
fn ranges(wasm: &[u8]) -> Result<Vec<(u8, Range<usize>)>, StopError> {
    let mut parser = Parser::new(0);
    parser.set_features(crate::accept::ACCEPTED);
    let mut sections = Vec::new();
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        let is_custom = matches!(payload, Payload::CustomSection(_));
        sections.extend(payload.as_section().filter(|_| !is_custom));
    }
    Ok(sections)
}

/// The module.
pub(super) fn assemble(
    module: &Module<'_>,
    state: &State<'_>,
    functions: &Functions,
) -> Result<Vec<u8>, StandaloneError> {
    let mut encoded = wasm_encoder::Module::new();
    for id in ORDER {
        let added = match id {
            sections::TYPE => assemble::type_entries(&functions.added_types),
            sections::FUNCTION => {
                let mut section = FunctionSection::new();
                for ty in &functions.types {
                    section.function(*ty);
                }
                Entries::of(&section)
            }
            sections::EXPORT => {
                let section = exports(module, functions.start)?;
                encoded.section(&section);
                continue;
            }
            ELEMENT => declarations(functions),
            CODE => {
                extend(&mut encoded, id, state.section(id), &functions.bodies)?;
                continue;
            }
            _ => Entries::default(),
        };
        extend(&mut encoded, id, state.section(id), &added)?;
    }
    if !module.names.is_empty() {
        encoded.section(&CustomSection { name: "name".into(), data: module.names.as_slice().into() });
    }
    Ok(encoded.finish())
}

/// Appends a section with more entries.
fn extend(
    to: &mut wasm_encoder::Module,
    id: u8,
    contents: Option<&[u8]>,
    added: &Entries,
) -> Result<(), StopError> {
    if added.is_empty() {
        if let Some(data) = contents {
            to.section(&RawSection { id, data });
        }
        return Ok(());
    }
    let contents = contents.unwrap_or(&[0]);
    let mut reader = BinaryReader::new(contents, 0);
    let number = reader.read_var_u32()?;
    let entries = contents.get(reader.original_position()..).unwrap_or_default();
    let mut data = Vec::with_capacity(contents.len() + 5);
    number.saturating_add(added.count()).encode(&mut data);
    data.extend_from_slice(entries);
    data.extend_from_slice(added.bytes());
    to.section(&RawSection { id, data: &data });
    Ok(())
}

/// The exports of the program that are not functions, and what is to be run.
fn exports(module: &Module<'_>, start: u32) -> Result<ExportSection, StopError> {
    let mut section = ExportSection::new();
    for payload in Parser::new(0).parse_all(module.wasm) {
        let Payload::ExportSection(exports) = payload? else { continue };
        for export in exports {
            let export = export?;
            let kind = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => continue,
                ExternalKind::Table => wasm_encoder::ExportKind::Table,
                ExternalKind::Memory => wasm_encoder::ExportKind::Memory,
                ExternalKind::Global => wasm_encoder::ExportKind::Global,
                ExternalKind::Tag => wasm_encoder::ExportKind::Tag,
            };
            if export.name != START {
                section.export(export.name, kind, export.index);
            }
        }
    }
    section.export(START, wasm_encoder::ExportKind::Func, start);
    Ok(section)
}

/// A segment for functions that code refers to, as they need not be exported any more, or in other segments.
fn declarations(functions: &Functions) -> Entries {
    if functions.referenced.is_empty() {
        return Entries::default();
    }
    let referenced: Vec<_> = functions.referenced.iter().copied().collect();
    let mut section = ElementSection::new();
    section.declared(Elements::Functions(referenced.into()));
    Entries::of(&section)
}
