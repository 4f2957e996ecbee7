//! A module with its state.

use std::cell::OnceCell;
use std::fmt;

use gate_abi::host::Stop;
use gate_abi::trap::Trap;
use gate_instrument::accept::ValueType;
use gate_snapshot::Phase;
use wasmparser::{ConstExpr, DataKind, ElementItems, ElementKind, Operator};

use crate::code::{Function, width};
use crate::exception::Exceptions;
use crate::module::{Module, ModuleError, unexpected};
use crate::numeric::{Fault, Slot};

/// Bytes in a page of linear memory.
pub(crate) const PAGE_BYTES: usize = 1 << 16;

/// A linear memory.
pub trait Memory {
    /// Its bytes, as many as its size.
    fn bytes(&mut self) -> &mut [u8];

    /// Makes it larger: `bytes` is a multiple of 65536, and not less than its size. What is added is zero, or what the
    /// program had there that continues. Says whether that was possible; if not, nothing has changed.
    fn grow_to(&mut self, bytes: usize) -> bool;
}

/// What is outside of a program.
pub trait Outside {
    /// Whether the program shall stop. It is asked at every stop point, and so should be fast.
    fn is_stop_requested(&mut self) -> bool;

    /// Runs the imported function with an index. `arguments` are as many as it has parameters, 32-bit ones zero-extended;
    /// `memory` is the program's memory, empty if it has none.
    ///
    /// # Errors
    /// [`Stop`] ends the program. But [`Stop::Interrupted`] of a function that may block, as [`Module::parse`] was told,
    /// suspends it; the call is made again when it continues.
    fn call(&mut self, import: u32, arguments: &[u64], memory: &mut [u8]) -> Result<Option<u32>, Stop>;
}

/// What a program may allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the stack. A call takes eight for each local, operand and so on, and 64 besides.
    pub stack_bytes: usize,
    /// Bytes of all linear memories together.
    pub memory_bytes: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Bytes of all exceptions together that are held by reference.
    pub exception_bytes: usize,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StartError {
    /// There is another number of memories.
    #[error("the program has {found} linear memories, and was given {given}")]
    Memories { found: usize, given: usize },
    /// A memory is larger from the start, or was larger, than it may become.
    #[error("linear memory {index} needs {pages} pages to start, and may not have them")]
    Memory { index: usize, pages: u64 },
    /// The tables are larger from the start, or were larger, than they may become.
    #[error("table {index} needs {elements} elements to start, and may not have them")]
    Table { index: usize, elements: u64 },
    /// The module is not one that was accepted.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The state is not one that the program can be in.
    #[error("the program cannot continue from this state")]
    State(#[from] crate::StateError),
}

/// A call that waits for another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Return<'m> {
    pub(crate) function: &'m Function,
    pub(crate) index: u32,
    /// Behind the call.
    pub(crate) position: u32,
    /// Where its frame is on the stack.
    pub(crate) base: usize,
}

/// What runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The instruction at this position, or 0 for the first, of the function.
    Go { function: u32, position: usize },
    /// The function, with arguments at the base: it has not been entered.
    Enter(u32),
    /// The imported function, with arguments at the base.
    Import(u32),
}

/// A module with its state.
pub struct Instance<'m, M> {
    pub(crate) module: &'m Module<'m>,
    pub(crate) memories: Vec<M>,
    pub(crate) memory_bytes: usize,
    pub(crate) limits: Limits,
    /// The memory that imported functions read and write.
    pub(crate) host_memory: Option<usize>,
    pub(crate) globals: Vec<u64>,
    pub(crate) tables: Vec<Vec<u64>>,
    pub(crate) segments: Segments,
    pub(crate) exceptions: Exceptions,
    pub(crate) stack: Vec<u64>,
    pub(crate) frames: Vec<Return<'m>>,
    /// What runs next, if a function is running, and where its frame is.
    pub(crate) next: Option<Next>,
    pub(crate) base: usize,
    pub(crate) phase: Phase,
    pub(crate) entry: gate_snapshot::Entry,
}

impl<M> fmt::Debug for Instance<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("phase", &self.phase)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// What was dropped of a module's segments, and what is in those that were used.
#[derive(Debug)]
pub(crate) struct Segments {
    /// Whether the program itself has dropped each data segment.
    pub(crate) data: Vec<bool>,
    /// Likewise of element segments.
    pub(crate) elements: Vec<bool>,
    values: Vec<OnceCell<Vec<u64>>>,
}

impl<'m, M: Memory> Instance<'m, M> {
    /// A new instance, which is to run `entry`. `memories` are empty; `host_memory` is the index of the one that
    /// imported functions read and write.
    ///
    /// # Errors
    /// [`StartError`] when it needs more than it may have.
    pub fn new(
        module: &'m Module<'m>,
        memories: Vec<M>,
        host_memory: Option<u32>,
        limits: Limits,
        entry: gate_snapshot::Entry,
    ) -> Result<Self, StartError> {
        let mut instance = Self::without_memories(module, memories, host_memory, limits, entry)?;
        for (index, memory) in module.memories.iter().enumerate() {
            instance.size_memory(index, memory.minimum)?;
        }
        Ok(instance)
    }

