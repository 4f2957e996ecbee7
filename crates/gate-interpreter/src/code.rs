//! What functions are translated to.
//!
//! A function has a frame of slots of 64 bits: first its parameters and locals, then its operands, each at a place that follows
//! from the types below it. A vector has two slots. Instructions name the slots that they read and write, so that most
//! `local.get`, `local.set` and constants are no instructions at all. At a stop point every operand is in its own place.

use gate_instrument::accept::ValueType;

use crate::scalars::scalars;

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) code: Code,
    /// A number that is small: which vector instruction, a lane, or a table.
    pub(crate) x: u16,
    /// Where the result goes; of a branch, the position of the instruction that it goes to.
    pub(crate) d: u32,
    /// The first operand.
    pub(crate) a: u32,
    /// The second operand, or a number.
    pub(crate) b: u32,
}

impl Op {
    pub(crate) const fn new(code: Code, d: u32, a: u32, b: u32) -> Self {
        Self { code, x: 0, d, a, b }
    }
}

macro_rules! codes {
    ([]
        unary { $($unary:ident, $unary_ty:ty => $unary_result:ty, $unary_f:expr;)* }
        partial_unary { $($partial_unary:ident, $pu_ty:ty => $pu_result:ty, $pu_f:expr;)* }
        binary { $($binary:ident, $binary_imm:ident, $binary_ty:ty => $binary_result:ty, $binary_f:expr;)* }
        partial_binary { $($partial_binary:ident, $pb_ty:ty => $pb_result:ty, $pb_f:expr;)* }
        compare { $($compare:ident, $compare_imm:ident, $br:ident, $br_imm:ident, $compare_ty:ty, $compare_f:expr, $opposite:ident;)* }
        load { $($load:ident, $load_n:literal, $load_ty:ty, $load_f:expr;)* }
        store { $($store:ident, $store_n:literal, $store_ty:ty, $store_f:expr;)* }
    ) => {
        /// What an instruction does. The names are those of WebAssembly's; `Imm` has its second operand in the instruction; `Br`
        /// branches if the comparison is true.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($unary,)*
            $($partial_unary,)*
            $($binary, $binary_imm,)*
            $($partial_binary,)*
            $($compare, $compare_imm, $br, $br_imm,)*
            $($load,)*
            $($store,)*
            /// `d` = `a`.
            Move,
            /// `d` = `a`, two slots.
            Move2,
            /// `b` slots from `a` to `d`, which is lower.
            Copy,
            /// `d` = the number of which `a` is the lower half and `b` the upper.
            Const,
            /// `d` = `a` or, if the slot is zero that the next instruction's `a` names, `b`.
            Select,
            /// Likewise with two slots.
            Select2,
            /// No instruction, but more operands of the one before.
            More,
            /// A branch.
            Br,
            /// A branch if `a` is zero.
            BrIfZero,
            /// A branch if `a` is not zero.
            BrIfNonzero,
            /// Runs the instruction with number `a` of the following, or the last of these `b`.
            BrTable,
            /// The head of a loop: a stop point.
            Poll,
            Return,
            /// Returns the slot `a`.
            Return1,
            /// Returns the `b` slots from `a` on.
            ReturnMany,
            /// Calls the function `a` with the arguments from `b` on.
            Call,
            /// Calls the imported function `a` with the arguments from `b` on.
            CallImport,
            /// Calls element `d` of table `x`, which has type `a`, with the arguments from `b` on.
            CallIndirect,
            /// Like `Call`, but in place of the function that it is in.
            ReturnCall,
            ReturnCallImport,
            ReturnCallIndirect,
            /// Throws an exception with tag `a` that carries the values from `b` on.
            Throw,
            /// Throws the exception in `a`.
            ThrowRef,
            Unreachable,
            /// `d` = the global in slot `a` of all globals.
            GlobalGet,
            GlobalGet2,
            /// The global in slot `b` = `a`.
            GlobalSet,
            GlobalSet2,
            /// Loads and stores use memory `a` from here on.
            UseMemory,
            /// `d` = the size of memory `a`.
            MemorySize,
            /// `d` = the size of memory `b` before it grew by `a`.
            MemoryGrow,
            /// Operands from `a` on; memory `b`.
            MemoryFill,
            /// Operands from `a` on; to memory `b` from memory `d`.
            MemoryCopy,
            /// Operands from `a` on; to memory `b` from data segment `d`.
            MemoryInit,
            /// Drops data segment `a`.
            DataDrop,
            /// `d` = element `a` of table `b`.
            TableGet,
            /// Element `a` of table `b` = `d`.
            TableSet,
            /// `d` = the size of table `b`.
            TableSize,
            /// `d` = the size of table `x` before it grew by `b` times `a`.
            TableGrow,
            /// Operands from `a` on; table `b`.
            TableFill,
            /// Operands from `a` on; to table `b` from table `d`.
            TableCopy,
            /// Operands from `a` on; to table `b` from element segment `d`.
            TableInit,
            /// Drops element segment `a`.
            ElemDrop,
            /// `d` = constant number `a` of the function's vectors.
            VectorConst,
            /// `d` = what function `x` of its kind makes of `a`.
            VectorUnary,
            /// … of `a` and `b`.
            VectorBinary,
            /// … of the three from `a` on, which are its place, too.
            VectorTernary,
            /// … of the vector `a` and the number `b`.
            VectorShift,
            /// … of the vector `a`, a number.
            VectorTest,
            /// … of the number `a`.
            VectorSplat,
            /// … of lane `b` of the vector `a`.
            VectorExtract,
            /// The vector that is at `a`, and goes to `d`, with the number behind it in lane `b`.
            VectorReplace,
            /// `d` = the lanes of `a` and `b` that the vector says which the next instruction's `a` is the number of.
            VectorShuffle,
            /// `d` = what function `x` makes of memory at `a` + `b`.
            VectorLoad,
            /// Stores the vector `d` at `a` + `b`.
            VectorStore,
            /// The vector behind the address `a`, with what is at `a` + `b` in a lane, goes to `d`. `x` is size and lane.
            VectorLoadLane,
            /// Stores a lane of the vector `d` at `a` + `b`. `x` is size and lane.
            VectorStoreLane,
        }

        impl Code {
            /// The branch that is taken when this one is not.
            pub(crate) const fn opposite_branch(self) -> Option<Self> {
                match self {
                    $(
                        Self::$br => match Self::$opposite.branches() {
                            Some((branch, _)) => Some(branch),
                            None => None,
                        },
                        Self::$br_imm => match Self::$opposite.branches() {
                            Some((_, branch)) => Some(branch),
                            None => None,
                        },
                    )*
                    _ => None,
                }
            }

            /// The form of an instruction whose second operand is a number: this form, and how it has the number.
            pub(crate) fn immediate(self, slot: u64) -> Option<(Self, u32)> {
                use crate::numeric::Slot;
                match self {
                    $(Self::$binary => <$binary_ty>::to_immediate(slot).map(|bits| (Self::$binary_imm, bits)),)*
                    $(Self::$compare => <$compare_ty>::to_immediate(slot).map(|bits| (Self::$compare_imm, bits)),)*
                    _ => None,
                }
            }

            /// The comparison of which this is the form with a number.
            pub(crate) const fn without_immediate(self) -> Option<Self> {
                match self {
                    $(Self::$compare_imm => Some(Self::$compare),)*
                    _ => None,
                }
            }

            /// The forms of a comparison that branch: of two slots, and of one and a number.
            pub(crate) const fn branches(self) -> Option<(Self, Self)> {
                match self {
                    $(Self::$compare => Some((Self::$br, Self::$br_imm)),)*
                    _ => None,
                }
            }
        }
    };
}

