//! Takes a snapshot of the existing system apart.

use std::ops::Range;

use gate_instrument::stop::SiteId;

use super::error::StackError;
use super::load;
use super::module::{Module, ModuleError, narrow};
use super::numbering::NUMBERINGS;
use super::segments;
use super::stack::{self, Base};
use super::table::Table;
use super::{BUFFER_NAME, EXPORT_NAME, STACK_NAME, VERSION};
use crate::details::{self, Content, DetailsError};
use crate::sections::{self, HEADER, Section, SectionError};
use crate::snapshot::PAGE;
use crate::{Entry, Frame, Frames, Limits, Phase, Run, Snapshot, State};

/// Why a snapshot of the existing system could not be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ReadError {
    /// It is no module.
    #[error(transparent)]
    Sections(#[from] SectionError),
    /// It is a module that has no `gate.snapshot` section, or not where it has to be.
    #[error("section {} is missing, or behind what it is about", details::NAME)]
    NoSnapshot,
    /// It is another kind of snapshot.
    #[error("snapshot version {found} is not that of the existing system ({VERSION})")]
    Version { found: u64 },
    /// The `gate.snapshot` section makes no sense.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// There are several sections of a kind that there can be one of.
    #[error("there is more than one section {name}")]
    Twice { name: &'static str },
    /// A section is not where it has to be.
    #[error("section {name} at offset {offset:#x} is too {how} in the module")]
    Place { name: &'static str, offset: usize, how: &'static str },
    /// The `gate.export` section has something else in it than one export section.
    #[error("section {EXPORT_NAME} does not contain an export section")]
    Exports,
    /// The program is none that the existing system runs.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The program needs more than is allowed.
    #[error("the program in the snapshot has {found} {what} (limit: {limit})")]
    Limit { what: &'static str, found: u64, limit: u64 },
    /// The stack makes no sense for the program.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// Takes a snapshot apart.
///
/// Its program is the file without the sections that were added to it, and with its start function if that has not
/// returned. The state is what is in the file: locals have the values that they had, even if nobody reads them.
///
/// A program that has come to its end can be told to run something else: it is in [`Phase::Main`] and has neither frames nor
/// an entry function.
///
/// # Errors
/// [`ReadError`] when the file is no such snapshot, or its program is not one that the existing system runs, or could not
/// have been stopped where it says, or needs more than `limits` allow.
pub fn read<'a>(file: &'a [u8], limits: &Limits) -> Result<Snapshot<'a>, ReadError> {
    let Parts { content, mut program, start_at, has_start, segments, buffers, stack } =
        Parts::take(file, limits)?;
    check_limit("bytes of code and data", length(program.len()), limits.module_bytes)?;
    let module = Module::parse(&program)?;
    let pages = module.memory.map(|memory| memory.initial);
    check_limit("bytes of memory", pages.map_or(0, |pages| u64::from(pages) * PAGE), limits.memory_bytes)?;
    check_limit("table elements", module.table_elements().into(), limits.table_elements)?;
    let Stack { base, outermost, mut frames } = stack_of(&module, &content.details.breakpoints, stack)?;
    let (phase, start, function) = match base {
        Some(Base::Fresh { start, entry }) => (Phase::Fresh, start, entry),
        Some(Base::Start { entry }) => (Phase::Start, outermost, entry),
        Some(Base::Entry) => (Phase::Main, None, outermost),
        None if has_start => (Phase::Fresh, None, None),
        None => (Phase::Main, None, None),
    };
    let has_run = phase != Phase::Fresh;
    let runs = segments
        .into_iter()
        .filter(|_| has_run)
        .filter_map(|(address, place)| Some(Run { offset: address.into(), bytes: file.get(place)? }));
    let memories = pages.map(|_| runs.collect()).into_iter().collect();
    let state = State {
        phase,
        entry: Entry { initialize: None, function, arguments: Vec::new() },
        frames: Frames::Portable(Vec::new()),
        memory_pages: pages.into_iter().collect(),
        globals: module.globals.iter().map(|global| global.value).collect(),
        tables: module.tables(has_run),
        dropped: Vec::new(),
        exceptions: Vec::new(),
        monotonic_nanos: content.monotonic_nanos,
        host: Vec::new(),
    };
    if let Some(start) = start {
        let mut section = Vec::new();
        let mut index = Vec::new();
        sections::push_unsigned(&mut index, start.into());
        sections::push_section(&mut section, sections::START, &index);
        let (at, added) = (narrow(start_at), narrow(section.len()));
        program.splice(start_at..start_at, section);
        for frame in frames.iter_mut().filter(|frame| SiteId(frame.site).offset() >= at) {
            frame.site += added;
        }
    }
    Ok(Snapshot {
        version: content.version,
        module: program,
        state: State { frames: Frames::Portable(frames), ..state },
        memories,
        buffers: buffers.and_then(|range| file.get(range)).unwrap_or_default(),
        details: content.details,
    })
}

/// A stack that makes sense.
#[derive(Default)]
struct Stack {
    /// Its bottom, if there is a stack.
    base: Option<Base>,
    /// The function of the outermost frame.
    outermost: Option<u32>,
    /// The frames, outermost first. The outermost may be missing if it is of an imported function.
    frames: Vec<Frame>,
}

/// The stack in some bytes, if there are any. All code is validated in any case.
fn stack_of(module: &Module<'_>, breakpoints: &[u64], bytes: Option<&[u8]>) -> Result<Stack, ReadError> {
    let Some(bytes) = bytes else {
        let [numbering, ..] = &NUMBERINGS;
        Table::new(module, numbering, breakpoints)?;
        return Ok(Stack::default());
    };
    let (raw, base) = stack::split(bytes)?;
    let mut failure: Option<StackError> = None;
    for numbering in &NUMBERINGS {
        let table = Table::new(module, numbering, breakpoints)?;
        match load::frames(module, &table, &raw, base) {
            Ok(frames) => {
                let outermost = raw.last().and_then(|raw| Some(table.function(raw.number)?.0));
                return Ok(Stack { base: Some(base), outermost, frames });
            }
            // The one that fits better says more.
            Err(ReadError::Stack(error)) => {
                if failure.as_ref().is_none_or(|failure| failure.depth() < error.depth()) {
                    failure = Some(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(failure.expect("there are ways of numbering, and all have failed").into())
}

/// A file, taken apart.
struct Parts<'a> {
    content: Content,
    /// The program, without a start section if there is a stack.
    program: Vec<u8>,
    /// Where a start section belongs in it.
    start_at: usize,
    has_start: bool,
    /// Address and place in the file of each data segment.
    segments: Vec<(u32, Range<usize>)>,
    buffers: Option<Range<usize>>,
    stack: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn take(file: &'a [u8], limits: &Limits) -> Result<Self, ReadError> {
        let mut facts = Facts::default();
        for section in sections::sections(file) {
            facts.note(file, &section?)?;
        }
        let content = facts.content.take().ok_or(ReadError::NoSnapshot)?;
        let stack = facts.stack.clone().and_then(|range| file.get(range));
        let segments = segments::segments(file, facts.data.clone().unwrap_or_default())?;
        let joined = segments::joined(file, &segments, limits.module_bytes);
        let mut program = Vec::with_capacity(file.len());
        program.extend_from_slice(HEADER);
        let mut start_at = program.len();
        for section in sections::sections(file) {
            let section = section?;
            let range = match special(&section) {
                Some(EXPORT_NAME) => section.content,
                Some(_) => continue,
                None if section.id == sections::START && stack.is_some() => continue,
                None if section.id == sections::DATA && joined.is_some() => {
                    let content = joined.as_deref().unwrap_or_default();
                    sections::push_section(&mut program, sections::DATA, content);
                    continue;
                }
                None => section.whole,
            };
            program.extend_from_slice(file.get(range).unwrap_or_default());
            let is_before = matches!(section.id, 1..=sections::START);
            if is_before || section.name == Some(EXPORT_NAME.as_bytes()) {
                start_at = program.len();
            }
        }
        let Facts { has_start, buffers, .. } = facts;
        Ok(Self { content, program, start_at, has_start, segments, buffers, stack })
    }
}

/// The name of a section that is none of the program's own.
fn special(section: &Section<'_>) -> Option<&'static str> {
    let name = section.name?;
    let names = [details::NAME, EXPORT_NAME, BUFFER_NAME, STACK_NAME];
    names.into_iter().find(|special| special.as_bytes() == name)
}

/// What there is to know of a file before it is taken apart.
#[derive(Default)]
struct Facts {
    content: Option<Content>,
    has_exports: bool,
    has_start: bool,
    has_code: bool,
    data: Option<Range<usize>>,
    buffers: Option<Range<usize>>,
    stack: Option<Range<usize>>,
}

impl Facts {
    fn note(&mut self, file: &[u8], section: &Section<'_>) -> Result<(), ReadError> {
        let offset = section.whole.start;
        let place = |name, how| Err(ReadError::Place { name, offset, how });
        let Some(name) = special(section) else {
            match section.id {
                sections::CUSTOM => {}
                sections::DATA => self.data = Some(section.content.clone()),
                _ if self.stack.is_some() => return place(STACK_NAME, "early"),
                _ if self.buffers.is_some() => return place(BUFFER_NAME, "early"),
                sections::START => self.has_start = true,
                sections::CODE => self.has_code = true,
                _ => {}
            }
            return Ok(());
        };
        let bytes = file.get(section.content.clone()).unwrap_or_default();
        let twice = match name {
            BUFFER_NAME => self.buffers.is_some(),
            STACK_NAME => self.stack.is_some(),
            EXPORT_NAME => self.has_exports,
            _ => self.content.is_some(),
        };
        if twice {
            return Err(ReadError::Twice { name });
        }
        if name == details::NAME {
            let content = Content::decode(bytes)?;
            if content.version != VERSION {
                return Err(ReadError::Version { found: content.version });
            }
            if self.has_code && !content.details.breakpoints.is_empty() {
                return place(name, "late");
            }
            self.content = Some(content);
            return Ok(());
        }
        if self.content.is_none() {
            return Err(ReadError::NoSnapshot);
        }
        match name {
            EXPORT_NAME => {
                self.has_exports = true;
                let inner = bytes.strip_prefix(&[sections::EXPORT]);
                let size = inner.and_then(sections::unsigned);
                let fits = inner.zip(size).is_some_and(|(inner, (size, digits))| {
                    inner.len().checked_sub(digits).map(length) == Some(size)
                });
                if fits { Ok(()) } else { Err(ReadError::Exports) }
            }
            _ if self.data.is_some() => place(name, "late"),
            BUFFER_NAME if self.stack.is_some() => place(name, "late"),
            BUFFER_NAME => {
                self.buffers = Some(section.content.clone());
                Ok(())
            }
            _ => {
                self.stack = Some(section.content.clone());
                Ok(())
            }
        }
    }
}

fn check_limit(what: &'static str, found: u64, limit: u64) -> Result<(), ReadError> {
    if found > limit { Err(ReadError::Limit { what, found, limit }) } else { Ok(()) }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).expect("no supported host has addresses of more than 64 bits")
}
