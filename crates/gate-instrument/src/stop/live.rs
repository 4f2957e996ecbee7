//! Which locals are alive at a stop point: those that may be read before they are written again.
//!
//! Code is structured, so one pass from the end to the start of a function sees the live locals of every label before
//! the branches to it, except for loops. Those take two passes: in the first, branches back to a loop count for nothing,
//! which gives at the head of each loop what is read by a path that does not come back there. In the second, they count
//! for what the first has found at the heads of that loop and of all loops around it. That is never too little: a path from a
//! head to a read is, from the last time on that it goes back to the head of one of these loops, a path of the first pass. It
//! can be too much, where a local that an outer loop carries around is dead in an inner one, which costs a saved value.
//!
//! An exception can leave a `try_table` at every call and `throw` in it, so what is alive at its handlers is alive there.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use wasmparser::{Catch, Operator};

use super::blocks::{BlockId, Structure};
use super::error::StopError;
use super::module::{count, index};
use super::plan::Stop;
use super::site::SiteKind;

/// How many words of sets may be handled per instruction, on average. Functions above this, made of many thousands of
/// both locals and branches, get the answer that everything is alive that is read anywhere, in linear time.
const WORDS_PER_OP: usize = 64;

/// Which locals the stop points of a function save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// Each saves its own live ones.
    Each,
    /// Each saves those that are alive at any, if the function has it whatever breakpoints there are; or else its own.
    Together,
}

/// Fills in the locals that stop points save: the live ones of each, if they are at most as many as are `left`, if any are.
/// Parameters are `params` of the `locals`.
pub(super) fn mark(
    structure: &Structure<'_>,
    stops: &mut [Stop],
    locals: usize,
    params: usize,
    mut left: Option<usize>,
) -> Result<Saved, StopError> {
    if stops.is_empty() {
        return Ok(Saved::Each);
    }
    let words = locals.div_ceil(64);
    let sets: usize = structure.ops.iter().map(|op| sets(&op.operator)).sum();
    if sets.saturating_mul(words) > structure.ops.len().saturating_mul(WORDS_PER_OP) {
        let read = reads(structure);
        let everywhere = stops.iter().filter(|stop| stop.is_everywhere).count();
        let fits = left.is_some_and(|left| read.len().saturating_mul(everywhere) <= left);
        stops.iter_mut().for_each(|stop| stop.live = read.clone());
        return Ok(if fits { Saved::Each } else { Saved::Together });
    }
    let mut pass = Pass { structure, heads: vec![None; structure.blocks().len()], words };
    pass.heads = pass.run(&mut |_, _, _| {})?;
    pass.add_outer_heads();
    let mut next = stops.len();
    let mut together = Set::empty(words);
    // Stop points come in the order of their instructions, and this pass from the last to the first.
    pass.run(&mut |op, when, live| {
        while let Some(stop) = next.checked_sub(1).and_then(|last| stops.get_mut(last))
            && stop.op == op
            && when == When::of(stop.kind)
        {
            next -= 1;
            let end = if stop.kind == SiteKind::Entry { params } else { locals };
            if !stop.is_everywhere || left.is_some() {
                stop.live = live.iter().take_while(|local| index(*local) < end).collect();
            }
            if stop.is_everywhere {
                left = left.and_then(|left| left.checked_sub(stop.live.len()));
                together.add_all(live);
            }
        }
    })?;
    if left.is_some() {
        return Ok(Saved::Each);
    }
    let together: Arc<[u32]> = together.iter().collect();
    let everywhere = stops.iter_mut().filter(|stop| stop.is_everywhere);
    everywhere.for_each(|stop| stop.live = together.clone());
    Ok(Saved::Together)
}

/// The locals that are read anywhere.
fn reads(structure: &Structure<'_>) -> Arc<[u32]> {
    let read = structure.ops.iter().filter_map(|op| match op.operator {
        Operator::LocalGet { local_index } => Some(local_index),
        _ => None,
    });
    read.collect::<BTreeSet<_>>().into_iter().collect()
}

/// How many sets an instruction needs to be copied or united.
fn sets(operator: &Operator<'_>) -> usize {
    match operator {
        Operator::BrTable { targets } => index(targets.len()) + 1,
        Operator::TryTable { try_table } => try_table.catches.len() + 2,
        Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => 4,
        Operator::Br { .. }
        | Operator::BrIf { .. }
        | Operator::Call { .. }
        | Operator::CallIndirect { .. } => 1,
        _ => 0,
    }
}

/// A set of locals.
#[derive(Clone, PartialEq, Eq)]
struct Set(Vec<u64>);

impl Set {
    fn empty(words: usize) -> Self {
        Self(vec![0; words])
    }

    fn add_all(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Adds what is alive where a branch goes; nothing is where it leaves the function.
    fn add_label(&mut self, labels: &[Label], depth: u32) {
        if let Some(label) = labels.iter().nth_back(index(depth)) {
            self.add_all(&label.at);
        }
    }

    fn insert(&mut self, local: u32) {
        if let Some(word) = self.0.get_mut(index(local / 64)) {
            *word |= 1 << (local % 64);
        }
    }

    fn remove(&mut self, local: u32) {
        if let Some(word) = self.0.get_mut(index(local / 64)) {
            *word &= !(1 << (local % 64));
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().enumerate().flat_map(|(position, word)| {
            let first = count(position * 64);
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first + bit)
        })
    }
}

/// When a pass looks at what is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Behind an instruction, or when it throws.
    After,
    /// Before it.
    Before,
}