scalars!(codes);

/// A function that has been translated. It ends with an instruction that leaves it.
#[derive(Debug, Default)]
pub(crate) struct Function {
    pub(crate) ops: Vec<Op>,
    /// The offset in the module of what each instruction is of.
    pub(crate) offsets: Vec<u32>,
    /// The vectors that instructions name.
    pub(crate) vectors: Vec<u128>,
    /// The types of its parameters and locals.
    pub(crate) locals: Vec<ValueType>,
    /// How many slots parameters have.
    pub(crate) param_slots: usize,
    /// How many slots parameters and locals have.
    pub(crate) local_slots: usize,
    /// How many slots there are in all.
    pub(crate) slots: usize,
    /// The stop points behind the entry, in the order of their instructions and of their offsets.
    pub(crate) stops: Vec<Stop>,
    /// Stacks of operands: the index of one plus 1, or 0 for none, that is below, and the type that is on it.
    pub(crate) stacks: Vec<(u32, ValueType)>,
    /// The `try_table` blocks, in the order of their starts.
    pub(crate) regions: Vec<Region>,
    /// The offset of its body in the module.
    pub(crate) offset: u32,
}

/// A stop point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// The position of its instruction.
    pub(crate) position: u32,
    /// Its offset in the module.
    pub(crate) offset: u32,
    /// The operands below arguments, in [`Function::stacks`], likewise.
    pub(crate) stack: u32,
    pub(crate) kind: StopKind,
}

