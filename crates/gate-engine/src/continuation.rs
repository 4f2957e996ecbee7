//! What a program in the middle of something needs to continue: code that goes on from there, and its calls.
//!
//! The file is a [`container`] like an artifact, made beside the artifact of the same module. The facts are: the slot of
//! the outermost call (`u32`), the bytes of all frames as they go into the control memory (a list of bytes), three lists of
//! what goes into the spill tables, of which each element has 5 bytes: 0 null, 1 function, 2 exception (`u8`), and its
//! index (`u32`); and the function that each continuation continues, or is a copy of, a list of `u32` in the order of their slots. The rest
//! is the table of offsets of the continuations, as [`Offsets::encode`] makes it.

use std::fs::File;

use gate_instrument::stop::{self, FrameError, Offsets, SiteId, StopError};
use gate_snapshot::{Frame, Frames, Reference, SettleError, State, unsettle};

use crate::codec::{Input, Output};
use crate::compile::{self, Threads};
use crate::config::{self, ConfigError, Settings, Tier};
use crate::container::{self, ArtifactError, Magic};

const MAGIC: Magic = Magic(*b"GtConti1");
/// Of what an interpreter needs: the image is a state of which there are the frames and exceptions only.
const FRAMES_MAGIC: Magic = Magic(*b"GtFrame1");

/// Why a program cannot be continued.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ContinueError {
    /// It was text, and is not any more.
    #[error("cannot parse the text of the module")]
    Text { source: wat::Error },
    /// The settings say that the program cannot be stopped, so that none can be continued.
    #[error("a program that is compiled not to be stoppable cannot be continued")]
    Unstoppable,
    /// No call is going on: the program continues without any of this.
    #[error("the program is in the middle of nothing, and needs no code to continue")]
    NoFrames,
    /// The calls are not what this program can have left.
    #[error("the program cannot be in this state")]
    State { source: SettleError },
    /// Likewise.
    #[error("the program cannot be in this state")]
    Frames { source: FrameError },
    /// There is no room for the code that continues it.
    #[error("cannot make the code that continues the program")]
    Stop { source: StopError },
    /// The engine could not compile that code.
    #[error("the engine {engine} cannot compile the code that continues the program")]
    Engine { engine: &'static str, source: wasmtime::Error },
    /// This host cannot have the engine.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Makes what the program of `module`, stopped in `state`, needs to continue beside the artifact that
/// [`compile()`](crate::compile()) made of the same module with the same `settings`. `module` is what it was given there.
///
/// `state` is a stranger's: what it says of calls is checked. The rest of it is looked at when the program continues.
///
/// # Errors
/// [`ContinueError`]; also when the state has no frames, with which there is nothing to be made.
pub fn continuation(module: &[u8], state: &State, settings: Settings) -> Result<Vec<u8>, ContinueError> {
    continuation_with_breakpoints(module, state, settings, &[])
}

/// Likewise, beside an artifact that [`compile_with_breakpoints`](crate::compile_with_breakpoints) made with the same ones.
///
/// # Errors
/// As for [`continuation`].
pub fn continuation_with_breakpoints(
    module: &[u8],
    state: &State,
    settings: Settings,
    breakpoints: &[u32],
) -> Result<Vec<u8>, ContinueError> {
    let poll = settings.poll().ok_or(ContinueError::Unstoppable)?;
    let wasm = compile::binary(module).map_err(|source| ContinueError::Text { source })?;
    let program = stop::Program::new(&wasm, &Settings::transform(poll, breakpoints)).map_err(stop_error)?;
    let settled;
    let portable = match &state.frames {
        Frames::Portable(frames) => frames,
        Frames::Raw { .. } => {
            let frames = State { frames: state.frames.clone(), ..EMPTY };
            settled = match frames.settle(&program).map_err(|source| ContinueError::State { source })?.frames
            {
                Frames::Portable(frames) => frames,
                Frames::Raw { .. } => return Err(ContinueError::NoFrames),
            };
            &settled
        }
    };
    let first = portable.first().ok_or(ContinueError::NoFrames)?;
    if settings.tier == Tier::Interpreter {
        if portable.iter().any(|frame| SiteId(frame.site).is_before()) {
            let source = wasmtime::format_err!("it does not know breakpoints, and the program is at one");
            return Err(ContinueError::Engine { engine: settings.tier.name(), source });
        }
        // It goes on from the frames themselves.
        let frames = Frames::Portable(portable.clone());
        // Frames can refer to them.
        let exceptions = state.exceptions.clone();
        let mut file = State { frames, exceptions, ..EMPTY }.encode();
        container::append(&mut file, FRAMES_MAGIC, &[], &[]);
        return Ok(file);
    }
    let unsettled = unsettle(portable).map_err(|source| ContinueError::State { source })?;
    let sites: Vec<_> = portable.iter().map(|frame| SiteId(frame.site)).collect();
    let continuations = program.continuations(&sites).map_err(stop_error)?;
    let bytes = program
        .encode(&unsettled.frames, &continuations)
        .map_err(|source| ContinueError::Frames { source })?;
    let mut functions = vec![0; continuations.slots.len()];
    for frame in portable {
        let slot = continuations.slots.get(&SiteId(frame.site));
        if let Some(function) = slot.and_then(|slot| functions.get_mut(usize::try_from(*slot).ok()?)) {
            *function = frame.function;
        }
    }
    functions.extend(&continuations.copied);
    let outermost = continuations.slots.get(&SiteId(first.site)).copied();
    let outermost = outermost.expect("each stop point that was asked for has a slot");
    let facts = ContinuationFacts { outermost, frames: bytes, spilled: unsettled.spilled, functions };
    let threads = Threads::for_module(continuations.wasm.len());
    let engine = config::compiling_engine(settings, threads)?;
    let mut file = threads
        .compile(&engine, &continuations.wasm)
        .map_err(|source| ContinueError::Engine { engine: settings.tier.name(), source })?;
    container::append(&mut file, MAGIC, &facts.encode(), &continuations.offsets.encode());
    Ok(file)
}

fn stop_error(source: StopError) -> ContinueError {
    ContinueError::Stop { source }
}

/// A state of which only the frames are of interest.
pub(crate) const EMPTY: State = State {
    phase: gate_snapshot::Phase::Main,
    entry: gate_snapshot::Entry { initialize: None, function: None, arguments: Vec::new() },
    frames: Frames::Portable(Vec::new()),
    memory_pages: Vec::new(),
    globals: Vec::new(),
    tables: Vec::new(),
    dropped: Vec::new(),
    exceptions: Vec::new(),
    monotonic_nanos: 0,
    host: Vec::new(),
};

/// What a continuation file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContinuationFacts {
    /// The slot of the outermost call.
    pub(crate) outermost: u32,
    /// The frames, with slots.
    pub(crate) frames: Vec<u8>,
    /// What the spill tables have.
    pub(crate) spilled: [Vec<Reference>; 3],
    /// The function of each slot: of continuations, and of copies behind them.
    pub(crate) functions: Vec<u32>,
}

