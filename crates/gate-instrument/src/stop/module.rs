//! What the transform knows of a module as a whole.

use std::ops::Range;

use wasmparser::{
    BinaryReader, BlockType, CompositeInnerType, ConstExpr, Data, Element, ExternalKind, FuncToValidate,
    FuncValidator, FuncValidatorAllocations, FunctionBody, GlobalType, KnownCustom, MemoryType, Parser,
    Payload, TableType, TypeRef, ValidPayload, Validator, ValidatorResources,
};

use super::error::StopError;
use super::values;
use crate::accept::{ACCEPTED, FunctionType};

/// A module, taken apart as far as all its functions have it in common.
#[derive(Default)]
pub(super) struct Module<'a> {
    /// All its bytes.
    pub(super) wasm: &'a [u8],
    /// The function types.
    pub(super) types: Vec<FunctionType>,
    /// The type index of every function, imported ones first.
    pub(super) functions: Vec<u32>,
    /// The imported functions.
    pub(super) imports: Vec<Import<'a>>,
    /// The tables, imported ones first.
    pub(super) tables: Vec<TableType>,
    /// The memories, imported ones first.
    pub(super) memories: Vec<MemoryType>,
    /// The globals, imported ones first.
    pub(super) globals: Vec<GlobalType>,
    /// What the globals start with that are not imported.
    pub(super) initial: Vec<ConstExpr<'a>>,
    /// The type index of every exception tag, imported ones first.
    pub(super) tags: Vec<u32>,
    /// The names of the exports.
    pub(super) exports: Vec<&'a str>,
    /// The functions that are exported, by name.
    pub(super) exported: Vec<(&'a str, u32)>,
    /// The start function.
    pub(super) start: Option<u32>,
    /// The element segments.
    pub(super) elements: Vec<Element<'a>>,
    /// The data segments.
    pub(super) data: Vec<Data<'a>>,
    /// The name section, without names of labels, which are other ones in a stoppable module.
    pub(super) names: Vec<u8>,
    /// The bodies of the functions that are not imported.
    pub(super) bodies: Vec<FunctionBody<'a>>,
    resources: Option<ValidatorResources>,
    sections: Vec<Section>,
}

/// An imported function.
pub(super) struct Import<'a> {
    /// The module it is imported from.
    pub(super) module: &'a str,
    /// Its name there.
    pub(super) field: &'a str,
    /// Where the import is, in bytes from the start of the module.
    pub(super) offset: u32,
}

/// A section that the transform keeps and appends to.
struct Section {
    id: u8,
    count: u32,
    entries: Range<usize>,
}

