//! The places where a program can be, as the existing system's compiler numbers them.
//!
//! The compiler makes code in one pass, and notes a *site* wherever control can leave that code: at the entry of every
//! function, in every call, at branches back to loops, and wherever an instruction can trap. A site's number is its
//! position among all sites of the program, and its *offset* the size of the stack frame there: a word of eight bytes for
//! the site itself, one for each local that is no parameter, and one for each operand that is in memory rather than in a
//! register. Both follow from the module alone.

use wasmparser::{FuncValidator, Operator, ValidatorResources};

use gate_instrument::accept::{FunctionType, ValueType};

use super::module::{Module, ModuleError, limit_targets, narrow, value_type};
use super::numbering::Numbering;

/// A site of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// Its position among the sites of the function.
    pub(super) number: u32,
    /// The size of the frame there, in bytes.
    pub(super) offset: u32,
    /// The offset of its instruction in the module; of an entry, that of the body, or of the import.
    pub(super) place: u32,
    /// How many operands the frame has.
    pub(super) operands: u32,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a program does at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has entered the function.
    Entry,
    /// It is in the function that it has called. The operands are all there are, with the arguments.
    Call(Callee),
    /// It is about to branch to the loop with this label. The operands are those below the loop.
    Branch { depth: u32 },
    /// It is about to execute a `br_table` with loops among its targets. The operands are those below the default target,
    /// and the index.
    Table,
    /// It is about to execute an instruction. The operands are all there are.
    Breakpoint,
    /// Something else: there is too little in memory for it to continue.
    Other,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    /// This function.
    Direct(u32),
    /// A function of the type with this index.
    Indirect(u32),
}

impl Callee {
    /// The type of what is called.
    pub(super) fn ty<'m>(self, module: &'m Module<'_>) -> Option<&'m FunctionType> {
        match self {
            Self::Direct(function) => module.function_type(function),
            Self::Indirect(ty) => module.type_at(ty),
        }
    }

    /// An operand that selects a function, if one does.
    pub(super) fn index(self, module: &Module<'_>, function: u32) -> Option<u32> {
        match self {
            Self::Direct(_) => None,
            Self::Indirect(_) => module.element_with(function),
        }
    }
}

/// An open block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// Whether it is a loop.
    pub(super) is_loop: bool,
    /// The offset of its first instruction in the module.
    pub(super) place: u32,
    /// How many operands are below it. All of them are in memory when it is entered.
    pub(super) base: u32,
    /// Whether a suspension is noticed in it. There is at most one branch for it then.
    noticed: bool,
    /// Whether it is entered at all, as far as the structure of the code tells.
    is_live: bool,
}

/// Who looks at a function.
pub(super) trait Visit {
    /// At an instruction, before what it does.
    fn instruction(&mut self, _scan: &Scan<'_, '_>, _place: u32, _operator: &Operator<'_>) {}

    /// At a site; there is no instruction at that of the entry.
    fn site(&mut self, scan: &Scan<'_, '_>, site: Site, operator: Option<&Operator<'_>>);
}

/// Nobody looks.
impl Visit for () {
    fn site(&mut self, _: &Scan<'_, '_>, _: Site, _: Option<&Operator<'_>>) {}
}

/// What the compiler knows when it is at an instruction.
pub(super) struct Scan<'m, 'a> {
    module: &'m Module<'a>,
    validator: FuncValidator<ValidatorResources>,
    params: u32,
    blocks: Vec<Block>,
    /// How many operands, from the lowest, are in memory.
    saved: u32,
    /// The number of the next site.
    next: u32,
    place: u32,
}

/// Which sites there are apart from those that every module has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'r> {
    /// How they are numbered.
    pub(super) numbering: &'r Numbering,
    /// The offsets in the module of the instructions that have a breakpoint, in ascending order.
    pub(super) breakpoints: &'r [u32],
}

/// Visits a function, and validates it. Gives the number of its sites.
///
/// There must be such a function.
pub(super) fn scan(
    module: &Module<'_>,
    function: u32,
    rules: Rules<'_>,
    visit: &mut impl Visit,
) -> Result<u32, ModuleError> {
    let body = module.body(function).expect("imported functions have no code");
    let validator = module.validator(function, body)?;
    let params = module.function_type(function).map_or(0, |ty| narrow(ty.params.len()));
    let place = narrow(body.range().start);
    let block = Block { is_loop: false, place, base: 0, noticed: false, is_live: true };
    let mut scan = Scan { module, validator, params, blocks: vec![block], saved: 0, next: 0, place };
    let entry = Site { number: 0, offset: 8, place, operands: 0, kind: Kind::Entry };
    visit.site(&scan, entry, None);
    scan.next = 1;
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let offset = reader.original_position();
        let operator = reader.read()?;
        scan.place = narrow(offset);
        visit.instruction(&scan, scan.place, &operator);
        if rules.breakpoints.binary_search(&scan.place).is_ok() {
            scan.saved = scan.height();
            scan.note(visit, &operator, Kind::Breakpoint, scan.saved);
        }
        scan.step(&operator, rules.numbering, visit)?;
        scan.validator.op(offset, &operator)?;
    }
    let end = reader.original_position();
    reader.get_binary_reader().finish_expression(&scan.validator.visitor(end))?;
    Ok(scan.next)
}

impl Scan<'_, '_> {
    /// Whether the instruction can be reached, as far as the structure of the code tells.
    pub(super) fn is_live(&self) -> bool {
        self.blocks.last().is_some_and(|block| block.is_live)
            && self.validator.get_control_frame(0).is_some_and(|frame| !frame.unreachable)
    }

