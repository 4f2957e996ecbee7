//! Puts the stoppable module together.

use wasm_encoder::{
    BranchHint, BranchHints, CustomSection, DataCountSection, Encode, ExportKind, ExportSection,
    FunctionSection, MemorySection, RawSection, TableSection, TypeSection,
};
use wasmparser::{Element, ElementItems, ElementKind, GlobalType, Operator};

use super::emit::{self, Context};
use super::error::StopError;
use super::helpers;
use super::link::{Callee, Linker, Place};
use super::module::{Module, count, index};
use super::names::Hidden;
use super::offsets::Offsets;
use super::sections::{self, Entries};
use super::values;
use super::{Instrumented, Poll, Program};
use crate::accept::FunctionType;

/// The most functions and exports that a module can have.
const MAX_ENTRIES: usize = 1_000_000;

/// How large the code of a module can be.
const MAX_BYTES: usize = 1 << 30;

/// What a stoppable module is for, besides running and stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Continuations run beside it.
    Continue,
    /// None do.
    Leave,
}

/// The stoppable module.
pub(super) fn assemble(program: &Program<'_>, purpose: Purpose) -> Result<Instrumented, StopError> {
    let module = &program.module;
    let context = program.context();
    let mut linker = Linker::new(module, Place::Main);
    let mut code = Entries::default();
    let mut offsets = Offsets::default();
    let mut hints = BranchHints::new();
    for function in (module.imported()..).take(module.bodies.len()) {
        let plan = program.plan(function, None)?;
        let body = emit::function(&context, &plan, &mut linker)?;
        sections::code(&mut code, &body.bytes);
        check("bytes of code", index(code.size()), MAX_BYTES)?;
        if !body.rare.is_empty() {
            let hint = |branch: &u32| BranchHint { branch_func_offset: *branch, branch_hint_value: 0 };
            hints.function_hints(function, body.rare.iter().map(hint));
        }
        offsets.append(code.size() - count(body.bytes.len()), &body.offsets);
    }
    offsets.note(code.size(), None);
    let references = Functions { program, linker: &mut linker };
    let (elements, globals) = references.encode()?;
    let functions = add_functions(&context, module, &mut linker, &mut code, purpose)?;
    check("functions", module.functions.len() + functions.types.len(), MAX_ENTRIES)?;

    let mut encoded = wasm_encoder::Module::new();
    sections::extend(&mut encoded, module, sections::TYPE, &type_entries(&linker.types));
    sections::extend(&mut encoded, module, sections::IMPORT, &Entries::default());
    sections::extend(&mut encoded, module, sections::FUNCTION, &Entries::of(&functions.section()));
    let mut tables = TableSection::new();
    for ty in program.control.table_types() {
        tables.table(ty);
    }
    sections::extend(&mut encoded, module, sections::TABLE, &Entries::of(&tables));
    let mut memories = MemorySection::new();
    for ty in program.control.memory_types() {
        memories.memory(ty);
    }
    sections::extend(&mut encoded, module, sections::MEMORY, &Entries::of(&memories));
    sections::extend(&mut encoded, module, sections::TAG, &Entries::default());
    sections::extend(&mut encoded, module, sections::GLOBAL, &globals);
    let exports = exports(program, &linker, &functions, purpose)?;
    sections::extend(&mut encoded, module, sections::EXPORT, &Entries::of(&exports));
    elements.section(&mut encoded, 9);
    if !module.data.is_empty() {
        encoded.section(&DataCountSection { count: count(module.data.len()) });
    }
    if program.poll != Poll::Store {
        encoded.section(&hints);
    }
    code.section(&mut encoded, 10);
    let mut absolute = Offsets::default();
    absolute.append(count(encoded.as_slice().len()) - code.size(), &offsets);
    data_entries(module).section(&mut encoded, 11);
    if !module.names.is_empty() {
        encoded.section(&CustomSection { name: "name".into(), data: module.names.as_slice().into() });
    }
    Ok(Instrumented { wasm: encoded.finish(), offsets: absolute })
}

