//! Puts a module together that continues a program from some of its stop points.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use wasm_encoder::{
    EntityType, ExportKind, ExportSection, FunctionSection, ImportSection, MemoryType, TableType, TagKind,
    TagType,
};

use super::Program;
use super::assemble;
use super::continuation::{self, Next};
use super::copies::Copies;
use super::emit::{self, Body};
use super::error::StopError;
use super::extra::Extra;
use super::link::{Linker, Place};
use super::module::{Module, count, index};
use super::names::Hidden;
use super::offsets::Offsets;
use super::plan::{Plan, Stops};
use super::sections::{self, Entries};
use super::site::SiteId;
use super::values;
use crate::accept::FunctionType;

/// The name of the module that continuations import everything from: the stoppable program.
pub const PROGRAM: &str = "program";

/// How large all continuations of a program may be together, in bytes of code. What a program has on its stack is what it
/// has made of its code by itself, but in a snapshot somebody may have put together the most expensive stop points.
const MAX_BYTES: usize = 64 << 20;

/// A module that continues a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuations {
    /// The module. It imports from [`PROGRAM`], and exports the continuation of the outermost frame by the number of its slot: a
    /// function without parameters, whose results are those of the function that it continues.
    pub wasm: Vec<u8>,
    /// The slot of each stop point.
    pub slots: BTreeMap<SiteId, u32>,
    /// The functions of the program that the module has copies of: in the order of their slots, which come after those of all stop points.
    pub copied: Vec<u32>,
    /// Which instructions of the original are where in the module.
    pub offsets: Offsets,
    /// The stop points that frames can have which are next to each other, the outer one first.
    pub(super) pairs: BTreeSet<(SiteId, SiteId)>,
}

/// The continuations from the stop points of some frames, given from the outermost on.
pub(super) fn continuations(program: &Program<'_>, frames: &[SiteId]) -> Result<Continuations, StopError> {
    let module = &program.module;
    let context = program.context();
    let mut linker = Linker::new(module, Place::Side);
    let mut code = Code::default();
    let mut sites = frames.to_vec();
    sites.sort();
    sites.dedup();
    // Whoever compiles several functions at once begins with the first, and is to be left with small ones in the end.
    let body = |site: &SiteId| module.body(program.function_of(*site)?);
    sites.sort_by_key(|site| Reverse(body(site).map_or(0, |body| body.range().len())));
    let slots: BTreeMap<SiteId, u32> = sites.iter().copied().zip(0..).collect();
    let pairs: BTreeSet<(SiteId, SiteId)> =
        frames.iter().copied().zip(frames.iter().skip(1).copied()).collect();
    let mut planned: Option<Rc<Plan<'_>>> = None;
    linker.copies = Some(Copies::new(sites.len()));
    for site in sites {
        let function = program.function_of(site).ok_or(StopError::NoSite { site })?;
        let body = if module.body(function).is_some() {
            // A function's own stop points come together.
            if planned.as_ref().is_none_or(|plan| plan.function != function) {
                planned = Some(program.kept_plan(function)?);
            }
            let own = planned.as_deref().and_then(|plan| Some((plan, plan.position(site)?)));
            let extra = if own.is_none() { Some(program.plan(function, Some(site))?) } else { None };
            let extra = extra.as_ref().and_then(|plan| Some((plan, plan.position(site)?)));
            let (plan, position) = own.or(extra).ok_or(StopError::NoSite { site })?;
            let inner = pairs.range((site, SiteId(0))..=(site, SiteId(u32::MAX)));
            let next = inner.map(|(_, inner)| {
                let no_site = StopError::NoSite { site: *inner };
                let (Some(slot), Some(function)) = (slots.get(inner), program.function_of(*inner)) else {
                    return Err(no_site);
                };
                Ok(Next { slot: *slot, function })
            });
            let next = next.collect::<Result<Vec<_>, _>>()?;
            continuation::function(&context, plan, position, &mut linker, &next)?
        } else {
            continuation::import(&context, module, function, &mut linker)
        };
        code.add(&body)?;
        let results = module.function_type(function).results.clone();
        code.types.push(linker.ty(FunctionType { params: Vec::new(), results }));
    }
    while let Some(function) = linker.copies.as_ref().and_then(|copies| {
        let copied = code.types.len() - slots.len();
        copies.functions.get(copied).copied()
    }) {
        let plan = program.plan(function, None)?;
        code.add(&emit::function(&context, &plan, &mut linker)?)?;
        code.types.push(linker.ty(module.function_type(function).clone()));
    }
    let outermost = frames.first().and_then(|site| slots.get(site)).copied();
    let wasm = assemble(program, &mut linker, outermost, &mut code);
    // The code is the last section, at the end of which are all entries.
    let mut absolute = Offsets::default();
    absolute.append(count(wasm.len()) - code.bodies.size(), &code.offsets);
    let copied = linker.copies.map(|copies| copies.functions).unwrap_or_default();
    Ok(Continuations { wasm, slots, copied, offsets: absolute, pairs })
}

