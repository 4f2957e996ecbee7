//! From portable frames to those of the existing system.
//!
//! Every frame but the innermost is in a call, and so it is there. The innermost is often at a place that has no site, but that
//! is as good as one:
//!
//! | A program that is about to | is the same as one that |
//! |---|---|
//! | start a loop again | takes any branch back to it |
//! | take a branch to a loop | is at the loop's head |
//! | call a function | has entered the function |
//! | execute the first instruction of a function, with all locals zero | has entered the function |

use std::collections::BTreeMap;

use gate_instrument::accept::ValueType;
use gate_instrument::stop::SiteId;
use wasmparser::Operator;

use super::load::zero;
use super::module::{Module, wide};
use super::scan::{self, Callee, Kind, Scan, Site, Visit};
use super::stack::{Base, Writer};
use super::table::Table;
use super::write::WriteError;
use crate::{Frame, Value};

/// The stack of a program whose frames are given outermost first.
pub(super) fn stack(
    module: &Module<'_>,
    table: &Table<'_>,
    frames: &[Frame],
    base: Base,
) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::default();
    let Some((innermost, outer)) = frames.split_last() else { return Ok(writer.finish(base)) };
    // Parameters of functions that have been called are in the frames of those who call them.
    let mut parameters = top(module, table, innermost, outer.len(), &mut writer)?;
    let places = calls(module, table, outer)?;
    let in_table = module.in_table();
    let mut callee = innermost.function;
    for (position, frame) in outer.iter().enumerate().rev() {
        let known = places.get(&frame.function).and_then(|body| Some((body, body.calls.get(&frame.site)?)));
        let (body, call) = known.ok_or(WriteError::Frame { position })?;
        let own = split_locals(module, frame, &body.locals).ok_or(WriteError::Frame { position })?;
        let fits = match call.callee {
            Callee::Direct(called) => called == callee,
            Callee::Indirect(ty) => {
                module.type_at(ty) == module.function_type(callee)
                    && in_table.get(wide(callee)).copied().unwrap_or_default()
            }
        };
        let operands = [frame.operands.as_slice(), &parameters].concat();
        if !fits || !have_types(&operands, &call.operands) {
            return Err(WriteError::Frame { position });
        }
        let number = table.start(frame.function) + call.number;
        writer.frame(number, call.offset, words(&operands, own.1));
        parameters = own.0.to_vec();
        callee = frame.function;
    }
    if !parameters.is_empty() {
        return Err(WriteError::Frame { position: 0 });
    }
    Ok(writer.finish(base))
}

/// Writes what the innermost frame becomes. Gives the values of its parameters.
fn top(
    module: &Module<'_>,
    table: &Table<'_>,
    frame: &Frame,
    position: usize,
    writer: &mut Writer,
) -> Result<Vec<Value>, WriteError> {
    let mismatch = || WriteError::Frame { position };
    let start = table.start(frame.function);
    if let Some((_, place)) = module.imports.get(wide(frame.function)) {
        let ty = module.function_type(frame.function).ok_or_else(mismatch)?;
        let fits = frame.site == *place && frame.operands.is_empty() && have_types(&frame.locals, &ty.params);
        if !fits {
            return Err(mismatch());
        }
        writer.frame(start, 8, std::iter::empty());
        return Ok(frame.locals.clone());
    }
    if module.body(frame.function).is_none() {
        return Err(mismatch());
    }
    let site = SiteId(frame.site);
    let mut survey = Survey { place: site.offset(), ..Survey::default() };
    scan::scan(module, frame.function, table.rules(), &mut survey)?;
    let (parameters, locals) = split_locals(module, frame, &survey.locals).ok_or_else(mismatch)?;
    let is_new =
        locals.iter().zip(survey.locals.iter().skip(parameters.len())).all(|(l, ty)| *l == zero(*ty));
    if survey.entry == frame.site {
        if !frame.operands.is_empty() || !is_new {
            return Err(mismatch());
        }
        writer.frame(start, 8, std::iter::empty());
        return Ok(parameters.to_vec());
    }
    let point = survey.point.as_ref().ok_or_else(mismatch)?;
    if !have_types(&frame.operands, &point.operands) {
        return Err(mismatch());
    }
    if !site.is_before() && !matches!(point.action, Action::Loop) {
        return Err(mismatch());
    }
    let top = survey.find(module, point, &frame.operands);
    let is_first = survey.first == site.offset() && frame.operands.is_empty() && is_new;
    match top {
        Some(Top { number, offset, mut operands, base, index, called }) => {
            if operands.len() < base {
                // A loop further out than the default target of a `br_table`, which drops them.
                let mut types = Types { number, operands: Vec::new() };
                scan::scan(module, frame.function, table.rules(), &mut types)?;
                let dropped = types.operands.into_iter().take(base).skip(operands.len());
                operands.extend(dropped.map(zero));
            }
            operands.extend(index.map(Value::I32));
            if let Some(called) = called {
                writer.frame(table.start(called), 8, std::iter::empty());
            }
            writer.frame(start + number, offset, words(&operands, locals));
        }
        None if is_first => writer.frame(start, 8, std::iter::empty()),
        None => return Err(WriteError::Point { function: frame.function, offset: site.offset() }),
    }
    Ok(parameters.to_vec())
}

