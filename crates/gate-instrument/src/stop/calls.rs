//! Who calls whom, and what follows from it: which functions may unwind, and which poll when they are entered.

use std::collections::BTreeMap;

use wasmparser::{Operator, RefType};

use super::callees::References as Referenced;
use super::control::SPILL_TYPES;
use super::error::StopError;
use super::extra::Extra;
use super::graph::Graph;
use super::link::Callee;
use super::module::{Module, count, index};
use super::site::Call;
use super::values;
use crate::accept::ValueType;

/// How many functions one function can have the choice of.
const CHOICES: u32 = 1000;

/// What the calls of a module say about its functions.
pub(super) struct Calls {
    /// Of functions that are not imported, and then of what is called indirectly, by the type.
    unwinds: Vec<bool>,
    /// The same if there were no breakpoints.
    unwinds_anyway: Vec<bool>,
    polls: Vec<bool>,
    blocks: Vec<bool>,
    /// Of functions that are not imported and that continuations may call: the type, and the position among those of it.
    linked: Vec<Option<(u32, u32)>>,
    /// These functions, by the index of their type.
    linked_of: BTreeMap<u32, Vec<u32>>,
    imported: usize,
    canonical: Vec<u32>,
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
        let referenced = Referenced::read(module)?;
        let mut graph = Graph::new(module.bodies.len());
        let mut unwinds = Vec::with_capacity(module.bodies.len());
        let mut has_breakpoints = Vec::with_capacity(module.bodies.len());
        let mut drops = false;
        let mut references = References::of_module(module);
        for body in &module.bodies {
            for group in body.get_locals_reader()? {
                references.note(values::value_type(group?.1));
            }
            let mut reader = body.get_operators_reader()?;
            let mut stops = false;
            // The open blocks, of which some are loops.
            let (mut open, mut loops) = (Vec::new(), 0);
            while !reader.eof() {
                let operator = reader.read()?;
                match &operator {
                    Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => open.push(0),
                    Operator::Loop { .. } => {
                        open.push(1);
                        loops += 1;
                        stops = true;
                    }
                    Operator::End => loops -= open.pop().unwrap_or_default(),
                    _ => {}
                }
                match operator {
                    Operator::CallIndirect { type_index, .. }
                    | Operator::ReturnCallIndirect { type_index, .. } => {
                        graph.add_indirect(referenced.canonical(type_index), loops > 0);
                    }
                    Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                        match index(function_index).checked_sub(imported) {
                            Some(defined) => graph.add(count(defined), loops > 0),
                            None => stops |= blocks.get(index(function_index)).copied().unwrap_or_default(),
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
            graph.next();
            unwinds.push(stops);
            has_breakpoints.push(!Extra::in_body(breakpoints, body).breakpoints.is_empty());
        }
        for ty in (0..).take(module.types.len()) {
            let mut blocking = false;
            for function in referenced.of_canonical_type(ty) {
                match index(function).checked_sub(imported) {
                    Some(defined) => graph.add(count(defined), false),
                    None => blocking |= blocks.get(index(function)).copied().unwrap_or_default(),
                }
            }
            graph.next();
            unwinds.push(blocking);
        }
        let polls = graph.cut();
        unwinds.iter_mut().zip(&polls).for_each(|(unwinds, polls)| *unwinds |= polls);
        graph.spread_to_callers(&mut unwinds);
        let unwinds_anyway = unwinds.clone();
        if !breakpoints.is_empty() {
            unwinds
                .iter_mut()
                .zip(has_breakpoints)
                .for_each(|(unwinds, breakpoints)| *unwinds |= breakpoints);
            graph.spread_to_callers(&mut unwinds);
        }
        let mut linked_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let called = graph.callees_of(&unwinds);
        let linked = (0..).zip(module.functions.iter().skip(imported)).zip(&called);
        let linked = linked
            .map(|((defined, ty), called): ((u32, _), _)| {
                let functions = called.then(|| linked_of.entry(*ty).or_default())?;
                functions.push(count(imported) + defined);
                Some((*ty, count(functions.len()) - 1))
            })
            .collect();
        let canonical = referenced.into_canonical();
        Ok(Self {
            unwinds,
            unwinds_anyway,
            polls,
            blocks,
            linked,
            linked_of,
            imported,
            canonical,
            drops,
            references: references.0,
        })
    }

    /// Whether the program may be stopped in a call that an instruction makes, if it makes one other than a tail call.
    pub(super) fn stops_in(&self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Call { function_index } => self.stops_in_call(Call::Direct(*function_index)),
            Operator::CallIndirect { type_index, .. } => self.stops_in_call(Call::Indirect(*type_index)),
            _ => false,
        }
    }

    /// Whether the program may be stopped in a call.
    pub(super) fn stops_in_call(&self, call: Call) -> bool {
        self.is_marked(&self.unwinds, call)
    }

    /// Whether the program may be stopped in a call even if it has no breakpoints.
    pub(super) fn stops_anyway_in_call(&self, call: Call) -> bool {
        self.is_marked(&self.unwinds_anyway, call)
    }

    /// Whether what is called is marked, or may be.
    fn is_marked(&self, marks: &[bool], call: Call) -> bool {
        match call {
            Call::Direct(function) => match index(function).checked_sub(self.imported) {
                Some(defined) => marks.get(defined).copied().unwrap_or_default(),
                None => self.may_block(function),
            },
            Call::Indirect(ty) => {
                let canonical = self.canonical.get(index(ty)).copied().unwrap_or_default();
                let functions = self.polls.len();
                marks.get(functions + index(canonical)).copied().unwrap_or(true)
            }
        }
    }

    /// Whether a call of this function may return because the program is being stopped. It must be tested afterwards.
    pub(super) fn may_unwind(&self, function: u32) -> bool {
        self.stops_in_call(Call::Direct(function))
    }

    /// Whether the function polls when it is entered.
    pub(super) fn polls_at_entry(&self, function: u32) -> bool {
        let defined = index(function).checked_sub(self.imported);
        defined.is_some_and(|defined| self.polls.get(defined).copied().unwrap_or_default())
    }

    /// If functions call this one that can stop, so that their continuations may: what these call instead, and its position
    /// among the [`Calls::choices`] of that.
    pub(super) fn choice(&self, function: u32) -> Option<(Callee, u32)> {
        let defined = index(function).checked_sub(self.imported)?;
        let (ty, position) = self.linked.get(defined).copied().flatten()?;
        Some((Callee::Choose(ty, position / CHOICES), position % CHOICES))
    }

    /// What continuations may call instead of functions of the program.
    pub(super) fn choosers(&self) -> impl Iterator<Item = Callee> {
        let numbers = self.linked_of.iter().map(|(ty, functions)| (*ty, count(functions.len())));
        numbers
            .flat_map(|(ty, number)| (0..number.div_ceil(CHOICES)).map(move |part| Callee::Choose(ty, part)))
    }

    /// The functions that [`Callee::Choose`] has the choice of.
    pub(super) fn choices(&self, ty: u32, part: u32) -> &[u32] {
        let functions = self.linked_of.get(&ty).map(Vec::as_slice).unwrap_or_default();
        functions.chunks(index(CHOICES)).nth(index(part)).unwrap_or_default()
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

#[cfg(test)]
mod tests;
