//! From the existing system's frames to portable ones.
//!
//! | Site | Becomes a frame that is |
//! |---|---|
//! | entry of a function | at the function's body |
//! | entry of an imported function | at the import, if it may block; otherwise there is none, and that of the caller is before the call |
//! | call | in the call |
//! | branch to a loop, which is decided | at the head of the loop |
//! | `br_table` | at the head of the loop that its index selects; if that is no loop, before the `br_table` |
//! | breakpoint | before the instruction, which is the head of a loop at a `loop` |

use std::collections::BTreeMap;

use gate_instrument::accept::{FunctionType, ValueType};
use gate_instrument::stop::SiteId;
use wasmparser::Operator;

use super::error::StackError;
use super::module::{Module, ModuleError, wide};
use super::read::ReadError;
use super::scan::{self, Callee, Kind, Scan, Site, Visit};
use super::stack::{Base, RawFrame, Words, low};
use super::table::Table;
use crate::{Frame, Value};

/// The frames of a program, outermost first.
pub(super) fn frames(
    module: &Module<'_>,
    table: &Table<'_>,
    raw: &[RawFrame<'_>],
    base: Base,
) -> Result<Vec<Frame>, ReadError> {
    check_base(module, base)?;
    let bodies = bodies(module, table, raw)?;
    let in_table = module.in_table();
    let mut frames: Vec<Frame> = Vec::with_capacity(raw.len());
    // What the frame further out calls, with the arguments.
    let mut caller: Option<(Callee, Vec<Value>)> = None;
    for (position, raw) in raw.iter().enumerate().rev() {
        let (function, number) = table.function(raw.number).unwrap_or_default();
        let body = bodies.get(&function).expect("all functions of frames have been looked at");
        let place = body.places.get(&number).expect("all sites of frames have been looked at");
        let is_call = matches!(place.resume, Resume::Call(_));
        if is_call != (position > 0) {
            let found = if is_call { "in a call" } else { "not in a call" };
            return Err(StackError::Order { position, number: raw.number, found, count: position }.into());
        }
        let (callee, arguments) = match caller.take() {
            Some((callee, arguments)) => (Some(callee), arguments),
            None => (None, Vec::new()),
        };
        let fits = match callee {
            None => check_outermost(module, base, function).map(|()| true)?,
            Some(Callee::Direct(called)) => called == function,
            Some(Callee::Indirect(ty)) => {
                module.type_at(ty) == module.function_type(function)
                    && in_table.get(wide(function)).copied().unwrap_or_default()
            }
        };
        if !fits {
            return Err(StackError::Callee { position, function }.into());
        }
        let mut frame = place.frame(function, body, raw.words, arguments);
        match &place.resume {
            Resume::Call(called) => {
                let params = called.ty(module).map_or(0, |ty| ty.params.len());
                let first = frame.operands.len().saturating_sub(params);
                caller = Some((*called, frame.operands.split_off(first)));
            }
            Resume::Select(selection) => selection.apply(&mut frame),
            Resume::Entry if module.is_instant(function) => {
                if let Some((caller, callee)) = frames.last_mut().zip(callee) {
                    before_call(caller, frame.locals, callee.index(module, function));
                }
                break;
            }
            _ => {}
        }
        frames.push(frame);
    }
    Ok(frames)
}

/// Takes a frame that is in a call of an imported function back to before the call.
fn before_call(frame: &mut Frame, arguments: Vec<Value>, index: Option<u32>) {
    frame.site = SiteId::before(frame.site).0;
    frame.operands.extend(arguments);
    // The index of an indirect call has been popped. Any that selects the function is as good.
    frame.operands.extend(index.map(Value::I32));
}

/// Checks what is to be run.
pub(super) fn check_base(module: &Module<'_>, base: Base) -> Result<(), StackError> {
    let (start, entry) = match base {
        Base::Fresh { start, entry } => (start, entry),
        Base::Start { entry } => (None, entry),
        Base::Entry => (None, None),
    };
    if let Some(function) = start {
        check_outermost(module, Base::Start { entry }, function)?;
    }
    entry.map_or(Ok(()), |function| check_outermost(module, Base::Entry, function))
}

/// Checks what is run at the bottom.
pub(super) fn check_outermost(module: &Module<'_>, base: Base, function: u32) -> Result<(), StackError> {
    let ty = module.function_type(function);
    let (what, fits) = match base {
        Base::Entry => ("entry", ty.is_some_and(is_entry) && module.exported.contains(&function)),
        Base::Start { .. } | Base::Fresh { .. } => {
            ("start", ty.is_some_and(|ty| ty.params.is_empty() && ty.results.is_empty()))
        }
    };
    if fits { Ok(()) } else { Err(StackError::Function { function, what }) }
}

/// Whether a function with this type can be the entry function.
pub(super) fn is_entry(ty: &FunctionType) -> bool {
    ty.params.is_empty() && matches!(ty.results.as_slice(), [] | [ValueType::I32])
}

/// The value that locals of a type start with.
pub(super) fn zero(ty: ValueType) -> Value {
    value(ty, 0)
}

/// The value of a type in a word. The upper half of a word with a smaller value can be anything.
fn value(ty: ValueType, word: u64) -> Value {
    match ty {
        ValueType::I32 => Value::I32(low(word)),
        ValueType::I64 => Value::I64(word),
        ValueType::F32 => Value::F32(low(word)),
        ValueType::F64 => Value::F64(word),
        ValueType::V128 | ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => {
            unreachable!("there are no such types in the subset")
        }
    }
}

/// The words of a frame, from which values are taken from the first on.
struct Values<'a> {
    words: Words<'a>,
}