/// The values of a frame's parameters, and of its other locals, if they are what the function has.
fn split_locals<'f>(
    module: &Module<'_>,
    frame: &'f Frame,
    types: &[ValueType],
) -> Option<(&'f [Value], &'f [Value])> {
    let params = module.function_type(frame.function)?.params.len();
    if have_types(&frame.locals, types) { frame.locals.split_at_checked(params) } else { None }
}

fn have_types(values: &[Value], types: &[ValueType]) -> bool {
    values.len() == types.len() && values.iter().zip(types).all(|(value, ty)| word(*value, *ty).is_some())
}

/// The word for a value, if it is of a type.
fn word(value: Value, ty: ValueType) -> Option<u64> {
    match (value, ty) {
        (Value::I32(bits), ValueType::I32) | (Value::F32(bits), ValueType::F32) => Some(bits.into()),
        (Value::I64(bits), ValueType::I64) | (Value::F64(bits), ValueType::F64) => Some(bits),
        _ => None,
    }
}

/// The words of a frame, with operands and locals whose types have been checked.
fn words<'v>(operands: &'v [Value], locals: &'v [Value]) -> impl Iterator<Item = u64> + 'v {
    operands.iter().rev().chain(locals.iter().rev()).map(|value| match value {
        Value::I32(bits) | Value::F32(bits) => u64::from(*bits),
        Value::I64(bits) | Value::F64(bits) => *bits,
        Value::V128(_) | Value::Reference(..) => unreachable!("types have been checked"),
    })
}

/// What there is to know of a function that has called another.
struct Body {
    /// The types of parameters and locals.
    locals: Vec<ValueType>,
    /// The calls with frames, by their place.
    calls: BTreeMap<u32, CallSite>,
}

struct CallSite {
    number: u32,
    offset: u32,
    callee: Callee,
    /// The types of all operands, the arguments included.
    operands: Vec<ValueType>,
}

/// Finds the calls that frames are in.
fn calls(
    module: &Module<'_>,
    table: &Table<'_>,
    frames: &[Frame],
) -> Result<BTreeMap<u32, Body>, WriteError> {
    let mut wanted: BTreeMap<u32, BTreeMap<u32, usize>> = BTreeMap::new();
    for (position, frame) in frames.iter().enumerate() {
        if module.body(frame.function).is_none() {
            return Err(WriteError::Frame { position });
        }
        wanted.entry(frame.function).or_default().entry(frame.site).or_insert(frame.operands.len());
    }
    let mut bodies = BTreeMap::new();
    for (function, wanted) in wanted {
        let body = Body { locals: Vec::new(), calls: BTreeMap::new() };
        let mut finder = CallFinder { module, wanted, body };
        scan::scan(module, function, table.rules(), &mut finder)?;
        bodies.insert(function, finder.body);
    }
    Ok(bodies)
}