impl ContinuationFacts {
    fn encode(&self) -> Vec<u8> {
        let mut out = Output::default();
        out.u32(self.outermost);
        out.bytes(&self.frames);
        for references in &self.spilled {
            out.count(references.len());
            for reference in references {
                let (kind, index) = match *reference {
                    Reference::Null => (0, 0),
                    Reference::Function(index) => (1, index),
                    Reference::Exception(index) => (2, index),
                };
                out.u8(kind);
                out.u32(index);
            }
        }
        out.count(self.functions.len());
        self.functions.iter().for_each(|function| out.u32(*function));
        out.0
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let outermost = input.u32()?;
        let frames = input.bytes()?.to_vec();
        let mut spilled = [const { Vec::new() }; 3];
        for references in &mut spilled {
            let count = input.count(5)?;
            *references = (0..count).map(|_| reference(input)).collect::<Option<_>>()?;
        }
        let functions = (0..input.count(4)?).map(|_| input.u32()).collect::<Option<_>>()?;
        input.end(Self { outermost, frames, spilled, functions })
    }
}

/// Reads the frames that an interpreter continues from, from the first `bytes` bytes of `file`.
pub(crate) fn read_frames(file: &File, bytes: u64) -> Result<Vec<Frame>, ArtifactError> {
    let image = container::image(file, bytes, FRAMES_MAGIC)?;
    match State::decode(&image).map(|state| state.frames) {
        Ok(Frames::Portable(frames)) => Ok(frames),
        Ok(Frames::Raw { .. }) | Err(_) => Err(ArtifactError::Damaged),
    }
}

fn reference(input: &mut Input<'_>) -> Option<Reference> {
    match (input.u8()?, input.u32()?) {
        (0, 0) => Some(Reference::Null),
        (1, index) => Some(Reference::Function(index)),
        (2, index) => Some(Reference::Exception(index)),
        _ => None,
    }
}

/// Reads the facts, and the offsets, from the first `bytes` bytes of `file`. Continuations are few and their table is
/// small, so that it is read at once.
pub(crate) fn read(file: &File, bytes: u64) -> Result<(ContinuationFacts, Offsets), ArtifactError> {
    let facts = container::facts(file, bytes, MAGIC)?;
    let facts = ContinuationFacts::decode(&mut Input(&facts)).ok_or(ArtifactError::Damaged)?;
    let offsets = container::rest(file, bytes, MAGIC)?;
    Ok((facts, Offsets::decode(&offsets).ok_or(ArtifactError::Damaged)?))
}

#[cfg(test)]
mod tests;
