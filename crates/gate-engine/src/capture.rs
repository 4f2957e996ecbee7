//! Takes the state of a program that has unwound, or that is between two phases.

use gate_instrument::stop::control;
use gate_snapshot::{Frames, Reference, State};
use wasmtime::{AsContextMut, RootScope, Store};

use crate::compiled::CompiledProgram;
use crate::live::Live;
use crate::memory::WASM_PAGE_BYTES;
use crate::references::References;
use crate::run::Task;

/// The state of `program`, which was to do `task`.
pub(crate) fn capture<T: 'static>(
    store: &mut Store<T>,
    live: &Live<'_>,
    program: &CompiledProgram,
    task: Task,
) -> wasmtime::Result<State> {
    let damaged = || wasmtime::format_err!("the control memory is damaged");
    // Whatever is looked at stays alive until the end of this.
    let mut scope = RootScope::new(store);
    let mut references = References::default();
    let added = live.added;
    let size = usize::try_from(live.word(control::FRAMES_SIZE))?;
    let bytes = live.control(added.frames, size).ok_or_else(damaged)?;
    let mut spilled = [const { Vec::new() }; 3];
    let used = (control::SPILLED..).step_by(4);
    for ((spilled, table), used) in spilled.iter_mut().zip(added.spill).zip(used) {
        if let Some(table) = table {
            let used = usize::try_from(live.word(used))?;
            *spilled = elements(&mut scope, live, &mut references, table, Some(used))?;
        }
    }
    let mut globals = Vec::new();
    for index in 0..added.unwinding {
        let value = live.global(&mut scope, index)?.get(&mut scope);
        globals.push(references.value(&mut scope, live, value)?);
    }
    let mut tables = Vec::new();
    for index in 0..added.tables {
        tables.push(elements(&mut scope, live, &mut references, index, None)?);
    }
    let pages = |bytes: usize| Ok(u32::try_from(bytes / WASM_PAGE_BYTES)?);
    let memory_pages = program.regions.iter().map(|region| pages(region.size()));
    let memory_pages = memory_pages.collect::<wasmtime::Result<_>>()?;
    let dropped = live.control(control::SEGMENTS, usize::try_from(added.segments)?).ok_or_else(damaged)?;
    Ok(State {
        phase: task.phase,
        entry: task.entry,
        frames: match bytes.is_empty() {
            true => Frames::Portable(Vec::new()),
            false => Frames::Raw { bytes, spilled },
        },
        memory_pages,
        globals,
        tables,
        dropped,
        exceptions: references.exceptions,
        monotonic_nanos: 0,
        host: Vec::new(),
    })
}

/// The elements of a table, or as many from its start.
fn elements(
    store: &mut impl AsContextMut,
    live: &Live<'_>,
    references: &mut References,
    index: u32,
    count: Option<usize>,
) -> wasmtime::Result<Vec<Reference>> {
    let table = live.table(&mut *store, index)?;
    let size = Live::table_size(&*store, table);
    let count = count.unwrap_or(size);
    wasmtime::ensure!(count <= size, "the control memory is damaged");
    let mut elements = Vec::with_capacity(count);
    for element in 0..count {
        let reference = table.get(&mut *store, element as u64);
        let reference = reference.ok_or_else(|| wasmtime::format_err!("a table has shrunk"))?;
        elements.push(references.reference(store, live, reference)?);
    }
    Ok(elements)
}