    /// A new instance whose memories have no size yet.
    pub(crate) fn without_memories(
        module: &'m Module<'m>,
        memories: Vec<M>,
        host_memory: Option<u32>,
        limits: Limits,
        entry: gate_snapshot::Entry,
    ) -> Result<Self, StartError> {
        if memories.len() != module.memories.len() {
            return Err(StartError::Memories { found: module.memories.len(), given: memories.len() });
        }
        let mut instance = Self {
            module,
            memories,
            memory_bytes: 0,
            limits,
            host_memory: host_memory.map(|memory| memory as usize),
            globals: vec![0; module.global_slots],
            tables: Vec::new(),
            segments: Segments {
                data: vec![false; module.data.len()],
                elements: vec![false; module.elements.len()],
                values: module.elements.iter().map(|_| OnceCell::new()).collect(),
            },
            exceptions: Exceptions::new(limits.exception_bytes),
            stack: vec![0; (limits.stack_bytes / 8).max(LEAST_STACK)],
            frames: Vec::new(),
            next: None,
            base: 0,
            phase: Phase::Fresh,
            entry,
        };
        for global in &module.globals {
            let value = evaluate(&global.initial, &instance.globals, module)?;
            write(&mut instance.globals, global.slot, global.ty, value);
        }
        for (index, table) in module.tables.iter().enumerate() {
            let initial = match &table.initial {
                Some(initial) => Slot::get(low(evaluate(initial, &instance.globals, module)?)),
                None => 0,
            };
            instance.tables.push(Vec::new());
            instance.size_table(index, table.minimum, initial)?;
        }
        Ok(instance)
    }

    /// Makes a memory so many pages large, before the program runs.
    pub(crate) fn size_memory(&mut self, index: usize, pages: u64) -> Result<(), StartError> {
        let error = StartError::Memory { index, pages };
        let Some(memory) = self.memories.get_mut(index) else { return Err(error) };
        let size = usize::try_from(pages).ok().and_then(|pages| pages.checked_mul(PAGE_BYTES));
        let Some(size) = size else { return Err(error) };
        let has = memory.bytes().len();
        let all = self.memory_bytes.saturating_add(size);
        if has > size || all > self.limits.memory_bytes || (has < size && !memory.grow_to(size)) {
            return Err(error);
        }
        self.memory_bytes = all;
        Ok(())
    }

    /// Makes a table so large, before the program runs.
    pub(crate) fn size_table(&mut self, index: usize, elements: u64, initial: u64) -> Result<(), StartError> {
        let all: usize = self.tables.iter().map(Vec::len).sum();
        let error = StartError::Table { index, elements };
        let Some(table) = self.tables.get_mut(index) else { return Err(error) };
        let size = usize::try_from(elements).ok();
        let Some(size) =
            size.filter(|size| all + size.saturating_sub(table.len()) <= self.limits.table_elements)
        else {
            return Err(error);
        };
        table.resize(size.max(table.len()), initial);
        Ok(())
    }

    /// Writes the active segments.
    pub(crate) fn initialize(&mut self) -> Result<(), Fault> {
        let module = self.module;
        for (index, segment) in module.elements.iter().enumerate() {
            let ElementKind::Active { table_index, offset_expr } = &segment.kind else { continue };
            let start = self.offset(offset_expr)?;
            let values = self.segments.elements(index, module, &self.globals)?.to_vec();
            let table = self.tables.get_mut(table_index.unwrap_or_default() as usize);
            let to = table.and_then(|table| table.get_mut(start..start.checked_add(values.len())?));
            to.ok_or(Trap::IndirectCallIndexOutOfBounds)?.copy_from_slice(&values);
        }
        for segment in &module.data {
            let DataKind::Active { memory_index, offset_expr } = &segment.kind else { continue };
            let start = self.offset(offset_expr)?;
            let memory = self.memories.get_mut(*memory_index as usize);
            let to = memory
                .and_then(|memory| memory.bytes().get_mut(start..start.checked_add(segment.data.len())?));
            to.ok_or(Trap::MemoryAccessOutOfBounds)?.copy_from_slice(segment.data);
        }
        Ok(())
    }

    fn offset(&self, expression: &ConstExpr<'_>) -> Result<usize, Fault> {
        let value = evaluate(expression, &self.globals, self.module).map_err(|_| INVALID)?;
        Ok(u32::get(low(value)) as usize)
    }

    /// Gives up all calls, of a program that has trapped or was stopped: what it has done so far stays, and its
    /// [state](Instance::state) says so.
    pub fn abandon(&mut self) {
        self.frames.clear();
        self.next = None;
    }

    /// The linear memories, as they are.
    pub fn into_memories(self) -> Vec<M> {
        self.memories
    }

