//! A function that is being translated: its operands, and how instructions are appended.

use gate_instrument::accept::{FunctionType, ValueType};

use super::control::{Control, Kind};
use super::places;
use crate::code::{Code, Function, Op, Stop, StopKind, width, widths};
use crate::module::{Module, count};

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) ty: ValueType,
    /// Its place.
    pub(super) slot: u32,
    pub(super) value: Value,
}

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// In its place.
    Settled,
    /// In the local with this slot.
    Local(u32),
    /// Nowhere yet: it is this number.
    Const(u64),
}

/// How many operands may be unsettled when a local changes: more are settled, so that nobody looks at them again and again.
const UNSETTLED: usize = 16;

/// A function that is being translated.
pub(super) struct Builder<'m> {
    pub(super) module: &'m Module<'m>,
    pub(super) function: Function,
    /// The slot of each local.
    pub(super) local_slots: Vec<u32>,
    pub(super) entries: Vec<Entry>,
    /// How many operands, from the lowest on, are settled.
    settled: usize,
    /// The stacks that there are under operands, from the lowest one on, as in [`Function::stacks`].
    known: Vec<u32>,
    pub(super) controls: Vec<Control<'m>>,
    /// The innermost `try_table`.
    pub(super) region: Option<usize>,
    /// In code that is not reached: how many blocks have been opened there.
    pub(super) unreached: Option<u32>,
    /// Where the instruction is that is being translated.
    pub(super) offset: u32,
    /// The position of the last instruction if its `d` is where the topmost operand is made.
    made: Option<usize>,
}

impl<'m> Builder<'m> {
    pub(super) fn new(
        module: &'m Module<'m>,
        ty: &'m FunctionType,
        locals: Vec<ValueType>,
        offset: u32,
    ) -> Self {
        let local_slots: Vec<u32> = places(&locals, 0).map(|(_, slot)| slot).collect();
        let slots = widths(&locals);
        // Results are returned in the slots of parameters.
        let least = slots.max(widths(&ty.results));
        let function = Function {
            param_slots: widths(&ty.params) as usize,
            local_slots: slots as usize,
            slots: least as usize,
            locals,
            offset,
            ..Function::default()
        };
        let control = Control::new(Kind::Function, &[], &ty.results, 0, slots);
        Self {
            module,
            function,
            local_slots,
            entries: Vec::new(),
            settled: 0,
            known: Vec::new(),
            controls: vec![control],
            region: None,
            unreached: None,
            offset,
            made: None,
        }
    }

    pub(super) fn finish(self) -> Function {
        self.function
    }

    /// The position of the next instruction.
    pub(super) fn position(&self) -> u32 {
        count(self.function.ops.len())
    }

    /// Appends an instruction.
    pub(super) fn add(&mut self, op: Op) -> usize {
        self.made = None;
        self.function.ops.push(op);
        self.function.offsets.push(self.offset);
        self.function.ops.len() - 1
    }

    /// Notes that a branch goes to the next instruction.
    pub(super) fn bind(&mut self) {
        self.made = None;
    }

    /// The slot of the next operand.
    pub(super) fn height(&self) -> u32 {
        match self.entries.last() {
            Some(top) => top.slot + width(top.ty),
            None => count(self.function.local_slots),
        }
    }

    /// Makes sure that there are slots up to one.
    pub(super) fn reserve(&mut self, end: u32) {
        self.function.slots = self.function.slots.max(end as usize);
    }

    /// Puts an operand on the stack that is in its place, which it gives.
    pub(super) fn push(&mut self, ty: ValueType) -> u32 {
        self.push_value(ty, Value::Settled)
    }

    pub(super) fn push_value(&mut self, ty: ValueType, value: Value) -> u32 {
        let slot = self.height();
        self.reserve(slot + width(ty));
        self.entries.push(Entry { ty, slot, value });
        slot
    }

