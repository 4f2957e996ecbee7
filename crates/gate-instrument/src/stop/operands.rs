//! The types on operand stacks, of many places in a function at once.
//!
//! A stack differs from the one before it in what is on top, so all of them together are a tree, in which a stack is the path
//! from a node to the root. A list for each would take room in proportion to the square of the function's size.

use std::fmt;
use std::sync::Arc;

use super::module::{count, index};
use crate::accept::ValueType;

/// All stacks of a function.
#[derive(Clone, Default)]
pub(super) struct Operands {
    /// What each operand lies on, and its type.
    nodes: Vec<(Stack, ValueType)>,
}

/// One of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Stack {
    /// The operand on top, unless the stack is empty.
    top: u32,
    height: u32,
}

impl Stack {
    /// How many operands there are.
    pub(super) fn height(self) -> usize {
        index(self.height)
    }
}

impl Operands {
    /// The stack that has another operand on top.
    pub(super) fn push(&mut self, below: Stack, ty: ValueType) -> Stack {
        let top = count(self.nodes.len());
        self.nodes.push((below, ty));
        Stack { top, height: below.height + 1 }
    }

    /// The positions, from the lowest, and types of all operands that some stacks have, in no order.
    pub(super) fn all(&self, stacks: impl Iterator<Item = Stack>) -> Vec<(u32, ValueType)> {
        let mut seen = vec![false; self.nodes.len()];
        let mut all = Vec::new();
        for mut stack in stacks {
            while stack.height > 0
                && let Some(seen @ false) = seen.get_mut(index(stack.top))
            {
                *seen = true;
                let (below, ty) =
                    self.nodes.get(index(stack.top)).expect("stacks are made of what was pushed");
                all.push((below.height, *ty));
                stack = *below;
            }
        }
        all
    }

    /// The types on a stack, the lowest first.
    pub(super) fn types(&self, mut stack: Stack) -> Vec<ValueType> {
        let mut types = Vec::with_capacity(stack.height());
        while stack.height > 0 {
            let (below, ty) = self.nodes.get(index(stack.top)).expect("stacks are made of what was pushed");
            types.push(*ty);
            stack = *below;
        }
        types.reverse();
        types
    }
}

/// A stack together with what it is part of. It is equal to those with the same types.
#[derive(Clone, Default)]
pub(super) struct StackOf {
    pub(super) all: Arc<Operands>,
    pub(super) stack: Stack,
}

impl StackOf {
    /// The types on it, the lowest first.
    pub(super) fn types(&self) -> Vec<ValueType> {
        self.all.types(self.stack)
    }
}

impl fmt::Debug for StackOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.types().fmt(f)
    }
}

impl PartialEq for StackOf {
    fn eq(&self, other: &Self) -> bool {
        self.types() == other.types()
    }
}

impl Eq for StackOf {}
