//! Emits the code of a function together with its stop points.

use wasm_encoder::{BlockType, Catch, Encode, Instruction, MemArg, ValType};
use wasmparser::Operator;

use super::Poll;
use super::blocks::Op;
use super::calls::Calls;
use super::control::{Control, FRAMES_SIZE, POLL_SCRATCH, RECORD, STOP_REQUESTED};
use super::copies::Tail;
use super::error::StopError;
use super::groups::{Block, Groups, Target};
use super::layout::{self, Field, Layout, Source};
use super::link::{Callee, Last, Linker, Place};
use super::module::{Module, count, index};
use super::offsets::Offsets;
use super::plan::{ByItself, Plan, Stop};
use super::records::{self, Records};
use super::sections;
use super::values;
use crate::accept::ValueType;

/// How large a function's body may be. The engine's validator has the same limit.
const MAX_BODY: usize = 7_654_321;

/// What all functions are emitted with.
pub(super) struct Context<'c> {
    /// The original.
    pub(super) module: &'c Module<'c>,
    /// Who calls whom.
    pub(super) calls: &'c Calls,
    /// Where the additions are.
    pub(super) control: &'c Control,
    /// How to poll.
    pub(super) poll: Poll,
}

impl Context<'_> {
    /// Whether the code shall be such that a compiler that optimizes makes fast code of it, rather than small.
    fn optimizes(&self) -> bool {
        self.poll != Poll::Store
    }

    /// Whether the code of a stop point stores the values that it saves, rather than a function it gives them to.
    fn saves_in_place(&self, layout: &Layout) -> bool {
        self.optimizes() && records::fits(layout)
    }
}

/// A function that is being emitted.
pub(super) struct Emitter<'e, 'a> {
    /// What it is emitted with.
    pub(super) context: &'e Context<'e>,
    /// The function.
    pub(super) plan: &'e Plan<'a>,
    /// Where it finds the functions and types it names.
    pub(super) linker: &'e mut Linker,
    code: Vec<u8>,
    /// How many blocks are open.
    pub(super) depth: u32,
    /// The depth of the emitted block that each open block of the function has become, from the function's own on.
    pub(super) labels: Vec<u32>,
    /// The stop points that are emitted.
    groups: Groups,
    /// Where the code comes from.
    offsets: Offsets,
    /// Where the branches to stop points are.
    rare: Vec<u32>,
    /// Where calls of functions of the same module beside the program are, with their slots.
    beside: Vec<(u32, u32)>,
}

/// The body of a function.
pub(super) struct Body {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Where its code comes from, with offsets in these bytes.
    pub(super) offsets: Offsets,
    /// Where it has branches that are hardly ever taken, as offsets in these bytes.
    pub(super) rare: Vec<u32>,
    /// Where it names functions of the same module beside the program, as offsets in these bytes, with the slots of these
    /// functions. Their indices are not known before all that the module imports is.
    pub(super) beside: Vec<(u32, u32)>,
}

impl<'e, 'a> Emitter<'e, 'a> {
    pub(super) fn new(
        context: &'e Context<'e>,
        plan: &'e Plan<'a>,
        linker: &'e mut Linker,
        first_stop: usize,
    ) -> Self {
        let (code, labels, offsets) = (Vec::new(), Vec::new(), Offsets::default());
        let stores = context.optimizes() && linker.place == Place::Main;
        let groups = Groups::new(plan, first_stop, if stores { plan.records() } else { Records::default() });
        let (rare, beside) = (Vec::new(), Vec::new());
        Self { context, plan, linker, code, depth: 0, labels, groups, offsets, rare, beside }
    }

    /// The body of the function: `declared` are the locals it declares.
    pub(super) fn finish(self, declared: &[ValueType]) -> Body {
        let mut groups: Vec<(u32, ValType)> = Vec::new();
        for ty in declared {
            let ty = values::encoded(*ty);
            match groups.last_mut() {
                Some((number, last)) if *last == ty => *number += 1,
                _ => groups.push((1, ty)),
            }
        }
        let mut body = Vec::with_capacity(self.code.len() + 16);
        count(groups.len()).encode(&mut body);
        for (number, ty) in groups {
            number.encode(&mut body);
            ty.encode(&mut body);
        }
        let mut offsets = Offsets::default();
        let start = count(body.len());
        offsets.append(start, &self.offsets);
        body.extend_from_slice(&self.code);
        let rare = self.rare.iter().map(|branch| start + branch).collect();
        let beside = self.beside.iter().map(|(at, slot)| (start + at, *slot)).collect();
        Body { bytes: body, offsets, rare, beside }
    }

