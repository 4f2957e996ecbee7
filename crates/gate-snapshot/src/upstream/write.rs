//! Makes a snapshot for the existing system.

use std::ops::Range;

use super::error::StackError;
use super::load;
use super::module::{GlobalValue, MAX_PAGES, Module, ModuleError, wide};
use super::numbering::NUMBERINGS;
use super::segments::{END, MAX_SEGMENTS};
use super::stack::Base;
use super::store;
use super::table::Table;
use super::{BUFFER_NAME, EXPORT_NAME, STACK_NAME, VERSION};
use crate::details::{self, Content, MAX_BREAKPOINTS};
use crate::runs;
use crate::sections::{
    self, CODE, CUSTOM, DATA, ELEMENT, EXPORT, GLOBAL, HEADER, MEMORY, SectionError, push_custom,
    push_length, push_section, push_signed, push_unsigned,
};
use crate::snapshot::PAGE;
use crate::{Details, Frame, Frames, Memory, Phase, State, Value};

/// How large a stack the existing system takes if it is not configured otherwise, in bytes.
pub const STACK_BYTES_DEFAULT: u32 = 55_568;

/// Bytes in a word.
const WORD_BYTES: usize = 8;

/// A program to be written.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The program.
    pub module: &'a [u8],
    /// Its state, with portable frames. What is in [`State::host`] is not written: who writes a snapshot makes sure that the
    /// program does without.
    pub state: &'a State,
    /// How it was stopped. Where there are breakpoints, it can be stopped.
    pub details: &'a Details,
    /// How large its stack may be, in bytes: [`STACK_BYTES_DEFAULT`].
    pub max_stack_bytes: u32,
}

/// Whether the existing system could continue a program.
#[derive(Debug)]
pub enum Expressible {
    /// It could.
    Yes,
    /// Not from where the program is, but perhaps when it has run on a little.
    LaterPoint(WriteError),
    /// It could not, wherever the program stops.
    Never(WriteError),
}

/// Why a program is not one that the existing system could continue.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum WriteError {
    /// It does not run such programs.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// It is no module.
    #[error(transparent)]
    Sections(#[from] SectionError),
    /// It does not run such functions.
    #[error("the existing system cannot run the program's function {function} as {what} function")]
    Function { function: u32, what: &'static str },
    /// It does not give arguments to functions.
    #[error("the existing system cannot give arguments to function {function}")]
    Arguments { function: u32 },
    /// It does not run three functions one after the other.
    #[error("the existing system cannot run start and initialization functions and then another one")]
    Initialize,
    /// The memory is too large for it.
    #[error("the program has {found} pages of memory (limit of the existing system: {limit})")]
    Pages { found: u32, limit: u32 },
    /// There are more breakpoints than it takes.
    #[error("there are {found} breakpoints (limit: {MAX_BREAKPOINTS})")]
    Breakpoints { found: usize },
    /// It cannot stop there.
    #[error("the existing system cannot stop at offset {offset:#x} in function {function}")]
    Point { function: u32, offset: u32 },
    /// The stack is too large for it.
    #[error("the stack would have {found} bytes (limit: {limit})")]
    StackBytes { found: usize, limit: u32 },
    /// A frame is not one of the program's. Frames are counted from the outermost, which is 0.
    #[error("frame {position} of the state is none of the program's")]
    Frame { position: usize },
    /// The state is not the program's.
    #[error("the state has other {what} than the program")]
    State { what: &'static str },
}

impl WriteError {
    /// Whether it may be otherwise when the program has run on a little.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Point { .. } | Self::StackBytes { .. } | Self::Initialize => true,
            Self::Module(_)
            | Self::Sections(_)
            | Self::Function { .. }
            | Self::Arguments { .. }
            | Self::Pages { .. }
            | Self::Breakpoints { .. }
            | Self::Frame { .. }
            | Self::State { .. } => false,
        }
    }
}

/// Whether the existing system could continue a program.
pub fn expressible(source: &Source<'_>) -> Expressible {
    match prepare(source) {
        Ok(_) => Expressible::Yes,
        Err(error) if error.may_pass() => Expressible::LaterPoint(error),
        Err(error) => Expressible::Never(error),
    }
}

