//! Functions of a program that a module beside it has copies of.
//!
//! The stoppable program exports the functions that those call which can stop. A program that was stopped where it could not have
//! stopped by itself, as at a breakpoint that is not set any more, needs others. None of these can stop, and they are called
//! through the table of continuations, in which they come last.

use std::collections::HashMap;

use wasm_encoder::Instruction;

use super::module::{Module, count, index};

/// The copies that are needed so far.
pub(super) struct Copies {
    /// The functions, in the order of their slots.
    pub(super) functions: Vec<u32>,
    slots: HashMap<u32, u32>,
    table: u32,
    first: u32,
    types: Vec<u32>,
}

impl Copies {
    /// None yet. `continuations` come before them in `table`.
    pub(super) fn new(module: &Module<'_>, table: u32, continuations: usize) -> Self {
        Self {
            functions: Vec::new(),
            slots: HashMap::new(),
            table,
            first: count(continuations),
            types: module.functions.clone(),
        }
    }

    /// The type index of a function.
    pub(super) fn ty(&self, function: u32) -> u32 {
        *self.types.get(index(function)).expect("a valid call is of a function that there is")
    }

    /// The code that calls the copy of a function, or ends in it.
    pub(super) fn call(&mut self, function: u32, tail: Tail) -> [Instruction<'static>; 2] {
        let next = self.first + count(self.functions.len());
        let functions = &mut self.functions;
        let slot = *self.slots.entry(function).or_insert_with(|| {
            functions.push(function);
            next
        });
        let (type_index, table_index) = (self.ty(function), self.table);
        let call = match tail {
            Tail::No => Instruction::CallIndirect { type_index, table_index },
            Tail::Yes => Instruction::ReturnCallIndirect { type_index, table_index },
        };
        [Instruction::I32Const(slot.cast_signed()), call]
    }
}

/// Whether a call is the last act of the function that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// It returns to that function.
    No,
    /// It returns to the caller of that function.
    Yes,
}
