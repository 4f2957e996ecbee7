//! Functions that are added to a program: they save frames, call imported functions, and handle segments.

use wasm_encoder::{BlockType, Encode, Instruction, ValType};
use wasmparser::{DataKind, ElementKind};

use super::control::{Control, FRAMES_SIZE, RECORD, SEGMENTS, STATUS, STATUS_OVERFLOW, STORED};
use super::emit::{self, Context};
use super::error::StopError;
use super::layout::{self, TRAILER};
use super::link::{Callee, Last, Linker};
use super::module::{Module, count, index};
use super::operands::StackOf;
use super::site::{Site, SiteId, SiteKind};
use super::values;
use crate::accept::ValueType;

/// Elements that a spill table grows by at once.
const SPILL_GROWTH: i32 = 64;

/// Code of a function without a plan.
pub(super) struct Code(Vec<u8>);

impl Code {
    /// Starts a body that declares locals.
    pub(super) fn new(locals: &[ValType]) -> Self {
        let mut bytes = Vec::new();
        count(locals.len()).encode(&mut bytes);
        for ty in locals {
            1u32.encode(&mut bytes);
            ty.encode(&mut bytes);
        }
        Self(bytes)
    }

    pub(super) fn add(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            instruction.encode(&mut self.0);
        }
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.add(&[Instruction::End]);
        self.0
    }
}

/// The body of an added function.
pub(super) fn body(
    context: &Context<'_>,
    module: &Module<'_>,
    linker: &mut Linker,
    callee: &Callee,
) -> Vec<u8> {
    match callee {
        Callee::Function(_) => unreachable!("a function of the program has a body of its own"),
        Callee::Choose(ty, part) => choose(module, *ty, context.calls.choices(*ty, *part)),
        Callee::Import(function) => import(context, module, linker, *function),
        Callee::Host(function) => {
            let mut code = Code::new(&[]);
            let params = count(module.function_type(*function).params.len());
            (0..params).for_each(|param| code.add(&[Instruction::LocalGet(param)]));
            code.add(&[Instruction::Call(*function)]);
            code.finish()
        }
        Callee::Reference(function) => {
            let mut code = Code::new(&[]);
            let function = linker.function(emit::callee(context.calls, *function));
            code.add(&[Instruction::RefFunc(function)]);
            code.finish()
        }
        Callee::Keep => keep(context.control),
        Callee::Saved => saved(context.control),
        Callee::Save(types, last) => save(context.control, types, *last),
        Callee::MemoryInit(data_index, mem) => {
            init(&Instruction::MemoryInit { mem: *mem, data_index: *data_index })
        }
        Callee::TableInit(elem_index, table) => {
            init(&Instruction::TableInit { elem_index: *elem_index, table: *table })
        }
        Callee::DataDrop(data) => drop_segment(context.control, &Instruction::DataDrop(*data), *data),
        Callee::ElementDrop(element) => {
            let position = count(module.data.len()) + *element;
            drop_segment(context.control, &Instruction::ElemDrop(*element), position)
        }
    }
}

/// Calls one of some functions of a type.
///
/// ```wat
/// (func (param i32) (param $position i32) (result i32)
///   (block $1
///     (block $0
///       (br_table $0 $1 (local.get $position)))
///     (return (call $f (local.get 0))))
///   (call $g (local.get 0)))
/// ```
fn choose(module: &Module<'_>, ty: u32, functions: &[u32]) -> Vec<u8> {
    let params = count(module.type_at(ty).params.len());
    let mut code = Code::new(&[]);
    functions.iter().for_each(|_| code.add(&[Instruction::Block(BlockType::Empty)]));
    let targets: Vec<_> = (0..count(functions.len())).collect();
    let (last, targets) = targets.split_last().map_or((0, &[][..]), |(last, targets)| (*last, targets));
    code.add(&[Instruction::LocalGet(params), Instruction::BrTable(targets.into(), last)]);
    for (position, function) in functions.iter().enumerate() {
        code.add(&[Instruction::End]);
        (0..params).for_each(|param| code.add(&[Instruction::LocalGet(param)]));
        code.add(&[Instruction::Call(*function)]);
        if position + 1 < functions.len() {
            code.add(&[Instruction::Return]);
        }
    }
    code.finish()
}

