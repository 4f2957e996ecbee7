//! What a compiler process does besides compiling.
//!
//! Everything that comes in is hostile, and what goes out is believed by nobody: the runtime hands it on to processes that are
//! sealed like this one.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::thread::{Builder, Scope};

use anyhow::Context;
use gate_abi::trap::Trap;
use gate_engine::ContinueError;
use gate_inspect::Symbols;
use gate_instrument::stop::Program;
use gate_packet::buffers::pad_input;
use gate_sandbox::memfd::{self, MappedFile};
use gate_snapshot::upstream::Expressible;
use gate_snapshot::{Details, Frames, Limits, Memory, Snapshot, State, file, upstream};
use gate_wire::worker::{Event, Format, Frame, Job, RefusalKind, SourceLine, Stops, Tier};

use crate::{compiler, convert, leaving, report};

/// All tables together: as many as a program may have.
const TABLE_ELEMENTS: u64 = 10_000_000;
/// The longest module that is made of a snapshot: as long as one that is read from a file.
const MODULE_BYTES: u64 = 256 << 20;

/// Does a job with the files that came with it.
pub(crate) fn run(job: Job, descriptors: Vec<OwnedFd>) -> anyhow::Result<Event> {
    let mut inputs = descriptors;
    let outputs: Vec<_> = inputs.drain(job.inputs().min(inputs.len())..).map(File::from).collect();
    let result = match job {
        Job::Continue { tier, stops } => resume(&inputs, outputs, tier, stops, &[]),
        Job::Snapshot { format, .. } => snapshot(&inputs, outputs, format),
        Job::Restore { memories, memory_bytes } => restore(&inputs, outputs, memories, memory_bytes),
        Job::Inspect { json } => inspect(&inputs, outputs, json),
        Job::Standalone => standalone(&inputs, outputs),
        Job::Debug { tier, stops, breakpoints, continues: false } => {
            debug(&inputs, outputs, tier, stops, &breakpoints)
        }
        Job::Debug { tier, stops, breakpoints, continues: true } => {
            resume(&inputs, outputs, tier, stops, &breakpoints)
        }
        Job::Locate { place } => locate(&inputs, &place),
        Job::Symbolize { artifact_bytes, frames } => symbolize(inputs, artifact_bytes, &frames),
    };
    match result {
        Ok(event) => Ok(event),
        Err(error) => match error.downcast::<Refused>() {
            Ok(Refused(kind, error)) => Ok(Event::Refused { kind, message: report::chain(&error) }),
            Err(error) => Err(error),
        },
    }
}

/// It is not the host's fault.
#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused(RefusalKind, anyhow::Error);

/// An error that is the answer: what was asked for cannot be done with what was given.
pub(crate) fn refused(kind: RefusalKind, error: impl Into<anyhow::Error>) -> anyhow::Error {
    Refused(kind, error.into()).into()
}

/// Never unmapped: the process ends after its one job, and until then that would only delay the answer.
fn map(inputs: &[OwnedFd], position: usize) -> anyhow::Result<ManuallyDrop<MappedFile>> {
    let file = inputs.get(position).context("a file is missing")?;
    Ok(ManuallyDrop::new(memfd::map(file).context("cannot map a file")?))
}

/// Has a thread look at each page of files that are mapped, before somebody does who would have to wait for the kernel to find
/// it. If there is no thread to be had, it takes the time that it takes.
fn read_ahead<'scope>(scope: &'scope Scope<'scope, '_>, parts: Vec<&'scope [u8]>) {
    /// With less, it is over before another thread has begun.
    const LEAST_BYTES: usize = 1 << 20;
    /// The smallest page that there is.
    const PAGE_BYTES: usize = 4096;
    let bytes = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
    if bytes >= LEAST_BYTES && std::thread::available_parallelism().is_ok_and(|count| count.get() > 1) {
        let _ = Builder::new().spawn_scoped(scope, move || {
            for byte in parts.iter().flat_map(|part| part.iter().step_by(PAGE_BYTES)) {
                std::hint::black_box(*byte);
            }
        });
    }
}

