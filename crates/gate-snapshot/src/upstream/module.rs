//! What the existing system runs: its subset of WebAssembly, and what has to be known of a module in it.

use std::ops::Range;

use gate_abi::import::{self, Function, UnknownImport};
use gate_instrument::accept::{FunctionType, ValueType};
use wasmparser::{
    ConstExpr, Data, DataKind, Element, ElementItems, ElementKind, ExternalKind, FuncToValidate,
    FuncValidator, FuncValidatorAllocations, FunctionBody, Global, Operator, Parser, Payload, TypeRef,
    ValType, ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

use crate::{Reference, Value};

/// The features of WebAssembly that the existing system has: the first version, and a few instructions.
const FEATURES: WasmFeatures = WasmFeatures::WASM1
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG);

/// The largest size of a memory, in pages of 64 KiB. A larger maximum is lowered to it.
pub(super) const MAX_PAGES: u32 = 32_767;
/// The size in bytes that a module, or more exactly the end of its last section, must be below of.
const MAX_BYTES: usize = 1 << 31;
const MAX_PARAMS: usize = 255;
const MAX_LOCALS: u32 = 8_189;
const MAX_TARGETS: u32 = 65_519;
const MAX_ELEMENTS: u64 = 10_000_000;

/// Why the existing system does not take a module.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ModuleError {
    /// It uses what the existing system lacks, or is invalid.
    #[error("the module is not of the subset that the existing system runs (offset {offset:#x})")]
    Invalid { offset: usize, source: wasmparser::Error },
    /// It uses what the existing system lacks, though its features do not tell.
    #[error("the module has {what} at offset {offset:#x}, which the existing system does not have")]
    Unsupported { what: &'static str, offset: usize },
    /// There is too much of something.
    #[error("the module has {found} {what} (limit of the existing system: {limit})")]
    Limit { what: &'static str, found: u64, limit: u64 },
    /// It imports a function that there is not.
    #[error(transparent)]
    Import(#[from] UnknownImport),
    /// It imports a function that only programs of this system have.
    #[error("the module imports {name}, which the existing system does not have")]
    NoImport { name: &'static str },
    /// A segment is not within its table or memory.
    #[error("{what} segment {index} is not within the initial {what}")]
    Segment { what: &'static str, index: usize },
    /// A breakpoint is not at an instruction.
    #[error("there is no instruction at breakpoint {found:#x}")]
    Breakpoint { found: u64 },
}

impl From<wasmparser::Error> for ModuleError {
    fn from(source: wasmparser::Error) -> Self {
        Self::Invalid { offset: source.offset(), source }
    }
}

/// A module of the subset. Its sections are valid; its bodies are validated when they are read.
#[derive(Default)]
pub(super) struct Module<'a> {
    /// All its bytes.
    pub(super) wasm: &'a [u8],
    /// The function types.
    types: Vec<FunctionType>,
    /// The type index of each function, imported ones first.
    functions: Vec<u32>,
    /// The imported functions, with the offsets of the imports.
    pub(super) imports: Vec<(Function, u32)>,
    /// The table's size.
    table: Option<u32>,
    /// The memory.
    pub(super) memory: Option<Memory>,
    /// The globals.
    pub(super) globals: Vec<GlobalValue>,
    /// The functions that are exported.
    pub(super) exported: Vec<u32>,
    /// The start function.
    pub(super) start: Option<u32>,
    /// Offset and functions of each element segment.
    elements: Vec<(u32, Vec<u32>)>,
    /// Address and place of each data segment.
    data: Vec<(u32, Range<usize>)>,
    /// The bodies of the functions that are not imported.
    bodies: Vec<FunctionBody<'a>>,
    /// The offset of what follows the number of bodies in the code section.
    pub(super) code: usize,
    resources: Option<ValidatorResources>,
}

/// The memory of a module, in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) initial: u32,
    pub(super) maximum: Option<u32>,
}

/// A global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GlobalValue {
    pub(super) mutable: bool,
    pub(super) value: Value,
}

impl<'a> Module<'a> {
    /// Reads a module.
    pub(super) fn parse(wasm: &'a [u8]) -> Result<Self, ModuleError> {
        limit("bytes", wasm.len(), MAX_BYTES - 1)?;
        let mut parser = Parser::new(0);
        parser.set_features(FEATURES);
        let mut validator = Validator::new_with_features(FEATURES);
        let mut module = Self { wasm, ..Self::default() };
        let mut names = Vec::new();
        for payload in parser.parse_all(wasm) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                module.resources.get_or_insert(function.resources);
                module.bodies.push(body);
            }
            module.note(payload, &mut names)?;
        }
        let (_, functions) = import::resolve_all(names.iter().map(|(module, field, _)| (*module, *field)))?;
        module.imports =
            functions.into_iter().zip(names).map(|(function, (.., at))| (function, at)).collect();
        module.check_segments()?;
        Ok(module)
    }

    fn note(
        &mut self,
        payload: Payload<'a>,
        names: &mut Vec<(&'a str, &'a str, u32)>,
    ) -> Result<(), ModuleError> {
        match payload {
            Payload::TypeSection(section) => {
                limit("types", section.count(), 32_768)?;
                for ty in section.into_iter_err_on_gc_types() {
                    let ty = ty?;
                    limit("parameters of a function", ty.params().len(), MAX_PARAMS)?;
                    self.types.push(FunctionType {
                        params: ty.params().iter().copied().map(value_type).collect(),
                        results: ty.results().iter().copied().map(value_type).collect(),
                    });
                }
            }
            Payload::ImportSection(section) => {
                limit("imports", section.count(), 32_768)?;
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    let TypeRef::Func(ty) = import.ty else {
                        return Err(ModuleError::Unsupported {
                            what: "an import that is no function",
                            offset,
                        });
                    };
                    self.functions.push(ty);
                    names.push((import.module, import.name, narrow(offset)));
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
                limit("functions", self.functions.len(), 32_768)?;
            }
            Payload::TableSection(section) => {
                for table in section {
                    let initial = table?.ty.initial;
                    limit("table elements", initial, MAX_ELEMENTS)?;
                    self.table = u32::try_from(initial).ok();
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    limit("pages of memory", memory.initial, MAX_PAGES)?;
                    let pages = |pages: u64| u32::try_from(pages).unwrap_or(MAX_PAGES).min(MAX_PAGES);
                    let maximum = memory.maximum.map(pages);
                    self.memory = Some(Memory { initial: pages(memory.initial), maximum });
                }
            }
            Payload::GlobalSection(section) => {
                limit("globals", section.count(), 32)?;
                for global in section {
                    self.globals.push(global_value(&global?)?);
                }
            }
            Payload::ExportSection(section) => {
                limit("exports", section.count(), 64)?;
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.exported.push(export.index);
                    }
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.elements.push(element_segment(element?)?);
                }
            }
            Payload::CodeSectionStart { range, .. } => {
                let bytes = self.wasm.get(range.clone()).unwrap_or_default();
                self.code = range.start + bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
            }
            Payload::DataSection(section) => {
                for data in section {
                    self.data.push(data_segment(self.wasm, &data?)?);
                }
            }
            Payload::DataCountSection { range, .. } => {
                return Err(ModuleError::Unsupported { what: "a data count section", offset: range.start });
            }
            _ => {}
        }
        Ok(())
    }

    fn check_segments(&self) -> Result<(), ModuleError> {
        let end = |offset: u32, length: usize| Some(u64::from(offset) + u64::try_from(length).ok()?);
        let elements = u64::from(self.table.unwrap_or_default());
        for (index, (offset, functions)) in self.elements.iter().enumerate() {
            if end(*offset, functions.len()).is_none_or(|end| end > elements) {
                return Err(ModuleError::Segment { what: "table", index });
            }
        }
        let bytes = self.memory.map_or(0, |memory| u64::from(memory.initial) << 16);
        for (index, (offset, data)) in self.data.iter().enumerate() {
            if end(*offset, data.len()).is_none_or(|end| end > bytes) {
                return Err(ModuleError::Segment { what: "memory", index });
            }
        }
        Ok(())
    }

    /// How many data segments there are.
    #[cfg(test)]
    pub(super) fn segments(&self) -> usize {
        self.data.len()
    }

    /// How many elements the table has.
    pub(super) fn table_elements(&self) -> u32 {
        self.table.unwrap_or_default()
    }

    /// How many functions there are.
    pub(super) fn functions(&self) -> u32 {
        narrow(self.functions.len())
    }

    /// How many functions are imported.
    pub(super) fn imported(&self) -> u32 {
        narrow(self.imports.len())
    }

    /// Whether a function is imported and does not wait for anything, so that a program does not stop in it.
    pub(super) fn is_instant(&self, function: u32) -> bool {
        self.imports.get(wide(function)).is_some_and(|(imported, _)| !imported.may_block())
    }

    /// The type of a function, if there is such a function.
    pub(super) fn function_type(&self, function: u32) -> Option<&FunctionType> {
        self.type_at(*self.functions.get(wide(function))?)
    }

    /// The type with an index.
    pub(super) fn type_at(&self, ty: u32) -> Option<&FunctionType> {
        self.types.get(wide(ty))
    }

    /// The body of a function, if it is not imported.
    pub(super) fn body(&self, function: u32) -> Option<&FunctionBody<'a>> {
        self.bodies.get(wide(function.checked_sub(self.imported())?))
    }

    /// A validator for the body of a function.
    pub(super) fn validator(
        &self,
        function: u32,
        body: &FunctionBody<'a>,
    ) -> Result<FuncValidator<ValidatorResources>, ModuleError> {
        let resources = self.resources.clone().expect("a module with a body has resources to validate it");
        let ty = self.functions.get(wide(function)).copied().expect("the function has a body");
        let function = FuncToValidate { resources, index: function, ty, features: FEATURES };
        let mut validator = function.into_validator(FuncValidatorAllocations::default());
        validator.read_locals(&mut body.get_binary_reader())?;
        limit("parameters and locals of a function", validator.len_locals(), MAX_LOCALS)?;
        Ok(validator)
    }

    /// The function that is in an element of the table.
    pub(super) fn element(&self, element: u32) -> Option<u32> {
        // A later segment overwrites an earlier one.
        self.elements
            .iter()
            .rev()
            .find_map(|(offset, functions)| functions.get(wide(element.checked_sub(*offset)?)).copied())
    }

    /// An element of the table that has a function.
    pub(super) fn element_with(&self, function: u32) -> Option<u32> {
        let tables = self.tables(true);
        tables.first()?.iter().position(|element| *element == Reference::Function(function)).map(narrow)
    }

    /// Whether each function is in the table.
    pub(super) fn in_table(&self) -> Vec<bool> {
        let mut all = vec![false; self.functions.len()];
        for reference in self.tables(true).iter().flatten() {
            if let Reference::Function(function) = reference
                && let Some(function) = all.get_mut(wide(*function))
            {
                *function = true;
            }
        }
        all
    }

    /// The elements of each table: no program changes them. Without the segments they are null.
    pub(super) fn tables(&self, with_segments: bool) -> Vec<Vec<Reference>> {
        let Some(size) = self.table else { return Vec::new() };
        let mut table = vec![Reference::Null; wide(size)];
        let segments = self.elements.iter().filter(|_| with_segments);
        for (offset, functions) in segments {
            for (element, function) in table.iter_mut().skip(wide(*offset)).zip(functions) {
                *element = Reference::Function(*function);
            }
        }
        vec![table]
    }
}