/// Calls an imported function that may block, with a stop point before the call: if the host lets the program unwind
/// instead of doing what was asked, the call is made again when the program continues.
///
/// ```wat
/// (func (param i32) (result i32)
///   (block $stop
///     (br_if $stop (i32.atomic.load $control (i32.const 0)))
///     (call $imported (local.get 0))
///     (br_if $stop (global.get $unwinding))
///     (return))
///   (call $save_i32 (local.get 0) (i32.const 23)) ;; 23 is the offset of the import
///   (i32.const 0))
/// ```
fn import(context: &Context<'_>, module: &Module<'_>, linker: &mut Linker, function: u32) -> Vec<u8> {
    let mut code = Code::new(&[]);
    code.add(&[Instruction::Block(BlockType::Empty)]);
    emit::poll(context, context.control.memory, &mut code.0);
    code.add(&[Instruction::BrIf(0)]);
    call_import(context, module, linker, &mut code, function, function);
    code.finish()
}

/// The rest of a function that calls an import, from within the block whose end is the code of its stop point.
pub(super) fn call_import(
    context: &Context<'_>,
    module: &Module<'_>,
    linker: &mut Linker,
    code: &mut Code,
    function: u32,
    function_index: u32,
) {
    let ty = module.function_type(function);
    for param in 0..count(ty.params.len()) {
        code.add(&[Instruction::LocalGet(param)]);
    }
    code.add(&[
        Instruction::Call(function_index),
        Instruction::GlobalGet(context.control.unwinding),
        Instruction::BrIf(0),
        Instruction::Return,
        Instruction::End,
    ]);
    let site = import_site(module, function);
    let layout = site.layout();
    let mut chunks = layout.chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for field in chunk {
            if let layout::Source::Local(local) = field.source {
                code.add(&[Instruction::LocalGet(local)]);
            }
        }
        let last = if chunks.peek().is_none() { Last::Yes } else { Last::No };
        if last == Last::Yes {
            code.add(&[Instruction::I32Const(site.id.0.cast_signed())]);
        }
        let types = chunk.iter().map(|field| field.ty).collect();
        code.add(&[Instruction::Call(linker.function(Callee::Save(types, last)))]);
    }
    for result in &ty.results {
        code.add(&[values::zero(*result)]);
    }
}

/// The stop point of an imported function.
pub(super) fn import_site(module: &Module<'_>, function: u32) -> Site {
    let locals = module.function_type(function).params.as_slice();
    let import = module.imports.get(index(function));
    Site {
        id: SiteId(import.map_or(0, |import| import.offset)),
        function,
        kind: SiteKind::Import,
        locals: locals.into(),
        live: (0..count(locals.len())).collect(),
        call: None,
        operands: StackOf::default(),
        parked: None,
    }
}