    /// Appends an instruction that neither opens nor closes a block.
    pub(super) fn add(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.code);
    }

    /// Opens a block.
    pub(super) fn open(&mut self, instruction: &Instruction<'_>) {
        self.add(instruction);
        self.depth += 1;
    }

    /// Closes a block.
    pub(super) fn close(&mut self) {
        self.add(&Instruction::End);
        self.depth -= 1;
    }

    /// The operand of a branch to the block that was opened at a depth.
    pub(super) fn relative(&self, depth: u32) -> u32 {
        self.depth - depth - 1
    }

    /// The operand of a branch of the original code.
    fn branch(&self, original: u32) -> u32 {
        let depth = self.labels.iter().nth_back(index(original)).copied();
        self.relative(depth.expect("a valid branch goes to an open block"))
    }

    /// Opens the blocks behind which the code of stop points is. They are the outermost blocks of a function.
    pub(super) fn open_stops(&mut self) {
        let is_shared = self.plan.shared.is_some();
        self.open(&Instruction::Block(if is_shared {
            BlockType::Result(ValType::I32)
        } else {
            BlockType::Empty
        }));
        if self.stores() {
            self.open(&Instruction::Block(BlockType::Result(ValType::I32)));
        }
        let records = (0..self.groups.records().all().len()).rev().map(Target::Record);
        let blocks = (0..self.groups.blocks().len()).rev().map(Target::Block);
        for target in records.chain(blocks).collect::<Vec<_>>() {
            self.open(&Instruction::Block(if self.groups.is_named(target) {
                BlockType::Result(ValType::I32)
            } else {
                BlockType::Empty
            }));
        }
    }

    /// Whether there are stop points that store a record.
    fn stores(&self) -> bool {
        !self.groups.records().all().is_empty()
    }

    /// The operand of a branch to the code of stop points.
    fn branch_to(&self, target: Target) -> u32 {
        self.relative(1 + u32::from(self.stores()) + count(self.groups.around(target)))
    }

    /// Notes that what follows is an instruction of the original.
    pub(super) fn note(&mut self, position: usize) {
        let offset = self.plan.op(position).offset;
        self.offsets.note(count(self.code.len()), Some(offset));
    }

    /// Closes these blocks, with the code of the stop points: see [`super::records`] for what stores records. `save` emits it
    /// for each of the others, but in a function that has one record
    /// for all of them, it is emitted once:
    ///
    /// ```wat
    /// (block $tail (result i32)
    ///   (block $stop_1
    ///     (block $stop_0
    ///       ;; …
    ///       (return))
    ///     (br $tail (i32.const 45))) ;; offset
    ///   (i32.const 47))
    /// (call $save_some_i32_i32 (local.get $n) (local.get $parked))
    /// (call $save)
    /// (i32.const 0)
    /// ```
    pub(super) fn close_stops(&mut self) {
        self.offsets.note(count(self.code.len()), None);
        let plan = self.plan;
        for position in 0..self.groups.blocks().len() {
            self.close();
            match *self.groups.blocks().get(position).expect("the position is that of a block") {
                Block::One(stop) => self.close_own(stop, false),
                Block::Some(stop) => self.close_own(stop, true),
                Block::Name(stop, record) => {
                    self.add(&self.name(stop));
                    self.add(&Instruction::Br(self.branch_to(Target::Record(record))));
                }
            }
        }
        self.close_records();
        self.close();
        if let (Some(_), Some(stop)) = (&plan.shared, plan.stops.iter().find(|stop| stop.is_everywhere)) {
            self.save_together(stop);
        }
        self.add_zeros();
        self.close_function();
    }

    /// Closes the blocks of records, with the code that stores them.
    fn close_records(&mut self) {
        let plan = self.plan;
        let mut only: Vec<_> = self.groups.records().all().iter().map(|_| None).collect();
        for position in 0..plan.stops.len() {
            if let Target::Record(record) = self.groups.of(position)
                && let Some(only) = only.get_mut(record)
            {
                *only = Some(position);
            }
        }
        for (number, only) in only.into_iter().enumerate() {
            self.close();
            let target = Target::Record(number);
            if let (false, Some(stop)) = (self.groups.is_named(target), only) {
                self.add(&self.name(stop));
            }
            let record = self.groups.records().all().get(number).expect("the number is that of a record");
            let mut code = Vec::new();
            for field in &record.fields {
                code.push(Instruction::I32Const(0));
                code.push(Instruction::LocalGet(plan.local_of(field)));
                code.push(values::store(field.ty, self.context.control.at(RECORD + field.offset)));
            }
            let next = record.rest.map(Target::Record);
            code.push(Instruction::Br(next.map_or_else(|| self.relative(1), |next| self.branch_to(next))));
            code.iter().for_each(|instruction| self.add(instruction));
        }
        if self.stores() {
            self.close();
            self.add(&Instruction::I32Const(self.groups.records().size.cast_signed()));
            self.call(Callee::Keep);
        }
    }

    /// Pushes the name of the stop point at a position.
    fn name(&self, position: usize) -> Instruction<'static> {
        let stop = self.plan.stops.get(position).expect("it is a stop point of the plan");
        Instruction::I32Const(stop.id.0.cast_signed())
    }

    /// The code of a stop point that saves its values by itself.
    fn close_own(&mut self, position: usize, is_named: bool) {
        let plan = self.plan;
        let stop = plan.stops.get(position).expect("it is a stop point of the plan");
        let name = if is_named {
            self.add(&Instruction::LocalSet(plan.address()));
            Instruction::LocalGet(plan.address())
        } else {
            self.name(position)
        };
        if stop.by_itself == ByItself::Never {
            self.add(&Instruction::Unreachable);
            return;
        }
        if plan.shared.is_none() {
            self.save(stop, &name);
        } else if stop.is_everywhere {
            self.add(&name);
        } else {
            // It saves less than what is saved together.
            self.save(stop, &name);
            self.add_zeros();
            self.add(&Instruction::Return);
            return;
        }
        // The last one falls through.
        if self.depth > 1 {
            self.add(&Instruction::Br(self.depth - 1));
        }
    }

    /// Pushes results that nobody looks at.
    fn add_zeros(&mut self) {
        for ty in &self.plan.ty.results {
            self.add(&values::zero(*ty));
        }
    }

    /// Ends the function.
    pub(super) fn close_function(&mut self) {
        self.add(&Instruction::End);
    }

    /// Goes to the code of a stop point if the operand is not zero.
    fn branch_to_stop(&mut self, position: usize) {
        let relative = self.branch_to(self.groups.of(position));
        self.rare.push(count(self.code.len()));
        self.add(&Instruction::BrIf(relative));
    }

    /// Goes to the code of a stop point if the program unwinds.
    pub(super) fn stop_if_unwinding(&mut self, position: usize) {
        let unwinding = Instruction::GlobalGet(self.context.control.unwinding);
        if self.groups.is_named(self.groups.of(position)) {
            self.add(&self.name(position));
            self.add(&unwinding);
            self.branch_to_stop(position);
            self.add(&Instruction::Drop);
        } else {
            self.add(&unwinding);
            self.branch_to_stop(position);
        }
    }

    /// Goes to the code of a stop point if the program shall stop.
    pub(super) fn poll(&mut self, position: usize) {
        let Control { memory, polled, .. } = *self.context.control;
        poll(self.context, if self.plan.structure.recurs { polled } else { memory }, &mut self.code);
        self.branch_to_stop(position);
    }

    /// Saves a frame. Parameters and locals are where they are in the original, and operands are parked.
    /// `name` pushes the name of the stop point.
    fn save(&mut self, stop: &Stop, name: &Instruction<'_>) {
        let plan = self.plan;
        let layout = plan.layout(stop);
        if self.context.saves_in_place(&layout) {
            self.save_in_place(name, &layout);
            return;
        }
        let mut chunks = layout.chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for field in chunk {
                self.add(&Instruction::LocalGet(plan.local_of(field)));
            }
            let last = if chunks.peek().is_none() { Last::Yes } else { Last::No };
            if last == Last::Yes {
                self.add(name);
            }
            let types = chunk.iter().map(|field| field.ty).collect();
            let save = self.linker.function(Callee::Save(types, last));
            self.add(&Instruction::Call(save));
        }
    }

    /// Saves a frame with the record of any stop point of the function. The operand is the stop point's name.
    fn save_together(&mut self, stop: &Stop) {
        let plan = self.plan;
        for chunk in plan.layout(stop).fields.chunks(layout::CHUNK) {
            for field in chunk {
                self.add(&Instruction::LocalGet(plan.local_of(field)));
            }
            self.call(Callee::Save(chunk.iter().map(|field| field.ty).collect(), Last::No));
        }
        self.call(Callee::Save(Vec::new(), Last::Yes));
    }

    /// Stores the values one by one.
    ///
    /// Arguments of a call would have to be in certain registers, and the register allocator goes to some lengths to have them
    /// there all the time, also in the loop that is left here if the program stops.
    fn save_in_place(&mut self, name: &Instruction<'_>, layout: &Layout) {
        let plan = self.plan;
        let control = self.context.control;
        let address = plan.address();
        // First: the name of a stop point whose code others have too is in the local that the address is going to be in.
        self.add(&Instruction::I32Const(layout.size.cast_signed()));
        self.add(name);
        if !layout.fields.is_empty() {
            self.add(&Instruction::I32Const(0));
            self.add(&Instruction::I32Load(control.at(FRAMES_SIZE)));
            self.add(&Instruction::LocalSet(address));
        }
        for field in &layout.fields {
            self.add(&Instruction::LocalGet(address));
            self.add(&Instruction::LocalGet(plan.local_of(field)));
            self.add(&values::store(field.ty, control.at(control.frames + field.offset)));
        }
        self.call(Callee::Saved);
    }

    /// Emits the instructions in a range of positions.
    pub(super) fn ops(&mut self, range: std::ops::Range<usize>) -> Result<(), StopError> {
        let mut next = range.start;
        while next < range.end {
            let copies = self.copies(next);
            if copies > 1 {
                self.before(next)?;
                next = self.copied_loop(next, copies)?;
            } else {
                self.op(next)?;
                next += 1;
            }
        }
        Ok(())
    }

    /// Emits a whole loop before which all operands are parked already.
    pub(super) fn parked_loop(&mut self, start: usize, end: usize) -> Result<(), StopError> {
        let copies = self.copies(start);
        if copies > 1 {
            self.copied_loop(start, copies)?;
            return Ok(());
        }
        self.parked_op(start)?;
        self.ops(start + 1..end + 1)
    }

    /// How often the body of a loop is emitted that starts at a position.
    fn copies(&self, start: usize) -> usize {
        let polls = self.linker.place != Place::Alone;
        if polls && self.context.optimizes() { self.plan.copies(start) } else { 1 }
    }

    /// Emits a loop with its body a number of times, to poll only once for all of them. Gives the position behind it.
    ///
    /// ```wat
    /// (block $done
    ///   (loop $again
    ///     (br_if $stop_0 (i32.atomic.load $control (i32.const 0)))
    ///     (block $next
    ///       …                   ;; with branches to `$next` instead of `$again`
    ///       (br $done))
    ///     …))
    /// ```
    fn copied_loop(&mut self, start: usize, copies: usize) -> Result<usize, StopError> {
        let plan = self.plan;
        let op = plan.op(start);
        let block = plan.structure.block(op.block.expect("a loop is a block"));
        let (results, end) = (self.linker.block_type(&block.ty.results), block.end);
        self.offsets.note(count(self.code.len()), Some(op.offset));
        self.open(&Instruction::Block(results));
        let done = self.depth - 1;
        self.parked_op(start)?;
        let head = self.labels.pop().expect("the loop has just been opened");
        for _ in 1..copies {
            self.open(&Instruction::Block(BlockType::Empty));
            self.labels.push(self.depth - 1);
            self.ops(start + 1..end)?;
            self.offsets.note(count(self.code.len()), Some(plan.op(end).offset));
            self.add(&Instruction::Br(self.relative(done)));
            self.labels.pop();
            self.close();
        }
        self.labels.push(head);
        self.ops(start + 1..end + 1)?;
        self.close();
        Ok(end + 1)
    }

    /// Emits an instruction, and what belongs to its stop point.
    pub(super) fn op(&mut self, position: usize) -> Result<(), StopError> {
        self.before(position)?;
        self.parked_op(position)
    }

    /// Emits what comes before an instruction.
    fn before(&mut self, position: usize) -> Result<(), StopError> {
        if self.code.len() > MAX_BODY {
            return Err(StopError::FunctionBytes { function: self.plan.function, limit: MAX_BODY });
        }
        let plan = self.plan;
        if self.linker.place == Place::Alone {
            return Ok(());
        }
        self.park(plan.parked_before(position));
        if let Some(stop) = plan.breakpoint_at(position) {
            let global =
                self.context.control.breakpoints.expect("a program with breakpoints has a global for them");
            self.add(&Instruction::GlobalGet(global));
            self.branch_to_stop(stop);
        }
        Ok(())
    }

    /// Emits an instruction before which all operands are parked already.
    pub(super) fn parked_op(&mut self, position: usize) -> Result<(), StopError> {
        let plan = self.plan;
        let Op { operator, bytes, .. } = plan.op(position);
        self.note(position);
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => self.open_copied(*blockty, bytes),
            Operator::Loop { blockty } => {
                self.open_copied(*blockty, bytes);
                if self.linker.place == Place::Alone {
                    return Ok(());
                }
                self.park(plan.parked_after(position));
                if let Some((position, stop)) = plan.stop_at(position)
                    && stop.is_own()
                {
                    self.poll(position);
                }
            }
            Operator::TryTable { try_table } => {
                let ty = self.block_type(try_table.ty);
                self.try_table(ty, &try_table.catches);
                self.labels.push(self.depth - 1);
            }
            Operator::End => {
                self.labels.pop();
                self.close();
            }
            Operator::Br { relative_depth } => self.add(&Instruction::Br(self.branch(*relative_depth))),
            Operator::BrIf { relative_depth } => self.add(&Instruction::BrIf(self.branch(*relative_depth))),
            Operator::BrTable { targets } => {
                let labels: Result<Vec<_>, _> =
                    targets.targets().map(|target| target.map(|target| self.branch(target))).collect();
                self.add(&Instruction::BrTable(labels?.into(), self.branch(targets.default())));
            }
            // Everything has the index that it has in the program.
            _ if self.linker.place == Place::Alone => self.code.extend_from_slice(bytes),
            Operator::Call { function_index } => {
                self.call_function(position, *function_index, Tail::No);
                self.after_call(position);
            }
            Operator::CallIndirect { type_index, table_index } => {
                let type_index = self.linker.original_type(self.context.module, *type_index);
                self.add(&Instruction::CallIndirect { type_index, table_index: *table_index });
                self.after_call(position);
            }
            Operator::ReturnCallIndirect { type_index, table_index } => {
                let type_index = self.linker.original_type(self.context.module, *type_index);
                self.add(&Instruction::ReturnCallIndirect { type_index, table_index: *table_index });
            }
            Operator::ReturnCall { function_index } => {
                self.call_function(position, *function_index, Tail::Yes)
            }
            Operator::RefFunc { function_index } => {
                // A table or a global may have it when the program is taken down.
                self.linker.referenced.insert(*function_index);
                self.reference(*function_index);
            }
            Operator::DataDrop { data_index } => self.call(Callee::DataDrop(*data_index)),
            Operator::ElemDrop { elem_index } => self.call(Callee::ElementDrop(*elem_index)),
            Operator::MemoryInit { data_index, mem } => {
                self.init(Callee::MemoryInit(*data_index, *mem), bytes);
            }
            Operator::TableInit { elem_index, table } => {
                self.init(Callee::TableInit(*elem_index, *table), bytes);
            }
            _ => self.code.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Opens a block of the original that is no `try_table`, given its type and bytes.
    fn open_copied(&mut self, ty: wasmparser::BlockType, bytes: &[u8]) {
        match (ty, bytes) {
            (wasmparser::BlockType::FuncType(_), [opcode, ..]) if self.linker.place == Place::Side => {
                self.code.push(*opcode);
                self.block_type(ty).encode(&mut self.code);
            }
            _ => self.code.extend_from_slice(bytes),
        }
        self.labels.push(self.depth);
        self.depth += 1;
    }

    /// The type of a block of the original.
    fn block_type(&mut self, ty: wasmparser::BlockType) -> BlockType {
        match ty {
            wasmparser::BlockType::Empty => BlockType::Empty,
            wasmparser::BlockType::Type(ty) => BlockType::Result(values::encoded(values::value_type(ty))),
            wasmparser::BlockType::FuncType(ty) => {
                BlockType::FunctionType(self.linker.original_type(self.context.module, ty))
            }
        }
    }

    /// Opens a `try_table` with handlers of the original, which are outside of it.
    pub(super) fn try_table(&mut self, ty: BlockType, catches: &[wasmparser::Catch]) {
        let catches: Vec<_> = catches
            .iter()
            .map(|catch| match *catch {
                wasmparser::Catch::One { tag, label } => Catch::One { tag, label: self.branch(label) },
                wasmparser::Catch::OneRef { tag, label } => Catch::OneRef { tag, label: self.branch(label) },
                wasmparser::Catch::All { label } => Catch::All { label: self.branch(label) },
                wasmparser::Catch::AllRef { label } => Catch::AllRef { label: self.branch(label) },
            })
            .collect();
        self.open(&Instruction::TryTable(ty, catches.into()));
    }

    /// Copies operands into scratch locals, given from the lowest operand on.
    fn park(&mut self, locals: &[u32]) {
        for local in locals.iter().rev() {
            self.add(&Instruction::LocalSet(*local));
        }
        for local in locals {
            self.add(&Instruction::LocalGet(*local));
        }
    }

    /// Calls a function of the original, or what has to be called instead, which is the instruction at a position.
    fn call_function(&mut self, position: usize, function: u32, tail: Tail) {
        let calls = self.context.calls;
        let mut callee = callee(calls, function);
        if calls.is_imported(function) && callee == Callee::Function(function) {
            if self.linker.place == Place::Side {
                callee = Callee::Host(function);
            } else {
                // For continuations.
                self.linker.function(Callee::Host(function));
            }
        }
        if let (Callee::Function(_), Some(copies)) = (&callee, &mut self.linker.copies) {
            let Some((choose, choice)) = calls.choice(function) else {
                let slot = copies.slot(function);
                return self.call_beside(position, slot, tail);
            };
            self.add(&Instruction::I32Const(choice.cast_signed()));
            self.note(position);
            callee = choose;
        }
        let function = self.linker.function(callee);
        self.add(&match tail {
            Tail::No => Instruction::Call(function),
            Tail::Yes => Instruction::ReturnCall(function),
        });
    }

    /// Calls the function with a slot in the same module beside the program, for the instruction at a position.
    pub(super) fn call_beside(&mut self, position: usize, slot: u32, tail: Tail) {
        self.note(position);
        self.code.push(match tail {
            Tail::No => 0x10,
            Tail::Yes => 0x12,
        });
        self.beside.push((count(self.code.len()), slot));
        sections::put_fixed(&mut self.code);
    }

    fn call(&mut self, callee: Callee) {
        let function = self.linker.function(callee);
        self.add(&Instruction::Call(function));
    }

    fn after_call(&mut self, position: usize) {
        if let Some((position, stop)) = self.plan.stop_at(position)
            && stop.is_own()
        {
            self.stop_if_unwinding(position);
        }
    }

    /// Takes a reference to a function. One that other code takes would be another one for some engines, as it is to an import:
    /// who looks for the function by its reference would not find it.
    fn reference(&mut self, function: u32) {
        if self.linker.place == Place::Side {
            return self.call(Callee::Reference(function));
        }
        self.linker.function(Callee::Reference(function));
        let function = self.linker.function(callee(self.context.calls, function));
        self.add(&Instruction::RefFunc(function));
    }

    /// Reads from a segment. Only code in the same module can, and there has to be a function for other code.
    fn init(&mut self, callee: Callee, bytes: &[u8]) {
        if self.linker.place == Place::Side {
            return self.call(callee);
        }
        self.linker.function(callee);
        self.code.extend_from_slice(bytes);
    }
}

