//! Reading: everything is hostile.

use gate_instrument::accept::ValueType;
use wasmparser::ConstExpr;

use super::origin::{Holder, Origin};
use super::parts::{DATA_COUNT, Global, ModuleError, Parts, REF_FUNC, REF_NULL, TABLE, items, offset_of};
use super::script::ScriptError;
use super::stack::Stack;
use super::write::VERSION;
use super::{Misfit, data, elements, fit, is_reserved};
use crate::bytes::DecodeError;
use crate::details::{self, Content, DetailsError};
use crate::sections::{DATA, ELEMENT, EXPORT, GLOBAL, MEMORY, START, SectionError, sections};
use crate::snapshot::{Limits, PAGE, Run, Snapshot};
use crate::{Entry, Frames, Phase, Reference, State, Value};

/// Why a snapshot cannot be restored.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ReadError {
    /// It is not even a module.
    #[error("the snapshot is malformed")]
    Sections(#[from] SectionError),
    /// The module that it is cannot be taken apart.
    #[error("the snapshot cannot be taken apart")]
    Module { source: ModuleError },
    /// The module that it was made of cannot be taken apart.
    #[error("the program of the snapshot cannot be taken apart")]
    Program { source: ModuleError },
    /// A section is missing.
    #[error("the snapshot has no section {name}")]
    Missing { name: &'static str },
    /// A section is there twice.
    #[error("the snapshot has another section {name} at offset {offset:#x}")]
    Twice { name: &'static str, offset: usize },
    /// The section `gate.snapshot` makes no sense.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// A version that was not invented yet, or is not read here.
    #[error("snapshot version {found} is not readable here (supported: {VERSION})")]
    Version { found: u64 },
    /// One of the other sections makes no sense.
    #[error("section {name} of the snapshot makes no sense")]
    Content { name: &'static str, source: DecodeError },
    /// The program's module cannot be put together.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The program's module is not the one it should be.
    #[error("the program's module has another SHA-256 than the snapshot says")]
    Digest,
    /// The program's module is a snapshot itself.
    #[error("the program of the snapshot has a section at offset {offset:#x} that only snapshots can have")]
    Reserved { offset: usize },
    /// What an ordinary engine would run is not what would be run here.
    #[error("the {what} of the snapshot are not those of its program")]
    Differs { what: &'static str },
    /// A segment or a global is not what snapshots have there.
    #[error("{what} {index} of the snapshot is not what it can be")]
    Entry { what: &'static str, index: usize },
    /// More than a limit allows.
    #[error("the snapshot needs {found} {what} (limit: {limit})")]
    Limit { what: &'static str, found: u64, limit: u64 },
    /// The state is not one of the program.
    #[error("the snapshot is not of its program")]
    State(#[from] Misfit),
}

/// Takes a snapshot apart. The frames, and whatever else only its engine can know, are to be checked by whoever continues
/// the program, and the module is to be accepted.
///
/// # Errors
/// [`ReadError`] when it was not made by [`write`](super::write()), or needs more than `limits`.
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Snapshot<'a>, ReadError> {
    let gate = Gate::find(bytes)?;
    let Content { version, monotonic_nanos, details } =
        Content::decode(gate.details.ok_or(ReadError::Missing { name: details::NAME })?)?;
    if version != VERSION {
        return Err(ReadError::Version { found: version });
    }
    let content = |name| move |source| ReadError::Content { name, source };
    let origin = gate.origin.ok_or(ReadError::Missing { name: super::ORIGIN })?;
    let origin = Origin::decode(origin).map_err(content(super::ORIGIN))?;
    let exceptions = u32::try_from(origin.exceptions.len()).unwrap_or(u32::MAX);
    let stack = gate.stack.map(|stack| Stack::decode(stack, exceptions)).transpose();
    let stack = stack.map_err(content(super::STACK))?;
    let hidden = stack.is_some();
    // A program that has ended.
    let over = Stack { phase: Phase::Main, entry: Entry::default(), frames: Vec::new() };
    let Stack { phase, entry, frames } = stack.unwrap_or(over);

    let module = origin.module(bytes, limits.module_bytes)?;
    let parts = Parts::parse(bytes).map_err(|source| ReadError::Module { source })?;
    let program = Parts::parse(&module).map_err(|source| ReadError::Program { source })?;
    if let Some(section) = program.sections.iter().find(|section| section.name.is_some_and(is_reserved)) {
        return Err(ReadError::Reserved { offset: section.whole.start });
    }
    same_code(&parts, &program, phase == Phase::Fresh)?;
    same_exports(&parts, &program, gate.export, hidden)?;

    let mut state = State {
        phase,
        entry,
        frames: Frames::Portable(frames),
        memory_pages: Vec::new(),
        globals: Vec::new(),
        tables: Vec::new(),
        dropped: origin.dropped,
        exceptions: origin.exceptions,
        monotonic_nanos,
        host: origin.host.to_vec(),
    };
    check_sizes(&parts, limits)?;
    let pages = parts.memories.iter().map(|memory| u32::try_from(memory.ty.initial));
    state.memory_pages =
        pages.collect::<Result<_, _>>().map_err(|_| ReadError::Entry { what: "memory", index: 0 })?;
    let mut memories = Vec::new();
    if phase != Phase::Fresh {
        same_types(&parts, &program)?;
        same_segments(&parts, &program, &state.dropped)?;
        state.globals = globals(&parts.globals, &origin.globals)?;
        state.tables = tables(&parts, program.elements.len(), &origin.tables)?;
        memories = runs(&parts, program.data.len())?;
    }
    fit::check(&state, &program)?;
    drop(program);
    Ok(Snapshot { version, module, state, memories, buffers: gate.buffer.unwrap_or_default(), details })
}

/// The sections that only snapshots have.
#[derive(Default)]
struct Gate<'a> {
    details: Option<&'a [u8]>,
    export: Option<&'a [u8]>,
    buffer: Option<&'a [u8]>,
    stack: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
}

impl<'a> Gate<'a> {
    fn find(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let mut found = Self::default();
        for section in sections(bytes) {
            let section = section?;
            let Some(name) = section.name else { continue };
            for (known, place) in [
                (details::NAME, &mut found.details),
                (super::EXPORT, &mut found.export),
                (super::BUFFER, &mut found.buffer),
                (super::STACK, &mut found.stack),
                (super::ORIGIN, &mut found.origin),
            ] {
                if name == known.as_bytes() && place.replace(&bytes[section.content.clone()]).is_some() {
                    return Err(ReadError::Twice { name: known, offset: section.whole.start });
                }
            }
        }
        Ok(found)
    }
}

/// Makes sure that code and types are those of the program, and so is all else if nothing has run.
fn same_code(parts: &Parts<'_>, program: &Parts<'_>, fresh: bool) -> Result<(), ReadError> {
    fn kept<'p>(parts: &'p Parts<'_>, fresh: bool) -> impl Iterator<Item = &'p [u8]> {
        let kept = parts.sections.iter().filter(move |section| match section.id {
            EXPORT | START => false,
            TABLE | MEMORY | GLOBAL | ELEMENT | DATA_COUNT | DATA => fresh,
            _ => !section.name.is_some_and(is_reserved),
        });
        kept.map(|section| &parts.bytes[section.whole.clone()])
    }
    if kept(parts, fresh).eq(kept(program, fresh)) {
        Ok(())
    } else {
        Err(ReadError::Differs { what: "sections" })
    }
}

/// Makes sure that exports are those of the program, and are hidden as long as they must be.
fn same_exports(
    parts: &Parts<'_>,
    program: &Parts<'_>,
    export: Option<&[u8]>,
    hidden: bool,
) -> Result<(), ReadError> {
    let section = |parts: &Parts<'_>| {
        let section = parts.sections.iter().find(|section| section.id == EXPORT);
        section.map(|section| section.whole.clone())
    };
    let shown = section(parts).map(|whole| &parts.bytes[whole]);
    let expected = section(program).map(|whole| &program.bytes[whole]);
    let same =
        if hidden { shown.is_none() && export == expected } else { export.is_none() && shown == expected };
    if same { Ok(()) } else { Err(ReadError::Differs { what: "exports" }) }
}

/// Makes sure that tables, memories and globals are those of the program but for sizes and values.
fn same_types(parts: &Parts<'_>, program: &Parts<'_>) -> Result<(), ReadError> {
    let tables = |parts: &Parts<'_>| -> Vec<_> {
        parts.tables.iter().map(|table| (table.ty.element_type, table.ty.maximum)).collect()
    };
    let memories =
        |parts: &Parts<'_>| -> Vec<_> { parts.memories.iter().map(|memory| memory.ty.maximum).collect() };
    let globals = |parts: &Parts<'_>| -> Vec<_> {
        parts.globals.iter().map(|global| parts.bytes[global.type_bytes.clone()].to_vec()).collect()
    };
    if tables(parts) != tables(program) {
        return Err(ReadError::Differs { what: "tables" });
    }
    if memories(parts) != memories(program) {
        return Err(ReadError::Differs { what: "memories" });
    }
    if globals(parts) != globals(program) {
        return Err(ReadError::Differs { what: "globals" });
    }
    Ok(())
}

fn check_sizes(parts: &Parts<'_>, limits: &Limits) -> Result<(), ReadError> {
    let check = |what, found, limit| {
        if found <= limit { Ok(()) } else { Err(ReadError::Limit { what, found, limit }) }
    };
    let pages = parts.memories.iter().map(|memory| memory.ty.initial).fold(0, u64::saturating_add);
    check("bytes of memory", pages.saturating_mul(PAGE), limits.memory_bytes)?;
    let elements = parts.tables.iter().map(|table| table.ty.initial).fold(0, u64::saturating_add);
    check("elements of tables", elements, limits.table_elements)
}

/// Makes sure that the first segments are those of the program, as far as they are still there.
fn same_segments(parts: &Parts<'_>, program: &Parts<'_>, dropped: &[u8]) -> Result<(), ReadError> {
    let is_dropped = |position| dropped.get(position).is_some_and(|byte| *byte != 0);
    for (index, segment) in program.data.iter().enumerate() {
        let expected = data::kept(segment, is_dropped(index));
        if parts.data.get(index).is_none_or(|found| *found.bytes != *expected) {
            return Err(ReadError::Entry { what: "data segment", index });
        }
    }
    for (index, segment) in program.elements.iter().enumerate() {
        let expected = elements::kept(segment, is_dropped(program.data.len() + index));
        if parts.elements.get(index).is_none_or(|found| *found.bytes != *expected) {
            return Err(ReadError::Entry { what: "element segment", index });
        }
    }
    Ok(())
}

fn globals(globals: &[Global<'_>], holders: &[Holder]) -> Result<Vec<Value>, ReadError> {
    let mut values = Vec::with_capacity(globals.len());
    for (index, global) in globals.iter().enumerate() {
        let wrong = ReadError::Entry { what: "global", index };
        let value = constant(&global.initial, global.ty)
            .map_err(|source| ReadError::Module { source: source.into() })?;
        values.push(value.ok_or(wrong)?);
    }
    for holder in holders {
        let place = usize::try_from(holder.index).ok().and_then(|index| values.get_mut(index));
        match place {
            Some(Value::Reference(ValueType::ExnRef, reference)) if *reference == Reference::Null => {
                *reference = Reference::Exception(holder.exception);
            }
            _ => return Err(ReadError::Entry { what: "exception of global", index: index(holder.index) }),
        }
    }
    Ok(values)
}

/// The value that an expression of one instruction gives, if it has a type.
fn constant(expression: &ConstExpr<'_>, ty: ValueType) -> Result<Option<Value>, wasmparser::Error> {
    let mut reader = expression.get_binary_reader();
    let value = match (reader.read_u8()?, ty) {
        (0x41, ValueType::I32) => Value::I32(reader.read_var_i32()?.cast_unsigned()),
        (0x42, ValueType::I64) => Value::I64(reader.read_var_i64()?.cast_unsigned()),
        (0x43, ValueType::F32) => Value::F32(reader.read_f32()?.bits()),
        (0x44, ValueType::F64) => Value::F64(reader.read_f64()?.bits()),
        (0xfd, ValueType::V128) => {
            if reader.read_var_u32()? != 0x0c {
                return Ok(None);
            }
            let bytes = reader.read_bytes(16)?.first_chunk::<16>();
            Value::V128(u128::from_le_bytes(*bytes.expect("so many bytes were read")))
        }
        (REF_FUNC, ValueType::FuncRef) => Value::Reference(ty, Reference::Function(reader.read_var_u32()?)),
        (REF_NULL, ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef) => {
            reader.read_u8()?;
            Value::Reference(ty, Reference::Null)
        }
        _ => return Ok(None),
    };
    Ok(reader.is_end_then_eof().then_some(value))
}

/// What is in tables, from the segments behind the first ones.
fn tables(parts: &Parts<'_>, first: usize, holders: &[Holder]) -> Result<Vec<Vec<Reference>>, ReadError> {
    let mut tables = Vec::with_capacity(parts.tables.len());
    for (position, table) in parts.tables.iter().enumerate() {
        let size = usize::try_from(table.ty.initial)
            .map_err(|_| ReadError::Entry { what: "table", index: position })?;
        tables.push(vec![Reference::Null; size]);
    }
    for (position, segment) in parts.elements.iter().enumerate().skip(first) {
        use wasmparser::ElementKind;
        let wrong = ReadError::Entry { what: "element segment", index: position };
        let (table, offset) = match &segment.segment.kind {
            ElementKind::Declared => continue,
            ElementKind::Passive => return Err(wrong),
            ElementKind::Active { table_index, offset_expr } => {
                (table_index.unwrap_or(0), offset_of(offset_expr))
            }
        };
        let items = items(&segment.segment).map_err(|source| ReadError::Module { source })?;
        let Some(offset) = offset.map(index) else { return Err(wrong) };
        let place =
            tables.get_mut(index(table)).and_then(|table| table.get_mut(offset..)?.get_mut(..items.len()));
        let Some(place) = place else { return Err(wrong) };
        for (element, item) in place.iter_mut().zip(items) {
            *element = item.map_or(Reference::Null, Reference::Function);
        }
    }
    for holder in holders {
        let place =
            tables.get_mut(index(holder.index)).and_then(|table| table.get_mut(index(holder.element)));
        match place {
            Some(reference) if *reference == Reference::Null => {
                *reference = Reference::Exception(holder.exception)
            }
            _ => return Err(ReadError::Entry { what: "exception of table", index: index(holder.index) }),
        }
    }
    Ok(tables)
}

/// What is in memories, from the segments behind the first ones.
fn runs<'a>(parts: &Parts<'a>, first: usize) -> Result<Vec<Vec<Run<'a>>>, ReadError> {
    let mut memories = vec![Vec::new(); parts.memories.len()];
    for (position, segment) in parts.data.iter().enumerate().skip(first) {
        use wasmparser::DataKind;
        let wrong = ReadError::Entry { what: "data segment", index: position };
        let DataKind::Active { memory_index, offset_expr } = &segment.segment.kind else { return Err(wrong) };
        let Some(offset) = offset_of(offset_expr).map(u64::from) else { return Err(wrong) };
        let Some(memory) = parts.memories.get(index(*memory_index)) else { return Err(wrong) };
        let bytes = segment.segment.data;
        if offset + bytes.len() as u64 > memory.ty.initial.saturating_mul(PAGE) {
            return Err(wrong);
        }
        memories[index(*memory_index)].push(Run { offset, bytes });
    }
    Ok(memories)
}

/// An index as a position in a list.
fn index(index: u32) -> usize {
    usize::try_from(index).expect("supported hosts have addresses of at least 32 bits")
}