/// Appends values to the frames, which are parameters.
///
/// ```wat
/// (func $save_i32 (param i32) (param $site i32) (local $address i32)
///   (i32.load $control offset=12 (i32.const 0))                        ;; bytes of frames
///   (if (i32.gt_u (local.tee $address) (i32.const 63444))               ;; more than fits with these values
///     (then (i32.store $control offset=8 (i32.const 0) (i32.const 1)) (unreachable)))
///   (i32.store $control offset=12 (i32.const 0) (i32.add (local.get $address) (i32.const 12)))
///   (i32.store $control offset=1056 (local.get $address) (local.get 0))
///   (i32.store $control offset=1060 (local.get $address) (local.get $site))
///   (i32.store $control offset=1064 (local.get $address) (i32.const 0)) ;; slot
///   (global.set $unwinding (i32.const 1)))
/// ```
fn save(control: &Control, types: &[ValueType], last: Last) -> Vec<u8> {
    let trailer = if last == Last::Yes { TRAILER } else { 0 };
    let size = types.iter().map(|ty| layout::size(*ty)).sum::<u32>() + trailer;
    let params = count(types.len()) + u32::from(last == Last::Yes);
    let address = params;
    let spilled = params + 1;
    let mut code = Code::new(&[ValType::I32, ValType::I32]);
    let fits = control.capacity() - size;
    code.add(&[
        Instruction::I32Const(0),
        Instruction::I32Load(control.at(FRAMES_SIZE)),
        Instruction::LocalTee(address),
        Instruction::I32Const(fits.cast_signed()),
        Instruction::I32GtU,
    ]);
    fail(&mut code, control);
    code.add(&[
        Instruction::I32Const(0),
        Instruction::LocalGet(address),
        Instruction::I32Const(size.cast_signed()),
        Instruction::I32Add,
        Instruction::I32Store(control.at(FRAMES_SIZE)),
    ]);
    let mut offset = control.frames;
    for (param, ty) in (0..).zip(types) {
        if let Some((table, used)) = control.spill(*ty) {
            spill(&mut code, control, table, used, param, spilled, *ty);
        }
        let value = if control.spill(*ty).is_some() { spilled } else { param };
        code.add(&[
            Instruction::LocalGet(address),
            Instruction::LocalGet(value),
            values::store(*ty, control.at(offset)),
        ]);
        offset += layout::size(*ty);
    }
    if last == Last::Yes {
        code.add(&[
            Instruction::LocalGet(address),
            Instruction::LocalGet(params - 1),
            Instruction::I32Store(control.at(offset)),
            Instruction::LocalGet(address),
            Instruction::I32Const(0),
            Instruction::I32Store(control.at(offset + 4)),
            Instruction::I32Const(1),
            Instruction::GlobalSet(control.unwinding),
        ]);
    }
    code.finish()
}

/// Appends the record to the frames, and the stop point. There was room for it; makes sure that there still is for as much.
///
/// It calls nothing, not even the engine's own code that copies memory, so that it needs no stack: there may be none left.
///
/// ```wat
/// (func $keep (param $site i32) (param $size i32) (local $end i32) (local $at i32)
///   (local.set $end (i32.load $control offset=12 (i32.const 0)))       ;; bytes of frames
///   (loop $next                                                        ;; the last 8 bytes are overwritten
///     (i64.store $control offset=1056
///       (i32.add (local.get $end) (local.get $at))
///       (i64.load $control offset=32 (local.get $at)))
///     (br_if $next
///       (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $size))))
///   (i32.store $control offset=12
///     (i32.const 0)
///     (local.tee $end (i32.add (local.get $end) (local.get $size))))
///   (i32.store $control offset=1048 (local.get $end) (local.get $site))
///   (i32.store $control offset=1052 (local.get $end) (i32.const -1))   ;; from the record
///   (global.set $unwinding (i32.const 1))
///   (if (i32.gt_u (local.get $end) (i32.const 63456))
///     (then (i32.store $control offset=8 (i32.const 0) (i32.const 1)) (unreachable))))
/// ```
fn keep(control: &Control) -> Vec<u8> {
    /// What is copied at once. The record and what is behind the frames have room for as much more.
    const WORD: i32 = 8;
    let (site, size, end, at) = (0, 1, 2, 3);
    let mut code = Code::new(&[ValType::I32, ValType::I32]);
    code.add(&[
        Instruction::I32Const(0),
        Instruction::I32Load(control.at(FRAMES_SIZE)),
        Instruction::LocalSet(end),
        Instruction::Loop(BlockType::Empty),
        Instruction::LocalGet(end),
        Instruction::LocalGet(at),
        Instruction::I32Add,
        Instruction::LocalGet(at),
        Instruction::I64Load(control.at(RECORD)),
        Instruction::I64Store(control.at(control.frames)),
        Instruction::LocalGet(at),
        Instruction::I32Const(WORD),
        Instruction::I32Add,
        Instruction::LocalTee(at),
        Instruction::LocalGet(size),
        Instruction::I32LtU,
        Instruction::BrIf(0),
        Instruction::End,
        Instruction::I32Const(0),
        Instruction::LocalGet(end),
        Instruction::LocalGet(size),
        Instruction::I32Add,
    ]);
    end_frame(&mut code, control, end, site, STORED);
    code.finish()
}