impl<'a> Module<'a> {
    /// Takes a module apart. Its sections are validated, its bodies not yet.
    pub(super) fn parse(wasm: &'a [u8]) -> Result<Self, StopError> {
        let mut parser = Parser::new(0);
        parser.set_features(ACCEPTED);
        let mut validator = Validator::new_with_features(ACCEPTED);
        let mut module = Self { wasm, ..Self::default() };
        for payload in parser.parse_all(wasm) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                module.resources.get_or_insert(function.resources);
                module.bodies.push(body);
            }
            module.note(payload)?;
        }
        Ok(module)
    }

    fn note(&mut self, payload: Payload<'a>) -> Result<(), StopError> {
        match payload {
            Payload::TypeSection(section) => {
                self.keep(1, section.count(), section.range());
                for group in section {
                    for ty in group?.into_types() {
                        if let CompositeInnerType::Func(ty) = &ty.composite_type.inner {
                            self.types.push(values::function_type(ty));
                        }
                    }
                }
            }
            Payload::ImportSection(section) => {
                self.keep(2, section.count(), section.range());
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    match import.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                            self.functions.push(ty);
                            let offset = count(offset);
                            self.imports.push(Import { module: import.module, field: import.name, offset });
                        }
                        TypeRef::Table(ty) => self.tables.push(ty),
                        TypeRef::Memory(ty) => self.memories.push(ty),
                        TypeRef::Global(ty) => self.globals.push(ty),
                        TypeRef::Tag(ty) => self.tags.push(ty.func_type_idx),
                    }
                }
            }
            Payload::FunctionSection(section) => {
                self.keep(3, section.count(), section.range());
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                self.keep(4, section.count(), section.range());
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(section) => {
                self.keep(5, section.count(), section.range());
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.globals.push(global.ty);
                    self.initial.push(global.init_expr);
                }
            }
            Payload::TagSection(section) => {
                self.keep(13, section.count(), section.range());
                for tag in section {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::ExportSection(section) => {
                self.keep(7, section.count(), section.range());
                for export in section {
                    let export = export?;
                    self.exports.push(export.name);
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                        self.exported.push((export.name, export.index));
                    }
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.elements.push(element?);
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    self.data.push(data?);
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(_) = section.as_known() {
                    self.names = without_labels(section.data());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes where the entries of a section are. Its range starts with their number, which has as many bytes as its
    /// encoder chose to give it.
    fn keep(&mut self, id: u8, count: u32, range: Range<usize>) {
        let bytes = self.wasm.get(range.clone()).unwrap_or_default();
        let digits = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let entries = range.start.saturating_add(digits).min(range.end)..range.end;
        self.sections.push(Section { id, count, entries });
    }

    /// How many entries a section has, and their bytes.
    pub(super) fn section(&self, id: u8) -> (u32, &'a [u8]) {
        self.sections.iter().find(|section| section.id == id).map_or((0, &[]), |section| {
            (section.count, self.wasm.get(section.entries.clone()).unwrap_or_default())
        })
    }

    /// The function that is exported by a name.
    pub(super) fn function_named(&self, name: &str) -> Option<u32> {
        self.exported.iter().find(|(exported, _)| *exported == name).map(|(_, function)| *function)
    }

    /// How many functions are imported.
    pub(super) fn imported(&self) -> u32 {
        count(self.imports.len())
    }

    /// The type of a function.
    pub(super) fn function_type(&self, function: u32) -> &FunctionType {
        let ty = self.functions.get(index(function)).copied();
        ty.map(|ty| self.type_at(ty)).expect("the validator checks function indices")
    }

    /// The type with an index.
    pub(super) fn type_at(&self, ty: u32) -> &FunctionType {
        self.types.get(index(ty)).expect("the validator checks type indices")
    }

    /// The body of a function, if it is not imported.
    pub(super) fn body(&self, function: u32) -> Option<&FunctionBody<'a>> {
        self.bodies.get(index(function.checked_sub(self.imported())?))
    }

    /// A validator for a function's body.
    pub(super) fn validator(&self, function: u32) -> FuncValidator<ValidatorResources> {
        let resources = self.resources.clone().expect("a module with a body has resources to validate it");
        let ty = self.functions.get(index(function)).copied().expect("the function has a body");
        FuncToValidate { resources, index: function, ty, features: ACCEPTED }
            .into_validator(FuncValidatorAllocations::default())
    }

    /// How many parameters and results a block has.
    pub(super) fn block_type(&self, ty: BlockType) -> FunctionType {
        match ty {
            BlockType::Empty => FunctionType { params: Vec::new(), results: Vec::new() },
            BlockType::Type(ty) => FunctionType { params: Vec::new(), results: vec![values::value_type(ty)] },
            BlockType::FuncType(ty) => self.type_at(ty).clone(),
        }
    }
}

/// The subsections of a name section but for that of labels, up to the first that is malformed.
fn without_labels(names: &[u8]) -> Vec<u8> {
    const LABELS: u8 = 3;
    let mut kept = Vec::new();
    let mut reader = BinaryReader::new(names, 0);
    while !reader.eof() {
        let start = reader.original_position();
        let Ok(id) = reader.read_u8() else { break };
        let bytes = reader.read_var_u32().and_then(|size| reader.read_bytes(index(size)));
        if bytes.is_err() {
            break;
        }
        if id != LABELS {
            kept.extend_from_slice(names.get(start..reader.original_position()).unwrap_or_default());
        }
    }
    kept
}

/// An index as a position in memory.
pub(super) fn index(index: u32) -> usize {
    usize::try_from(index).expect("supported hosts have addresses of at least 32 bits")
}

/// A length as an index. A module is less than 4 GiB large, and so is everything that is made of it in proportion.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are in proportion to those of a module, which have 32 bits")
}