struct CallFinder<'f, 'a> {
    module: &'f Module<'a>,
    /// How many operands are expected below the arguments of calls, by place.
    wanted: BTreeMap<u32, usize>,
    body: Body,
}

impl Visit for CallFinder<'_, '_> {
    fn site(&mut self, scan: &Scan<'_, '_>, site: Site, _: Option<&Operator<'_>>) {
        if site.kind == Kind::Entry {
            self.body.locals = scan.locals();
        }
        let (Some(expected), Kind::Call(callee)) = (self.wanted.get(&site.place), site.kind) else { return };
        let params = callee.ty(self.module).map_or(0, |ty| ty.params.len());
        // In a frame with another number the operands need not be looked at, and may be many.
        if scan.is_live() && wide(site.operands) == expected + params {
            let operands = scan.operands(site.operands);
            let call = CallSite { number: site.number, offset: site.offset, callee, operands };
            self.body.calls.insert(site.place, call);
        }
    }
}

/// Finds the types of the operands at a site.
struct Types {
    number: u32,
    operands: Vec<ValueType>,
}

impl Visit for Types {
    fn site(&mut self, scan: &Scan<'_, '_>, site: Site, _: Option<&Operator<'_>>) {
        if site.number == self.number {
            self.operands = scan.operands(scan.height());
        }
    }
}

/// What there is to know of a function to write a frame that is somewhere in it, and not in a call.
#[derive(Default)]
struct Survey {
    /// Where the frame is.
    place: u32,
    locals: Vec<ValueType>,
    /// Where the body is.
    entry: u32,
    /// Where the first instruction is.
    first: u32,
    /// The instruction where the frame is.
    point: Option<Point>,
    /// Site and operands of the first sound branch back to each loop.
    branches: BTreeMap<u32, Back>,
    /// Likewise of `br_table`s, with the first index that selects the loop.
    tables: BTreeMap<u32, Back>,
}

/// An instruction.
struct Point {
    /// The types of all operands.
    operands: Vec<ValueType>,
    action: Action,
    breakpoint: Option<(u32, u32)>,
    call: Option<(u32, u32)>,
    /// The site of a `br_table`, and how many operands it has below the index.
    table: Option<(u32, u32, usize)>,
}

/// What an instruction does, as far as it matters.
enum Action {
    Loop,
    Call(Callee),
    /// Goes somewhere: to a loop at an offset, or not to a loop.
    Branch(Option<u32>),
    BranchIf(Option<u32>),
    /// The default comes last.
    Select(Vec<Option<u32>>),
    Other,
}

/// A way back to a loop.
#[derive(Clone, Copy)]
struct Back {
    number: u32,
    offset: u32,
    /// How many operands are below.
    base: usize,
    /// The index, of a `br_table`.
    index: Option<u32>,
}

/// The frame that is written for the innermost one.
struct Top {
    number: u32,
    offset: u32,
    /// The operands that are known, the lowest first.
    operands: Vec<Value>,
    /// How many there have to be.
    base: usize,
    /// What is above them, at a `br_table`.
    index: Option<u32>,
    /// The function whose entry is written further in.
    called: Option<u32>,
}

impl Survey {
    fn find(&self, module: &Module<'_>, point: &Point, operands: &[Value]) -> Option<Top> {
        let at = |(number, offset): (u32, u32), operands: &[Value], called| {
            let (operands, base) = (operands.to_vec(), operands.len());
            Some(Top { number, offset, operands, base, index: None, called })
        };
        // However a program comes to the head of a loop, it is written in the same way.
        if let Action::Loop = point.action
            && let Some(top) = self.back(Some(self.place), operands)
        {
            return Some(top);
        }
        if let Some(site) = point.breakpoint {
            return at(site, operands, None);
        }
        let split = operands.split_last();
        match &point.action {
            Action::Select(targets) => {
                let (Value::I32(index), below) = split? else { return None };
                let exact = point.table.and_then(|(number, offset, base)| {
                    let kept = [below.get(..base)?, &[Value::I32(*index)]].concat();
                    at((number, offset), &kept, None)
                });
                let target = targets.get(wide(*index)).or(targets.last()).copied().flatten();
                self.back(target, below).or(exact)
            }
            Action::Branch(target) => self.back(*target, operands),
            Action::BranchIf(target) => match split? {
                (Value::I32(0), _) => None,
                (_, below) => self.back(*target, below),
            },
            Action::Call(Callee::Direct(called)) => at(point.call?, operands, Some(*called)),
            Action::Call(Callee::Indirect(ty)) => {
                let (Value::I32(element), below) = split? else { return None };
                let called = module.element(*element)?;
                let fits = module.function_type(called) == module.type_at(*ty);
                if fits { at(point.call?, below, Some(called)) } else { None }
            }
            Action::Loop | Action::Other => None,
        }
    }

