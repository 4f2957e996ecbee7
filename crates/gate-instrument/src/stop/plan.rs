//! What the transform does to a function: its instructions, its stop points, and where operands are parked.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use wasmparser::{FuncValidator, Operator, ValidatorResources};

use super::blocks::{BlockId, Op, Structure};
use super::calls::Calls;
use super::error::StopError;
use super::extra::Extra;
use super::layout::{self, Layout};
use super::live;
use super::module::{Module, count, index};
use super::operands::{Operands, Stack, StackOf};
use super::records::Records;
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
    /// All operands of the stop points that the function has everywhere, if they have too many values: they save the same ones then, which
    /// are all that any of them has, with the same code.
    pub(super) shared: Option<Arc<[Parked]>>,
    /// Its reachable instructions and blocks.
    pub(super) structure: Structure<'a>,
    /// Its stop points, in the order of their instructions: of one instruction first that for the entry, then that before it,
    /// then that in it.
    pub(super) stops: Vec<Stop>,
    operands: Arc<Operands>,
    /// Where its body starts, in bytes from the start of the module.
    pub(super) offset: u32,
    before: HashMap<usize, Range<usize>>,
    after: HashMap<usize, Range<usize>>,
    parked: Vec<u32>,
    parks: HashMap<(u32, ValueType), u32>,
}

/// A stop point within a function.
#[derive(Clone)]
pub(super) struct Stop {
    /// Its name.
    pub(super) id: SiteId,
    /// What the program does there.
    pub(super) kind: SiteKind,
    /// Its instruction; of the entry, the first one.
    pub(super) op: usize,
    /// The block it is in: of a loop, the loop.
    pub(super) block: Option<BlockId>,
    /// The operands.
    pub(super) operands: Stack,
    /// The locals to be saved.
    pub(super) live: Arc<[u32]>,
    /// What is called, in a call.
    pub(super) call: Option<Call>,
    /// When the program stops there by itself.
    pub(super) by_itself: ByItself,
    /// Whether it is one that the function has in any stoppable program, with breakpoints or without.
    pub(super) is_everywhere: bool,
    /// Whether it is so important what the register allocator does around it that its code stores its values without any other's.
    pub(super) is_apart: bool,
}

impl Stop {
    /// Whether the function has this stop point in any stoppable program.
    pub(super) fn is_own(&self) -> bool {
        self.by_itself == ByItself::Always
    }
}

/// When a program stops at a stop point by itself, or because the function stops that it has called there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByItself {
    /// Whenever it shall stop.
    Always,
    /// When it shall stop at breakpoints.
    IfBreakpoints,
    /// It does not: another one did, which is to be continued here.
    Never,
}

/// The stop points of a function without its code.
pub(super) struct Stops {
    /// The stop points, in the order of their instructions.
    pub(super) stops: Vec<Stop>,
    function: u32,
    locals: Arc<[ValueType]>,
    operands: Arc<Operands>,
    parked: Option<Arc<[Parked]>>,
    records: Records,
}

/// A local in which an operand is parked: the operand's position from the lowest, and its type.
pub(super) type Parked = (u32, ValueType);

/// How many values per byte of a function its stop points may save each with code of its own.
///
/// Compiled programs save a value per three bytes at most (the worst of some hundred, made by various compilers). A function
/// made for the purpose could have tens of thousands of locals alive at each of a million calls.
const VALUES_PER_BYTE: usize = 16;

impl<'a> Plan<'a> {
    /// Reads a function that is not imported. Validates it, too.
    pub(super) fn read(
        module: &Module<'a>,
        calls: &Calls,
        function: u32,
        extra: Extra<'_>,
    ) -> Result<Self, StopError> {
        let body = module.body(function).expect("imported functions have no plan");
        let mut validator = module.validator(function);
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let locals = (0..validator.len_locals()).filter_map(|local| validator.get_local_type(local));
        let locals = locals.map(values::value_type).collect();
        let structure = Structure::read(module, calls, function, body, extra)?;
        let plan = Self {
            function,
            ty: module.function_type(function).clone(),
            locals,
            scratch: Vec::new(),
            shared: None,
            structure,
            stops: Vec::new(),
            operands: Arc::default(),
            offset: count(body.range().start),
            before: HashMap::new(),
            after: HashMap::new(),
            parked: Vec::new(),
            parks: HashMap::new(),
        };
        let mut walk = Walk {
            plan,
            validator,
            stack: Vec::new(),
            operands: Operands::default(),
            known: Vec::new(),
            watermark: 0,
            frames: Vec::new(),
        };
        let polls = calls.polls_at_entry(function);
        if polls || extra.is_at(walk.plan.offset) {
            let by_itself = if polls { ByItself::Always } else { ByItself::Never };
            walk.stop(SiteKind::Entry, 0, None, 0, by_itself);
        }
        for op in 0..walk.plan.structure.ops.len() {
            walk.before(op, extra);
            walk.op(calls, op, extra)?;
        }
        let mut plan = walk.plan;
        plan.operands = Arc::new(walk.operands);
        if plan.locals.len() + plan.scratch.len() >= MAX_LOCALS {
            let found = plan.locals.len() + plan.scratch.len();
            return Err(StopError::Locals { function, found, limit: MAX_LOCALS });
        }
        let limit = body.range().len().saturating_mul(VALUES_PER_BYTE);
        for stop in &mut plan.stops {
            let in_call = stop.call.is_none_or(|call| calls.stops_anyway_in_call(call));
            stop.is_everywhere = stop.is_own() && in_call;
        }
        let everywhere = plan.stops.iter().filter(|stop| stop.is_everywhere);
        let operands = everywhere.map(|stop| stop.operands.height()).fold(0, usize::saturating_add);
        let left = limit.checked_sub(operands);
        let each =
            live::mark(&plan.structure, &mut plan.stops, plan.locals.len(), plan.ty.params.len(), left)?;
        plan.set_apart();
        if each == live::Saved::Together {
            plan.shared = Some(plan.parked_together().into());
        }
        Ok(plan)
    }

