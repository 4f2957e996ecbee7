//! What a module consists of, read without asking whether it is valid.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Serialize;
use wasmparser::{
    BinaryReader, CompositeInnerType, DataKind, ExternalKind, KnownCustom, Operator, Parser, Payload,
    RefType, TypeRef, ValType,
};

use super::features;
use crate::symbols::Symbols;

/// A section of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its name: that of the specification, or the one that a custom section has.
    pub name: String,
    /// Whether it is a custom section.
    pub custom: bool,
    /// The offset of its first byte, which tells what it is.
    pub offset: u64,
    /// Its size in bytes, with what stands before its content.
    pub bytes: u64,
}

/// Something that is imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// The module it names.
    pub module: String,
    /// The field it names.
    pub field: String,
    /// What is imported: `function`, `table`, `memory`, `global` or `tag`.
    pub kind: &'static str,
    /// The type of a function.
    #[serde(rename = "type")]
    pub ty: Option<String>,
}

/// Something that is exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What is exported: `function`, `table`, `memory`, `global` or `tag`.
    pub kind: &'static str,
    /// Its index.
    pub index: u32,
    /// The type of a function.
    #[serde(rename = "type")]
    pub ty: Option<String>,
}

/// A linear memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Its size at first, in pages of 64 KiB.
    pub initial_pages: u64,
    /// Its size at most, if the module says so.
    pub maximum_pages: Option<u64>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The type of its elements.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its number of elements at first.
    pub initial: u64,
    /// Its number of elements at most, if the module says so.
    pub maximum: Option<u64>,
}

/// A global.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Global {
    /// Its name, from the name section or its export.
    pub name: Option<String>,
    /// The type of its value.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether the program can change it.
    pub mutable: bool,
}

/// How many there are of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub types: u64,
    pub imported_functions: u64,
    pub functions: u64,
    pub code_bytes: u64,
    /// Instructions in all functions.
    pub instructions: u64,
    pub tags: u64,
    pub data_segments: u64,
    pub data_bytes: u64,
    pub element_segments: u64,
}

/// A tool or language that a module was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub role: String,
    /// What it is called.
    pub name: String,
    /// Its version, which may be empty.
    pub version: String,
}

/// The names of sections in the order of their numbers.
const SECTIONS: [&str; 14] = [
    "custom",
    "type",
    "import",
    "function",
    "table",
    "memory",
    "global",
    "export",
    "start",
    "element",
    "code",
    "data",
    "data count",
    "tag",
];

/// The sections of a module, and what is wrong behind the last of them.
pub(super) fn sections(wasm: &[u8]) -> (Vec<Section>, Option<String>) {
    let Some(rest) = wasm.strip_prefix(b"\0asm\x01\0\0\0") else {
        return (Vec::new(), Some("this is not a WebAssembly module".to_owned()));
    };
    let mut reader = BinaryReader::new(rest, 8);
    let mut sections = Vec::new();
    while !reader.eof() {
        let offset = reader.original_position();
        let Some(section) = section(&mut reader, offset) else {
            return (sections, Some(format!("the section at offset {offset:#x} is cut off")));
        };
        sections.push(section);
    }
    (sections, None)
}

fn section(reader: &mut BinaryReader<'_>, offset: usize) -> Option<Section> {
    let id = reader.read_u8().ok()?;
    let size = usize::try_from(reader.read_var_u32().ok()?).ok()?;
    let start = reader.original_position();
    let content = reader.read_bytes(size).ok()?;
    let mut custom = BinaryReader::new(content, start);
    let name = match SECTIONS.get(usize::from(id)) {
        Some(_) if id == 0 => custom.read_string().unwrap_or_default().to_owned(),
        Some(name) => (*name).to_owned(),
        None => format!("number {id}"),
    };
    let bytes = u64::try_from(reader.original_position() - offset).ok()?;
    Some(Section { name, custom: id == 0, offset: u64::try_from(offset).ok()?, bytes })
}

/// What a module consists of, as far as it can be taken apart.
#[derive(Default)]
pub(super) struct Outline {
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    pub(super) memories: Vec<Memory>,
    pub(super) tables: Vec<Table>,
    pub(super) globals: Vec<Global>,
    pub(super) start: Option<u32>,
    pub(super) counts: Counts,
    pub(super) features: BTreeSet<&'static str>,
    pub(super) producers: Vec<Producer>,
    pub(super) has_names: bool,
    types: Vec<Option<wasmparser::FuncType>>,
    functions: Vec<u32>,
}

