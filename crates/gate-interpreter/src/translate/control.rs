//! Blocks and branches.

use gate_instrument::accept::ValueType;
use wasmparser::{BlockType, BrTable, Catch, TryTable};

use super::builder::Builder;
use crate::code::{Code, Handler, Op, Region, StopKind, widths};
use crate::module::{ModuleError, count, unexpected};

/// A block that is open.
pub(super) struct Control<'m> {
    pub(super) kind: Kind,
    params: &'m [ValueType],
    results: &'m [ValueType],
    /// How many operands are below its parameters.
    height: usize,
    /// The slot of the first parameter or result.
    slot: u32,
    /// How many slots parameters have.
    params_width: u32,
    /// How many slots results have.
    results_width: u32,
    /// Branches to its end.
    branches: Vec<usize>,
}

/// What opened a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Block,
    /// The position of its head.
    Loop(u32),
    /// The position of the branch to its `else`.
    If(usize),
    Else,
    Try(usize),
}

impl<'m> Control<'m> {
    pub(super) fn new(
        kind: Kind,
        params: &'m [ValueType],
        results: &'m [ValueType],
        height: usize,
        slot: u32,
    ) -> Self {
        let (params_width, results_width) = (widths(params), widths(results));
        Self { kind, params, results, height, slot, params_width, results_width, branches: Vec::new() }
    }

    /// How many slots that has.
    fn label_width(&self) -> u32 {
        if matches!(self.kind, Kind::Loop(_)) { self.params_width } else { self.results_width }
    }

    /// What a branch to it brings.
    fn label(&self) -> &'m [ValueType] {
        if matches!(self.kind, Kind::Loop(_)) { self.params } else { self.results }
    }
}

/// A condition that a branch depends on.
#[derive(Clone, Copy)]
pub(super) struct Condition(Op);

impl<'m> Builder<'m> {
    /// Opens a block, of which all operands are settled.
    pub(super) fn open(&mut self, kind: Kind, ty: BlockType) -> Result<(), ModuleError> {
        let (params, results) = self.block_type(ty)?;
        let height = self.entries.len() - params.len();
        let slot = self.height() - widths(params);
        self.controls.push(Control::new(kind, params, results, height, slot));
        Ok(())
    }

    pub(super) fn open_loop(&mut self, ty: BlockType) -> Result<(), ModuleError> {
        self.settle();
        self.bind();
        self.open(Kind::Loop(self.position()), ty)?;
        self.stop(StopKind::Loop, self.entries.len());
        self.add(Op::new(Code::Poll, 0, 0, 0));
        Ok(())
    }

    pub(super) fn open_if(&mut self, ty: BlockType) -> Result<(), ModuleError> {
        self.settle_below(self.entries.len() - 1);
        let condition = self.pop_condition();
        let branch = self.branch_unless(condition);
        self.open(Kind::If(branch), ty)
    }

    /// Divides an `if`.
    pub(super) fn divide(&mut self) {
        if self.unreached.take().is_none() {
            self.settle();
            let branch = self.add(Op::new(Code::Br, 0, 0, 0));
            self.control().branches.push(branch);
        }
        let control = self.control();
        let (height, params) = (control.height, control.params);
        if let Kind::If(branch) = std::mem::replace(&mut control.kind, Kind::Else) {
            self.patch(branch);
        }
        self.bind();
        self.enter(height, params);
    }

    /// Closes a block, or the function.
    pub(super) fn close(&mut self) -> Result<(), ModuleError> {
        let reached = self.unreached.take().is_none();
        if self.controls.len() == 1 {
            if reached {
                self.add_return();
            }
            return Ok(());
        }
        if reached {
            self.settle();
        }
        let control = self.controls.pop().ok_or_else(|| unexpected(0, "there is no block to end"))?;
        match control.kind {
            Kind::If(branch) => self.patch(branch),
            Kind::Try(region) => {
                let end = self.position();
                if let Some(region) = self.function.regions.get_mut(region) {
                    region.end = end;
                    self.region = region.parent;
                }
            }
            Kind::Function | Kind::Block | Kind::Loop(_) | Kind::Else => {}
        }
        for branch in control.branches {
            self.patch(branch);
        }
        self.bind();
        self.enter(control.height, control.results);
        Ok(())
    }

