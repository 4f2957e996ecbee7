//! What is known of a module before any of its functions is called.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;

use gate_instrument::accept::{ACCEPTED, FunctionType, ValueType};
use wasmparser::{
    BinaryReaderError, CompositeInnerType, ConstExpr, Data, Element, FuncToValidate, FuncValidator,
    FuncValidatorAllocations, FunctionBody, Operator, Parser, Payload, TableInit, TypeRef, ValidPayload,
    Validator, ValidatorResources,
};

use crate::code::{Function, width};
use crate::translate;

/// Why bytes are not a module that can be run. Modules that were accepted are.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ModuleError {
    /// It is malformed or invalid, or needs a feature that is not accepted.
    #[error("the module is invalid at offset {offset:#x}: {message}")]
    Invalid { message: String, offset: usize },
    /// It imports something else than a function.
    #[error("import {index} is not a function")]
    Import { index: usize },
    /// It is larger than 2 GiB.
    #[error("the module has {bytes} bytes, and may have 2147483647")]
    Bytes { bytes: usize },
}

impl From<BinaryReaderError> for ModuleError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid { message: error.message().to_owned(), offset: error.offset() }
    }
}

/// An imported function.
#[derive(Debug)]
pub(crate) struct Import {
    /// Its offset in the module.
    pub(crate) offset: u32,
    pub(crate) blocks: bool,
}

/// A global.
#[derive(Debug)]
pub(crate) struct Global<'a> {
    pub(crate) ty: ValueType,
    pub(crate) mutable: bool,
    /// Where its value is, in slots from the first global's.
    pub(crate) slot: usize,
    pub(crate) initial: ConstExpr<'a>,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(crate) ty: ValueType,
    pub(crate) minimum: u64,
    pub(crate) maximum: u64,
    pub(crate) initial: Option<ConstExpr<'a>>,
}

/// A memory. Its sizes are in pages of 64 KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) minimum: u64,
    pub(crate) maximum: u64,
}

/// A module whose sections have been read. Functions are validated and translated when they are called for the first time.
#[derive(Default)]
pub struct Module<'a> {
    pub(crate) types: Vec<FunctionType>,
    /// For each type the index of the first one that equals it.
    pub(crate) canonical: Vec<u32>,
    /// The type of each function, imported ones first.
    pub(crate) functions: Vec<u32>,
    pub(crate) imports: Vec<Import>,
    pub(crate) tables: Vec<Table<'a>>,
    pub(crate) memories: Vec<Memory>,
    pub(crate) globals: Vec<Global<'a>>,
    pub(crate) global_slots: usize,
    /// The type of each exception tag.
    pub(crate) tags: Vec<u32>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element<'a>>,
    pub(crate) data: Vec<Data<'a>>,
    bodies: Vec<FunctionBody<'a>>,
    resources: Option<ValidatorResources>,
    code: Vec<OnceCell<Function>>,
    drops: OnceCell<bool>,
}

impl fmt::Debug for Module<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("functions", &self.functions.len()).finish_non_exhaustive()
    }
}