/// Makes sure that there is not too much of something.
pub(super) fn limit<F: TryInto<u64>, L: TryInto<u64>>(
    what: &'static str,
    found: F,
    limit: L,
) -> Result<(), ModuleError> {
    let (found, limit) = (found.try_into().unwrap_or(u64::MAX), limit.try_into().unwrap_or(u64::MAX));
    if found > limit { Err(ModuleError::Limit { what, found, limit }) } else { Ok(()) }
}

/// Makes sure that a `br_table` is not too large.
pub(super) fn limit_targets(targets: u32) -> Result<(), ModuleError> {
    limit("targets of a br_table", targets, MAX_TARGETS)
}

fn element_segment(element: Element<'_>) -> Result<(u32, Vec<u32>), ModuleError> {
    let offset = element.range.start;
    let (ElementKind::Active { table_index: None, offset_expr }, ElementItems::Functions(functions)) =
        (element.kind, element.items)
    else {
        return Err(ModuleError::Unsupported { what: "an element segment of another form", offset });
    };
    Ok((address(&offset_expr, offset)?, functions.into_iter().collect::<Result<_, _>>()?))
}

/// The address of a data segment of some bytes, and where it is in them.
pub(super) fn data_segment(wasm: &[u8], data: &Data<'_>) -> Result<(u32, Range<usize>), ModuleError> {
    let offset = data.range.start;
    // A segment that names its memory has another flag, even if it names the first.
    let plain = wasm.get(offset).is_some_and(|flag| flag & 0x7f == 0);
    let DataKind::Active { memory_index: 0, offset_expr } = &data.kind else {
        return Err(ModuleError::Unsupported { what: "a data segment of another form", offset });
    };
    if !plain {
        return Err(ModuleError::Unsupported { what: "a data segment of another form", offset });
    }
    let end = data.range.end;
    Ok((address(offset_expr, offset)?, end - data.data.len()..end))
}

