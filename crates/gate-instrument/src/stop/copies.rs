//! Functions of a program that a module beside it has copies of.
//!
//! The stoppable program exports the functions that those call which can stop. A program that was stopped where it could not have
//! stopped by itself, as at a breakpoint that is not set any more, needs others. None of these can stop. They come behind the
//! continuations.

use std::collections::HashMap;

use super::module::count;

/// The copies that are needed so far.
pub(super) struct Copies {
    /// The functions, in the order of their slots.
    pub(super) functions: Vec<u32>,
    slots: HashMap<u32, u32>,
    first: u32,
}

impl Copies {
    /// None yet. So many `continuations` come before them.
    pub(super) fn new(continuations: usize) -> Self {
        Self { functions: Vec::new(), slots: HashMap::new(), first: count(continuations) }
    }

    /// The slot of the copy of a function.
    pub(super) fn slot(&mut self, function: u32) -> u32 {
        let next = self.first + count(self.functions.len());
        let functions = &mut self.functions;
        *self.slots.entry(function).or_insert_with(|| {
            functions.push(function);
            next
        })
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
