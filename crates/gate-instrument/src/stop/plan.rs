//! What the transform does to a function: its instructions, its stop points, and where operands are parked.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use wasmparser::{FuncValidator, Operator, ValidatorResources};

use super::blocks::{BlockId, Op, Structure};
use super::calls::Calls;
use super::error::StopError;
use super::live;
use super::module::{Module, count, index};
use super::site::{Call, Site, SiteId, SiteKind};
use super::values;
use crate::accept::{FunctionType, ValueType};

/// How many locals a function may have. The engine's validator has the same limit.
const MAX_LOCALS: usize = 50_000;

/// A function and what is done to it.
pub(super) struct Plan<'a> {
    /// The function.
    pub(super) function: u32,
    /// Its type.
    pub(super) ty: FunctionType,
    /// Its parameters and declared locals.
    pub(super) locals: Arc<[ValueType]>,
    /// Locals to be added, in which operands are parked.
    pub(super) scratch: Vec<ValueType>,
    /// Its reachable instructions and blocks.
    pub(super) structure: Structure<'a>,
    /// Its stop points, in the order of their instructions; at most one for an instruction besides that for the entry.
    pub(super) stops: Vec<Stop>,
    /// Where its body starts, in bytes from the start of the module.
    pub(super) offset: u32,
    before: HashMap<usize, Range<usize>>,
    after: HashMap<usize, Range<usize>>,
    parked: Vec<u32>,
    parks: HashMap<(u32, ValueType), u32>,
}

/// A stop point within a function.
pub(super) struct Stop {
    /// What the program does there.
    pub(super) kind: SiteKind,
    /// Its instruction; of the entry, the first one.
    pub(super) op: usize,
    /// The block it is in: of a loop, the loop.
    pub(super) block: Option<BlockId>,
    /// The types of the operands.
    pub(super) operands: Vec<ValueType>,
    /// The locals to be saved.
    pub(super) live: Vec<u32>,
}

/// How many values may be saved at all stop points of a module together.
pub(super) struct Budget {
    limit: u64,
    left: u64,
}

impl Budget {
    /// Room for values at stop points in proportion to the size of a module.
    ///
    /// Programs save a value per three bytes of code at most (the worst of some hundred, made by various compilers). A
    /// module made for the purpose could have tens of thousands of locals alive at each of a million calls.
    pub(super) fn for_module(bytes: usize) -> Self {
        let limit = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(16).saturating_add(1 << 16);
        Self { limit, left: limit }
    }

    fn take(&mut self, function: u32, values: usize) -> Result<(), StopError> {
        let values = u64::try_from(values).unwrap_or(u64::MAX).saturating_add(1);
        self.left =
            self.left.checked_sub(values).ok_or(StopError::LiveValues { function, limit: self.limit })?;
        Ok(())
    }
}

impl<'a> Plan<'a> {
    /// Reads a function that is not imported. Validates it, too.
    pub(super) fn read(
        module: &Module<'a>,
        calls: &Calls,
        function: u32,
        budget: &mut Budget,
    ) -> Result<Self, StopError> {
        let body = module.body(function).expect("imported functions have no plan");
        let mut validator = module.validator(function);
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        // Any number of locals takes a few bytes to declare.
        budget.take(function, index(validator.len_locals()) / 16)?;
        let locals = (0..validator.len_locals()).filter_map(|local| validator.get_local_type(local));
        let locals = locals.map(values::value_type).collect();
        let structure = Structure::read(module, calls, body)?;
        let plan = Self {
            function,
            ty: module.function_type(function).clone(),
            locals,
            scratch: Vec::new(),
            structure,
            stops: Vec::new(),
            offset: count(body.range().start),
            before: HashMap::new(),
            after: HashMap::new(),
            parked: Vec::new(),
            parks: HashMap::new(),
        };
        let mut walk = Walk { plan, validator, stack: Vec::new(), watermark: 0, frames: Vec::new() };
        if calls.polls_at_entry(function) {
            walk.stop(SiteKind::Entry, 0, None, 0, budget)?;
        }
        for op in 0..walk.plan.structure.ops.len() {
            walk.op(calls, op, budget)?;
        }
        let mut plan = walk.plan;
        if plan.locals.len() + plan.scratch.len() >= MAX_LOCALS {
            let found = plan.locals.len() + plan.scratch.len();
            return Err(StopError::Locals { function, found, limit: MAX_LOCALS });
        }
        live::mark(
            &plan.structure,
            &mut plan.stops,
            plan.locals.len(),
            plan.ty.params.len(),
            &mut |values| budget.take(function, values),
        )?;
        Ok(plan)
    }