/// Writes a file that is empty, once and for all, and says how long it is then.
fn fill(file: &mut File, bytes: &[u8]) -> anyhow::Result<u64> {
    file.write_all(bytes).context("cannot write the result")?;
    memfd::end_writing(file).context("cannot seal the result")?;
    Ok(bytes.len() as u64)
}

fn output(outputs: &mut [File], position: usize) -> anyhow::Result<&mut File> {
    outputs.get_mut(position).context("a file for the result is missing")
}

fn state(mapped: &MappedFile) -> anyhow::Result<State> {
    State::decode(mapped.as_ref()).map_err(|error| refused(RefusalKind::Damaged, error))
}

fn resume(
    inputs: &[OwnedFd],
    mut outputs: Vec<File>,
    tier: Tier,
    stops: Stops,
    breakpoints: &[u32],
) -> anyhow::Result<Event> {
    let (module, saved) = (map(inputs, 0)?, map(inputs, 1)?);
    // Not the part of the imports, which can be large.
    let (state, _) =
        State::decode_head(saved.as_ref()).map_err(|error| refused(RefusalKind::Damaged, error))?;
    let settings = convert::settings(tier, stops);
    let file = gate_engine::continuation_with_breakpoints(module.as_ref(), &state, settings, breakpoints);
    let file = match file {
        Ok(file) => file,
        // It needs nothing.
        Err(ContinueError::NoFrames) => Vec::new(),
        Err(error @ ContinueError::Engine { .. }) => return Err(refused(RefusalKind::Feature, error)),
        Err(error @ ContinueError::Config(_)) => return Err(error.into()),
        Err(error) => return Err(refused(RefusalKind::Damaged, error)),
    };
    Ok(Event::Done { bytes: vec![fill(output(&mut outputs, 0)?, &file)?] })
}

fn snapshot(inputs: &[OwnedFd], mut outputs: Vec<File>, format: Format) -> anyhow::Result<Event> {
    let extents = inputs[3..].iter().map(|memory| memfd::extents(memory.as_fd()).collect());
    let extents = extents.collect::<Result<Vec<Vec<_>>, _>>().context("cannot look at a memory")?;
    let mapped = inputs[3..].iter().map(memfd::map_at_rest).collect::<Result<Vec<_>, _>>()?;
    let mapped = ManuallyDrop::new(mapped);
    let memories = mapped.iter().zip(&extents);
    let memories: Vec<_> =
        memories.map(|(memory, extents)| Memory { bytes: memory.as_ref(), extents: Some(extents) }).collect();
    let out = output(&mut outputs, 0)?;
    let bytes = std::thread::scope(|scope| {
        read_ahead(scope, memories.iter().flat_map(parts).collect());
        snapshot_of(inputs, &memories, out, format)
    })?;
    Ok(Event::Done { bytes: vec![bytes] })
}

/// The parts of a memory that are worth looking at.
fn parts<'a>(memory: &Memory<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let bytes = memory.bytes;
    memory.extents.unwrap_or_default().iter().filter_map(move |extent| {
        let end = usize::try_from(extent.end).unwrap_or(usize::MAX).min(bytes.len());
        bytes.get(usize::try_from(extent.start).ok()?..end)
    })
}