/// Makes a snapshot of a program with some memories. `buffers` is the content of section `gate.buffer`; there is none if it
/// is empty.
///
/// Equal programs give equal files. What [`read`](super::read()) gives for a file gives the same file again, if its memory is
/// cut into segments as here, and the innermost frame has the first one of several numbers that mean the same.
///
/// # Errors
/// [`WriteError`] when the existing system could not continue the program; see [`WriteError::may_pass`].
pub fn write(source: &Source<'_>, memories: &[Memory<'_>], buffers: &[u8]) -> Result<Vec<u8>, WriteError> {
    let Prepared { module, stack } = prepare(source)?;
    let bytes = source.module;
    let all = sections::sections(bytes).collect::<Result<Vec<_>, _>>()?;
    let content = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    let section = |id: u8| all.iter().find(|section| section.id == id);
    let mut file = HEADER.to_vec();
    let copy = |file: &mut Vec<u8>, id: u8| {
        if let Some(section) = section(id) {
            file.extend_from_slice(content(section.whole.clone()));
        }
    };
    (1..MEMORY).for_each(|id| copy(&mut file, id));
    push_section(&mut file, MEMORY, &memory_section(&module, source.state));
    if !module.globals.is_empty() {
        push_section(&mut file, GLOBAL, &global_section(&module, source.state));
    }
    let monotonic_nanos = source.state.monotonic_nanos;
    let details = Content { version: VERSION, monotonic_nanos, details: source.details.clone() };
    push_custom(&mut file, details::NAME, &[&details.encode()]);
    match section(EXPORT) {
        Some(section) if stack.is_some() => {
            push_custom(&mut file, EXPORT_NAME, &[content(section.whole.clone())]);
        }
        _ => copy(&mut file, EXPORT),
    }
    (ELEMENT..=CODE).for_each(|id| copy(&mut file, id));
    if !buffers.is_empty() {
        push_custom(&mut file, BUFFER_NAME, &[buffers]);
    }
    if let Some(stack) = stack {
        push_custom(&mut file, STACK_NAME, &[&stack]);
    }
    if source.state.phase != Phase::Fresh {
        push_section(&mut file, DATA, &data_section(source.state, memories));
    } else if section(DATA).is_some() {
        copy(&mut file, DATA);
    } else {
        push_section(&mut file, DATA, &[0]);
    }
    let last = all.iter().rposition(|section| section.id != CUSTOM).map_or(0, |last| last + 1);
    for section in all.iter().skip(last) {
        file.extend_from_slice(content(section.whole.clone()));
    }
    Ok(file)
}

/// A program that the existing system could continue.
struct Prepared<'a> {
    module: Module<'a>,
    /// Its stack, if anything is to be run.
    stack: Option<Vec<u8>>,
}

fn prepare<'a>(source: &Source<'a>) -> Result<Prepared<'a>, WriteError> {
    let Source { state, details, .. } = *source;
    if details.breakpoints.len() > MAX_BREAKPOINTS {
        return Err(WriteError::Breakpoints { found: details.breakpoints.len() });
    }
    let module = Module::parse(source.module)?;
    // Validates all code, too.
    let [numbering, ..] = &NUMBERINGS;
    let table = Table::new(&module, numbering, &details.breakpoints)?;
    check_parts(&module, state)?;
    let Frames::Portable(frames) = &state.frames else {
        return Err(WriteError::State { what: "frames" });
    };
    let Some(base) = base(&module, state, frames)? else { return Ok(Prepared { module, stack: None }) };
    let stack = store::stack(&module, &table, frames, base)?;
    let limit = source.max_stack_bytes;
    if stack.len() > wide(limit) {
        return Err(WriteError::StackBytes { found: stack.len(), limit });
    }
    Ok(Prepared { module, stack: Some(stack) })
}

/// Checks that the state is the module's, apart from its frames. When nothing has run, there is nothing of it to be written.
fn check_parts(module: &Module<'_>, state: &State) -> Result<(), WriteError> {
    if state.phase == Phase::Fresh {
        return Ok(());
    }
    let expect = |what, fits| if fits { Ok(()) } else { Err(WriteError::State { what }) };
    let maximum = module.memory.map(|memory| memory.maximum.unwrap_or(MAX_PAGES));
    expect("memories", state.memory_pages.len() == usize::from(maximum.is_some()))?;
    if let (Some(found), Some(limit)) = (state.memory_pages.first().copied(), maximum)
        && found > limit
    {
        return Err(WriteError::Pages { found, limit });
    }
    let same_type = |(value, global): (&Value, &GlobalValue)| {
        std::mem::discriminant(value) == std::mem::discriminant(&global.value)
            && (global.mutable || *value == global.value)
    };
    let same_globals = state.globals.iter().zip(&module.globals).all(same_type);
    expect("globals", state.globals.len() == module.globals.len() && same_globals)?;
    expect("tables", state.tables == module.tables(true))?;
    expect("segments", state.dropped.iter().all(|dropped| *dropped == 0))?;
    expect("exceptions", state.exceptions.is_empty())
}

