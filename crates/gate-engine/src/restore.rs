//! Puts the state of a program into a new instance of it.
//!
//! The state is a stranger's: every count, type and index in it is checked, here or by the engine, and what does not fit is
//! an error.

use gate_instrument::accept::ValueType;
use gate_instrument::stop::control;
use gate_snapshot::{Exception, Frames, Phase, Reference, State, Value};
use wasmtime::{
    AsContext, AsContextMut, ExnRef, ExnRefPre, ExnType, Mutability, Ref, RootScope, Rooted, Store, Tag, Val,
};

use crate::calls::{Calls, Running};
use crate::live::Live;
use crate::references;
use crate::run::{self, StateError, Task};
use crate::value;

/// Restores `state`, and says what is to be run.
pub(crate) fn restore<C: Calls>(
    store: &mut Store<Running<C>>,
    live: &Live<'_>,
    state: State,
) -> Result<Task, StateError> {
    let continuation = live.program.continuation.as_ref();
    let frames = match &state.frames {
        Frames::Raw { bytes, .. } => bytes.len(),
        Frames::Portable(frames) => frames.len(),
    };
    let continued = continuation.map_or(0, |continuation| continuation.facts.frames.len());
    if (frames == 0) != (continued == 0) {
        return Err(StateError::Continuation { frames, continuation: continued });
    }
    memories(store, live, &state)?;
    if state.phase == Phase::Fresh {
        // Everything else is as in a new instance.
        if continued > 0 {
            return Err(StateError::Continuation { frames, continuation: continued });
        }
        return Ok(Task { phase: state.phase, entry: state.entry, continuation: None });
    }
    dropped(store, live, &state)?;
    values(store, live, &state)?;
    let continuation = match continuation {
        Some(continuation) => {
            self::frames(live, &continuation.facts.frames)?;
            let linked = run::link(store, live.instance, continuation);
            Some(linked.map_err(|source| StateError::Engine { source })?)
        }
        None => None,
    };
    Ok(Task { phase: state.phase, entry: state.entry, continuation })
}

/// Makes memories as large as they were. Their contents are there.
fn memories<T>(store: &mut Store<T>, live: &Live<'_>, state: &State) -> Result<(), StateError> {
    count("memories", state.memory_pages.len(), live.added.memory)?;
    for (index, pages) in (0..).zip(&state.memory_pages) {
        let part = |source| part("memory", index, source);
        let memory = live.memory(&mut *store, index).map_err(part)?;
        let more = u64::from(*pages).checked_sub(memory.size(&*store));
        let more = more.ok_or_else(|| part(wasmtime::format_err!("it was larger from the start")))?;
        if more > 0 {
            memory.grow(&mut *store, more).map_err(part)?;
        }
    }
    Ok(())
}

/// Drops the segments that were dropped.
fn dropped<T>(store: &mut Store<T>, live: &Live<'_>, state: &State) -> Result<(), StateError> {
    count("segments that can be dropped", state.dropped.len(), live.added.segments)?;
    let flags: Vec<_> = state.dropped.iter().map(|dropped| u8::from(*dropped != 0)).collect();
    if !live.set_control(control::SEGMENTS, &flags) {
        return Err(StateError::Room { found: flags.len(), limit: room(live, control::SEGMENTS) });
    }
    let restored = live.restore(&mut *store).and_then(|restore| restore.call(&mut *store, &[], &mut []));
    restored.map_err(|source| StateError::Engine { source })
}

/// Sets globals and tables.
fn values<T: 'static>(store: &mut Store<T>, live: &Live<'_>, state: &State) -> Result<(), StateError> {
    // Exceptions live at least until everything refers to them that does.
    let mut scope = RootScope::new(store);
    let made = Made::new(&mut scope, live, &state.exceptions)?;
    count("globals", state.globals.len(), live.added.unwinding)?;
    for (index, value) in (0..).zip(&state.globals) {
        let part = |source| part("global", index, source);
        let global = live.global(&mut scope, index).map_err(part)?;
        // The others have the values that they always have.
        if global.ty(&scope).mutability() == Mutability::Var {
            let value = made.value(&mut scope, live, *value)?;
            global.set(&mut scope, value).map_err(part)?;
        }
    }
    count("tables", state.tables.len(), live.added.tables)?;
    for (index, elements) in (0..).zip(&state.tables) {
        table(&mut scope, live, &made, index, elements)?;
    }
    if let Some(continuation) = &live.program.continuation {
        let used = (control::SPILLED..).step_by(4);
        for ((spilled, index), used) in continuation.facts.spilled.iter().zip(live.added.spill).zip(used) {
            match index {
                Some(index) => table(&mut scope, live, &made, index, spilled)?,
                None => count("values of a type that it has none of", spilled.len(), 0)?,
            }
            let number = u32::try_from(spilled.len()).unwrap_or(u32::MAX);
            if !live.set_control(used, &number.to_le_bytes()) {
                return Err(StateError::Room { found: 4, limit: 0 });
            }
        }
    }
    Ok(())
}