impl Outline {
    /// Reads a module up to where it is malformed.
    pub(super) fn read(wasm: &[u8], symbols: &Symbols<'_>) -> Self {
        let mut outline = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let Ok(payload) = payload else { break };
            if outline.note(payload).is_none() {
                break;
            }
        }
        for (index, global) in (0..).zip(&mut outline.globals) {
            global.name = symbols.global_name(index).map(str::to_owned);
        }
        for export in &mut outline.exports {
            if export.kind == "function" {
                let ty = usize::try_from(export.index).ok().and_then(|index| outline.functions.get(index));
                export.ty = ty.and_then(|ty| type_text(&outline.types, *ty));
            }
        }
        outline
    }

    fn note(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group.ok()?.into_types() {
                        self.counts.types += 1;
                        let function = match &ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty.clone()),
                            _ => None,
                        };
                        if function.as_ref().is_some_and(|ty| ty.results().len() > 1) {
                            self.features.insert("multiple values");
                        }
                        self.types.push(function);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(&import.ok()?);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty.ok()?);
                    self.counts.functions += 1;
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.table(&table.ok()?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memory(&memory.ok()?);
                }
            }
            Payload::TagSection(section) => self.counts.tags += u64::from(section.count()),
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global.ok()?;
                    self.global(&global.ty);
                    let extended = |operator: Operator<'_>| {
                        matches!(
                            operator,
                            Operator::I32Add
                                | Operator::I32Sub
                                | Operator::I32Mul
                                | Operator::I64Add
                                | Operator::I64Sub
                                | Operator::I64Mul
                        )
                    };
                    let operators = global.init_expr.get_operators_reader();
                    if operators.into_iter().map_while(Result::ok).any(extended) {
                        self.features.insert("extended constants");
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    let kind = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => "function",
                        ExternalKind::Table => "table",
                        ExternalKind::Memory => "memory",
                        ExternalKind::Global => "global",
                        ExternalKind::Tag => "tag",
                    };
                    let name = export.name.to_owned();
                    self.exports.push(Export { name, kind, index: export.index, ty: None });
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => self.counts.element_segments += u64::from(section.count()),
            Payload::DataSection(section) => {
                for data in section {
                    let data = data.ok()?;
                    self.counts.data_segments += 1;
                    self.counts.data_bytes += length(&(0..data.data.len()));
                    if matches!(data.kind, DataKind::Passive) {
                        self.features.insert("bulk memory");
                    }
                }
            }
            Payload::CodeSectionStart { range, .. } => self.counts.code_bytes = length(&range),
            Payload::CodeSectionEntry(body) => {
                let mut operators = body.get_operators_reader().ok()?;
                while !operators.eof() {
                    let operator = operators.read().ok()?;
                    self.counts.instructions += 1;
                    self.features.extend(features::of(&operator));
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(_) => self.has_names = true,
                KnownCustom::Producers(fields) => {
                    for field in fields.into_iter().map_while(Result::ok) {
                        for value in field.values.into_iter().map_while(Result::ok) {
                            self.producers.push(Producer {
                                role: field.name.to_owned(),
                                name: value.name.to_owned(),
                                version: value.version.to_owned(),
                            });
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
        Some(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) {
        let mut text = None;
        let kind = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                self.counts.imported_functions += 1;
                text = type_text(&self.types, ty);
                "function"
            }
            TypeRef::Table(ty) => {
                self.table(&ty);
                "table"
            }
            TypeRef::Memory(ty) => {
                self.memory(&ty);
                "memory"
            }
            TypeRef::Global(ty) => {
                self.global(&ty);
                "global"
            }
            TypeRef::Tag(_) => {
                self.counts.tags += 1;
                "tag"
            }
        };
        let (module, field) = (import.module.to_owned(), import.name.to_owned());
        self.imports.push(Import { module, field, kind, ty: text });
    }

    fn table(&mut self, ty: &wasmparser::TableType) {
        if !self.tables.is_empty() {
            self.features.insert("reference types");
        }
        let text = reference(ty.element_type);
        self.tables.push(Table { ty: text, initial: ty.initial, maximum: ty.maximum });
    }

    fn memory(&mut self, ty: &wasmparser::MemoryType) {
        if !self.memories.is_empty() {
            self.features.insert("multiple memories");
        }
        if ty.shared {
            self.features.insert("threads");
        }
        if ty.memory64 {
            self.features.insert("64-bit memories");
        }
        self.memories.push(Memory { initial_pages: ty.initial, maximum_pages: ty.maximum });
    }

    fn global(&mut self, ty: &wasmparser::GlobalType) {
        self.globals.push(Global { name: None, ty: value_type(ty.content_type), mutable: ty.mutable });
    }
}

fn value_type(ty: ValType) -> String {
    match ty {
        ValType::Ref(ty) => reference(ty),
        number => number.to_string(),
    }
}

fn reference(ty: RefType) -> String {
    let name = match ty {
        RefType::FUNCREF => "funcref",
        RefType::EXTERNREF => "externref",
        RefType::EXNREF => "exnref",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// How many types of a list are told.
const MAX_TYPES: usize = 12;

/// As in `(i32, i64) -> f32` and `() -> (i32, i32)`; long lists are cut.
fn type_text(types: &[Option<wasmparser::FuncType>], ty: u32) -> Option<String> {
    let ty = types.get(usize::try_from(ty).ok()?)?.as_ref()?;
    Some(match ty.results() {
        [] => list(ty.params()),
        [result] => format!("{} -> {}", list(ty.params()), value_type(*result)),
        results => format!("{} -> {}", list(ty.params()), list(results)),
    })
}

fn list(types: &[ValType]) -> String {
    let mut texts: Vec<String> = types.iter().take(MAX_TYPES).map(|ty| value_type(*ty)).collect();
    if types.len() > MAX_TYPES {
        texts.push("…".to_owned());
    }
    format!("({})", texts.join(", "))
}

fn length(range: &Range<usize>) -> u64 {
    u64::try_from(range.len()).unwrap_or(u64::MAX)
}
