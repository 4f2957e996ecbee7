//! From the existing system's frames to portable ones.
//!
//! | Site | Becomes a frame that is |
//! |---|---|
//! | entry of a function | at the function's body |
//! | entry of an imported function | at the import, if it may block; otherwise there is none, and that of the caller is before the call |
//! | call | in the call |
//! | branch to a loop, which is decided | at the head of the loop |
//! | `br_table` | at the head of the loop that its index selects; if that is no loop, before the `br_table` |
//! | breakpoint | before the instruction |

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
    let places = places(module, table, raw)?;
    let in_table = module.in_table();
    let mut frames = Vec::with_capacity(raw.len());
    // What the frame further out calls, with the arguments.
    let mut caller: Option<(Callee, Vec<Value>)> = None;
    for (position, raw) in raw.iter().enumerate().rev() {
        let (function, number) = table.function(raw.number).unwrap_or_default();
        let body = places.get(&function).expect("all functions of frames have been looked at");
        let place = body.places.get(&number).expect("all sites of frames have been looked at");
        let (outer, arguments) = match caller.take() {
            None => {
                check_outermost(module, base, function)?;
                (None, Vec::new())
            }
            Some((callee, arguments)) => {
                let fits = match callee {
                    Callee::Direct(called) => called == function,
                    Callee::Indirect(ty) => {
                        module.type_at(ty) == module.function_type(function)
                            && in_table.get(wide(function)).copied().unwrap_or_default()
                    }
                };
                if !fits {
                    return Err(StackError::Callee { position, function }.into());
                }
                (Some(callee), arguments)
            }
        };
        let inner = position;
        let (order, dead) = (
            |found| StackError::Order { position, number: raw.number, found, count: inner },
            StackError::Dead { position, number: raw.number },
        );
        let mut values = Values { words: raw.words };
        let mut operands = values.take(&place.operands);
        let mut locals = arguments;
        let own = body.locals.get(locals.len()..).unwrap_or_default();
        match place.resume {
            // They do not exist yet.
            Resume::Entry => locals.extend(own.iter().copied().map(zero)),
            _ => locals.extend(values.take(own)),
        }
        let site = match &place.resume {
            Resume::Call(callee) => {
                if inner == 0 {
                    return Err(order("in a call").into());
                }
                let ty = match callee {
                    Callee::Direct(function) => module.function_type(*function),
                    Callee::Indirect(ty) => module.type_at(*ty),
                };
                let params = ty.map_or(0, |ty| ty.params.len());
                caller = Some((*callee, operands.split_off(operands.len().saturating_sub(params))));
                place.place
            }
            Resume::Dead => return Err(dead.into()),
            _ if inner > 0 => return Err(order("not in a call").into()),
            Resume::Entry => match module.imports.get(wide(function)) {
                Some((imported, _)) if !imported.may_block() => {
                    if let Some((frame, callee)) = frames.last_mut().zip(outer) {
                        let element = match callee {
                            Callee::Direct(_) => None,
                            Callee::Indirect(_) => module.element_with(function),
                        };
                        before_call(frame, locals, element);
                    }
                    break;
                }
                _ => place.place,
            },
            Resume::Before => SiteId::before(place.place).0,
            Resume::Head(head) => *head,
            Resume::Select(selection) => {
                let Some(Value::I32(index)) = operands.pop() else { return Err(dead.into()) };
                match selection.target(index) {
                    Some(Target { head: Some(head), base }) => {
                        operands.truncate(wide(base));
                        head
                    }
                    _ => {
                        // No target of it needs those that are not there.
                        let lost = selection.operands.iter().skip(operands.len());
                        operands.extend(lost.copied().map(zero));
                        operands.push(Value::I32(index));
                        SiteId::before(place.place).0
                    }
                }
            }
        };
        frames.push(Frame { function, site, locals, operands });
    }
    Ok(frames)
}

/// Takes a frame that is in a call of an imported function back to before the call.
fn before_call(frame: &mut Frame, arguments: Vec<Value>, element: Option<u32>) {
    frame.site = SiteId::before(frame.site).0;
    frame.operands.extend(arguments);
    // That of an indirect call has been popped: any element with the function is as good.
    frame.operands.extend(element.map(Value::I32));
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
fn is_entry(ty: &FunctionType) -> bool {
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
    fn target(&self, index: u32) -> Option<Target> {
        self.targets.get(wide(index)).or(self.targets.last()).copied()
    }
}

/// Finds the sites of all frames, and checks the sizes.
fn places(
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