impl When {
    /// Where the program is at a stop point of its instruction.
    fn of(kind: SiteKind) -> Self {
        match kind {
            SiteKind::Entry | SiteKind::Breakpoint => Self::Before,
            SiteKind::Loop | SiteKind::Call | SiteKind::Import => Self::After,
        }
    }
}

/// A block that the pass is in.
struct Label {
    /// What is alive where a branch to it goes.
    at: Set,
    /// What is alive at the start of its `else`.
    other: Option<Set>,
    /// What is alive at the handlers of exceptions in it.
    handlers: Option<Rc<Set>>,
}

/// One pass from the end of a function to its start.
struct Pass<'p, 'a> {
    structure: &'p Structure<'a>,
    /// What is alive at the heads of loops, by block, as far as it is known.
    heads: Vec<Option<Set>>,
    words: usize,
}

/// What to do with the locals that are alive at an instruction.
type Visit<'v> = dyn FnMut(usize, When, &Set) + 'v;

impl Pass<'_, '_> {
    /// Visits all instructions, the last one first. Gives what is alive at the heads of loops.
    fn run(&self, visit: &mut Visit<'_>) -> Result<Vec<Option<Set>>, StopError> {
        let mut heads = vec![None; self.heads.len()];
        let mut labels: Vec<Label> = Vec::new();
        let mut live = Set::empty(self.words);
        for (position, op) in self.structure.ops.iter().enumerate().rev() {
            if can_throw(&op.operator)
                && let Some(handlers) = labels.last().and_then(|label| label.handlers.as_ref())
            {
                live.add_all(handlers);
            }
            visit(position, When::After, &live);
            match &op.operator {
                Operator::LocalGet { local_index } => live.insert(*local_index),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    live.remove(*local_index);
                }
                Operator::Br { relative_depth } => {
                    live.clear();
                    live.add_label(&labels, *relative_depth);
                }
                Operator::BrIf { relative_depth } => live.add_label(&labels, *relative_depth),
                Operator::BrTable { targets } => {
                    live.clear();
                    live.add_label(&labels, targets.default());
                    for target in targets.targets() {
                        live.add_label(&labels, target?);
                    }
                }
                Operator::Return
                | Operator::Unreachable
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. } => live.clear(),
                Operator::Throw { .. } | Operator::ThrowRef => {
                    live.clear();
                    if let Some(handlers) = labels.last().and_then(|label| label.handlers.as_ref()) {
                        live.add_all(handlers);
                    }
                }
                Operator::End => {
                    if let Some(block) = op.block {
                        labels.push(self.enter(&labels, &live, block));
                    }
                }
                Operator::Else => {
                    if let Some(label) = labels.last_mut() {
                        label.other = Some(std::mem::replace(&mut live, label.at.clone()));
                    }
                }
                Operator::If { .. } => {
                    if let Some(label) = labels.pop() {
                        live.add_all(&label.other.unwrap_or(label.at));
                    }
                }
                Operator::Loop { .. } => {
                    labels.pop();
                    let position = op.block.map(|block| self.structure.position(block));
                    if let Some(head) = position.and_then(|position| heads.get_mut(position)) {
                        *head = Some(live.clone());
                    }
                }
                Operator::Block { .. } | Operator::TryTable { .. } => {
                    labels.pop();
                }
                _ => {}
            }
            visit(position, When::Before, &live);
        }
        Ok(heads)
    }

    /// The label of a block whose end the pass has come to.
    fn enter(&self, labels: &[Label], live: &Set, block: BlockId) -> Label {
        let outer = labels.last().and_then(|label| label.handlers.clone());
        let opened_by = self.structure.ops.get(self.structure.block(block).start).map(|op| &op.operator);
        match opened_by {
            Some(Operator::Loop { .. }) => {
                let head = self.heads.get(self.structure.position(block)).and_then(Option::as_ref);
                let at = head.cloned().unwrap_or_else(|| Set::empty(self.words));
                Label { at, other: None, handlers: outer }
            }
            Some(Operator::TryTable { try_table }) => {
                // An exception that these do not catch goes to those further out.
                let mut handlers = outer.map_or_else(|| Set::empty(self.words), |outer| Set::clone(&outer));
                for catch in &try_table.catches {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = catch;
                    handlers.add_label(labels, *label);
                }
                Label { at: live.clone(), other: None, handlers: Some(Rc::new(handlers)) }
            }
            _ => Label { at: live.clone(), other: None, handlers: outer },
        }
    }

    /// Adds to what is alive at the head of each loop what is alive at those around it.
    fn add_outer_heads(&mut self) {
        let mut outer_loops: Vec<Option<usize>> = Vec::new();
        for (position, block) in self.structure.blocks().iter().enumerate() {
            let outer = block.parent.map(|parent| self.structure.position(parent));
            let outer = outer.and_then(|outer| match self.heads.get(outer) {
                Some(Some(_)) => Some(outer),
                _ => outer_loops.get(outer).copied().flatten(),
            });
            outer_loops.push(outer);
            let outer = outer.and_then(|outer| self.heads.get(outer)?.clone());
            let head = self.heads.get_mut(position).and_then(Option::as_mut);
            if let (Some(outer), Some(head)) = (outer, head) {
                head.add_all(&outer);
            }
        }
    }
}

/// Whether an exception may come out of an instruction into a handler of the function it is in.
fn can_throw(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. })
}

#[cfg(test)]
mod tests;
