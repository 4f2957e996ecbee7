//! A program's state as an ordinary module, which has yet to be given the code that continues its calls.

use super::parts::Parts;
use super::write::{self, Form, Source, WriteError};
use crate::details::Details;
use crate::sections::{CODE, Section};
use crate::snapshot::{Memory, PAGE, Snapshot};
use crate::{Exception, Frame, Frames, Phase, Reference, State, Value};

/// The id of the import section.
const IMPORT: u8 = 2;

/// A module that starts with the state of a program, and what is to be run in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standalone {
    /// The module. It has the functions of the original, with the same indices, its exports, its memories, tables and globals
    /// as they were, and no start function.
    pub module: Vec<u8>,
    /// The calls that have not returned, outermost first. Their stop points are offsets in this module.
    pub frames: Vec<Frame>,
    /// What is to be run then.
    pub then: Vec<Call>,
    /// The exceptions that frames refer to.
    pub exceptions: Vec<Exception>,
}

/// A function to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub function: u32,
    /// Its arguments: numbers.
    pub arguments: Vec<Value>,
}

/// Why there is no ordinary module that continues a program.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StandaloneError {
    /// There is nothing left to be run.
    #[error("the program has ended: there is nothing to continue")]
    Ended,
    /// The program needs what no other host has.
    #[error("the program cannot do without {}", what.join(", "))]
    Host { what: Vec<String> },
    /// Something is between the program and its services.
    #[error("the program has {bytes} bytes of packets that nobody has read yet, which cannot go along")]
    Packets { bytes: usize },
    /// A global or a table has a reference to an exception.
    #[error("{what} {index} has a reference to an exception, which no module can start with")]
    Exception { what: &'static str, index: usize },
    /// A stop point is not where one can be.
    #[error("frame {position} is at offset {site:#x}, where there is neither code nor an import")]
    Site { position: usize, site: u32 },
    /// The memories are too large for this host.
    #[error("memory {index} has {pages} pages, which is too large for this host")]
    Memory { index: usize, pages: u32 },
    /// The state cannot be written down as a module.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Snapshot<'_> {
    /// The program's state as an ordinary module. `needed` names what the host has kept for the program and it cannot do
    /// without: it is refused if there is anything.
    ///
    /// # Errors
    /// [`StandaloneError`] when something cannot go along.
    pub fn standalone(&self, needed: Vec<String>) -> Result<Standalone, StandaloneError> {
        let state = &self.state;
        if state.is_over() {
            return Err(StandaloneError::Ended);
        }
        if !needed.is_empty() {
            return Err(StandaloneError::Host { what: needed });
        }
        if !self.buffers.is_empty() {
            return Err(StandaloneError::Packets { bytes: self.buffers.len() });
        }
        let Frames::Portable(frames) = &state.frames else { return Err(WriteError::Raw.into()) };
        check_references(state)?;
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
        let source =
            Source { module: &self.module, state, memories: &memories, buffers: &[], details: &details };
        let module = write::form(&source, Form::Standalone)?.to_vec();
        let frames = moved(frames, &self.module, &module)?;
        Ok(Standalone { frames, then: self.then()?, exceptions: state.exceptions.clone(), module })
    }

    /// The contents of memories. What is zero takes no room.
    fn bytes(&self) -> Result<Vec<Vec<u8>>, StandaloneError> {
        let mut memories = Vec::new();
        for (index, (runs, pages)) in self.memories.iter().zip(&self.state.memory_pages).enumerate() {
            let large = StandaloneError::Memory { index, pages: *pages };
            let Ok(size) = usize::try_from(u64::from(*pages) * PAGE) else { return Err(large) };
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
    fn then(&self) -> Result<Vec<Call>, WriteError> {
        let state = &self.state;
        let running = matches!(&state.frames, Frames::Portable(frames) if !frames.is_empty());
        let start = Parts::parse(&self.module)?.start;
        let plain = |function: Option<u32>| function.map(|function| Call { function, arguments: Vec::new() });
        let main =
            state.entry.function.map(|function| Call { function, arguments: state.entry.arguments.clone() });
        let all = [
            (Phase::Start, plain(start)),
            (Phase::Initialize, plain(state.entry.initialize)),
            (Phase::Main, main),
        ];
        // What is running is not to be called again.
        let later = all
            .into_iter()
            .filter(|(phase, _)| if running { *phase > state.phase } else { *phase >= state.phase });
        Ok(later.filter_map(|(_, call)| call).collect())
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

/// Frames of one module as frames of another, whose imports and code are elsewhere.
fn moved(frames: &[Frame], from: &[u8], to: &[u8]) -> Result<Vec<Frame>, StandaloneError> {
    let from = Parts::parse(from).map_err(WriteError::from)?;
    let to = Parts::parse(to).map_err(WriteError::from)?;
    let mut all = Vec::with_capacity(frames.len());
    for (position, frame) in frames.iter().enumerate() {
        let site = place(frame.site, &from.sections, &to.sections);
        let site = site.ok_or(StandaloneError::Site { position, site: frame.site })?;
        all.push(Frame { site, ..frame.clone() });
    }
    Ok(all)
}

/// Where an offset in the imports or the code is in another module with the same ones.
fn place(offset: u32, from: &[Section<'_>], to: &[Section<'_>]) -> Option<u32> {
    let offset = usize::try_from(offset).ok()?;
    let old = from
        .iter()
        .find(|section| matches!(section.id, IMPORT | CODE) && section.content.contains(&offset))?;
    let new = to.iter().find(|section| section.id == old.id)?;
    u32::try_from(offset - old.content.start + new.content.start).ok()
}