/// Writes a program with these memories down. Says how long that is.
fn snapshot_of(
    inputs: &[OwnedFd],
    memories: &[Memory<'_>],
    out: &mut File,
    format: Format,
) -> anyhow::Result<u64> {
    let (module, saved, buffers) = (map(inputs, 0)?, map(inputs, 1)?, map(inputs, 2)?);
    let module =
        gate_engine::binary(module.as_ref()).map_err(|error| refused(RefusalKind::Invalid, error))?;
    let state = state(&saved)?;
    let program = Program::new(&module, &gate_engine::transform())
        .map_err(|error| refused(RefusalKind::Limit, error))?;
    let interpreted = matches!(state.frames, Frames::Portable(_));
    let mut state = state.settle(&program).map_err(|error| refused(RefusalKind::Damaged, error))?;
    if interpreted {
        state = state.canonicalize(&program).map_err(|error| refused(RefusalKind::Damaged, error))?;
    }
    drop(program);
    let details = Details { trap: u32::from(Trap::Suspended.id()), ..Details::default() };
    Ok(match format {
        Format::Native => {
            let source = file::Source {
                module: &module,
                state: &state,
                memories,
                buffers: buffers.as_ref(),
                details: &details,
            };
            let written = file::write(&source).map_err(|error| refused(RefusalKind::Damaged, error))?;
            written.write_to(out).context("cannot write the snapshot")?;
            memfd::end_writing(out).context("cannot seal the snapshot")?;
            written.length()
        }
        Format::Upstream => {
            let source = upstream::Source {
                module: &module,
                state: &state,
                details: &details,
                max_stack_bytes: upstream::STACK_BYTES_DEFAULT,
            };
            let expressible = upstream::expressible(&source);
            if let Expressible::Never(error) = expressible {
                return Err(refused(RefusalKind::Form, error));
            }
            let bonds = leaving::upstream(&module, &state)?;
            if !bonds.is_empty() {
                let why = anyhow::anyhow!("the program cannot leave this host: {}", bonds.join(", "));
                return Err(refused(RefusalKind::Form, why));
            }
            if let Expressible::LaterPoint(error) = expressible {
                return Err(refused(RefusalKind::Point, error));
            }
            let written = upstream::write(&source, memories, buffers.as_ref());
            fill(out, &written.map_err(|error| refused(RefusalKind::Form, error))?)?
        }
    })
}

/// A snapshot of either form.
pub(crate) fn read(bytes: &[u8], memory_bytes: u64) -> anyhow::Result<Snapshot<'_>> {
    if !file::is_snapshot(bytes) {
        return Err(refused(RefusalKind::NoSnapshot, anyhow::anyhow!("it has no state in it")));
    }
    let limits = Limits { module_bytes: MODULE_BYTES, memory_bytes, table_elements: TABLE_ELEMENTS };
    match file::read(bytes, &limits) {
        Err(file::ReadError::Version { found: 0 }) => {
            upstream::read(bytes, &limits).map_err(|error| refused(RefusalKind::Damaged, error))
        }
        result => result.map_err(|error| refused(RefusalKind::Damaged, error)),
    }
}

fn restore(
    inputs: &[OwnedFd],
    mut outputs: Vec<File>,
    memories: u32,
    memory_bytes: u64,
) -> anyhow::Result<Event> {
    let file = map(inputs, 0)?;
    std::thread::scope(|scope| {
        read_ahead(scope, vec![file.as_ref()]);
        restore_from(file.as_ref(), &mut outputs, memories, memory_bytes)
    })
}

fn restore_from(
    file: &[u8],
    outputs: &mut [File],
    memories: u32,
    memory_bytes: u64,
) -> anyhow::Result<Event> {
    let snapshot = read(file, memory_bytes)?;
    let count = u32::try_from(snapshot.state.memory_pages.len()).context("too many memories")?;
    if count != memories {
        return Ok(Event::Memories(count));
    }
    // The existing system leaves padding out there.
    let padded = if snapshot.version == 0 { pad_input(snapshot.buffers) } else { None };
    let mut bytes = vec![
        fill(output(outputs, 0)?, &snapshot.module)?,
        fill(output(outputs, 1)?, &snapshot.state.encode())?,
        fill(output(outputs, 2)?, padded.as_deref().unwrap_or(snapshot.buffers))?,
    ];
    // Of a program of which nothing has run, there are none.
    for position in 0..memories as usize {
        let file = output(outputs, 3 + position)?;
        for run in snapshot.memories.get(position).into_iter().flatten() {
            file.write_all_at(run.bytes, run.offset).context("cannot write a memory")?;
        }
        bytes.push(memfd::size(&*file).context("cannot look at a memory")?);
    }
    Ok(Event::Done { bytes })
}

/// Compiles a program that stops at breakpoints.
fn debug(
    inputs: &[OwnedFd],
    mut outputs: Vec<File>,
    tier: Tier,
    stops: Stops,
    breakpoints: &[u32],
) -> anyhow::Result<Event> {
    let module = map(inputs, 0)?;
    let settings = convert::settings(tier, stops);
    let compiled = gate_engine::compile_with_breakpoints(module.as_ref(), settings, breakpoints);
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(error) => return Ok(compiler::refused(error)),
    };
    Ok(Event::Done { bytes: vec![fill(output(&mut outputs, 0)?, &compiled.artifact)?] })
}