    /// The frame of a branch to a loop, when some operands are there that it may drop.
    fn back(&self, target: Option<u32>, operands: &[Value]) -> Option<Top> {
        let target = target?;
        let back = self.branches.get(&target).or_else(|| self.tables.get(&target))?;
        let operands = operands.get(..back.base).unwrap_or(operands).to_vec();
        let Back { number, offset, base, index } = *back;
        Some(Top { number, offset, operands, base, index, called: None })
    }
}

impl Visit for Survey {
    fn instruction(&mut self, scan: &Scan<'_, '_>, place: u32, operator: &Operator<'_>) {
        if self.first == 0 {
            self.first = place;
        }
        if place != self.place || !scan.is_live() {
            return;
        }
        let head = |depth: u32| scan.label(depth).filter(|block| block.is_loop).map(|block| block.place);
        let action = match operator {
            Operator::Loop { .. } => Action::Loop,
            Operator::Call { function_index } => Action::Call(Callee::Direct(*function_index)),
            Operator::CallIndirect { type_index, .. } => Action::Call(Callee::Indirect(*type_index)),
            Operator::Br { relative_depth } => Action::Branch(head(*relative_depth)),
            Operator::BrIf { relative_depth } => Action::BranchIf(head(*relative_depth)),
            Operator::BrTable { targets } => {
                let depths = targets.targets().filter_map(Result::ok).chain([targets.default()]);
                Action::Select(depths.map(head).collect())
            }
            _ => Action::Other,
        };
        let operands = scan.operands(scan.height());
        self.point = Some(Point { operands, action, breakpoint: None, call: None, table: None });
    }

    fn site(&mut self, scan: &Scan<'_, '_>, site: Site, operator: Option<&Operator<'_>>) {
        if !scan.is_live() {
            return;
        }
        let Site { number, offset, place, .. } = site;
        let here = self.point.as_mut().filter(|_| place == self.place);
        match site.kind {
            Kind::Entry => {
                self.locals = scan.locals();
                self.entry = place;
            }
            Kind::Breakpoint => {
                if let Some(point) = here {
                    point.breakpoint = Some((number, offset));
                }
            }
            Kind::Call(_) => {
                if let Some(point) = here {
                    point.call = Some((number, offset));
                }
            }
            Kind::Branch { depth } => {
                let block = scan.label(depth).filter(|_| scan.is_sound(depth));
                if let Some(block) = block {
                    let back = Back { number, offset, base: wide(block.base), index: None };
                    self.branches.entry(block.place).or_insert(back);
                }
            }
            Kind::Table => {
                let Some(Operator::BrTable { targets }) = operator else { return };
                let default = targets.default();
                let Some(block) = scan.label(default).filter(|_| scan.is_sound(default)) else { return };
                let base = wide(block.base);
                if let Some(point) = here {
                    point.table = Some((number, offset, base));
                }
                let depths = targets.targets().filter_map(Result::ok).chain([default]);
                for (index, depth) in (0..).zip(depths) {
                    if let Some(head) = scan.label(depth).filter(|block| block.is_loop) {
                        let back = Back { number, offset, base, index: Some(index) };
                        self.tables.entry(head.place).or_insert(back);
                    }
                }
            }
            Kind::Other => {}
        }
    }
}