/// The bottom of the stack, if anything is to be run.
fn base(module: &Module<'_>, state: &State, frames: &[Frame]) -> Result<Option<Base>, WriteError> {
    let entry = &state.entry;
    if let (false, Some(function)) = (entry.arguments.is_empty(), entry.function) {
        return Err(WriteError::Arguments { function });
    }
    let outermost = frames.first().map(|frame| frame.function);
    let base = match (state.phase, outermost, entry.initialize) {
        (Phase::Fresh, None, None) => Base::Fresh { start: module.start, entry: entry.function },
        (Phase::Fresh, None, start) if module.start.is_none() => Base::Fresh { start, entry: entry.function },
        (Phase::Start, Some(_), None) | (Phase::Initialize, Some(_), _) => {
            Base::Start { entry: entry.function }
        }
        // What is to run next has not run.
        (Phase::Start, None, None) => Base::Fresh { start: module.start, entry: entry.function },
        (Phase::Initialize, None, start) => Base::Fresh { start, entry: entry.function },
        (Phase::Fresh, None, _) | (Phase::Start, _, Some(_)) => return Err(WriteError::Initialize),
        (Phase::Main, Some(_), _) => Base::Entry,
        (Phase::Main, None, _) if entry.function.is_none() => return Ok(None),
        (Phase::Main, None, _) => Base::Fresh { start: None, entry: entry.function },
        (Phase::Fresh, Some(_), _) => return Err(WriteError::Frame { position: 0 }),
    };
    let refused = |error| match error {
        StackError::Function { function, what } => WriteError::Function { function, what },
        _ => WriteError::Frame { position: 0 },
    };
    load::check_base(module, base).map_err(refused)?;
    if let Some(function) = outermost {
        load::check_outermost(module, base, function).map_err(refused)?;
    }
    Ok(Some(base))
}

fn memory_section(module: &Module<'_>, state: &State) -> Vec<u8> {
    let pages = match state.phase {
        Phase::Fresh => module.memory.map(|memory| memory.initial),
        Phase::Start | Phase::Initialize | Phase::Main => state.memory_pages.first().copied(),
    };
    let pages = pages.unwrap_or_default();
    let maximum = match module.memory {
        Some(memory) => memory.maximum,
        None => Some(0),
    };
    let mut section = vec![1, u8::from(maximum.is_some())];
    for pages in std::iter::once(pages).chain(maximum) {
        push_unsigned(&mut section, pages.into());
    }
    section
}

fn global_section(module: &Module<'_>, state: &State) -> Vec<u8> {
    let mut section = Vec::new();
    push_length(&mut section, module.globals.len());
    for (index, global) in module.globals.iter().enumerate() {
        let mutable = u8::from(global.mutable);
        let current = state.globals.get(index).filter(|_| state.phase != Phase::Fresh);
        match *current.unwrap_or(&global.value) {
            Value::I32(bits) => {
                section.extend([0x7f, mutable, 0x41]);
                push_signed(&mut section, bits.cast_signed().into());
            }
            Value::I64(bits) => {
                section.extend([0x7e, mutable, 0x42]);
                push_signed(&mut section, bits.cast_signed());
            }
            Value::F32(bits) => {
                section.extend([0x7d, mutable, 0x43]);
                section.extend(bits.to_le_bytes());
            }
            Value::F64(bits) => {
                section.extend([0x7c, mutable, 0x44]);
                section.extend(bits.to_le_bytes());
            }
            Value::V128(_) | Value::Reference(..) => unreachable!("the types of globals have been checked"),
        }
        section.push(END);
    }
    section
}

/// Everything in memory but words of 8 bytes that are zero, or fewer of these if that takes more segments than there can be.
fn data_section(state: &State, memories: &[Memory<'_>]) -> Vec<u8> {
    let sizes = state.memory_pages.iter().map(|pages| u64::from(*pages) * PAGE);
    let memories: Vec<_> = memories.iter().copied().zip(sizes).collect();
    let spans = runs::spans(&memories, WORD_BYTES, MAX_SEGMENTS);
    let mut section = Vec::new();
    push_length(&mut section, spans.len());
    for span in spans {
        let memory = memories.get(wide(span.memory)).map(|(memory, _)| memory.bytes);
        let bytes = memory.and_then(|bytes| bytes.get(span.range.clone())).unwrap_or_default();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(zeros, |last| last + 1);
        let bytes = bytes.get(zeros..end).unwrap_or_default();
        section.extend([0, 0x41]);
        let address = u32::try_from(span.range.start + zeros).expect("memories are smaller than 4 GiB");
        push_signed(&mut section, address.cast_signed().into());
        section.push(END);
        // The existing system takes these numbers for signed ones when it writes, and for unsigned ones when it reads: that
        // makes them longer sometimes, and no other.
        let length = i64::try_from(bytes.len()).expect("memories are smaller than 4 GiB");
        push_signed(&mut section, length);
        section.extend_from_slice(bytes);
    }
    section
}
