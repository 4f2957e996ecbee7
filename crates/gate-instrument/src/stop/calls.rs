//! Who calls whom, and what follows from it: which functions may unwind, and which poll when they are entered.

use wasmparser::{Operator, RefType};

use super::control::SPILL_TYPES;
use super::error::StopError;
use super::extra::Extra;
use super::module::{Module, count, index};
use super::values;
use crate::accept::ValueType;

/// What the calls of a module say about its functions.
pub(super) struct Calls {
    unwinds: Vec<bool>,
    polls: Vec<bool>,
    blocks: Vec<bool>,
    linked: Vec<bool>,
    imported: usize,
    /// Whether any code drops a segment.
    pub(super) drops: bool,
    /// Which of the [`SPILL_TYPES`] a value in the program may have.
    pub(super) references: [bool; 3],
}

impl Calls {
    /// Reads all bodies. `may_block` tells which imported functions, by module and field, may block. `breakpoints` are in
    /// ascending order.
    pub(super) fn analyze(
        module: &Module<'_>,
        may_block: &dyn Fn(&str, &str) -> bool,
        breakpoints: &[u32],
    ) -> Result<Self, StopError> {
        let imported = module.imports.len();
        let blocks: Vec<_> =
            module.imports.iter().map(|import| may_block(import.module, import.field)).collect();
        let mut graph = Graph { starts: vec![0], callees: Vec::new() };
        let mut unwinds = Vec::with_capacity(module.bodies.len());
        let mut polls = Vec::with_capacity(module.bodies.len());
        let mut drops = false;
        let mut references = References::of_module(module);
        for body in &module.bodies {
            for group in body.get_locals_reader()? {
                references.note(values::value_type(group?.1));
            }
            let mut reader = body.get_operators_reader()?;
            let (mut stops, mut indirect) = (false, false);
            stops |= !Extra::in_body(breakpoints, body).breakpoints.is_empty();
            while !reader.eof() {
                match reader.read()? {
                    Operator::Loop { .. } => stops = true,
                    Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => indirect = true,
                    Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                        match index(function_index).checked_sub(imported) {
                            Some(defined) if defined < module.bodies.len() => {
                                graph.callees.push(count(defined));
                            }
                            _ => stops |= blocks.get(index(function_index)).copied().unwrap_or_default(),
                        }
                    }
                    Operator::DataDrop { .. } | Operator::ElemDrop { .. } => drops = true,
                    Operator::RefFunc { .. } => references.note(ValueType::FuncRef),
                    Operator::RefNull { hty } => {
                        let ty = RefType::new(true, hty).map(values::reference_type);
                        references.note(ty.unwrap_or(ValueType::FuncRef));
                    }
                    Operator::TableGet { table } => references.note_table(module, table),
                    Operator::TryTable { .. } => references.note(ValueType::ExnRef),
                    _ => {}
                }
            }
            graph.starts.push(graph.callees.len());
            unwinds.push(stops || indirect);
            polls.push(indirect);
        }
        for function in graph.recursive() {
            mark(&mut unwinds, function);
            mark(&mut polls, function);
        }
        graph.spread_to_callers(&mut unwinds);
        let linked = graph.callees_of(&unwinds);
        Ok(Self { unwinds, polls, blocks, linked, imported, drops, references: references.0 })
    }

    /// Whether a call of this function may return because the program is being stopped. It must be tested afterwards.
    pub(super) fn may_unwind(&self, function: u32) -> bool {
        match index(function).checked_sub(self.imported) {
            Some(defined) => self.unwinds.get(defined).copied().unwrap_or_default(),
            None => self.may_block(function),
        }
    }

    /// Whether the function polls when it is entered.
    pub(super) fn polls_at_entry(&self, function: u32) -> bool {
        let defined = index(function).checked_sub(self.imported);
        defined.is_some_and(|defined| self.polls.get(defined).copied().unwrap_or_default())
    }

    /// Whether functions call this one that can stop, so that their continuations may.
    pub(super) fn is_linked(&self, function: u32) -> bool {
        let defined = index(function).checked_sub(self.imported);
        defined.is_some_and(|defined| self.linked.get(defined).copied().unwrap_or_default())
    }

    /// Whether the function is imported.
    pub(super) fn is_imported(&self, function: u32) -> bool {
        index(function) < self.imported
    }

    /// Whether the function is imported and may block.
    pub(super) fn may_block(&self, function: u32) -> bool {
        self.blocks.get(index(function)).copied().unwrap_or_default()
    }
}