/// What is at a stop point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopKind {
    Loop,
    /// A call of something whose type has this index.
    Call(u32),
}

/// A `try_table` block.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) start: u32,
    /// Behind its last instruction.
    pub(crate) end: u32,
    /// The innermost one around it.
    pub(crate) parent: Option<usize>,
    pub(crate) handlers: Vec<Handler>,
}

/// What a `try_table` block does with an exception.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handler {
    /// Which ones it catches: those with this tag, or all.
    pub(crate) tag: Option<u32>,
    /// Whether the exception itself follows what it carries.
    pub(crate) with_reference: bool,
    /// Where what it carries goes.
    pub(crate) slot: u32,
    /// Where the program goes on.
    pub(crate) position: u32,
}

impl Function {
    /// The operands of a stop point, the lowest first.
    pub(crate) fn operands(&self, stop: &Stop) -> Vec<ValueType> {
        let mut types = Vec::new();
        let mut next = stop.stack;
        while let Some((below, ty)) = next.checked_sub(1).and_then(|stack| self.stacks.get(stack as usize)) {
            types.push(*ty);
            next = *below;
        }
        types.reverse();
        types
    }

    /// The stop point whose instruction is at a position.
    pub(crate) fn stop_at(&self, position: usize) -> Option<&Stop> {
        let found = self.stops.binary_search_by_key(&position, |stop| stop.position as usize);
        found.ok().and_then(|found| self.stops.get(found))
    }

    /// The stop point at an offset, unless it is the entry.
    pub(crate) fn stop_named(&self, offset: u32) -> Option<&Stop> {
        let found = self.stops.binary_search_by_key(&offset, |stop| stop.offset);
        found.ok().and_then(|found| self.stops.get(found))
    }

    /// The `try_table` blocks around the instruction at a position, the innermost first.
    pub(crate) fn regions_around(&self, position: usize) -> impl Iterator<Item = &Region> {
        let behind = self.regions.partition_point(|region| region.start as usize <= position);
        let last = behind.checked_sub(1).and_then(|last| self.regions.get(last));
        let around =
            std::iter::successors(last, |region| region.parent.and_then(|parent| self.regions.get(parent)));
        around.filter(move |region| position < region.end as usize)
    }
}

/// How many slots a value has.
pub(crate) const fn width(ty: ValueType) -> u32 {
    match ty {
        ValueType::V128 => 2,
        ValueType::I32
        | ValueType::I64
        | ValueType::F32
        | ValueType::F64
        | ValueType::FuncRef
        | ValueType::ExternRef
        | ValueType::ExnRef => 1,
    }
}

/// How many slots values have.
pub(crate) fn widths(types: &[ValueType]) -> u32 {
    types.iter().map(|ty| width(*ty)).sum()
}