/// Appends the stop point to values that were stored behind the frames. There was room for them; makes sure that there still
/// is for as much.
///
/// ```wat
/// (func $saved (param $size i32) (param $site i32)
///   (i32.store $control offset=12                                      ;; bytes of frames
///     (i32.const 0)
///     (local.tee $size (i32.add (local.get $size) (i32.load $control offset=12 (i32.const 0)))))
///   (i32.store $control offset=1048 (local.get $size) (local.get $site)) ;; the last 8 bytes
///   (i32.store $control offset=1052 (local.get $size) (i32.const 0))   ;; slot
///   (global.set $unwinding (i32.const 1))
///   (if (i32.gt_u (local.get $size) (i32.const 63456))
///     (then (i32.store $control offset=8 (i32.const 0) (i32.const 1)) (unreachable))))
/// ```
fn saved(control: &Control) -> Vec<u8> {
    let (size, site) = (0, 1);
    let mut code = Code::new(&[]);
    code.add(&[
        Instruction::I32Const(0),
        Instruction::LocalGet(size),
        Instruction::I32Const(0),
        Instruction::I32Load(control.at(FRAMES_SIZE)),
        Instruction::I32Add,
    ]);
    end_frame(&mut code, control, size, site, 0);
    code.finish()
}

/// Makes the operand the new end of the frames, which the local `end` gets too, and writes what is last in the frame before it: the
/// stop point that a local has, and the slot. Makes sure that there is room for as much again. Below the operand is a zero.
fn end_frame(code: &mut Code, control: &Control, end: u32, site: u32, slot: u32) {
    code.add(&[
        Instruction::LocalTee(end),
        Instruction::I32Store(control.at(FRAMES_SIZE)),
        Instruction::LocalGet(end),
        Instruction::LocalGet(site),
        Instruction::I32Store(control.at(control.frames - TRAILER)),
        Instruction::LocalGet(end),
        Instruction::I32Const(slot.cast_signed()),
        Instruction::I32Store(control.at(control.frames - TRAILER / 2)),
        Instruction::I32Const(1),
        Instruction::GlobalSet(control.unwinding),
        Instruction::LocalGet(end),
        Instruction::I32Const(control.capacity().cast_signed()),
        Instruction::I32GtU,
    ]);
    fail(code, control);
}

/// Traps if the operand is not zero, and lets the host know why.
fn fail(code: &mut Code, control: &Control) {
    code.add(&[
        Instruction::If(BlockType::Empty),
        Instruction::I32Const(0),
        Instruction::I32Const(STATUS_OVERFLOW.cast_signed()),
        Instruction::I32Store(control.at(STATUS)),
        Instruction::Unreachable,
        Instruction::End,
    ]);
}

/// Puts a parameter that is a reference into its spill table. Sets a local to its index there.
fn spill(code: &mut Code, control: &Control, table: u32, used: u32, param: u32, spilled: u32, ty: ValueType) {
    code.add(&[
        Instruction::I32Const(0),
        Instruction::I32Load(control.at(used)),
        Instruction::LocalTee(spilled),
        Instruction::TableSize(table),
        Instruction::I32GeU,
        Instruction::If(BlockType::Empty),
        values::zero(ty),
        Instruction::I32Const(SPILL_GROWTH),
        Instruction::TableGrow(table),
        Instruction::I32Const(-1),
        Instruction::I32Eq,
    ]);
    fail(code, control);
    code.add(&[
        Instruction::End,
        Instruction::LocalGet(spilled),
        Instruction::LocalGet(param),
        Instruction::TableSet(table),
        Instruction::I32Const(0),
        Instruction::LocalGet(spilled),
        Instruction::I32Const(1),
        Instruction::I32Add,
        Instruction::I32Store(control.at(used)),
    ]);
}