    /// How many operands there are.
    pub(super) fn height(&self) -> u32 {
        self.validator.operand_stack_height()
    }

    /// The types of some operands, the lowest first.
    pub(super) fn operands(&self, count: u32) -> Vec<ValueType> {
        let depth = |slot: u32| usize::try_from(self.height().checked_sub(slot + 1)?).ok();
        let ty = |slot: u32| self.validator.get_operand_type(depth(slot)?)?;
        (0..count).map(|slot| ty(slot).map_or(ValueType::I32, value_type)).collect()
    }

    /// The types of parameters and locals.
    pub(super) fn locals(&self) -> Vec<ValueType> {
        let locals = 0..self.validator.len_locals();
        locals.filter_map(|local| self.validator.get_local_type(local)).map(value_type).collect()
    }

    /// The block that a branch to a label goes to.
    pub(super) fn label(&self, depth: u32) -> Option<&Block> {
        self.blocks.iter().nth_back(usize::try_from(depth).ok()?)
    }

    /// Whether the frame at a branch is what its offset says.
    ///
    /// The compiler notes the offset before it drops the operands above the label, so that the frame is smaller if some of
    /// these were in memory. Nothing can be continued from there.
    pub(super) fn is_sound(&self, depth: u32) -> bool {
        self.is_live() && self.label(depth).is_some_and(|block| block.base == self.saved)
    }

    fn note(&mut self, visit: &mut impl Visit, operator: &Operator<'_>, kind: Kind, operands: u32) {
        let locals = self.validator.len_locals() - self.params;
        let site = Site {
            number: self.next,
            offset: 8 * (1 + locals + operands),
            place: self.place,
            operands,
            kind,
        };
        visit.site(self, site, Some(operator));
        self.next += 1;
    }

    /// Notes sites that nothing can be continued from, when some operands are left.
    fn others(&mut self, visit: &mut impl Visit, operator: &Operator<'_>, count: u32, height: u32) {
        self.saved = self.saved.min(height);
        for _ in 0..count {
            self.note(visit, operator, Kind::Other, self.saved);
        }
    }

    /// Notes a call.
    fn call(&mut self, visit: &mut impl Visit, operator: &Operator<'_>, callee: Callee) {
        self.note(visit, operator, Kind::Call(callee), self.saved);
        self.notice();
        let params = callee.ty(self.module).map_or(0, |ty| narrow(ty.params.len()));
        self.saved = self.saved.saturating_sub(params);
    }

    /// From here on suspensions are noticed in the innermost block. Tells whether they were before.
    fn notice(&mut self) -> bool {
        self.blocks.last_mut().is_some_and(|block| std::mem::replace(&mut block.noticed, true))
    }

    fn enter(&mut self, is_loop: bool, base: u32) {
        self.saved = base;
        let is_live = self.is_live();
        self.blocks.push(Block { is_loop, place: self.place, base, noticed: false, is_live });
    }

    fn is_loop(&self, depth: u32) -> bool {
        self.label(depth).is_some_and(|block| block.is_loop)
    }

