//! What snapshots have to know of a module: its sections, and the entries of those that a state can change.

use std::ops::Range;

use gate_instrument::accept::ValueType;
use wasmparser::{
    AbstractHeapType, BinaryReader, ConstExpr, Data, DataKind, Element, ElementItems, ElementKind,
    ExternalKind, FromReader, GlobalType, HeapType, MemoryType, RefType, SectionLimited, TableType, TypeRef,
    ValType,
};

use crate::sections::{self, Section, SectionError, sections};

/// The id of the type section.
const TYPE: u8 = 1;
/// The id of the import section.
const IMPORT: u8 = 2;
/// The id of the function section.
const FUNCTION: u8 = 3;
/// The id of the table section.
pub(super) const TABLE: u8 = 4;
/// The id of the section with the number of data segments.
pub(super) const DATA_COUNT: u8 = 12;
/// The id of the tag section.
const TAG: u8 = 13;

/// How many segments of each kind a module can have: as many as browsers take.
pub(super) const MAX_SEGMENTS: usize = 100_000;

/// The `i32.const` instruction.
pub(super) const I32_CONST: u8 = 0x41;
/// The `end` instruction.
pub(super) const END: u8 = 0x0b;
/// The `ref.func` instruction.
pub(super) const REF_FUNC: u8 = 0xd2;
/// The `ref.null` instruction.
pub(super) const REF_NULL: u8 = 0xd0;

/// Why a module cannot be taken apart. One that was accepted can be.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ModuleError {
    /// Its bytes are not sections.
    #[error(transparent)]
    Sections(#[from] SectionError),
    /// An entry of a section is malformed.
    #[error("the module is malformed at offset {offset:#x}")]
    Malformed { offset: usize, source: wasmparser::Error },
    /// A section that can be there once is there twice, or stands behind one that it should be before.
    #[error("section {id} at offset {offset:#x} is not where it can be")]
    Order { id: u8, offset: usize },
    /// There is something that no accepted module has.
    #[error("there is {what} at offset {offset:#x}, which no accepted module has")]
    Unexpected { what: &'static str, offset: usize },
    /// There are too many segments.
    #[error("the module has more than {MAX_SEGMENTS} segments at offset {offset:#x}")]
    Segments { offset: usize },
}

impl From<wasmparser::Error> for ModuleError {
    fn from(source: wasmparser::Error) -> Self {
        Self::Malformed { offset: source.offset(), source }
    }
}

/// A module, taken apart as far as snapshots need it.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) sections: Vec<Section<'a>>,
    /// How many functions there are.
    pub(super) functions: u32,
    pub(super) tables: Vec<Table>,
    pub(super) memories: Vec<Memory>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) elements: Vec<Segment<'a, Element<'a>>>,
    pub(super) data: Vec<Segment<'a, Data<'a>>>,
    /// The functions that are exported.
    pub(super) exported: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) ty: TableType,
    pub(super) element: ValueType,
    /// The bytes that tell the type of the elements.
    pub(super) element_bytes: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) ty: MemoryType,
}

#[derive(Debug)]
pub(super) struct Global<'a> {
    pub(super) ty: ValueType,
    /// The byte of the type of its null, if it is a reference.
    pub(super) heap_type: u8,
    /// The bytes that tell its type.
    pub(super) type_bytes: Range<usize>,
    pub(super) initial: ConstExpr<'a>,
}

/// A segment, with its bytes.
pub(super) struct Segment<'a, T> {
    pub(super) bytes: &'a [u8],
    pub(super) is_active: bool,
    pub(super) segment: T,
}

impl<T> std::fmt::Debug for Segment<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("is_active", &self.is_active).finish_non_exhaustive()
    }
}

/// Where a section that is not a custom one stands among the others.
pub(super) const fn rank(id: u8) -> Option<u8> {
    Some(match id {
        TYPE => 10,
        IMPORT => 20,
        FUNCTION => 30,
        TABLE => 40,
        sections::MEMORY => 50,
        TAG => 60,
        sections::GLOBAL => 70,
        sections::EXPORT => 80,
        sections::START => 90,
        sections::ELEMENT => 100,
        DATA_COUNT => 110,
        sections::CODE => 120,
        sections::DATA => 130,
        _ => return None,
    })
}