/// The functions of the module.
#[derive(Default)]
struct Code {
    /// The indices of their types.
    types: Vec<u32>,
    bodies: Entries,
    offsets: Offsets,
    /// Where in the bodies functions of the module are named by their slots.
    beside: Vec<(u32, u32)>,
}

impl Code {
    fn add(&mut self, body: &Body) -> Result<(), StopError> {
        sections::code(&mut self.bodies, &body.bytes);
        if index(self.bodies.size()) > MAX_BYTES {
            return Err(StopError::ContinuationBytes { limit: MAX_BYTES });
        }
        let start = self.bodies.size() - count(body.bytes.len());
        self.offsets.append(start, &body.offsets);
        self.offsets.note(self.bodies.size(), None);
        self.beside.extend(body.beside.iter().map(|(at, slot)| (start + at, *slot)));
        Ok(())
    }
}

fn assemble(program: &Program<'_>, linker: &mut Linker, outermost: Option<u32>, code: &mut Code) -> Vec<u8> {
    let imports = imports(program, linker);
    let mut encoded = wasm_encoder::Module::new();
    assemble::type_entries(&linker.types).section(&mut encoded, sections::TYPE);
    encoded.section(&imports);
    let mut functions = FunctionSection::new();
    for ty in &code.types {
        functions.function(*ty);
    }
    encoded.section(&functions);
    let first = count(linker.callees.len());
    let mut exports = ExportSection::new();
    if let Some(slot) = outermost {
        exports.export(&slot.to_string(), ExportKind::Func, first + slot);
    }
    encoded.section(&exports);
    for (at, slot) in &code.beside {
        code.bodies.patch(*at, first + slot);
    }
    code.bodies.section(&mut encoded, 10);
    encoded.finish()
}

/// Imports of everything but functions in the order of the program, and of those functions that are called.
fn imports(program: &Program<'_>, linker: &mut Linker) -> ImportSection {
    let module = &program.module;
    let control = &program.control;
    let mut section = ImportSection::new();
    let tables = module.tables.iter().map(table_type).chain(control.table_types());
    for (index, ty) in (0..).zip(tables) {
        section.import(PROGRAM, &program.name(Hidden::Table(index)), ty);
    }
    let memories = module.memories.iter().map(memory_type).chain(control.memory_types());
    for (index, ty) in (0..).zip(memories) {
        section.import(PROGRAM, &program.name(Hidden::Memory(index)), ty);
    }
    let globals = module.globals.iter().map(assemble::global_type).chain(control.global_types());
    for (index, ty) in (0..).zip(globals) {
        section.import(PROGRAM, &program.name(Hidden::Global(index)), ty);
    }
    for (index, ty) in (0..).zip(&module.tags) {
        let ty = TagType { kind: TagKind::Exception, func_type_idx: linker.original_type(module, *ty) };
        section.import(PROGRAM, &program.name(Hidden::Tag(index)), ty);
    }
    for callee in linker.callees.clone() {
        let ty = linker.ty(callee.ty(module));
        section.import(PROGRAM, &program.names.callee(&callee), EntityType::Function(ty));
    }
    section
}