    /// Does what the compiler does at an instruction, before the validator does.
    fn step(
        &mut self,
        operator: &Operator<'_>,
        numbering: &Numbering,
        visit: &mut impl Visit,
    ) -> Result<(), ModuleError> {
        let height = self.height();
        let below = |operands: u32| height.saturating_sub(operands);
        match operator {
            Operator::Block { .. } => self.enter(false, height),
            Operator::Loop { .. } => self.enter(true, height),
            Operator::If { .. } => self.enter(false, below(1)),
            Operator::Else => {
                let base = self.blocks.last().map_or(0, |block| block.base);
                self.saved = self.saved.min(base);
            }
            Operator::End => {
                let base = self.blocks.pop().map_or(0, |block| block.base);
                self.saved = self.saved.min(base);
            }
            Operator::Call { function_index } => {
                self.saved = height;
                self.call(visit, operator, Callee::Direct(*function_index));
            }
            Operator::CallIndirect { type_index, .. } => {
                self.saved = below(1);
                self.others(visit, operator, 2, below(1));
                self.call(visit, operator, Callee::Indirect(*type_index));
            }
            Operator::Br { relative_depth } if self.is_loop(*relative_depth) => {
                if !self.notice() {
                    self.note(visit, operator, Kind::Branch { depth: *relative_depth }, self.saved);
                }
            }
            Operator::BrIf { relative_depth } if self.is_loop(*relative_depth) => {
                self.saved = self.saved.min(below(1));
                if !self.notice() {
                    self.note(visit, operator, Kind::Branch { depth: *relative_depth }, self.saved);
                }
            }
            Operator::BrTable { targets } => {
                limit_targets(targets.len())?;
                self.saved = self.saved.min(below(1));
                let mut loops = self.is_loop(targets.default());
                for target in targets.targets() {
                    loops |= self.is_loop(target?);
                }
                if loops && !self.notice() {
                    self.note(visit, operator, Kind::Table, self.saved + 1);
                }
            }
            // Changes the type of an operand where it is.
            Operator::I32WrapI64 => {}
            Operator::MemorySize { .. } => {
                self.saved = height;
                self.others(visit, operator, 1, height);
            }
            Operator::MemoryGrow { .. } => {
                self.saved = height;
                self.others(visit, operator, 1, below(1));
            }
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => {
                self.saved = height;
                self.others(visit, operator, 1, height);
                self.saved = below(3);
            }
            operator => {
                let arity = operator.operator_arity(&self.validator);
                let (pops, _) = arity.unwrap_or_default();
                self.others(visit, operator, traps(operator, numbering), below(pops));
            }
        }
        Ok(())
    }
}

/// How many sites an instruction has that nothing can be continued from.
fn traps(operator: &Operator<'_>, numbering: &Numbering) -> u32 {
    match operator {
        Operator::I32DivS | Operator::I64DivS => 2,
        Operator::I32DivU
        | Operator::I32RemS
        | Operator::I32RemU
        | Operator::I64DivU
        | Operator::I64RemS
        | Operator::I64RemU
        | Operator::I32TruncF32S
        | Operator::I32TruncF32U
        | Operator::I32TruncF64S
        | Operator::I32TruncF64U
        | Operator::I64TruncF32S
        | Operator::I64TruncF32U
        | Operator::I64TruncF64S
        | Operator::I64TruncF64U
        | Operator::Unreachable
        | Operator::I32Load { .. }
        | Operator::I64Load { .. }
        | Operator::F32Load { .. }
        | Operator::F64Load { .. }
        | Operator::I32Load8S { .. }
        | Operator::I32Load8U { .. }
        | Operator::I32Load16S { .. }
        | Operator::I32Load16U { .. }
        | Operator::I64Load8S { .. }
        | Operator::I64Load8U { .. }
        | Operator::I64Load16S { .. }
        | Operator::I64Load16U { .. }
        | Operator::I64Load32S { .. }
        | Operator::I64Load32U { .. }
        | Operator::I32Store { .. }
        | Operator::I64Store { .. }
        | Operator::F32Store { .. }
        | Operator::F64Store { .. }
        | Operator::I32Store8 { .. }
        | Operator::I32Store16 { .. }
        | Operator::I64Store8 { .. }
        | Operator::I64Store16 { .. }
        | Operator::I64Store32 { .. } => 1,
        Operator::I32ReinterpretF32 | Operator::I64ReinterpretF64 => numbering.reinterpretation,
        _ => 0,
    }
}