    /// The instruction at a position.
    pub(super) fn op(&self, op: usize) -> &Op<'a> {
        self.structure.ops.get(op).expect("positions come from the structure itself")
    }

    /// How often the body of a loop is emitted, which the instruction at a position starts: an innermost one has its stop point at
    /// its head only, and does not need to poll before each time that it runs.
    pub(super) fn copies(&self, op: usize) -> usize {
        /// How many instructions the copies of a loop may have together. With twice as many, large programs take a fifteenth
        /// longer to compile.
        const OPS: usize = 64;
        /// With more, the poll is no longer what takes time.
        const COPIES: usize = 8;
        let Op { operator: Operator::Loop { .. }, block: Some(block), .. } = self.op(op) else { return 1 };
        let block = self.structure.block(*block);
        let behind = self.stops.partition_point(|stop| stop.op <= block.end);
        let is_innermost = self.stop_at(op).is_some_and(|(stop, _)| stop + 1 == behind);
        if !is_innermost || !block.ty.params.is_empty() {
            return 1;
        }
        (OPS / (block.end - block.start)).clamp(1, COPIES)
    }

    /// Finds the stop points whose code is apart from that of others: in code that several come to, the values of each had to be where those of
    /// the others are.
    fn set_apart(&mut self) {
        /// About as many values as a processor has registers for. The others are in memory anyway.
        const IN_REGISTERS: usize = 12;
        let mut next = usize::MAX;
        for stop in self.stops.iter_mut().rev() {
            // A breakpoint makes no difference to what is stored.
            if !stop.is_everywhere {
                continue;
            }
            let end = stop.block.map_or(0, |block| self.structure.block(block).end);
            stop.is_apart = match stop.kind {
                SiteKind::Loop => end < next && stop.live.len() <= IN_REGISTERS,
                SiteKind::Entry => true,
                SiteKind::Call | SiteKind::Import | SiteKind::Breakpoint => false,
            };
            next = stop.op;
        }
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
        at.filter(|(_, stop)| matches!(stop.kind, SiteKind::Loop | SiteKind::Call)).last()
    }

    /// The position of the breakpoint before an instruction, if there is one.
    pub(super) fn breakpoint_at(&self, op: usize) -> Option<usize> {
        let start = self.stops.partition_point(|stop| stop.op < op);
        let mut at = self.stops.iter().enumerate().skip(start).take_while(|(_, stop)| stop.op == op);
        let breakpoint = at.find(|(_, stop)| stop.by_itself == ByItself::IfBreakpoints);
        breakpoint.map(|(position, _)| position)
    }

    /// Whether the program can stop at the entry of the function by itself: that is the first stop point if there is one.
    pub(super) fn polls_at_entry(&self) -> bool {
        let first = self.stops.first().filter(|stop| stop.kind == SiteKind::Entry);
        first.is_some_and(|stop| stop.by_itself == ByItself::Always)
    }

    /// All operands of the stop points that the function has everywhere. A breakpoint makes no difference to it.
    fn parked_together(&self) -> Vec<Parked> {
        let everywhere = self.stops.iter().filter(|stop| stop.is_everywhere);
        let mut parked = self.operands.all(everywhere.map(|stop| stop.operands));
        parked.sort_by_key(|(slot, ty)| (*slot, layout::rank(*ty)));
        parked.dedup();
        parked
    }

    /// The types of the operands of a stop point, the lowest first.
    pub(super) fn operands(&self, stop: &Stop) -> Vec<ValueType> {
        self.operands.types(stop.operands)
    }

    /// What stop points store in the record, if the program's compiler optimizes.
    pub(super) fn records(&self) -> Records {
        if self.shared.is_some() {
            Records::default()
        } else {
            Records::new(&self.stops, |stop| self.layout(stop))
        }
    }

    /// The position of the stop point with a name.
    pub(super) fn position(&self, id: SiteId) -> Option<usize> {
        self.stops.iter().position(|stop| stop.id == id)
    }

    /// What others need to know of the stop points.
    pub(super) fn stops(&self) -> Stops {
        Stops {
            stops: self.stops.clone(),
            function: self.function,
            locals: self.locals.clone(),
            operands: self.operands.clone(),
            parked: self.shared.clone(),
            records: self.records(),
        }
    }
}