impl<'a> Module<'a> {
    /// Reads a module that was accepted. `blocks` tells of each imported function whether it may block, by its index.
    ///
    /// The time that it takes is in proportion to the number of sections' entries, not to the size of functions.
    ///
    /// # Errors
    /// [`ModuleError`] if it was not accepted. What is wrong with a function shows when it is called.
    pub fn parse(wasm: &'a [u8], blocks: impl Fn(usize) -> bool) -> Result<Self, ModuleError> {
        if i32::try_from(wasm.len()).is_err() {
            return Err(ModuleError::Bytes { bytes: wasm.len() });
        }
        let mut parser = Parser::new(0);
        parser.set_features(ACCEPTED);
        let mut validator = Validator::new_with_features(ACCEPTED);
        let mut module = Self::default();
        for payload in parser.parse_all(wasm) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                module.resources.get_or_insert(function.resources);
                module.bodies.push(body);
            }
            module.note(payload, &blocks)?;
        }
        module.code.resize_with(module.bodies.len(), OnceCell::new);
        let mut first = HashMap::new();
        module.canonical = (0..)
            .zip(&module.types)
            .map(|(position, ty)| *first.entry(ty.clone()).or_insert(position))
            .collect();
        Ok(module)
    }

    fn note(&mut self, payload: Payload<'a>, blocks: &impl Fn(usize) -> bool) -> Result<(), ModuleError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.into_iter_with_offsets() {
                    let (offset, group) = group?;
                    for ty in group.into_types() {
                        let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                            return Err(unexpected(offset, "a type is not that of a function"));
                        };
                        let ty = FunctionType::from_validated(ty);
                        self.types.push(ty.ok_or_else(|| unexpected(offset, "a type is not accepted"))?);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    let index = self.imports.len();
                    let (TypeRef::Func(ty) | TypeRef::FuncExact(ty)) = import.ty else {
                        return Err(ModuleError::Import { index });
                    };
                    self.functions.push(ty);
                    self.imports.push(Import { offset: count(offset), blocks: blocks(index) });
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    self.tables.push(Table {
                        ty: value_type(offset, wasmparser::ValType::Ref(table.ty.element_type))?,
                        minimum: table.ty.initial,
                        maximum: table.ty.maximum.unwrap_or(u32::MAX.into()),
                        initial: match table.init {
                            TableInit::RefNull => None,
                            TableInit::Expr(expression) => Some(expression),
                        },
                    });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    let maximum = memory.maximum.unwrap_or(MAX_PAGES).min(MAX_PAGES);
                    self.memories.push(Memory { minimum: memory.initial, maximum });
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.into_iter_with_offsets() {
                    let (offset, global) = global?;
                    let ty = value_type(offset, global.ty.content_type)?;
                    let (mutable, slot) = (global.ty.mutable, self.global_slots);
                    self.global_slots += width(ty) as usize;
                    self.globals.push(Global { ty, mutable, slot, initial: global.init_expr });
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                self.elements = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::DataSection(section) => self.data = section.into_iter().collect::<Result<_, _>>()?,
            _ => {}
        }
        Ok(())
    }

    /// The type of a function, if there is one with this index.
    pub(crate) fn function_type(&self, function: u32) -> Option<&FunctionType> {
        let ty = self.functions.get(function as usize)?;
        self.types.get(*ty as usize)
    }

    /// Whether an imported function may block.
    pub(crate) fn may_block(&self, function: u32) -> bool {
        self.imports.get(function as usize).is_some_and(|import| import.blocks)
    }

    /// A function that is not imported, which is translated if it was not yet.
    pub(crate) fn function(&self, function: u32) -> Result<&Function, ModuleError> {
        let missing = || unexpected(0, "there is no such function");
        let defined = (function as usize).checked_sub(self.imports.len()).ok_or_else(missing)?;
        let cell = self.code.get(defined).ok_or_else(missing)?;
        if let Some(function) = cell.get() {
            return Ok(function);
        }
        let body = self.bodies.get(defined).ok_or_else(missing)?;
        let translated =
            translate::translate(self, self.validator(function).ok_or_else(missing)?, function, body)?;
        Ok(cell.get_or_init(|| translated))
    }

    fn validator(&self, function: u32) -> Option<FuncValidator<ValidatorResources>> {
        let resources = self.resources.clone()?;
        let ty = self.functions.get(function as usize).copied()?;
        let function = FuncToValidate { resources, index: function, ty, features: ACCEPTED };
        Some(function.into_validator(FuncValidatorAllocations::default()))
    }

    /// The function whose body has an offset in it.
    pub(crate) fn function_at(&self, offset: u32) -> Option<u32> {
        let behind = self.bodies.partition_point(|body| body.range().start <= offset as usize);
        let last = behind.checked_sub(1)?;
        let body = self.bodies.get(last)?;
        (body.range().end > offset as usize).then(|| count(self.imports.len() + last))
    }

    /// The imported function that is at an offset.
    pub(crate) fn import_at(&self, offset: u32) -> Option<u32> {
        let found = self.imports.binary_search_by_key(&offset, |import| import.offset);
        found.ok().map(count)
    }

    /// Whether any code drops a segment: the states of programs that do not say nothing about segments.
    pub(crate) fn drops(&self) -> Result<bool, ModuleError> {
        if let Some(drops) = self.drops.get() {
            return Ok(*drops);
        }
        let mut drops = false;
        if !self.data.is_empty() || !self.elements.is_empty() {
            for body in &self.bodies {
                let mut reader = body.get_operators_reader()?;
                while !reader.eof() && !drops {
                    drops = matches!(reader.read()?, Operator::DataDrop { .. } | Operator::ElemDrop { .. });
                }
            }
        }
        Ok(*self.drops.get_or_init(|| drops))
    }
}

/// The pages that a 32-bit address can name.
const MAX_PAGES: u64 = 1 << 16;

/// An error for what the validator should have refused.
pub(crate) fn unexpected(offset: usize, message: &str) -> ModuleError {
    ModuleError::Invalid { message: message.to_owned(), offset }
}

/// The type of a value.
pub(crate) fn value_type(offset: usize, ty: wasmparser::ValType) -> Result<ValueType, ModuleError> {
    ValueType::from_validated(ty).ok_or_else(|| unexpected(offset, "a type is not accepted"))
}

/// A length as an index. Everything that is counted is in proportion to the module, which is smaller than 2 GiB.
pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are in proportion to those of a module, which have 31 bits")
}