/// The functions that are added, behind those of the program.
struct Added {
    /// Their type indices.
    types: Vec<u32>,
    initialize: u32,
    restore: u32,
}

impl Added {
    fn section(&self) -> FunctionSection {
        let mut section = FunctionSection::new();
        for ty in &self.types {
            section.function(*ty);
        }
        section
    }
}

/// Emits all functions that are called so far, those that they call, and those for segments.
fn add_functions(
    context: &Context<'_>,
    module: &Module<'_>,
    linker: &mut Linker,
    code: &mut Entries,
    purpose: Purpose,
) -> Result<Added, StopError> {
    let blocking = (0..module.imported()).filter(|function| context.calls.may_block(*function));
    for function in blocking {
        linker.function(Callee::Import(function));
        linker.function(Callee::Host(function));
    }
    if purpose == Purpose::Continue {
        for callee in context.calls.choosers() {
            linker.function(callee);
        }
        // They have their own ways to save.
        if linker.callees.contains(&Callee::Keep) {
            linker.function(Callee::Saved);
        }
    }
    let mut types = Vec::new();
    while let Some(callee) = linker.callees.get(types.len()).cloned() {
        sections::code(code, &helpers::body(context, module, linker, &callee));
        types.push(linker.ty(callee.ty(module)));
    }
    let nullary = linker.ty(FunctionType { params: Vec::new(), results: Vec::new() });
    let initialize = count(module.functions.len() + types.len());
    sections::code(code, &helpers::initialize(module)?);
    sections::code(code, &helpers::restore(module, context.control));
    types.extend([nullary, nullary]);
    Ok(Added { types, initialize, restore: initialize + 1 })
}

fn check(what: &'static str, found: usize, limit: usize) -> Result<(), StopError> {
    if found > limit { Err(StopError::Entries { what, found, limit }) } else { Ok(()) }
}

/// Exports everything that a host has to read and write, and what continuations import.
fn exports(
    program: &Program<'_>,
    linker: &Linker,
    added: &Added,
    purpose: Purpose,
) -> Result<ExportSection, StopError> {
    let module = &program.module;
    let control = &program.control;
    let mut section = ExportSection::new();
    let tables = count(module.tables.len() + control.table_types().len());
    let globals = count(module.globals.len() + control.global_types().len());
    for index in 0..tables {
        section.export(&program.name(Hidden::Table(index)), ExportKind::Table, index);
    }
    for index in 0..=control.polled {
        section.export(&program.name(Hidden::Memory(index)), ExportKind::Memory, index);
    }
    for index in 0..globals {
        section.export(&program.name(Hidden::Global(index)), ExportKind::Global, index);
    }
    for index in 0..count(module.tags.len()) {
        section.export(&program.name(Hidden::Tag(index)), ExportKind::Tag, index);
    }
    let mut functions = linker.referenced.clone();
    functions.extend(module.start);
    for function in functions {
        section.export(&program.name(Hidden::Function(function)), ExportKind::Func, function);
    }
    // There can be references to imports.
    let is_needed = |callee: &Callee| purpose == Purpose::Continue || matches!(callee, Callee::Import(_));
    let callees = (count(module.functions.len())..).zip(&linker.callees);
    for (index, callee) in callees.filter(|(_, callee)| is_needed(callee)) {
        section.export(&program.names.callee(callee), ExportKind::Func, index);
    }
    section.export(&program.name(Hidden::Initialize), ExportKind::Func, added.initialize);
    section.export(&program.name(Hidden::Restore), ExportKind::Func, added.restore);
    let found = module.exports.len() + usize::try_from(section.len()).unwrap_or(usize::MAX);
    check("exports", found, MAX_ENTRIES)?;
    Ok(section)
}

/// The entries of function types.
pub(super) fn type_entries(types: &[FunctionType]) -> Entries {
    let mut section = TypeSection::new();
    for ty in types {
        section.ty().function(values::all_encoded(&ty.params), values::all_encoded(&ty.results));
    }
    Entries::of(&section)
}