/// What an expression for an offset gives.
fn address(expression: &ConstExpr<'_>, offset: usize) -> Result<u32, ModuleError> {
    match constant(expression, offset)? {
        Value::I32(address) => Ok(address),
        _ => Err(ModuleError::Unsupported { what: "an offset of another type", offset }),
    }
}

fn global_value(global: &Global<'_>) -> Result<GlobalValue, ModuleError> {
    let offset = global.init_expr.get_binary_reader().original_position();
    Ok(GlobalValue { mutable: global.ty.mutable, value: constant(&global.init_expr, offset)? })
}

/// What an expression gives that is one constant.
fn constant(expression: &ConstExpr<'_>, offset: usize) -> Result<Value, ModuleError> {
    Ok(match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Value::I32(value.cast_unsigned()),
        Operator::I64Const { value } => Value::I64(value.cast_unsigned()),
        Operator::F32Const { value } => Value::F32(value.bits()),
        Operator::F64Const { value } => Value::F64(value.bits()),
        _ => return Err(ModuleError::Unsupported { what: "an initializer that is no constant", offset }),
    })
}

/// The type of a value in the subset.
pub(super) fn value_type(ty: ValType) -> ValueType {
    match ty {
        ValType::I32 => ValueType::I32,
        ValType::I64 => ValueType::I64,
        ValType::F32 => ValueType::F32,
        ValType::F64 => ValueType::F64,
        ValType::V128 | ValType::Ref(_) => unreachable!("the validator lets no other types pass"),
    }
}

/// An index as a position in memory.
pub(super) fn wide(index: u32) -> usize {
    usize::try_from(index).expect("supported hosts have addresses of at least 32 bits")
}

/// A position in a module, or a number of its parts, as an index.
pub(super) fn narrow(position: usize) -> u32 {
    u32::try_from(position).expect("modules are smaller than 2 GiB")
}