    /// The instruction at a position.
    pub(super) fn op(&self, op: usize) -> &Op<'a> {
        self.structure.ops.get(op).expect("positions come from the structure itself")
    }

    /// The scratch locals to park operands in before an instruction, the lowest operand's first.
    pub(super) fn parked_before(&self, op: usize) -> &[u32] {
        self.before.get(&op).and_then(|range| self.parked.get(range.clone())).unwrap_or_default()
    }

    /// The scratch locals to park a loop's parameters in behind the `loop` instruction, the lowest operand's first.
    pub(super) fn parked_after(&self, op: usize) -> &[u32] {
        self.after.get(&op).and_then(|range| self.parked.get(range.clone())).unwrap_or_default()
    }

    /// The scratch local that an operand is parked in.
    pub(super) fn park(&self, slot: usize, ty: ValueType) -> u32 {
        *self.parks.get(&(count(slot), ty)).expect("operands at stop points are parked")
    }

    /// The stop point of an instruction, and its position among the stop points.
    pub(super) fn stop_at(&self, op: usize) -> Option<(usize, &Stop)> {
        let start = self.stops.partition_point(|stop| stop.op < op);
        let at = self.stops.iter().enumerate().skip(start).take_while(|(_, stop)| stop.op == op);
        at.filter(|(_, stop)| stop.kind != SiteKind::Entry).last()
    }

    /// The stop point at the entry of the function, which is the first if there is one.
    pub(super) fn entry_stop(&self) -> Option<&Stop> {
        self.stops.first().filter(|stop| stop.kind == SiteKind::Entry)
    }

    /// The name of a stop point of this function.
    pub(super) fn site_id(&self, stop: &Stop) -> SiteId {
        match stop.kind {
            SiteKind::Entry => SiteId(self.offset),
            SiteKind::Loop | SiteKind::Call | SiteKind::Import => SiteId(self.op(stop.op).offset),
        }
    }

    /// A stop point of this function as others see it.
    pub(super) fn site(&self, stop: &Stop) -> Site {
        Site {
            id: self.site_id(stop),
            function: self.function,
            kind: stop.kind,
            locals: self.locals.clone(),
            live: stop.live.clone(),
            operands: stop.operands.clone(),
            call: match (stop.kind, &self.op(stop.op).operator) {
                (SiteKind::Call, Operator::Call { function_index }) => Some(Call::Direct(*function_index)),
                (SiteKind::Call, Operator::CallIndirect { type_index, .. }) => {
                    Some(Call::Indirect(*type_index))
                }
                _ => None,
            },
        }
    }
}

/// An open block.
#[derive(Clone, Copy)]
struct Frame {
    base: usize,
    /// How many operands were parked when the block was entered.
    watermark: usize,
}

/// A pass over a function that follows the types on its operand stack.
struct Walk<'a> {
    plan: Plan<'a>,
    validator: FuncValidator<ValidatorResources>,
    stack: Vec<ValueType>,
    /// How many operands, from the lowest, are parked already.
    ///
    /// A place on the stack holds the same operand as long as anything is there, so an operand is parked once.
    watermark: usize,
    frames: Vec<Frame>,
}

