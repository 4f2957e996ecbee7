//! Functions that continue a function from a stop point.
//!
//! A continuation has no parameters. It takes its frame off the frames, and runs the rest of the original function.

use std::ops::Range;

use wasm_encoder::{BlockType, Instruction};
use wasmparser::Operator;

use super::blocks::BlockId;
use super::control::{Control, FRAMES_SIZE};
use super::copies::Tail;
use super::emit::{Body, Context, Emitter};
use super::error::StopError;
use super::helpers::{self, Code};
use super::layout::{Layout, Source, TRAILER};
use super::link::{Callee, Linker};
use super::module::{Module, count};
use super::offsets::Offsets;
use super::plan::{Plan, Stop};
use super::site::SiteKind;
use super::values;
use crate::accept::ValueType;

/// The continuation of a frame's function, for the frame outside of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    /// Its slot.
    pub(super) slot: u32,
    /// The function.
    pub(super) function: u32,
}

/// The continuation of a function that is not imported from its stop point at a position. `next` are those of the frames that it
/// has called there.
pub(super) fn function(
    context: &Context<'_>,
    plan: &Plan<'_>,
    position: usize,
    linker: &mut Linker,
    next: &[Next],
) -> Result<Body, StopError> {
    let stop = plan.stops.get(position).expect("the stop point is one of the plan's");
    let mut path: Vec<_> = plan.structure.around(stop.block).collect();
    path.reverse();
    let address = count(plan.locals.len() + plan.scratch.len());
    let declared: Vec<_> = plan.locals.iter().chain(&plan.scratch).copied().chain([ValueType::I32]).collect();
    let mut emitter = Emitter::new(context, plan, linker, first_stop(plan, stop, position, &path));
    let layout = plan.layout(stop);
    for instruction in load(context.control, stop.kind, &layout, address, |source, ty| match source {
        Source::Local(local) => Some(local),
        Source::Operand(slot) => Some(plan.park(slot, ty)),
        Source::Unused(_) => None,
    }) {
        emitter.add(&instruction);
    }
    emitter.open_stops();
    let results = emitter.linker.block_type(&plan.ty.results);
    emitter.labels.push(emitter.depth);
    emitter.open(&Instruction::Block(results));
    let operands = plan.operands(stop).into_iter().enumerate();
    let operands = operands.map(|(slot, ty)| Instruction::LocalGet(plan.park(slot, ty)));
    reopen(&mut emitter, &path, &operands.collect::<Vec<_>>());
    let op = match stop.kind {
        SiteKind::Entry => 0,
        SiteKind::Call => {
            call_next(&mut emitter, stop, next);
            // What is called at another program's stop point cannot stop in this one.
            if stop.is_own() {
                emitter.stop_if_unwinding(position);
            }
            stop.op + 1
        }
        SiteKind::Loop | SiteKind::Import => stop.op + 1,
        SiteKind::Breakpoint => stop.op,
    };
    let parked = stop.kind == SiteKind::Breakpoint;
    rest(&mut emitter, &path, op, parked)?;
    emitter.add(&Instruction::Return);
    emitter.close_stops();
    Ok(emitter.finish(&declared))
}

/// The values of a frame, as code.
pub(super) struct Saved<'s> {
    /// Sets the locals that are not zero.
    pub(super) locals: &'s [Instruction<'s>],
    /// Each pushes an operand, the first one the lowest.
    pub(super) operands: &'s [Instruction<'s>],
}

/// What goes on from a stop point in a module without stop points. `inner` is the function that goes on from the next inner
/// frame.
pub(super) fn alone(
    context: &Context<'_>,
    plan: &Plan<'_>,
    position: usize,
    linker: &mut Linker,
    saved: Saved<'_>,
    inner: u32,
) -> Result<Vec<u8>, StopError> {
    let stop = plan.stops.get(position).expect("the stop point is one of the plan's");
    let mut path: Vec<_> = plan.structure.around(stop.block).collect();
    path.reverse();
    let mut emitter = Emitter::new(context, plan, linker, position);
    emitter.labels.push(0);
    emitter.depth = 1;
    saved.locals.iter().for_each(|instruction| emitter.add(instruction));
    reopen(&mut emitter, &path, saved.operands);
    let next = match stop.kind {
        SiteKind::Entry => 0,
        SiteKind::Call => {
            emitter.add(&Instruction::Call(inner));
            stop.op + 1
        }
        SiteKind::Loop | SiteKind::Import => stop.op + 1,
        SiteKind::Breakpoint => stop.op,
    };
    rest(&mut emitter, &path, next, true)?;
    Ok(emitter.finish(&plan.locals).bytes)
}

