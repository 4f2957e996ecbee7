//! Programs that go on as ordinary modules, on any engine.

use gate_instrument::accept::ValueType;
use gate_instrument::stop::{self, Invocation, Program, Referent, Stopped};

use super::write::{self, Form, Source, WriteError};
use crate::details::Details;
use crate::snapshot::{Memory, PAGE, Snapshot};
use crate::state::References;
use crate::{Frames, Phase, Reference, SettleError, State, Value};

/// Why there is no ordinary module that continues a program.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StandaloneError {
    /// There is nothing left to be run.
    #[error("the program has ended: there is nothing to continue")]
    Ended,
    /// The program needs what no other host has.
    #[error("the program cannot leave this host: {}", why.join(", "))]
    Host { why: Vec<String> },
    /// Something is between the program and its services.
    #[error("the program has {bytes} bytes of packets that nobody has read yet, which cannot go along")]
    Packets { bytes: usize },
    /// A global or a table has a reference to an exception.
    #[error("{what} {index} has a reference to an exception, which no module can start with")]
    Exception { what: &'static str, index: usize },
    /// A frame has a reference that its type does not have.
    #[error(transparent)]
    Frame(#[from] SettleError),
    /// An exception or an argument has one.
    #[error("an exception or an argument of type {ty} refers to something else")]
    Reference { ty: ValueType },
    /// The memories are too large for this host.
    #[error("memory {index} has {pages} pages, which is too large for this host")]
    Memory { index: usize, pages: u32 },
    /// The state cannot be written down as a module.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is no code that continues the program.
    #[error("there is no code that continues the program")]
    Code { source: stop::StandaloneError },
}

impl Snapshot<'_> {
    /// A module that continues `program`, which is that of the snapshot, on any engine that has what it imports: it exports
    /// `_start`, which runs everything that is left to run. `bonds` says what the host has for the program that
    /// it cannot do without: it is refused if there is anything.
    ///
    /// # Errors
    /// [`StandaloneError`] when something cannot go along, or the state is not one of the program.
    pub fn standalone(&self, program: &Program<'_>, bonds: Vec<String>) -> Result<Vec<u8>, StandaloneError> {
        let state = &self.state;
        if state.is_over() {
            return Err(StandaloneError::Ended);
        }
        if !bonds.is_empty() {
            return Err(StandaloneError::Host { why: bonds });
        }
        if !self.buffers.is_empty() {
            return Err(StandaloneError::Packets { bytes: self.buffers.len() });
        }
        let Frames::Portable(frames) = &state.frames else { return Err(WriteError::Raw.into()) };
        check_references(state)?;
        let module = self.state_module()?;

        let mut references = References::default();
        let frames = references.frames(frames)?;
        let wrong = |ty| StandaloneError::Reference { ty };
        let mut exceptions = Vec::with_capacity(state.exceptions.len());
        for exception in &state.exceptions {
            let values = references.values(&exception.values).map_err(wrong)?;
            exceptions.push(stop::Exception { tag: exception.tag, values });
        }
        let arguments = references.values(&state.entry.arguments).map_err(wrong)?;
        let then = self.then(program, arguments);
        let spilled = references.spilled.map(|list| list.into_iter().map(referent).collect::<Vec<_>>());
        let stopped = Stopped {
            state: &module,
            frames: &frames,
            spilled: spilled.each_ref().map(Vec::as_slice),
            exceptions: &exceptions,
            then: &then,
        };
        program.standalone(&stopped).map_err(|source| StandaloneError::Code { source })
    }

    /// A module that starts with the state, without calls in progress.
    fn state_module(&self) -> Result<Vec<u8>, StandaloneError> {
        let bytes = self.bytes()?;
        let extents: Vec<Vec<_>> = self
            .memories
            .iter()
            .map(|runs| runs.iter().map(|run| run.offset..run.offset + run.bytes.len() as u64).collect())
            .collect();
        let memories: Vec<_> = bytes
            .iter()
            .zip(&extents)
            .map(|(bytes, extents)| Memory { bytes, extents: Some(extents) })
            .collect();
        let details = Details::default();
        let source = Source {
            module: &self.module,
            state: &self.state,
            memories: &memories,
            buffers: &[],
            details: &details,
        };
        Ok(write::form(&source, Form::Standalone)?.to_vec())
    }

    /// The contents of memories. What is zero takes no room.
    fn bytes(&self) -> Result<Vec<Vec<u8>>, StandaloneError> {
        let mut memories = Vec::new();
        for (index, (runs, pages)) in self.memories.iter().zip(&self.state.memory_pages).enumerate() {
            let large = StandaloneError::Memory { index, pages: *pages };
            // All behind the last run is zero, and need not be there.
            let end = runs.iter().map(|run| run.offset + run.bytes.len() as u64).max().unwrap_or(0);
            let Ok(size) = usize::try_from(end.min(u64::from(*pages) * PAGE)) else { return Err(large) };
            let mut bytes = vec![0; size];
            for run in runs {
                let place = usize::try_from(run.offset).ok().and_then(|start| bytes.get_mut(start..));
                let place = place.and_then(|place| place.get_mut(..run.bytes.len()));
                place.ok_or(StandaloneError::Memory { index, pages: *pages })?.copy_from_slice(run.bytes);
            }
            memories.push(bytes);
        }
        Ok(memories)
    }

    /// What is to be run behind the frames.
    fn then(&self, program: &Program<'_>, arguments: Vec<stop::Value>) -> Vec<Invocation> {
        let state = &self.state;
        let running = matches!(&state.frames, Frames::Portable(frames) if !frames.is_empty());
        let call = |arguments| move |function| Invocation { function, arguments };
        let all = [
            (Phase::Start, program.start().map(call(Vec::new()))),
            (Phase::Initialize, state.entry.initialize.map(call(Vec::new()))),
            (Phase::Main, state.entry.function.map(call(arguments))),
        ];
        // What is running is not to be called again.
        let later = all
            .into_iter()
            .filter(|(phase, _)| if running { *phase > state.phase } else { *phase >= state.phase });
        later.filter_map(|(_, call)| call).collect()
    }
}

const fn referent(reference: Reference) -> Referent {
    match reference {
        Reference::Null => Referent::Null,
        Reference::Function(index) => Referent::Function(index),
        Reference::Exception(index) => Referent::Exception(index),
    }
}

fn check_references(state: &State) -> Result<(), StandaloneError> {
    let is_exception = |reference: &Reference| matches!(reference, Reference::Exception(_));
    let global = state
        .globals
        .iter()
        .position(|value| matches!(value, Value::Reference(_, reference) if is_exception(reference)));
    if let Some(index) = global {
        return Err(StandaloneError::Exception { what: "global", index });
    }
    match state.tables.iter().position(|table| table.iter().any(is_exception)) {
        Some(index) => Err(StandaloneError::Exception { what: "table", index }),
        None => Ok(()),
    }
}