impl<'a> Parts<'a> {
    /// Takes a module apart.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ModuleError> {
        let mut parts = Self { bytes, ..Self::default() };
        let mut last = 0;
        for section in sections(bytes) {
            let section = section?;
            if section.id != sections::CUSTOM {
                let wrong = ModuleError::Order { id: section.id, offset: section.whole.start };
                let Some(rank) = rank(section.id).filter(|rank| *rank > last) else { return Err(wrong) };
                last = rank;
                parts.note(&section)?;
            }
            parts.sections.push(section);
        }
        Ok(parts)
    }

    /// The entries of a section.
    fn entries<T: FromReader<'a>>(
        &self,
        section: &Section<'a>,
    ) -> Result<SectionLimited<'a, T>, ModuleError> {
        Ok(SectionLimited::new(self.reader(section.content.clone()))?)
    }

    fn reader(&self, range: Range<usize>) -> BinaryReader<'a> {
        let start = range.start;
        BinaryReader::new(self.bytes.get(range).unwrap_or_default(), start)
    }

    fn note(&mut self, section: &Section<'a>) -> Result<(), ModuleError> {
        match section.id {
            IMPORT => self.imports(section)?,
            FUNCTION => self.functions = self.functions.saturating_add(self.entries::<u32>(section)?.count()),
            TABLE => self.table_types(section)?,
            sections::MEMORY => {
                for entry in self.entries::<MemoryType>(section)?.into_iter_with_offsets() {
                    let (offset, ty) = entry?;
                    if ty.memory64 || ty.shared || ty.page_size_log2.is_some() {
                        return Err(ModuleError::Unexpected { what: "an unusual memory", offset });
                    }
                    self.memories.push(Memory { ty });
                }
            }
            sections::GLOBAL => self.global_types(section)?,
            sections::EXPORT => {
                for export in self.entries::<wasmparser::Export<'a>>(section)? {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.exported.push(export.index);
                    }
                }
            }
            sections::ELEMENT => {
                for entry in self.entries::<Element<'a>>(section)?.into_iter_with_offsets() {
                    let (offset, segment) = entry?;
                    let bytes = &self.bytes[segment.range.clone()];
                    let is_active = matches!(segment.kind, ElementKind::Active { .. });
                    push(&mut self.elements, Segment { bytes, is_active, segment }, offset)?;
                }
            }
            sections::DATA => {
                for entry in self.entries::<Data<'a>>(section)?.into_iter_with_offsets() {
                    let (offset, segment) = entry?;
                    let bytes = &self.bytes[segment.range.clone()];
                    let is_active = matches!(segment.kind, DataKind::Active { .. });
                    push(&mut self.data, Segment { bytes, is_active, segment }, offset)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn imports(&mut self, section: &Section<'a>) -> Result<(), ModuleError> {
        for entry in self.entries::<wasmparser::Imports<'a>>(section)?.into_imports_with_offsets() {
            let (offset, import) = entry?;
            if !matches!(import.ty, TypeRef::Func(_)) {
                return Err(ModuleError::Unexpected { what: "an import that is not a function", offset });
            }
            self.functions = self.functions.saturating_add(1);
        }
        Ok(())
    }

    fn table_types(&mut self, section: &Section<'a>) -> Result<(), ModuleError> {
        let mut reader = self.reader(section.content.clone());
        for _ in 0..reader.read_var_u32()? {
            let offset = reader.original_position();
            let element: RefType = reader.clone().read().map_err(ModuleError::from)?;
            let mut behind = reader.clone();
            behind.read::<RefType>()?;
            let element_bytes = offset..behind.original_position();
            let ty: TableType = reader.read()?;
            if ty.table64 || ty.shared {
                return Err(ModuleError::Unexpected { what: "an unusual table", offset });
            }
            let (element, _) = value_type(ValType::Ref(element), offset)?;
            self.tables.push(Table { ty, element, element_bytes });
        }
        end(&reader)
    }

    fn global_types(&mut self, section: &Section<'a>) -> Result<(), ModuleError> {
        let mut reader = self.reader(section.content.clone());
        for _ in 0..reader.read_var_u32()? {
            let offset = reader.original_position();
            let ty: GlobalType = reader.read()?;
            let type_bytes = offset..reader.original_position();
            let (ty, heap_type) = value_type(ty.content_type, offset)?;
            self.globals.push(Global { ty, heap_type, type_bytes, initial: reader.read()? });
        }
        end(&reader)
    }

    /// Whether there is a section with an id.
    pub(super) fn has(&self, id: u8) -> bool {
        self.sections.iter().any(|section| section.id == id)
    }

    /// The functions that code can refer to because elements or globals or, if these count, exports do.
    pub(super) fn referenced(&self, exports_count: bool) -> Result<Vec<u32>, ModuleError> {
        let mut all = if exports_count { self.exported.clone() } else { Vec::new() };
        for global in &self.globals {
            all.extend(function_of(&global.initial)?);
        }
        for element in &self.elements {
            for item in items(&element.segment)? {
                all.extend(item);
            }
        }
        Ok(all)
    }
}