impl Values<'_> {
    /// The next values, the last of which comes first.
    fn take(&mut self, types: &[ValueType]) -> Vec<Value> {
        let (words, rest) = self.words.split(types.len()).expect("the sizes of frames have been checked");
        self.words = rest;
        types.iter().zip(words.iter().rev()).map(|(ty, word)| value(*ty, word)).collect()
    }
}

/// What there is to know of a function with frames.
struct Body {
    /// The types of parameters and locals.
    locals: Vec<ValueType>,
    /// The sites of frames, by their position in the function.
    places: BTreeMap<u32, Place>,
}

/// A site where a frame is.
struct Place {
    /// The size of the frame.
    offset: u32,
    /// The offset in the module.
    place: u32,
    /// The types of the operands in the frame, the lowest first.
    operands: Vec<ValueType>,
    resume: Resume,
    /// Whether no frame can be here, of whatever size. It is not known of a frame of another size.
    dead: bool,
}

impl Place {
    /// The frame with some words of a function that has been called with some arguments.
    fn frame(&self, function: u32, body: &Body, words: Words<'_>, arguments: Vec<Value>) -> Frame {
        let mut values = Values { words };
        let operands = values.take(&self.operands);
        let mut locals = arguments;
        let own = body.locals.get(locals.len()..).unwrap_or_default();
        match self.resume {
            // They do not exist yet.
            Resume::Entry => locals.extend(own.iter().copied().map(zero)),
            _ => locals.extend(values.take(own)),
        }
        let site = match self.resume {
            Resume::Head(head) => head,
            Resume::Before | Resume::Select(_) => SiteId::before(self.place).0,
            Resume::Entry | Resume::Call(_) | Resume::Dead => self.place,
        };
        Frame { function, site, locals, operands }
    }
}

/// How a program continues from a site.
enum Resume {
    /// It starts the function.
    Entry,
    /// A call returns.
    Call(Callee),
    /// It goes to the head of the loop at this offset.
    Head(u32),
    /// It goes to one of some labels.
    Select(Selection),
    /// It executes the instruction.
    Before,
    /// It does not.
    Dead,
}

/// A `br_table`.
struct Selection {
    /// Its targets, the default last.
    targets: Vec<Target>,
    /// The types of all operands below the index.
    operands: Vec<ValueType>,
}

/// Where a branch goes.
#[derive(Clone, Copy)]
struct Target {
    /// The offset of the loop, if it is one.
    head: Option<u32>,
    /// How many operands are below.
    base: u32,
}

impl Selection {
    /// Takes a frame before the `br_table`, with those operands that are saved, to where it can be continued.
    fn apply(&self, frame: &mut Frame) {
        let Some(Value::I32(index)) = frame.operands.last().copied() else { return };
        match self.targets.get(wide(index)).or(self.targets.last()) {
            Some(Target { head: Some(head), base }) => {
                frame.operands.truncate(wide(*base));
                frame.site = *head;
            }
            _ => {
                frame.operands.pop();
                // No target of it needs those that are not there.
                let lost = self.operands.iter().skip(frame.operands.len());
                frame.operands.extend(lost.copied().map(zero));
                frame.operands.push(Value::I32(index));
            }
        }
    }
}