/// What code has to call instead of a function of the original.
pub(super) fn callee(calls: &Calls, function: u32) -> Callee {
    if calls.may_block(function) { Callee::Import(function) } else { Callee::Function(function) }
}

/// Appends code that pushes whether the program shall stop: what is in `memory`, which is [`Control::memory`] or
/// [`Control::polled`].
pub(super) fn poll(context: &Context<'_>, memory: u32, code: &mut Vec<u8>) {
    let control = context.control;
    let flag = MemArg { memory_index: memory, ..control.at(STOP_REQUESTED) };
    let instructions: &[Instruction<'_>] = match context.poll {
        Poll::Atomic if memory == control.memory => {
            &[Instruction::I32Const(0), Instruction::I32AtomicLoad(flag)]
        }
        Poll::Atomic => &[Instruction::I64Const(0), Instruction::I32AtomicLoad(flag)],
        Poll::Store => &[
            Instruction::I32Const(0),
            Instruction::I32Const(0),
            Instruction::I32Store(control.at(POLL_SCRATCH)),
            Instruction::I32Const(0),
            Instruction::I32Load(flag),
        ],
        Poll::Countdown => {
            let counter = control.countdown.expect("there is a counter to poll with");
            &[
                Instruction::GlobalGet(counter),
                Instruction::I64Const(1),
                Instruction::I64Sub,
                Instruction::GlobalSet(counter),
                Instruction::GlobalGet(counter),
                Instruction::I64Eqz,
            ]
        }
    };
    for instruction in instructions {
        instruction.encode(code);
    }
}

