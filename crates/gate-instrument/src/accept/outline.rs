//! What a valid module consists of.

use wasmparser::types::{CoreTypeId, TypesRef};
use wasmparser::{ExternalKind, TypeRef};

use super::types::FunctionType;
use super::walk::Notes;

/// What a valid module consists of, apart from its code.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The exports, in order; their names are all different.
    pub exports: Vec<Export>,
    /// The start function, which instantiation runs.
    pub start: Option<u32>,
    /// How many functions there are, imported ones included.
    pub functions: u32,
    /// The memories, imported ones first.
    pub memories: Vec<Memory>,
    /// The tables, imported ones first.
    pub tables: Vec<Table>,
    /// Whether there is a name section. It may be malformed.
    pub has_names: bool,
    /// Whether there is a `.debug_line` section. It may be malformed.
    pub has_debug_lines: bool,
}

/// An import. Its names are as the module has them: not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The module it names.
    pub module: String,
    /// The field it names.
    pub field: String,
    /// What is imported.
    pub kind: Kind,
    /// Its offset in the module.
    pub offset: usize,
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name as the module has it: not escaped.
    pub name: String,
    /// The index of what is exported, in the module's index space of its kind.
    pub index: u32,
    /// What is exported.
    pub kind: Kind,
}

/// What is imported or exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function of this type.
    Function(FunctionType),
    /// A table.
    Table,
    /// A memory.
    Memory,
    /// A global.
    Global,
    /// An exception tag.
    Tag,
}

impl Kind {
    /// What it is called in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Function(_) => "function",
            Self::Table => "table",
            Self::Memory => "memory",
            Self::Global => "global",
            Self::Tag => "tag",
        }
    }
}

/// The size of a memory, in pages of 64 KiB, at most 65,536.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// When the instance starts.
    pub initial_pages: u32,
    /// At most, if the module says so.
    pub maximum_pages: Option<u32>,
}

/// The size of a table, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// When the instance starts.
    pub initial: u32,
    /// At most, if the module says so.
    pub maximum: Option<u32>,
}

impl Outline {
    /// What `notes` say of a module that is valid with the accepted features.
    pub(super) fn from_notes(notes: &Notes<'_>) -> Self {
        let types = notes.types.as_ref();
        let imports: Vec<_> = notes
            .imports
            .iter()
            .map(|(offset, import)| Import {
                module: import.module.to_owned(),
                field: import.name.to_owned(),
                kind: match import.ty {
                    TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                        Kind::Function(function_type(types, types.core_type_at_in_module(ty)))
                    }
                    TypeRef::Table(_) => Kind::Table,
                    TypeRef::Memory(_) => Kind::Memory,
                    TypeRef::Global(_) => Kind::Global,
                    TypeRef::Tag(_) => Kind::Tag,
                },
                offset: *offset,
            })
            .collect();
        let exports: Vec<_> = notes
            .exports
            .iter()
            .map(|export| Export {
                name: export.name.to_owned(),
                index: export.index,
                kind: match export.kind {
                    ExternalKind::Func | ExternalKind::FuncExact => {
                        Kind::Function(function_type(types, types.core_function_at(export.index)))
                    }
                    ExternalKind::Table => Kind::Table,
                    ExternalKind::Memory => Kind::Memory,
                    ExternalKind::Global => Kind::Global,
                    ExternalKind::Tag => Kind::Tag,
                },
            })
            .collect();
        let memories = (0..types.memory_count()).map(|index| {
            let memory = types.memory_at(index);
            Memory { initial_pages: size(memory.initial), maximum_pages: memory.maximum.map(size) }
        });
        let tables = (0..types.table_count()).map(|index| {
            let table = types.table_at(index);
            Table { initial: size(table.initial), maximum: table.maximum.map(size) }
        });
        Self {
            imports,
            exports,
            start: notes.start,
            functions: types.function_count(),
            memories: memories.collect(),
            tables: tables.collect(),
            has_names: notes.has_names,
            has_debug_lines: notes.has_debug_lines,
        }
    }
}

fn size(size: u64) -> u32 {
    u32::try_from(size).expect("valid without 64-bit memories and tables")
}

/// A copy of a function's type. All imports and exports together have at most a million parameters and results, which the
/// validator counts, so that the copies cannot become much larger than the module.
fn function_type(types: TypesRef<'_>, id: CoreTypeId) -> FunctionType {
    let ty = FunctionType::from_validated(types[id].unwrap_func());
    ty.expect("valid with the accepted features, which have no other types than ours")
}