    /// Takes the topmost operand.
    pub(super) fn pop(&mut self) -> Entry {
        let entry = self.entries.pop().expect("the validator knows that there is an operand");
        self.shrunk();
        entry
    }

    /// Takes all operands but so many.
    pub(super) fn truncate(&mut self, height: usize) {
        self.entries.truncate(height);
        self.shrunk();
    }

    fn shrunk(&mut self) {
        self.settled = self.settled.min(self.entries.len());
        self.known.truncate(self.entries.len());
    }

    /// The slot that has an operand: its local, or its place.
    pub(super) fn source(&mut self, entry: Entry) -> u32 {
        match entry.value {
            Value::Settled => entry.slot,
            Value::Local(slot) => slot,
            Value::Const(_) => {
                self.settle_entry(entry);
                entry.slot
            }
        }
    }

    /// Takes the topmost operand, and gives the slot that has it.
    pub(super) fn pop_source(&mut self) -> u32 {
        let entry = self.pop();
        self.source(entry)
    }

    /// Appends an instruction that makes an operand of a type. Its `d` is set here.
    pub(super) fn make(&mut self, ty: ValueType, op: Op) {
        let d = self.push(ty);
        let position = self.add(Op { d, ..op });
        self.made = Some(position);
    }

    /// If the last instruction has made an operand that was the topmost: that instruction.
    pub(super) fn maker(&mut self, entry: Entry) -> Option<&mut Op> {
        let made = self.made.filter(|_| entry.value == Value::Settled)?;
        let op = self.function.ops.get_mut(made)?;
        (op.d == entry.slot).then_some(op)
    }

    /// Takes the last instruction away, which made an operand that is not needed.
    pub(super) fn unmake(&mut self) {
        self.made = None;
        self.function.ops.pop();
        self.function.offsets.pop();
    }

    /// Puts a value into its place.
    fn settle_entry(&mut self, entry: Entry) {
        let Entry { ty, slot, value } = entry;
        let op = match value {
            Value::Settled => return,
            Value::Local(local) if width(ty) == 2 => Op::new(Code::Move2, slot, local, 0),
            Value::Local(local) => Op::new(Code::Move, slot, local, 0),
            Value::Const(number) => constant(slot, number),
        };
        self.add(op);
    }

    /// Settles all operands.
    pub(super) fn settle(&mut self) {
        self.settle_below(self.entries.len());
    }

    /// Settles all operands but the topmost ones from a position on.
    pub(super) fn settle_below(&mut self, end: usize) {
        for position in self.settled..end {
            self.settle_at(position);
        }
        self.settled = self.settled.max(end);
    }

    fn settle_at(&mut self, position: usize) {
        if let Some(entry) = self.entries.get_mut(position) {
            let unsettled = *entry;
            entry.value = Value::Settled;
            self.settle_entry(unsettled);
        }
    }

    /// Settles operands that are in a local which is about to change.
    pub(super) fn settle_local(&mut self, local: u32) {
        if self.entries.len() - self.settled > UNSETTLED {
            return self.settle();
        }
        for position in self.settled..self.entries.len() {
            if self.entries.get(position).is_some_and(|entry| entry.value == Value::Local(local)) {
                self.settle_at(position);
            }
        }
    }

    /// Notes a stop point at the next instruction. The operands below `end` are its own, and settled.
    pub(super) fn stop(&mut self, kind: StopKind, end: usize) {
        for position in self.known.len()..end {
            let below = self.known.last().copied().unwrap_or_default();
            if let Some(entry) = self.entries.get(position) {
                self.function.stacks.push((below, entry.ty));
                self.known.push(count(self.function.stacks.len()));
            }
        }
        let stack = end.checked_sub(1).and_then(|top| self.known.get(top)).copied().unwrap_or_default();
        let (position, offset) = (self.position(), self.offset);
        self.function.stops.push(Stop { position, offset, stack, kind });
    }
}

/// An instruction that makes a number.
pub(super) fn constant(slot: u32, number: u64) -> Op {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    Op::new(Code::Const, slot, u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}