/// Passive segments with the contents of all segments.
fn data_entries(module: &Module<'_>) -> Entries {
    let mut entries = Entries::default();
    for data in &module.data {
        entries.add(|bytes| {
            bytes.push(1);
            data.data.encode(bytes);
        });
    }
    entries
}

/// Encodes what refers to functions outside of code: an imported function that may block is another one there, too.
struct Functions<'f, 'a> {
    program: &'f Program<'a>,
    linker: &'f mut Linker,
}

impl Functions<'_, '_> {
    /// Element segments and globals.
    fn encode(mut self) -> Result<(Entries, Entries), StopError> {
        let module = &self.program.module;
        let mut elements = Entries::default();
        for element in &module.elements {
            let bytes = self.element(element)?;
            elements.add(|to| to.extend(bytes));
        }
        let mut globals = Entries::default();
        let defined = module.globals.len() - module.initial.len();
        for (ty, initial) in module.globals.iter().skip(defined).zip(&module.initial) {
            let initial = self.constant(initial)?;
            globals.add(|bytes| {
                global_type(ty).encode(bytes);
                bytes.extend(initial);
            });
        }
        for ty in self.program.control.global_types() {
            let initial = match ty.val_type {
                wasm_encoder::ValType::I64 => wasm_encoder::ConstExpr::i64_const(0),
                _ => wasm_encoder::ConstExpr::i32_const(0),
            };
            globals.add(|bytes| {
                ty.encode(bytes);
                initial.encode(bytes);
            });
        }
        Ok((elements, globals))
    }

    /// A segment that is not active, with the same contents.
    fn element(&mut self, element: &Element<'_>) -> Result<Vec<u8>, StopError> {
        // Bits: 1 for segments that are not active, 2 for declarations, 4 for expressions instead of functions.
        let declared = matches!(element.kind, ElementKind::Declared);
        let flags = if declared { 3 } else { 1 };
        let mut bytes = Vec::new();
        match &element.items {
            ElementItems::Functions(functions) => {
                bytes.extend([flags, 0]);
                functions.count().encode(&mut bytes);
                for function in functions.clone() {
                    self.function(function?).encode(&mut bytes);
                }
            }
            ElementItems::Expressions(ty, expressions) => {
                bytes.push(flags | 4);
                values::encoded(values::reference_type(*ty)).encode(&mut bytes);
                expressions.count().encode(&mut bytes);
                for expression in expressions.clone() {
                    bytes.extend(self.constant(&expression?)?);
                }
            }
        }
        Ok(bytes)
    }

    /// A constant expression, its `end` included.
    fn constant(&mut self, expression: &wasmparser::ConstExpr<'_>) -> Result<Vec<u8>, StopError> {
        let module = &self.program.module;
        let mut bytes = Vec::new();
        let mut reader = expression.get_operators_reader();
        while !reader.eof() {
            let start = reader.original_position();
            match reader.read()? {
                Operator::RefFunc { function_index } => {
                    let function = self.function(function_index);
                    wasm_encoder::Instruction::RefFunc(function).encode(&mut bytes);
                }
                _ => {
                    let operator = module.wasm.get(start..reader.original_position());
                    bytes.extend_from_slice(operator.unwrap_or_default());
                }
            }
        }
        Ok(bytes)
    }

    fn function(&mut self, function: u32) -> u32 {
        self.linker.referenced.insert(function);
        self.linker.function(emit::callee(&self.program.calls, function))
    }
}

/// The type of a global.
pub(super) fn global_type(ty: &GlobalType) -> wasm_encoder::GlobalType {
    let val_type = values::encoded(values::value_type(ty.content_type));
    wasm_encoder::GlobalType { val_type, mutable: ty.mutable, shared: ty.shared }
}

impl Entries {
    /// Appends a section of these entries, if there are any.
    pub(super) fn section(&self, to: &mut wasm_encoder::Module, id: u8) {
        if !self.is_empty() {
            to.section(&RawSection { id, data: &self.encoded() });
        }
    }
}