impl Walk<'_> {
    fn op(&mut self, calls: &Calls, op: usize, budget: &mut Budget) -> Result<(), StopError> {
        let Op { operator, offset, block, .. } = self.plan.op(op).clone();
        let position = index(offset);
        match &operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                let block = block.expect("an instruction that opens a block is in it");
                let condition = usize::from(matches!(operator, Operator::If { .. }));
                let params = self.plan.structure.block(block).ty.params.len();
                let base = self.stack.len() - params - condition;
                self.plan.structure.block_mut(block).base = base;
                if self.plan.structure.block(block).stops && self.watermark < base {
                    self.park_before(op);
                }
                self.validator.op(position, &operator)?;
                self.pop(condition);
                self.frames.push(Frame { base, watermark: self.watermark });
                if matches!(operator, Operator::Loop { .. }) {
                    // What a branch brings to the loop's head was not parked.
                    self.watermark = self.watermark.min(base);
                    let range = self.park_from_watermark();
                    if !range.is_empty() {
                        self.plan.after.insert(op, range);
                    }
                    self.stop(SiteKind::Loop, op, Some(block), 0, budget)?;
                }
            }
            Operator::Else | Operator::End => {
                self.validator.op(position, &operator)?;
                // There is none at the end of the function.
                let Some(frame) = self.frames.pop() else { return Ok(()) };
                let Frame { base, watermark } = frame;
                if matches!(operator, Operator::Else) {
                    self.frames.push(frame);
                }
                self.stack.truncate(base);
                self.watermark = watermark.min(base);
                let height = index(self.validator.operand_stack_height());
                self.push(height - base);
            }
            _ => {
                let arity = operator.operator_arity(&self.validator.visitor(position));
                let (pops, pushes) = arity.expect("the validator knows the instruction's operands");
                let (pops, pushes) = (index(pops), index(pushes));
                let is_stop = match operator {
                    Operator::Call { function_index } => calls.may_unwind(function_index),
                    Operator::CallIndirect { .. } => true,
                    _ => false,
                };
                if is_stop {
                    if self.watermark < self.stack.len() - pops {
                        self.park_before(op);
                    }
                    self.stop(SiteKind::Call, op, block, pops, budget)?;
                }
                self.validator.op(position, &operator)?;
                self.pop(pops);
                if !Structure::diverges(&operator) {
                    self.push(pushes);
                }
            }
        }
        Ok(())
    }

    fn pop(&mut self, operands: usize) {
        let height = self.stack.len().saturating_sub(operands);
        self.stack.truncate(height);
        self.watermark = self.watermark.min(height);
    }

    /// Pushes the types of the operands that the validator has on top.
    fn push(&mut self, operands: usize) {
        for depth in (0..operands).rev() {
            let ty = self.validator.get_operand_type(depth).flatten();
            self.stack.push(ty.map_or(ValueType::I32, values::value_type));
        }
    }

    /// Parks all operands before an instruction.
    fn park_before(&mut self, op: usize) {
        let range = self.park_from_watermark();
        self.plan.before.insert(op, range);
    }

    /// Makes locals for all operands that are not parked, and says which.
    fn park_from_watermark(&mut self) -> Range<usize> {
        let start = self.plan.parked.len();
        for slot in self.watermark..self.stack.len() {
            let ty = self.stack.get(slot).copied().expect("the slot is below the height");
            let next = count(self.plan.locals.len() + self.plan.scratch.len());
            let local = *self.plan.parks.entry((count(slot), ty)).or_insert_with(|| {
                self.plan.scratch.push(ty);
                next
            });
            self.plan.parked.push(local);
        }
        self.watermark = self.stack.len();
        start..self.plan.parked.len()
    }

    /// Notes a stop point whose instruction takes some operands that are not saved.
    fn stop(
        &mut self,
        kind: SiteKind,
        op: usize,
        block: Option<BlockId>,
        taken: usize,
        budget: &mut Budget,
    ) -> Result<(), StopError> {
        let operands = self.stack.get(..self.stack.len() - taken).unwrap_or_default();
        budget.take(self.plan.function, operands.len())?;
        let operands = operands.to_vec();
        self.plan.stops.push(Stop { kind, op, block, operands, live: Vec::new() });
        Ok(())
    }
}