/// The continuation of a call of an imported function.
pub(super) fn import(context: &Context<'_>, module: &Module<'_>, function: u32, linker: &mut Linker) -> Body {
    let site = helpers::import_site(module, function);
    let mut locals = values::all_encoded(&site.locals);
    locals.push(wasm_encoder::ValType::I32);
    let mut code = Code::new(&locals);
    let address = count(site.locals.len());
    code.add(&load(context.control, site.kind, &site.layout(), address, |source, _| match source {
        Source::Local(local) => Some(local),
        Source::Operand(_) | Source::Unused(_) => None,
    }));
    code.add(&[Instruction::Block(BlockType::Empty)]);
    let function_index = linker.function(Callee::Host(function));
    helpers::call_import(context, module, linker, &mut code, function, function_index);
    Body { bytes: code.finish(), offsets: Offsets::default(), rare: Vec::new(), beside: Vec::new() }
}

/// The first of the stop points that the rest of a function has: with a loop around, any of that loop can follow.
fn first_stop(plan: &Plan<'_>, stop: &Stop, position: usize, path: &[BlockId]) -> usize {
    if stop.kind == SiteKind::Entry {
        return 0;
    }
    let starts = path.iter().map(|block| plan.structure.block(*block).start);
    let mut loops = starts.filter(|start| matches!(plan.op(*start).operator, Operator::Loop { .. }));
    loops.next().map_or(position, |start| plan.stops.partition_point(|stop| stop.op < start))
}

/// Takes the last frame off, and sets locals to its values, if `local` gives any for them.
fn load(
    control: &Control,
    kind: SiteKind,
    layout: &Layout,
    address: u32,
    local: impl Fn(Source, ValueType) -> Option<u32>,
) -> Vec<Instruction<'static>> {
    let mut code = vec![
        Instruction::I32Const(0),
        Instruction::I32Const(0),
        Instruction::I32Load(control.at(FRAMES_SIZE)),
        Instruction::I32Const(layout.size.cast_signed()),
        Instruction::I32Sub,
        Instruction::LocalTee(address),
        Instruction::I32Store(control.at(FRAMES_SIZE)),
    ];
    for field in &layout.fields {
        let Some(local) = local(field.source, field.ty) else { continue };
        code.push(Instruction::LocalGet(address));
        code.push(values::load(field.ty, control.at(control.frames + field.offset)));
        if let Some((table, _)) = control.spill(field.ty) {
            code.push(Instruction::TableGet(table));
        }
        code.push(Instruction::LocalSet(local));
    }
    if kind.is_innermost() {
        // All frames have been taken off, and with them all that was spilled.
        for ty in super::control::SPILL_TYPES {
            if let Some((table, used)) = control.existing_spill(ty) {
                code.extend([
                    Instruction::I32Const(0),
                    values::zero(ty),
                    Instruction::I32Const(0),
                    Instruction::I32Load(control.at(used)),
                    Instruction::TableFill(table),
                    Instruction::I32Const(0),
                    Instruction::I32Const(0),
                    Instruction::I32Store(control.at(used)),
                ]);
            }
        }
    }
    code
}