/// Which of the [`SPILL_TYPES`] are used.
struct References([bool; 3]);

impl References {
    fn of_module(module: &Module<'_>) -> Self {
        let mut references = Self([false; 3]);
        let types = module.types.iter().flat_map(|ty| ty.params.iter().chain(&ty.results));
        types.for_each(|ty| references.note(*ty));
        module.globals.iter().for_each(|global| references.note(values::value_type(global.content_type)));
        references
    }

    fn note(&mut self, ty: ValueType) {
        for (used, spilled) in self.0.iter_mut().zip(SPILL_TYPES) {
            *used |= ty == spilled;
        }
    }

    fn note_table(&mut self, module: &Module<'_>, table: u32) {
        if let Some(table) = module.tables.get(index(table)) {
            self.note(values::reference_type(table.element_type));
        }
    }
}

fn mark(flags: &mut [bool], function: usize) {
    if let Some(flag) = flags.get_mut(function) {
        *flag = true;
    }
}

/// The direct calls among defined functions, as one list with the place where each function's part starts.
struct Graph {
    starts: Vec<usize>,
    callees: Vec<u32>,
}

impl Graph {
    fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    fn callees(&self, function: usize) -> &[u32] {
        match self.starts.get(function..function + 2) {
            Some([start, end]) => self.callees.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Marks the callees of marked functions.
    fn callees_of(&self, marked: &[bool]) -> Vec<bool> {
        let mut called = vec![false; self.len()];
        let callers = marked.iter().enumerate().filter(|(_, marked)| **marked);
        callers
            .flat_map(|(caller, _)| self.callees(caller))
            .for_each(|callee| mark(&mut called, index(*callee)));
        called
    }

    /// Marks all direct and indirect callers of marked functions.
    fn spread_to_callers(&self, marked: &mut [bool]) {
        let mut callers = vec![Vec::new(); self.len()];
        for caller in 0..self.len() {
            for callee in self.callees(caller) {
                if let Some(callers) = callers.get_mut(index(*callee)) {
                    callers.push(caller);
                }
            }
        }
        let mut pending: Vec<_> =
            marked.iter().enumerate().filter(|(_, marked)| **marked).map(|(function, _)| function).collect();
        while let Some(function) = pending.pop() {
            for caller in callers.get(function).into_iter().flatten() {
                if let Some(marked @ false) = marked.get_mut(*caller) {
                    *marked = true;
                    pending.push(*caller);
                }
            }
        }
    }

    /// The functions that are in a cycle of calls: Tarjan's strongly connected components, without recursion.
    fn recursive(&self) -> Vec<usize> {
        const UNSEEN: usize = usize::MAX;
        let mut recursive = Vec::new();
        let mut order = vec![UNSEEN; self.len()];
        let mut lowest = vec![0; self.len()];
        let mut on_stack = vec![false; self.len()];
        let mut stack = Vec::new();
        let mut next = 0;
        // Functions being visited, with the number of callees done.
        let mut visits: Vec<(usize, usize)> = Vec::new();
        for root in 0..self.len() {
            if order[root] != UNSEEN {
                continue;
            }
            visits.push((root, 0));
            while let Some((function, done)) = visits.last_mut() {
                let function = *function;
                if *done == 0 {
                    order[function] = next;
                    lowest[function] = next;
                    next += 1;
                    stack.push(function);
                    on_stack[function] = true;
                }
                let callees = self.callees(function);
                let mut descend = None;
                while let Some(callee) = callees.get(*done).copied().map(index) {
                    *done += 1;
                    if order[callee] == UNSEEN {
                        descend = Some(callee);
                        break;
                    }
                    if on_stack[callee] {
                        lowest[function] = lowest[function].min(order[callee]);
                    }
                }
                if let Some(callee) = descend {
                    visits.push((callee, 0));
                    continue;
                }
                visits.pop();
                if let Some((caller, _)) = visits.last() {
                    lowest[*caller] = lowest[*caller].min(lowest[function]);
                }
                if lowest[function] == order[function] {
                    let start = stack.iter().rposition(|member| *member == function).unwrap_or_default();
                    let component = stack.split_off(start);
                    for member in &component {
                        on_stack[*member] = false;
                    }
                    let itself = || callees.iter().any(|callee| index(*callee) == function);
                    if component.len() > 1 || itself() {
                        recursive.extend(component);
                    }
                }
            }
        }
        recursive
    }
}

#[cfg(test)]
mod tests;