impl Stops {
    /// A stop point as others see it.
    pub(super) fn site(&self, stop: &Stop) -> Site {
        Site {
            id: stop.id,
            function: self.function,
            kind: stop.kind,
            locals: self.locals.clone(),
            live: stop.live.clone(),
            call: stop.call,
            operands: StackOf { all: self.operands.clone(), stack: stop.operands },
            parked: self.parked.clone().filter(|_| stop.is_everywhere),
        }
    }

    /// Where the stop point with a name stores its values in the record, if it does.
    pub(super) fn stored(&self, id: SiteId) -> Option<Layout> {
        self.records.layout(self.stops.iter().position(|stop| stop.id == id)?)
    }

    /// The stop point with a name.
    pub(super) fn find(&self, id: SiteId) -> Option<Site> {
        self.stops.iter().find(|stop| stop.id == id).map(|stop| self.site(stop))
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
    operands: Operands,
    /// The stacks that there are under operands, from the lowest one on.
    known: Vec<Stack>,
    /// How many operands, from the lowest, are parked already.
    ///
    /// A place on the stack holds the same operand as long as anything is there, so an operand is parked once.
    watermark: usize,
    frames: Vec<Frame>,
}

impl Walk<'_> {
    /// Notes the stop point before an instruction, if there is one.
    fn before(&mut self, op: usize, extra: Extra<'_>) {
        let Op { ref operator, offset, block, .. } = *self.plan.op(op);
        // Behind a branch that is always taken, an `else` or `end` is not reached.
        let previous = op.checked_sub(1).map(|previous| &self.plan.op(previous).operator);
        if !extra.is_before(offset) || previous.is_some_and(Structure::diverges) {
            return;
        }
        let around = match block {
            Some(block) if Structure::block_type(operator).is_some() => {
                self.plan.structure.block(block).parent
            }
            block => block,
        };
        if self.watermark < self.stack.len() {
            self.park_before(op);
        }
        let by_itself = if extra.breaks(offset) { ByItself::IfBreakpoints } else { ByItself::Never };
        self.stop(SiteKind::Breakpoint, op, around, 0, by_itself);
    }

    fn op(&mut self, calls: &Calls, op: usize, extra: Extra<'_>) -> Result<(), StopError> {
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
                    self.stop(SiteKind::Loop, op, Some(block), 0, ByItself::Always);
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
                self.known.truncate(base);
                self.watermark = watermark.min(base);
                let height = index(self.validator.operand_stack_height());
                self.push(height - base);
            }
            _ => {
                let arity = operator.operator_arity(&self.validator.visitor(position));
                let (pops, pushes) = arity.expect("the validator knows the instruction's operands");
                let (pops, pushes) = (index(pops), index(pushes));
                let is_stop = calls.stops_in(&operator);
                let is_call = matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. });
                if is_stop || (is_call && extra.is_at(offset)) {
                    if self.watermark < self.stack.len() - pops {
                        self.park_before(op);
                    }
                    let by_itself = if is_stop { ByItself::Always } else { ByItself::Never };
                    self.stop(SiteKind::Call, op, block, pops, by_itself);
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
        self.known.truncate(height);
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
    fn stop(&mut self, kind: SiteKind, op: usize, block: Option<BlockId>, taken: usize, by_itself: ByItself) {
        let height = self.stack.len() - taken;
        for ty in self.stack.get(self.known.len()..height).unwrap_or_default() {
            let below = self.known.last().copied().unwrap_or_default();
            self.known.push(self.operands.push(below, *ty));
        }
        let operands = height.checked_sub(1).and_then(|top| self.known.get(top)).copied().unwrap_or_default();
        let Op { operator, offset, .. } = self.plan.op(op);
        let call = match (kind, operator) {
            (SiteKind::Call, Operator::Call { function_index }) => Some(Call::Direct(*function_index)),
            (SiteKind::Call, Operator::CallIndirect { type_index, .. }) => Some(Call::Indirect(*type_index)),
            _ => None,
        };
        let id = match kind {
            SiteKind::Entry => SiteId(self.plan.offset),
            SiteKind::Breakpoint => SiteId::before(*offset),
            SiteKind::Loop | SiteKind::Call | SiteKind::Import => SiteId(*offset),
        };
        self.plan.stops.push(Stop {
            id,
            kind,
            op,
            block,
            operands,
            live: Arc::default(),
            call,
            by_itself,
            is_everywhere: false,
            is_apart: false,
        });
    }
}
