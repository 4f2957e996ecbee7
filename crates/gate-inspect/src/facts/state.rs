//! The state of a program that was stopped.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use gate_instrument::accept::Limits as ModuleLimits;
use gate_instrument::stop::{self, SiteId, SiteKind};
use gate_snapshot::{Frame, Frames, Limits, Phase, Reference, Snapshot, Value, file, upstream};
use serde::Serialize;

use super::host::{self, HostState};
use super::program::{self, FunctionName};
use crate::symbols::{SourceLine, Symbols};

/// The state of a stopped program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// How far it is: `fresh` (nothing has run), `start`, `initialize` or `main`.
    pub phase: &'static str,
    /// What it is to run.
    pub entry: EntryPoint,
    /// How many calls have not returned.
    pub depth: u64,
    /// These calls, innermost first. Of more than two thousand, only the thousand at each end.
    pub frames: Vec<CallFrame>,
    /// Its linear memories.
    pub memories: Vec<DataUse>,
    /// The values of its globals.
    pub globals: Vec<NamedValue>,
    /// Its tables.
    pub tables: Vec<TableUse>,
    /// How many of its data and element segments it has dropped.
    pub dropped_segments: u64,
    /// The exceptions that it holds by reference.
    pub exceptions: Vec<Exception>,
    /// Its own monotonic clock, in nanoseconds.
    pub monotonic_nanos: u64,
    /// Whether it is not meant to be continued: it has come to its end, or was killed.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// What stopped it.
    pub trap: Option<Trap>,
    /// What it returned, if no trap stopped it: 0 or 1.
    pub result: u32,
    /// Offsets of instructions in the module before which it is to stop by itself.
    pub breakpoints: Vec<u64>,
    /// What is between the program and its services, if it has any.
    pub buffers: Option<Buffers>,
    /// What the functions that it imports keep, if it has called any.
    pub host: Option<HostState>,
}

/// What a program is to run after its start function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntryPoint {
    /// Called first.
    pub initialize: Option<FunctionName>,
    /// Called then.
    pub function: Option<FunctionName>,
    /// The arguments for it, if it has not been called yet.
    pub arguments: Vec<TypedValue>,
}

/// A call that has not returned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallFrame {
    /// How many calls it has made, directly or not: 0 for the innermost.
    pub number: u64,
    /// The function.
    pub function: FunctionName,
    /// Where it is.
    pub site: Site,
    /// Its source lines, innermost inlined function first.
    pub lines: Vec<SourceLine>,
    /// Its parameters, then its locals.
    pub locals: Vec<NamedValue>,
    /// Its operands, the lowest first.
    pub operands: Vec<TypedValue>,
}

/// A place at which a program can stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Site {
    /// The offset in the module of an instruction, body or import, depending on the kind.
    pub offset: u32,
    /// What the program does there: `entry`, `loop`, `call`, `import` or `breakpoint`. `None` if there is no such place.
    pub kind: Option<&'static str>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypedValue {
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its value: a decimal number (integers as signed), 32 hexadecimal digits, or what a reference refers to.
    pub value: String,
}

/// A local or a global.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedValue {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The value.
    #[serde(flatten)]
    pub value: TypedValue,
    /// Whether it may be read before it is written. Others are zero in a program that was stopped. Globals always.
    pub live: bool,
}

/// A linear memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataUse {
    /// Its size in pages of 64 KiB.
    pub pages: u32,
    /// How many bytes of it the snapshot has, in words of eight; all others are zero.
    pub data_bytes: u64,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableUse {
    /// How many elements it has.
    pub elements: u64,
    /// How many of them are not null.
    pub references: u64,
}

/// An exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// The index of its tag.
    pub tag: u32,
    /// What it carries.
    pub values: Vec<TypedValue>,
}

/// Why a program stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trap {
    /// The number.
    pub id: u32,
    /// The name: `SUSPENDED`.
    pub name: Option<&'static str>,
    /// The text for people.
    pub text: Option<&'static str>,
}

/// What is between a program and its services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Buffers {
    /// Bytes of packets that the program has not read.
    pub input_bytes: u64,
    /// Bytes of packets that nobody has handled.
    pub output_bytes: u64,
    /// The services that it has discovered.
    pub services: Vec<ServiceBuffer>,
}

/// A service as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceBuffer {
    /// Its name.
    pub name: String,
    /// How many bytes it keeps.
    pub bytes: u64,
}