    /// The size of all linear memories together, in bytes. They never shrink.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

/// The validator has let something pass that it should not have.
pub(crate) const INVALID: Fault =
    Fault { trap: Trap::InternalError, detail: Some("the module is not one that was accepted") };

/// The least stack, in slots: so that whoever is called by the host has room for its arguments and results.
const LEAST_STACK: usize = 4096;

impl Segments {
    /// What is in an element segment that is not dropped.
    pub(crate) fn elements(
        &self,
        index: usize,
        module: &Module<'_>,
        globals: &[u64],
    ) -> Result<&[u64], Fault> {
        let (Some(cell), Some(segment)) = (self.values.get(index), module.elements.get(index)) else {
            return Err(INVALID);
        };
        if cell.get().is_none() {
            let mut values = Vec::new();
            match &segment.items {
                ElementItems::Functions(functions) => {
                    for function in functions.clone() {
                        values.push(u64::from(function.map_err(|_| INVALID)?) + 1);
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions.clone() {
                        let expression = expression.map_err(|_| INVALID)?;
                        values.push(low(evaluate(&expression, globals, module).map_err(|_| INVALID)?));
                    }
                }
            }
            return Ok(cell.get_or_init(|| values));
        }
        Ok(cell.get().map(Vec::as_slice).unwrap_or_default())
    }

    /// Whether an element segment is empty by now: an active one is when it has been written.
    pub(crate) fn is_empty_element(&self, index: usize, module: &Module<'_>) -> bool {
        let passive = module.elements.get(index).is_some_and(|it| matches!(it.kind, ElementKind::Passive));
        !passive || self.elements.get(index).copied().unwrap_or(true)
    }

    /// What is in a data segment by now.
    pub(crate) fn bytes<'m>(&self, index: usize, module: &'m Module<'_>) -> &'m [u8] {
        match module.data.get(index) {
            Some(segment)
                if matches!(segment.kind, DataKind::Passive)
                    && !self.data.get(index).copied().unwrap_or(true) =>
            {
                segment.data
            }
            _ => &[],
        }
    }
}

/// The lower slot of a value.
pub(crate) fn low(value: u128) -> u64 {
    let [low, _] = slots(value);
    low
}

/// The slots of a vector.
pub(crate) fn slots(value: u128) -> [u64; 2] {
    let bytes = value.to_le_bytes();
    let (low, high) = bytes.split_at(8);
    [low, high].map(|half| half.first_chunk().map_or(0, |half| u64::from_le_bytes(*half)))
}

/// The vector of two slots.
pub(crate) fn vector(low: u64, high: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// Writes a value to its slots. Says whether there are so many.
pub(crate) fn write(to: &mut [u64], slot: usize, ty: ValueType, value: u128) -> bool {
    let value = slots(value);
    let width = width(ty) as usize;
    match to.get_mut(slot..slot + width) {
        Some(to) => {
            to.copy_from_slice(&value[..width]);
            true
        }
        None => false,
    }
}

/// The value of a constant expression.
fn evaluate(expression: &ConstExpr<'_>, globals: &[u64], module: &Module<'_>) -> Result<u128, ModuleError> {
    let mut stack: Vec<u128> = Vec::new();
    let mut reader = expression.get_operators_reader();
    let binary = |stack: &mut Vec<u128>, f: fn(u64, u64) -> u64| {
        let (b, a) = (stack.pop().unwrap_or_default(), stack.pop().unwrap_or_default());
        stack.push(f(low(a), low(b)).into());
    };
    while !reader.eof() {
        let offset = reader.original_position();
        match reader.read()? {
            Operator::I32Const { value } => stack.push(value.put().into()),
            Operator::I64Const { value } => stack.push(value.put().into()),
            Operator::F32Const { value } => stack.push(value.bits().into()),
            Operator::F64Const { value } => stack.push(value.bits().into()),
            Operator::V128Const { value } => stack.push(u128::from_le_bytes(*value.bytes())),
            Operator::RefNull { .. } => stack.push(0),
            Operator::RefFunc { function_index } => stack.push(u128::from(function_index) + 1),
            Operator::GlobalGet { global_index } => {
                let global = module.globals.get(global_index as usize);
                let global = global.ok_or_else(|| unexpected(offset, "there is no such global"))?;
                let slot = |slot| globals.get(slot).copied().unwrap_or_default();
                let high = if width(global.ty) == 2 { slot(global.slot + 1) } else { 0 };
                stack.push(vector(slot(global.slot), high));
            }
            Operator::I32Add => binary(&mut stack, |a, b| u32::get(a).wrapping_add(u32::get(b)).put()),
            Operator::I32Sub => binary(&mut stack, |a, b| u32::get(a).wrapping_sub(u32::get(b)).put()),
            Operator::I32Mul => binary(&mut stack, |a, b| u32::get(a).wrapping_mul(u32::get(b)).put()),
            Operator::I64Add => binary(&mut stack, u64::wrapping_add),
            Operator::I64Sub => binary(&mut stack, u64::wrapping_sub),
            Operator::I64Mul => binary(&mut stack, u64::wrapping_mul),
            Operator::End => {}
            _ => return Err(unexpected(offset, "an expression is not constant")),
        }
    }
    Ok(stack.pop().unwrap_or_default())
}