fn init(instruction: &Instruction<'_>) -> Vec<u8> {
    let mut code = Code::new(&[]);
    code.add(&[Instruction::LocalGet(0), Instruction::LocalGet(1), Instruction::LocalGet(2)]);
    code.add(std::slice::from_ref(instruction));
    code.finish()
}

/// Drops a segment, and notes that.
fn drop_segment(control: &Control, instruction: &Instruction<'_>, position: u32) -> Vec<u8> {
    let mut code = Code::new(&[]);
    code.add(std::slice::from_ref(instruction));
    code.add(&[
        Instruction::I32Const(position.cast_signed()),
        Instruction::I32Const(1),
        Instruction::I32Store8(byte(control)),
    ]);
    code.finish()
}

/// Where the byte of the segment at the address is.
fn byte(control: &Control) -> wasm_encoder::MemArg {
    wasm_encoder::MemArg { align: 0, ..control.at(SEGMENTS) }
}

/// Does what instantiation of the original does after everything exists: writes its active segments to tables and
/// memories, and drops them.
///
/// # Errors
/// Only for invalid modules.
pub(super) fn initialize(module: &Module<'_>) -> Result<Vec<u8>, StopError> {
    let mut code = Code::new(&[]);
    for (element_index, element) in (0..).zip(&module.elements) {
        if let ElementKind::Active { table_index, offset_expr } = &element.kind {
            let length = match &element.items {
                wasmparser::ElementItems::Functions(items) => items.count(),
                wasmparser::ElementItems::Expressions(_, items) => items.count(),
            };
            constant(&mut code, offset_expr)?;
            code.add(&[
                Instruction::I32Const(0),
                Instruction::I32Const(length.cast_signed()),
                Instruction::TableInit { elem_index: element_index, table: table_index.unwrap_or_default() },
                Instruction::ElemDrop(element_index),
            ]);
        }
    }
    for (data_index, data) in (0..).zip(&module.data) {
        if let DataKind::Active { memory_index, offset_expr } = &data.kind {
            constant(&mut code, offset_expr)?;
            code.add(&[
                Instruction::I32Const(0),
                Instruction::I32Const(count(data.data.len()).cast_signed()),
                Instruction::MemoryInit { mem: *memory_index, data_index },
                Instruction::DataDrop(data_index),
            ]);
        }
    }
    Ok(code.finish())
}

/// Brings the segments of a new instance into the state they had: active ones are dropped, and so are those that the
/// control memory tells of.
pub(super) fn restore(module: &Module<'_>, control: &Control) -> Vec<u8> {
    let mut code = Code::new(&[]);
    let data = (0..).zip(&module.data).map(|(data, segment)| {
        let active = matches!(segment.kind, DataKind::Active { .. });
        (active, Instruction::DataDrop(data))
    });
    let elements = (0..).zip(&module.elements).map(|(element, segment)| {
        let active = matches!(segment.kind, ElementKind::Active { .. });
        (active, Instruction::ElemDrop(element))
    });
    for (position, (active, drop)) in (0i32..).zip(data.chain(elements)) {
        if active {
            code.add(&[drop]);
        } else if control.segments > 0 {
            code.add(&[
                Instruction::I32Const(position),
                Instruction::I32Load8U(byte(control)),
                Instruction::If(BlockType::Empty),
                drop,
                Instruction::End,
            ]);
        }
    }
    code.finish()
}

/// Appends the code of a constant expression.
fn constant(code: &mut Code, expression: &wasmparser::ConstExpr<'_>) -> Result<(), StopError> {
    let mut reader = expression.get_binary_reader();
    let bytes = reader.read_bytes(reader.bytes_remaining())?;
    // All but the `end`.
    code.copy(bytes.split_last().map(|(_, rest)| rest).unwrap_or_default());
    Ok(())
}