/// A section ends with its last entry.
fn end(reader: &BinaryReader<'_>) -> Result<(), ModuleError> {
    let offset = reader.original_position();
    if reader.eof() {
        Ok(())
    } else {
        Err(ModuleError::Unexpected { what: "something behind a last entry", offset })
    }
}

fn push<T>(list: &mut Vec<T>, entry: T, offset: usize) -> Result<(), ModuleError> {
    if list.len() == MAX_SEGMENTS {
        return Err(ModuleError::Segments { offset });
    }
    list.push(entry);
    Ok(())
}

/// The type of values, and the byte for its null if it is one of references.
fn value_type(ty: ValType, offset: usize) -> Result<(ValueType, u8), ModuleError> {
    let unexpected = ModuleError::Unexpected { what: "an unusual type of reference", offset };
    Ok(match ty {
        ValType::I32 => (ValueType::I32, 0),
        ValType::I64 => (ValueType::I64, 0),
        ValType::F32 => (ValueType::F32, 0),
        ValType::F64 => (ValueType::F64, 0),
        ValType::V128 => (ValueType::V128, 0),
        ValType::Ref(ty) => match ty.heap_type() {
            _ if !ty.is_nullable() => return Err(unexpected),
            HeapType::Abstract { shared: false, ty: AbstractHeapType::Func } => (ValueType::FuncRef, 0x70),
            HeapType::Abstract { shared: false, ty: AbstractHeapType::Extern } => {
                (ValueType::ExternRef, 0x6f)
            }
            HeapType::Abstract { shared: false, ty: AbstractHeapType::Exn } => (ValueType::ExnRef, 0x69),
            HeapType::Abstract { shared: false, ty: AbstractHeapType::NoExn } => (ValueType::ExnRef, 0x74),
            HeapType::Abstract { .. } | HeapType::Concrete(_) | HeapType::Exact(_) => return Err(unexpected),
        },
    })
}

/// The function that an expression gives, if it gives one.
pub(super) fn function_of(expression: &ConstExpr<'_>) -> Result<Option<u32>, ModuleError> {
    let mut reader = expression.get_binary_reader();
    if reader.read_u8()? == REF_FUNC { Ok(Some(reader.read_var_u32()?)) } else { Ok(None) }
}

/// The offset that an active segment has, if that is a constant.
pub(super) fn offset_of(expression: &ConstExpr<'_>) -> Option<u32> {
    let mut reader = expression.get_binary_reader();
    let offset = (reader.read_u8().ok()? == I32_CONST).then(|| reader.read_var_i32().ok())??;
    reader.is_end_then_eof().then_some(offset.cast_unsigned())
}

/// What a segment has: functions and nulls. (Expressions that are anything else count as null: they are of no table of
/// functions.)
pub(super) fn items(element: &Element<'_>) -> Result<Vec<Option<u32>>, ModuleError> {
    match &element.items {
        ElementItems::Functions(functions) => {
            Ok(functions.clone().into_iter().map(|function| function.map(Some)).collect::<Result<_, _>>()?)
        }
        ElementItems::Expressions(_, expressions) => {
            expressions.clone().into_iter().map(|expression| function_of(&expression?)).collect()
        }
    }
}