/// Finds the sites of all frames, and checks the sizes.
fn bodies(
    module: &Module<'_>,
    table: &Table<'_>,
    raw: &[RawFrame<'_>],
) -> Result<BTreeMap<u32, Body>, ReadError> {
    let mut wanted: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    for (position, frame) in raw.iter().enumerate() {
        let (function, number) = table.function(frame.number).ok_or(StackError::Number {
            position,
            found: frame.number,
            sites: table.len(),
        })?;
        wanted.entry(function).or_default().entry(number).or_insert(frame.offset);
    }
    let mut bodies = BTreeMap::new();
    for (function, wanted) in &wanted {
        bodies.insert(*function, body(module, table, *function, wanted)?);
    }
    for (position, frame) in raw.iter().enumerate() {
        let (function, number) = table.function(frame.number).unwrap_or_default();
        let place = bodies.get(&function).and_then(|body: &Body| body.places.get(&number));
        let Some(place) = place else {
            return Err(StackError::Dead { position, number: frame.number }.into());
        };
        let (found, expected) = (frame.offset, place.offset);
        if place.dead {
            return Err(StackError::Dead { position, number: frame.number }.into());
        }
        if found != expected {
            return Err(StackError::Mismatch { position, number: frame.number, found, expected }.into());
        }
    }
    Ok(bodies)
}

/// Finds sites of a function that are given by number, with the sizes that frames there are expected to have.
fn body(
    module: &Module<'_>,
    table: &Table<'_>,
    function: u32,
    wanted: &BTreeMap<u32, u32>,
) -> Result<Body, ModuleError> {
    let Some((_, place)) = module.imports.get(wide(function)) else {
        let mut finder = Finder { wanted, body: Body { locals: Vec::new(), places: BTreeMap::new() } };
        scan::scan(module, function, table.rules(), &mut finder)?;
        return Ok(finder.body);
    };
    let locals = module.function_type(function).map(|ty| ty.params.clone()).unwrap_or_default();
    let entry = Place { offset: 8, place: *place, operands: Vec::new(), resume: Resume::Entry, dead: false };
    Ok(Body { locals, places: BTreeMap::from([(0, entry)]) })
}

struct Finder<'w> {
    wanted: &'w BTreeMap<u32, u32>,
    body: Body,
}

impl Visit for Finder<'_> {
    fn site(&mut self, scan: &Scan<'_, '_>, site: Site, operator: Option<&Operator<'_>>) {
        if site.kind == Kind::Entry {
            self.body.locals = scan.locals();
        }
        let Some(offset) = self.wanted.get(&site.number) else { return };
        let Site { number, offset: expected, place, .. } = site;
        // A frame with another size is refused: its operands need not be looked at, and may be many.
        let same = *offset == expected;
        let (resume, operands) = match site.kind {
            _ if !same || !scan.is_live() => (Resume::Dead, Vec::new()),
            Kind::Table => select(scan, operator),
            Kind::Breakpoint if matches!(operator, Some(Operator::Loop { .. })) => {
                (Resume::Head(place), scan.operands(site.operands))
            }
            kind => (resume(scan, kind), scan.operands(site.operands)),
        };
        let dead = site.kind == Kind::Other || same && matches!(resume, Resume::Dead);
        self.body.places.insert(number, Place { offset: expected, place, operands, resume, dead });
    }
}

/// How a program continues from a site that is no `br_table`.
fn resume(scan: &Scan<'_, '_>, kind: Kind) -> Resume {
    match kind {
        Kind::Entry => Resume::Entry,
        Kind::Call(callee) => Resume::Call(callee),
        Kind::Branch { depth } => match scan.label(depth) {
            Some(block) if scan.is_sound(depth) => Resume::Head(block.place),
            _ => Resume::Dead,
        },
        Kind::Breakpoint => Resume::Before,
        Kind::Table | Kind::Other => Resume::Dead,
    }
}

/// How a program continues from a `br_table`, and the types of the operands in its frame.
fn select(scan: &Scan<'_, '_>, operator: Option<&Operator<'_>>) -> (Resume, Vec<ValueType>) {
    let dead = (Resume::Dead, Vec::new());
    let Some(Operator::BrTable { targets }) = operator else { return dead };
    let default = targets.default();
    let Some(block) = scan.label(default).filter(|_| scan.is_sound(default)) else { return dead };
    let mut operands = scan.operands(block.base);
    operands.push(ValueType::I32);
    let target = |depth: u32| {
        let block = scan.label(depth);
        let head = block.filter(|block| block.is_loop).map(|block| block.place);
        Target { head, base: block.map_or(0, |block| block.base) }
    };
    let depths = targets.targets().filter_map(Result::ok).chain([default]);
    let selection =
        Selection { targets: depths.map(target).collect(), operands: scan.operands(scan.height() - 1) };
    (Resume::Select(selection), operands)
}