/// Opens the blocks around a stop point from the outside in, with the operands that are below and in each, given as what
/// pushes them.
///
/// A loop becomes two blocks: the inner one stands for its head, where it can be started again, and the outer one for its
/// end.
fn reopen(emitter: &mut Emitter<'_, '_>, path: &[BlockId], operands: &[Instruction<'_>]) {
    let plan = emitter.plan;
    let mut operands = operands.iter();
    let mut pushed = 0;
    for block in path {
        let block = plan.structure.block(*block);
        operands.by_ref().take(block.base - pushed).for_each(|operand| emitter.add(operand));
        pushed = block.base;
        let results = emitter.linker.block_type(&block.ty.results);
        match &plan.op(block.start).operator {
            Operator::Loop { .. } => {
                emitter.open(&Instruction::Block(results));
                let params = emitter.linker.block_type(&block.ty.params);
                emitter.open(&Instruction::Block(params));
            }
            Operator::TryTable { try_table } => emitter.try_table(results, &try_table.catches),
            _ => emitter.open(&Instruction::Block(results)),
        }
        emitter.labels.push(emitter.depth - 1);
    }
    operands.for_each(|operand| emitter.add(operand));
}

/// Calls the continuation of the frame that was called at a stop point. It is the last frame now, and ends with its slot.
///
/// Mostly there is one that it can be. A function that calls itself can have frames of several kinds inside of the same call:
///
/// ```wat
/// (block $done (result i32)
///   (i32.eq (i32.load offset=… (i32.load $frames_size (i32.const 0))) (i32.const 3))  ;; slot
///   (if (then (br $done (call $continuation_3))))
///   (call $continuation_5))
/// ```
///
/// That costs less to compile than a table: engines make a way in from the host for each function that there is a reference to.
fn call_next(emitter: &mut Emitter<'_, '_>, stop: &Stop, next: &[Next]) {
    let module = emitter.context.module;
    let results = match emitter.plan.op(stop.op).operator {
        Operator::Call { function_index } => &module.function_type(function_index).results,
        Operator::CallIndirect { type_index, .. } => &module.type_at(type_index).results,
        _ => unreachable!("stop points of this kind are calls"),
    };
    // Frames are a stranger's: what does not have these results has not been called here.
    let is_callee = |next: &&Next| module.function_type(next.function).results == *results;
    let next: Vec<Next> = next.iter().filter(is_callee).copied().collect();
    let Some((last, others)) = next.split_last() else {
        emitter.add(&Instruction::Unreachable);
        return;
    };
    if !others.is_empty() {
        let ty = emitter.linker.block_type(results);
        emitter.open(&Instruction::Block(ty));
    }
    let control = emitter.context.control;
    for other in others {
        emitter.add(&Instruction::I32Const(0));
        emitter.add(&Instruction::I32Load(control.at(FRAMES_SIZE)));
        // The slot is the second half of the trailer.
        emitter.add(&Instruction::I32Load(control.at(control.frames - TRAILER / 2)));
        emitter.add(&Instruction::I32Const(other.slot.cast_signed()));
        emitter.add(&Instruction::I32Eq);
        emitter.open(&Instruction::If(BlockType::Empty));
        // It is this that is going on while the next frame is.
        emitter.call_beside(stop.op, other.slot, Tail::No);
        emitter.add(&Instruction::Br(1));
        emitter.close();
    }
    emitter.call_beside(stop.op, last.slot, Tail::No);
    if !others.is_empty() {
        emitter.close();
    }
}

/// Emits the rest of the function, from an instruction within the blocks that are open. Of the first one, nothing that comes
/// before it in the stoppable program, if its operands are `parked`.
fn rest(
    emitter: &mut Emitter<'_, '_>,
    path: &[BlockId],
    mut next: usize,
    mut parked: bool,
) -> Result<(), StopError> {
    let plan = emitter.plan;
    for block in path.iter().rev() {
        let block = plan.structure.block(*block);
        // From within the first part of an `if`, the second is not run.
        let end = block.middle.filter(|middle| next <= *middle).unwrap_or(block.end);
        ops(emitter, next..end, parked)?;
        parked = false;
        emitter.labels.pop();
        if matches!(plan.op(block.start).operator, Operator::Loop { .. }) {
            emitter.add(&Instruction::Br(1));
            emitter.close();
            // Who branches to its head has the loop itself from here on. Operands below it are parked and out of reach.
            emitter.parked_loop(block.start, block.end)?;
        }
        emitter.close();
        next = block.end + 1;
    }
    ops(emitter, next..plan.structure.ops.len(), parked)
}

/// Emits the instructions in a range of positions, the first one without what comes before it if its operands are `parked`.
fn ops(emitter: &mut Emitter<'_, '_>, mut range: Range<usize>, parked: bool) -> Result<(), StopError> {
    if parked && let Some(first) = range.next() {
        emitter.parked_op(first)?;
    }
    emitter.ops(range)
}