/// Makes a table as large as it was, and sets its elements.
fn table(
    store: &mut impl AsContextMut,
    live: &Live<'_>,
    made: &Made,
    index: u32,
    elements: &[Reference],
) -> Result<(), StateError> {
    let part = |source| part("table", index, source);
    let table = live.table(&mut *store, index).map_err(part)?;
    let is_of = |ty: &wasmtime::RefType| match ty.heap_type() {
        wasmtime::HeapType::Extern => ValueType::ExternRef,
        wasmtime::HeapType::Exn => ValueType::ExnRef,
        _ => ValueType::FuncRef,
    };
    let ty = is_of(table.ty(&*store).element());
    let size = Live::table_size(&*store, table);
    let more = elements.len().checked_sub(size);
    let more = more.ok_or_else(|| part(wasmtime::format_err!("it was larger from the start")))?;
    if more > 0 {
        let null = made.reference(store, live, ty, Reference::Null)?;
        table.grow(&mut *store, more as u64, null).map_err(part)?;
    }
    // What is the same many times over is set at once.
    let mut next = 0;
    for run in elements.chunk_by(|a, b| a == b) {
        let first = run.first().copied().unwrap_or(Reference::Null);
        let reference = made.reference(store, live, ty, first)?;
        table.fill(&mut *store, next, reference, run.len() as u64).map_err(part)?;
        next += run.len() as u64;
    }
    Ok(())
}

/// Writes frames to where continuations take them from.
fn frames(live: &Live<'_>, bytes: &[u8]) -> Result<(), StateError> {
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let fits = live.set_control(live.added.frames, bytes)
        && live.set_control(control::FRAMES_SIZE, &size.to_le_bytes());
    let room = || StateError::Room { found: bytes.len(), limit: room(live, live.added.frames) };
    if fits { Ok(()) } else { Err(room()) }
}

/// How many bytes of the control memory can be used from an offset on.
fn room(live: &Live<'_>, offset: u32) -> usize {
    live.program.control.accessible().saturating_sub(usize::try_from(offset).unwrap_or(usize::MAX))
}

fn count(what: &'static str, found: usize, expected: u32) -> Result<(), StateError> {
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    if found == expected { Ok(()) } else { Err(StateError::Count { what, found, expected }) }
}

fn part(what: &'static str, index: u32, source: wasmtime::Error) -> StateError {
    StateError::Part { what, index, source }
}

/// The exceptions of a state, made anew.
struct Made(Vec<Rooted<ExnRef>>);

impl Made {
    fn new(
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        exceptions: &[Exception],
    ) -> Result<Self, StateError> {
        let mut made = Self(Vec::new());
        if exceptions.is_empty() {
            return Ok(made);
        }
        let tags = references::tags(store, live);
        for (index, exception) in (0..).zip(exceptions) {
            let unknown = StateError::Reference { what: "exception tag", index: exception.tag };
            let tag = usize::try_from(exception.tag).ok().and_then(|tag| tags.get(tag)).ok_or(unknown)?;
            // It can carry only those that were made before.
            let fields = exception
                .values
                .iter()
                .map(|value| made.value(store, live, *value))
                .collect::<Result<Vec<_>, _>>()?;
            let new =
                new_exception(store, tag, &fields).map_err(|source| part("exception", index, source))?;
            made.0.push(new);
        }
        Ok(made)
    }

    /// A value as the engine has it. Whether it is of the right type is for the engine to say.
    fn value(&self, store: &mut impl AsContextMut, live: &Live<'_>, value: Value) -> Result<Val, StateError> {
        match value {
            Value::Reference(ty, reference) => {
                Ok(value::value_of(self.reference(store, live, ty, reference)?))
            }
            number => value::number(number).ok_or(StateError::Reference { what: "value", index: 0 }),
        }
    }

    fn reference(
        &self,
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        ty: ValueType,
        reference: Reference,
    ) -> Result<Ref, StateError> {
        match (ty, reference) {
            (ValueType::FuncRef, Reference::Null) => Ok(Ref::Func(None)),
            (ValueType::ExternRef, Reference::Null) => Ok(Ref::Extern(None)),
            (ValueType::ExnRef, Reference::Null) => Ok(Ref::Exn(None)),
            (ValueType::FuncRef, Reference::Function(index)) => {
                let found = live.referenced(&mut *store, index);
                found
                    .map(|function| Ref::Func(Some(function)))
                    .ok_or(StateError::Reference { what: "function", index })
            }
            (ValueType::ExnRef, Reference::Exception(index)) => {
                let made = usize::try_from(index).ok().and_then(|index| self.0.get(index));
                made.map(|exception| Ref::Exn(Some(*exception)))
                    .ok_or(StateError::Reference { what: "exception", index })
            }
            (_, Reference::Function(index)) => Err(StateError::Reference { what: "function", index }),
            (_, Reference::Exception(index)) => Err(StateError::Reference { what: "exception", index }),
            (_, Reference::Null) => Err(StateError::Reference { what: "value", index: 0 }),
        }
    }
}

fn new_exception(
    store: &mut impl AsContextMut,
    tag: &Tag,
    fields: &[Val],
) -> wasmtime::Result<Rooted<ExnRef>> {
    let ty = ExnType::from_tag_type(&tag.ty(store.as_context()))?;
    let expected = ty.fields().len();
    wasmtime::ensure!(fields.len() == expected, "it has {} values, and carries {expected}", fields.len());
    let maker = ExnRefPre::new(&mut *store, ty);
    ExnRef::new(&mut *store, &maker, tag, fields)
}