fn table_type(ty: &wasmparser::TableType) -> TableType {
    let element_type = values::encoded_reference(values::reference_type(ty.element_type));
    TableType {
        element_type: element_type.expect("the elements of tables are references"),
        minimum: ty.initial,
        maximum: ty.maximum,
        table64: ty.table64,
        shared: ty.shared,
    }
}

fn memory_type(ty: &wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        minimum: ty.initial,
        maximum: ty.maximum,
        memory64: ty.memory64,
        shared: ty.shared,
        page_size_log2: ty.page_size_log2,
    }
}

/// What the transform does to some functions.
pub(super) struct KeptPlans<'a> {
    plans: HashMap<u32, Rc<Plan<'a>>>,
    /// How many bytes more the bodies of functions may have of which it is kept.
    room: usize,
}

impl Default for KeptPlans<'_> {
    fn default() -> Self {
        /// What the calls of most programs come to. A plan takes some fifty times as much memory.
        const ROOM: usize = 256 << 10;
        Self { plans: HashMap::new(), room: ROOM }
    }
}

impl<'a> Program<'a> {
    /// The function that has a stop point at an offset, if any has.
    pub(super) fn function_of(&self, site: SiteId) -> Option<u32> {
        let module: &Module<'_> = &self.module;
        let offset = index(site.offset());
        let behind = module.bodies.partition_point(|body| body.range().start <= offset);
        if let Some(body) = behind.checked_sub(1) {
            let inside = module.bodies.get(body)?.range().contains(&offset);
            return inside.then(|| module.imported() + count(body));
        }
        if site.is_before() {
            return None;
        }
        let import = module.imports.binary_search_by_key(&site.0, |import| import.offset).ok()?;
        Some(count(import)).filter(|function| self.calls.may_block(*function))
    }

    /// The stop points of a function that is not imported.
    pub(super) fn stops_of(&self, function: u32) -> Result<Stops, StopError> {
        Ok(self.kept_plan(function)?.stops())
    }

    /// What the transform does to a function that is not imported, with the position of a stop point that may be none of its
    /// own.
    pub(super) fn plan_at(&self, function: u32, site: SiteId) -> Result<(Plan<'a>, usize), StopError> {
        let own = self.plan(function, None)?;
        if let Some(position) = own.position(site) {
            return Ok((own, position));
        }
        let plan = self.plan(function, Some(site))?;
        let position = plan.position(site).ok_or(StopError::NoSite { site })?;
        Ok((plan, position))
    }

    /// What the transform does to a function that is not imported, kept for when it is asked for again: who continues a program
    /// does so for the frames as bytes, as values, and for their continuations.
    fn kept_plan(&self, function: u32) -> Result<Rc<Plan<'a>>, StopError> {
        if let Some(plan) = self.plans.borrow().plans.get(&function) {
            return Ok(Rc::clone(plan));
        }
        let plan = Rc::new(self.plan(function, None)?);
        let bytes = self.module.body(function).map_or(0, |body| body.range().len());
        let kept = &mut *self.plans.borrow_mut();
        if bytes <= kept.room {
            kept.room -= bytes;
            kept.plans.insert(function, Rc::clone(&plan));
        }
        Ok(plan)
    }

    /// What the transform does to a function that is not imported, with its breakpoints and perhaps another stop point.
    pub(super) fn plan(&self, function: u32, from: Option<SiteId>) -> Result<Plan<'a>, StopError> {
        let body = self.module.body(function).expect("imported functions have no plan");
        let extra = Extra { from, ..Extra::in_body(&self.breakpoints, body) };
        Plan::read(&self.module, &self.calls, function, extra)
    }

    /// The stop point at which an imported function is called, if it may block.
    pub(super) fn import_of(&self, function: u32) -> Option<super::Site> {
        let blocks = self.calls.may_block(function);
        blocks.then(|| super::helpers::import_site(&self.module, function))
    }
}