/// How many calls are told at each end of the stack.
const MAX_FRAMES: usize = 1_000;

/// What a snapshot may need to be described. Nothing of it runs: memory is read where it is.
const LIMITS: Limits = Limits {
    module_bytes: ModuleLimits::STANDARD.module_bytes,
    memory_bytes: 32 << 32,
    table_elements: ModuleLimits::STANDARD.table_elements,
};

/// Takes a snapshot apart, whichever version it has.
pub(super) fn read(bytes: &[u8]) -> Result<Snapshot<'_>, String> {
    match file::read(bytes, &LIMITS) {
        Err(file::ReadError::Version { found: upstream::VERSION }) => {
            upstream::read(bytes, &LIMITS).map_err(|error| super::chain(&error))
        }
        result => result.map_err(|error| super::chain(&error)),
    }
}

/// What the state of a snapshot's program is.
pub(super) fn state(snapshot: &Snapshot<'_>, symbols: &Symbols<'_>) -> State {
    let state = &snapshot.state;
    let show = Show { symbols };
    let arguments = state.entry.arguments.iter().map(|value| show.value(*value));
    let entry = EntryPoint {
        initialize: state.entry.initialize.map(|function| FunctionName::new(function, symbols)),
        function: state.entry.function.map(|function| FunctionName::new(function, symbols)),
        arguments: arguments.collect(),
    };
    let mut memories = snapshot.memories.iter();
    let memories = state.memory_pages.iter().map(|pages| {
        let runs = memories.next().into_iter().flatten();
        DataUse { pages: *pages, data_bytes: runs.map(|run| size(run.bytes.len())).sum() }
    });
    let globals = (0..).zip(&state.globals).map(|(index, value)| NamedValue {
        name: symbols.global_name(index).map(str::to_owned),
        value: show.value(*value),
        live: true,
    });
    let tables = state.tables.iter().map(|elements| TableUse {
        elements: size(elements.len()),
        references: size(elements.iter().filter(|element| **element != Reference::Null).count()),
    });
    let exceptions = state.exceptions.iter().map(|exception| Exception {
        tag: exception.tag,
        values: exception.values.iter().map(|value| show.value(*value)).collect(),
    });
    State {
        phase: match state.phase {
            Phase::Fresh => "fresh",
            Phase::Start => "start",
            Phase::Initialize => "initialize",
            Phase::Main => "main",
        },
        entry,
        depth: match &state.frames {
            Frames::Portable(frames) => size(frames.len()),
            Frames::Raw { .. } => 0,
        },
        frames: frames(snapshot, &show),
        memories: memories.collect(),
        globals: globals.collect(),
        tables: tables.collect(),
        dropped_segments: size(state.dropped.iter().filter(|dropped| **dropped != 0).count()),
        exceptions: exceptions.collect(),
        monotonic_nanos: state.monotonic_nanos,
        is_final: snapshot.details.is_final,
        trap: trap(snapshot.details.trap),
        result: snapshot.details.result,
        breakpoints: snapshot.details.breakpoints.iter().map(|place| symbols.breakpoint(*place)).collect(),
        buffers: buffers(snapshot.buffers),
        host: host::host(state),
    }
}

/// The calls of a program, innermost first: all, or those at both ends.
fn frames(snapshot: &Snapshot<'_>, show: &Show<'_, '_>) -> Vec<CallFrame> {
    let Frames::Portable(frames) = &snapshot.state.frames else { return Vec::new() };
    let told = |number: usize| number < MAX_FRAMES || frames.len() - number <= MAX_FRAMES;
    let frames: Vec<_> = frames.iter().rev().enumerate().filter(|(number, _)| told(*number)).collect();
    let offsets: Vec<u32> = frames.iter().map(|(_, frame)| SiteId(frame.site).offset()).collect();
    let lines = show.symbols.lines_of(&offsets);
    let program = program::analyzed(&snapshot.module);
    let mut functions = HashMap::new();
    let frame = |((number, frame), lines): ((usize, &Frame), Vec<SourceLine>)| {
        let function = functions.entry(frame.function);
        let Known { name, locals, sites } =
            function.or_insert_with(|| Known::new(frame.function, program.as_ref(), show.symbols));
        let id = SiteId(frame.site);
        let site = match sites.entry(id) {
            Entry::Occupied(site) => Some(site.into_mut()),
            // Where no breakpoint is set, one can have been. Only the innermost call is at one.
            Entry::Vacant(place) if number == 0 => {
                let site = program.as_ref().and_then(|program| program.site(id).ok());
                site.filter(|site| site.function == frame.function).map(|site| place.insert(site))
            }
            Entry::Vacant(_) => None,
        };
        let is_live = |local: u32| site.as_ref().is_none_or(|site| site.live.binary_search(&local).is_ok());
        let locals = (0..).zip(&frame.locals).map(|(index, value)| NamedValue {
            name: locals.get(&index).map(|name| (*name).to_owned()),
            value: show.value(*value),
            live: is_live(index),
        });
        CallFrame {
            number: size(number),
            function: FunctionName { index: frame.function, name: name.clone() },
            locals: locals.collect(),
            operands: frame.operands.iter().map(|value| show.value(*value)).collect(),
            lines,
            site: Site { offset: id.offset(), kind: site.as_ref().map(|site| kind(site.kind)) },
        }
    };
    frames.into_iter().zip(lines).map(frame).collect()
}