    /// Has settled operands of these types on top of so many.
    fn enter(&mut self, height: usize, types: &[ValueType]) {
        self.truncate(height);
        for ty in types {
            self.push(*ty);
        }
        // Those below were settled when the block was opened.
        self.settle();
    }

    fn control(&mut self) -> &mut Control<'m> {
        self.controls.last_mut().expect("the function itself is open until its end")
    }

    /// Has a branch go to the next instruction.
    fn patch(&mut self, branch: usize) {
        let position = self.position();
        if let Some(op) = self.function.ops.get_mut(branch) {
            op.d = position;
        }
    }

    /// The position of an open block among those that are.
    fn target(&self, depth: u32) -> Result<usize, ModuleError> {
        let target = self.controls.len().checked_sub(1 + depth as usize);
        target.ok_or_else(|| unexpected(self.offset as usize, "a branch goes to no block"))
    }

    /// The branch `op` goes to a block other than the function.
    fn add_branch(&mut self, op: Op, target: usize) {
        let branch = self.add(op);
        let head = match self.controls.get_mut(target) {
            Some(Control { kind: Kind::Loop(head), .. }) => Some(*head),
            Some(control) => {
                control.branches.push(branch);
                None
            }
            None => None,
        };
        if let (Some(head), Some(op)) = (head, self.function.ops.get_mut(branch)) {
            op.d = head;
        }
    }

    /// A branch that is always taken.
    pub(super) fn branch(&mut self, depth: u32) -> Result<(), ModuleError> {
        let target = self.target(depth)?;
        self.branch_with_values(target);
        Ok(())
    }

    fn branch_with_values(&mut self, target: usize) {
        if target == 0 {
            return self.add_return();
        }
        let Some(control) = self.controls.get(target) else { return };
        let (label, slot, width) = (control.label(), control.slot, control.label_width());
        match (label, self.entries.last().copied()) {
            ([], _) => {}
            ([ty], Some(entry)) if *ty != ValueType::V128 => {
                let source = self.source(entry);
                if source != slot {
                    self.add(Op::new(Code::Move, slot, source, 0));
                }
            }
            _ => {
                self.settle();
                let from = self.height() - width;
                if from != slot {
                    self.add(Op::new(Code::Copy, slot, from, width));
                }
            }
        }
        self.add_branch(Op::new(Code::Br, 0, 0, 0), target);
    }

    /// A branch that is taken if the topmost operand is not zero.
    pub(super) fn branch_if(&mut self, depth: u32) -> Result<(), ModuleError> {
        let target = self.target(depth)?;
        let control = self.controls.get(target);
        let (width, slot) = control.map_or((0, 0), |control| (control.label_width(), control.slot));
        if width > 0 {
            self.settle_below(self.entries.len() - 1);
        }
        let condition = self.pop_condition();
        let in_place = width == 0 || self.height() - width == slot;
        if target > 0 && in_place {
            self.add_branch(condition.0, target);
            return Ok(());
        }
        let over = self.branch_unless(condition);
        self.branch_with_values(target);
        self.patch(over);
        self.bind();
        Ok(())
    }

    /// Takes the condition of a branch. If it is a comparison that the last instruction made, it becomes
    /// part of the branch.
    fn pop_condition(&mut self) -> Condition {
        let entry = self.pop();
        if let Some(op) = self.maker(entry).copied() {
            let branch = match op.code {
                Code::I32Eqz => Some(Op { code: Code::BrIfZero, ..op }),
                Code::I64Eqz => Some(Op { code: Code::BrI64EqImm, b: 0, ..op }),
                code => match (code.branches(), code.without_immediate()) {
                    (Some((branch, _)), _) => Some(Op { code: branch, ..op }),
                    (None, Some(plain)) => plain.branches().map(|(_, branch)| Op { code: branch, ..op }),
                    (None, None) => None,
                },
            };
            if let Some(branch) = branch {
                self.unmake();
                return Condition(branch);
            }
        }
        Condition(Op::new(Code::BrIfNonzero, 0, self.source(entry), 0))
    }

    /// A branch that is taken if the condition is not true, whose target is not known yet.
    fn branch_unless(&mut self, Condition(op): Condition) -> usize {
        let code = match op.code {
            Code::BrIfZero => Code::BrIfNonzero,
            Code::BrIfNonzero => Code::BrIfZero,
            code => code.opposite_branch().unwrap_or(code),
        };
        self.add(Op { code, ..op })
    }

    pub(super) fn branch_table(&mut self, table: &BrTable<'_>) -> Result<(), ModuleError> {
        let index = self.pop_source();
        let mut targets = Vec::new();
        for depth in table.targets() {
            targets.push(self.target(depth?)?);
        }
        targets.push(self.target(table.default())?);
        // Settled once for all of them.
        let width =
            targets.first().and_then(|target| self.controls.get(*target)).map_or(0, Control::label_width);
        if width > 0 {
            self.settle();
        }
        let from = self.height() - width;
        self.add(Op::new(Code::BrTable, 0, index, count(targets.len() - 1)));
        let mut moved = Vec::new();
        for target in targets {
            let slot = self.controls.get(target).map_or(from, |control| control.slot);
            if target > 0 && (width == 0 || slot == from) {
                self.add_branch(Op::new(Code::Br, 0, 0, 0), target);
            } else {
                moved.push((self.add(Op::new(Code::Br, 0, 0, 0)), target));
            }
        }
        for (branch, target) in moved {
            self.patch(branch);
            self.branch_with_values(target);
        }
        Ok(())
    }

    /// Returns the topmost operands, which stay.
    pub(super) fn add_return(&mut self) {
        let function = self.controls.first();
        let (results, width) =
            function.map_or((&[][..], 0), |function| (function.results, function.results_width));
        let op = match (results, self.entries.last().copied()) {
            ([], _) => Op::new(Code::Return, 0, 0, 0),
            ([ty], Some(entry)) if *ty != ValueType::V128 => Op::new(Code::Return1, 0, self.source(entry), 0),
            _ => {
                self.settle();
                Op::new(Code::ReturnMany, 0, self.height() - width, width)
            }
        };
        self.add(op);
    }

    /// Opens a `try_table`. Before it are, for each handler, the instructions that go on with what was caught.
    pub(super) fn open_try(&mut self, table: &TryTable) -> Result<(), ModuleError> {
        self.settle();
        let over = self.add(Op::new(Code::Br, 0, 0, 0));
        let mut handlers = Vec::new();
        for catch in &table.catches {
            let (tag, with_reference, depth) = match *catch {
                Catch::One { tag, label } => (Some(tag), false, label),
                Catch::OneRef { tag, label } => (Some(tag), true, label),
                Catch::All { label } => (None, false, label),
                Catch::AllRef { label } => (None, true, label),
            };
            let target = self.target(depth)?;
            let control = self.controls.get(target);
            let (width, slot) = control.map_or((0, 0), |control| (control.label_width(), control.slot));
            let position = self.position();
            let slot = if target == 0 {
                let from = self.height();
                self.reserve(from + width);
                self.add(Op::new(Code::ReturnMany, 0, from, width));
                from
            } else {
                self.reserve(slot + width);
                self.add_branch(Op::new(Code::Br, 0, 0, 0), target);
                slot
            };
            handlers.push(Handler { tag, with_reference, slot, position });
        }
        self.patch(over);
        self.bind();
        let start = self.position();
        self.function.regions.push(Region { start, end: start, parent: self.region, handlers });
        let region = self.function.regions.len() - 1;
        self.region = Some(region);
        self.open(Kind::Try(region), table.ty)
    }

    fn block_type(&self, ty: BlockType) -> Result<(&'m [ValueType], &'m [ValueType]), ModuleError> {
        let wrong = || unexpected(self.offset as usize, "a block has a type that is not accepted");
        Ok(match ty {
            BlockType::Empty => (&[], &[]),
            BlockType::Type(ty) => (&[], one(ValueType::from_validated(ty).ok_or_else(wrong)?)),
            BlockType::FuncType(ty) => {
                let ty = self.module.types.get(ty as usize).ok_or_else(wrong)?;
                (&ty.params, &ty.results)
            }
        })
    }
}

/// A list of one type.
const fn one(ty: ValueType) -> &'static [ValueType] {
    match ty {
        ValueType::I32 => &[ValueType::I32],
        ValueType::I64 => &[ValueType::I64],
        ValueType::F32 => &[ValueType::F32],
        ValueType::F64 => &[ValueType::F64],
        ValueType::V128 => &[ValueType::V128],
        ValueType::FuncRef => &[ValueType::FuncRef],
        ValueType::ExternRef => &[ValueType::ExternRef],
        ValueType::ExnRef => &[ValueType::ExnRef],
    }
}