fn locate(inputs: &[OwnedFd], place: &str) -> anyhow::Result<Event> {
    let module = map(inputs, 0)?;
    let module =
        gate_engine::binary(module.as_ref()).map_err(|error| refused(RefusalKind::Invalid, error))?;
    let symbols = Symbols::read(&module);
    let offsets =
        gate_inspect::locate(&symbols, place).map_err(|error| refused(RefusalKind::Entry, error))?;
    let frame = |(offset, lines): (&u32, Vec<gate_inspect::SourceLine>)| {
        let function_index = symbols.function_at(*offset)?;
        Some(Frame {
            function_index,
            function_name: symbols.function_name(function_index),
            module_offset: Some(u64::from(*offset)),
            compiled_offset: None,
            lines: lines.into_iter().map(line).collect(),
        })
    };
    Ok(Event::Symbols(offsets.iter().zip(symbols.lines_of(&offsets)).filter_map(frame).collect()))
}

fn standalone(inputs: &[OwnedFd], mut outputs: Vec<File>) -> anyhow::Result<Event> {
    let file = map(inputs, 0)?;
    let snapshot = read(file.as_ref(), u64::MAX)?;
    let bonds = leaving::engine(&snapshot.module, &snapshot.state)?;
    let program = Program::new(&snapshot.module, &gate_engine::transform())
        .map_err(|error| refused(RefusalKind::Limit, error))?;
    let module = snapshot.standalone(&program, bonds).map_err(|error| refused(RefusalKind::Form, error))?;
    Ok(Event::Done { bytes: vec![fill(output(&mut outputs, 0)?, &module)?] })
}

fn inspect(inputs: &[OwnedFd], mut outputs: Vec<File>, json: bool) -> anyhow::Result<Event> {
    let file = map(inputs, 0)?;
    // A text that is no module is described as it is.
    let binary = gate_engine::binary(file.as_ref()).unwrap_or(Cow::Borrowed(file.as_ref()));
    let facts = gate_inspect::facts(&binary);
    let description = if json { facts.json() } else { facts.text() };
    Ok(Event::Done { bytes: vec![fill(output(&mut outputs, 0)?, description.as_bytes())?] })
}

fn symbolize(
    inputs: Vec<OwnedFd>,
    artifact_bytes: u64,
    frames: &[(u32, Option<u64>, Option<u64>)],
) -> anyhow::Result<Event> {
    let module = map(&inputs, 0)?;
    let artifact = File::from(inputs.into_iter().nth(1).context("a file is missing")?);
    let module =
        gate_engine::binary(module.as_ref()).map_err(|error| refused(RefusalKind::Invalid, error))?;
    let narrow = |offset: &Option<u64>| offset.and_then(|offset| u32::try_from(offset).ok());
    let places: Vec<_> = frames
        .iter()
        .map(|(function_index, original, running)| {
            let running = narrow(running).map(gate_engine::Offset::Running);
            let offset = narrow(original).map(gate_engine::Offset::Original).or(running);
            gate_engine::Frame { function_index: *function_index, offset }
        })
        .collect();
    let offsets = gate_engine::original_offsets(&artifact, artifact_bytes, &places)
        .map_err(|error| refused(RefusalKind::Artifact, error))?;
    let symbols = Symbols::read(&module);
    // All at once: debug information is read from its start each time.
    let known: Vec<u32> = offsets.iter().copied().flatten().collect();
    let mut lines = symbols.lines_of(&known).into_iter();
    let frame = |(place, offset): (&gate_engine::Frame, Option<u32>)| Frame {
        function_index: place.function_index,
        function_name: symbols.function_name(place.function_index),
        module_offset: offset.map(u64::from),
        compiled_offset: None,
        lines: offset.and_then(|_| lines.next()).into_iter().flatten().map(line).collect(),
    };
    Ok(Event::Symbols(places.iter().zip(offsets).map(frame).collect()))
}

fn line(line: gate_inspect::SourceLine) -> SourceLine {
    let gate_inspect::SourceLine { function, file, line, column } = line;
    SourceLine { function, file, line, column }
}