/// What is known of a function that may be on the stack many times.
struct Known<'a> {
    name: Option<String>,
    locals: BTreeMap<u32, &'a str>,
    sites: HashMap<SiteId, stop::Site>,
}

impl<'a> Known<'a> {
    fn new(function: u32, program: Option<&stop::Program<'_>>, symbols: &Symbols<'a>) -> Self {
        let program = program.filter(|program| function < program.functions());
        let sites = program.and_then(|program| program.sites(function).ok()).unwrap_or_default();
        Self {
            name: symbols.function_name(function),
            locals: symbols.local_names(function),
            sites: sites.into_iter().map(|site| (site.id, site)).collect(),
        }
    }
}

/// What a stop point is called.
const fn kind(kind: SiteKind) -> &'static str {
    match kind {
        SiteKind::Entry => "entry",
        SiteKind::Loop => "loop",
        SiteKind::Call => "call",
        SiteKind::Import => "import",
        SiteKind::Breakpoint => "breakpoint",
    }
}

/// How values are told.
struct Show<'s, 'a> {
    symbols: &'s Symbols<'a>,
}

impl Show<'_, '_> {
    fn value(&self, value: Value) -> TypedValue {
        let (ty, value) = match value {
            Value::I32(bits) => ("i32".to_owned(), bits.cast_signed().to_string()),
            Value::I64(bits) => ("i64".to_owned(), bits.cast_signed().to_string()),
            Value::F32(bits) if f32::from_bits(bits).is_nan() => {
                ("f32".to_owned(), format!("NaN:{bits:#010x}"))
            }
            Value::F32(bits) => ("f32".to_owned(), f32::from_bits(bits).to_string()),
            Value::F64(bits) if f64::from_bits(bits).is_nan() => {
                ("f64".to_owned(), format!("NaN:{bits:#018x}"))
            }
            Value::F64(bits) => ("f64".to_owned(), f64::from_bits(bits).to_string()),
            Value::V128(bits) => ("v128".to_owned(), format!("{bits:032x}")),
            Value::Reference(ty, reference) => (ty.to_string(), self.reference(reference)),
        };
        TypedValue { ty, value }
    }

    fn reference(&self, reference: Reference) -> String {
        match reference {
            Reference::Null => "null".to_owned(),
            Reference::Exception(index) => format!("exception {index}"),
            Reference::Function(function) => match self.symbols.function_name(function) {
                Some(name) => format!("function {function} {name}"),
                None => format!("function {function}"),
            },
        }
    }
}

fn trap(id: u32) -> Option<Trap> {
    if id == 0 {
        return None;
    }
    let known = u8::try_from(id).ok().and_then(gate_abi::trap::Trap::from_id);
    Some(Trap {
        id,
        name: known.map(gate_abi::trap::Trap::name),
        text: known.map(gate_abi::trap::Trap::text),
    })
}

fn buffers(bytes: &[u8]) -> Option<Buffers> {
    if bytes.is_empty() {
        return None;
    }
    let buffers = gate_packet::buffers::Buffers::decode(bytes).ok()?;
    let services = buffers.services.iter().map(|service| ServiceBuffer {
        name: String::from_utf8_lossy(&service.name).into_owned(),
        bytes: size(service.snapshot.len()),
    });
    Some(Buffers {
        input_bytes: size(buffers.input.len()),
        output_bytes: size(buffers.output.len()),
        services: services.collect(),
    })
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