/// The body of a function of the program with its stop points.
pub(super) fn function(
    context: &Context<'_>,
    plan: &Plan<'_>,
    linker: &mut Linker,
) -> Result<Body, StopError> {
    let declared = plan.locals.get(plan.ty.params.len()..).unwrap_or_default();
    let mut declared: Vec<_> = declared.iter().chain(&plan.scratch).copied().collect();
    if !plan.stops.is_empty() {
        declared.push(ValueType::I32);
    }
    let mut emitter = Emitter::new(context, plan, linker, 0);
    if plan.stops.is_empty() {
        emitter.labels.push(0);
        emitter.depth = 1;
        emitter.ops(0..plan.structure.ops.len())?;
    } else {
        emitter.open_stops();
        let results = emitter.linker.block_type(&plan.ty.results);
        emitter.labels.push(emitter.depth);
        emitter.open(&Instruction::Block(results));
        if plan.polls_at_entry() {
            emitter.poll(0);
        }
        emitter.ops(0..plan.structure.ops.len())?;
        emitter.add(&Instruction::Return);
        emitter.close_stops();
    }
    Ok(emitter.finish(&declared))
}

impl Plan<'_> {
    /// The record that saves a frame at a stop point.
    pub(super) fn layout(&self, stop: &Stop) -> Layout {
        let ty = |local: u32| self.locals.get(index(local)).copied().unwrap_or(ValueType::I32);
        let live = stop.live.iter().map(|local| (*local, ty(*local)));
        layout::layout(live, &self.operands(stop), self.shared.as_deref().filter(|_| stop.is_everywhere))
    }

    /// A local behind all others.
    fn address(&self) -> u32 {
        count(self.locals.len() + self.scratch.len())
    }

    /// The local that a saved value is in.
    pub(super) fn local_of(&self, field: &Field) -> u32 {
        match field.source {
            Source::Local(local) => local,
            Source::Operand(slot) | Source::Unused(slot) => self.park(slot, field.ty),
        }
    }
}
