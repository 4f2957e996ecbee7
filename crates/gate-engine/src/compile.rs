//! From a module to an artifact.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gate_instrument::accept::{self, Facts, Limits, Refusal};
use gate_instrument::stop::{self, Offsets, StopError};
use wasmtime::Engine;

use crate::artifact::{self, Added, Form, Interpreted};
use crate::config::{self, ConfigError, Settings, Tier};

/// A compiled module.
#[derive(Debug)]
pub struct Compiled {
    /// What [`crate::Program::load`] takes.
    pub artifact: Vec<u8>,
    /// What the module is.
    pub facts: Facts,
    /// The module's length as a binary, in bytes.
    pub module_bytes: usize,
    /// How long reading and validating took.
    pub validate_time: Duration,
    /// How long making it stoppable took.
    pub transform_time: Duration,
    /// How long compiling took.
    pub compile_time: Duration,
}

/// Why a module could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is text, but not the text of a module.
    #[error("cannot parse the text of the module")]
    Text {
        /// Where and why.
        source: wat::Error,
    },
    /// It is not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be made stoppable.
    #[error("cannot make the module stoppable")]
    Stop(#[from] StopError),
    /// The engine could not compile it: usually for a feature that the chosen engine lacks.
    #[error("the engine {engine} cannot compile the module")]
    Engine {
        /// The engine's name.
        engine: &'static str,
        /// What it says.
        source: wasmtime::Error,
    },
    /// This host cannot have the engine.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Compiles the module in `source`, which is a WebAssembly binary or its text.
///
/// # Errors
/// [`CompileError`].
pub fn compile(source: &[u8], settings: Settings) -> Result<Compiled, CompileError> {
    compile_with(source, settings, &[], Threads::for_module(source.len()))
}

/// Likewise, a program that stops by itself before it runs any of these instructions, which are given by their offsets in the
/// module as a binary. It does so whenever it runs; a program that continues from one of them runs it first.
///
/// # Errors
/// [`CompileError`]; [`CompileError::Stop`] when there is no instruction at an offset.
pub fn compile_with_breakpoints(
    source: &[u8],
    settings: Settings,
    breakpoints: &[u32],
) -> Result<Compiled, CompileError> {
    compile_with(source, settings, breakpoints, Threads::for_module(source.len()))
}

/// Who compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Threads that are made for it and stay: see [`use_threads`].
    Many,
    /// Threads that [`make_ready`] has made.
    Ready,
    /// The calling thread: where that is faster than making others, or this process is still to be forked.
    Own,
}

impl Threads {
    /// Who best compiles a module with this many bytes.
    pub(crate) fn for_module(bytes: usize) -> Self {
        /// About what one thread compiles in the time that it takes to make another one.
        const SMALL_MODULE_BYTES: usize = 4 << 10;
        /// With more, it pays to make as many threads as may be.
        const LARGE_MODULE_BYTES: usize = 64 << 10;
        let allowed = THREADS.get().copied().unwrap_or(usize::MAX);
        let is_ready = READY.get().is_some_and(|crew| crew.processors <= allowed);
        match bytes {
            _ if allowed == 1 => Self::Own,
            ..=LARGE_MODULE_BYTES if is_ready => Self::Ready,
            ..=SMALL_MODULE_BYTES => Self::Own,
            _ => Self::Many,
        }
    }

    /// Compiles a module.
    pub(crate) fn compile(self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
        match (self, READY.get()) {
            (Self::Ready, Some(crew)) => crew.threads.install(|| engine.precompile_module(wasm)),
            _ => engine.precompile_module(wasm),
        }
    }
}

/// Likewise, with a choice.
pub(crate) fn compile_with(
    source: &[u8],
    settings: Settings,
    breakpoints: &[u32],
    threads: Threads,
) -> Result<Compiled, CompileError> {
    let started = Instant::now();
    let wasm = binary(source).map_err(|source| CompileError::Text { source })?;
    let facts = accept::accept(&wasm, &Limits::STANDARD)?;
    let validated = Instant::now();
    if settings.tier == Tier::Interpreter {
        if !breakpoints.is_empty() {
            let source = wasmtime::format_err!("it does not know breakpoints");
            return Err(CompileError::Engine { engine: settings.tier.name(), source });
        }
        let module_bytes = wasm.len();
        let form = Form::Interpreted(Interpreted::new(&facts, settings.stops));
        let mut artifact = wasm.into_owned();
        artifact::append(&mut artifact, &facts, &form, &Offsets::default());
        return Ok(Compiled {
            artifact,
            facts,
            module_bytes,
            validate_time: validated - started,
            transform_time: Duration::ZERO,
            compile_time: validated.elapsed(),
        });
    }
    let stoppable =
        settings.poll().map(|poll| Stoppable::make(&wasm, &facts, poll, breakpoints)).transpose()?;
    let transformed = Instant::now();
    let engine = config::compiling_engine(settings, threads)?;
    let mut artifact = threads
        .compile(&engine, stoppable.as_ref().map_or(&wasm, |stoppable| &stoppable.wasm))
        .map_err(|source| CompileError::Engine { engine: settings.tier.name(), source })?;
    let (form, offsets) = match stoppable {
        Some(Stoppable { added, offsets, .. }) => (Form::Stoppable(added), offsets),
        None => (Form::Plain, Offsets::default()),
    };
    artifact::append(&mut artifact, &facts, &form, &offsets);
    Ok(Compiled {
        artifact,
        facts,
        module_bytes: wasm.len(),
        validate_time: validated - started,
        transform_time: transformed - validated,
        compile_time: transformed.elapsed(),
    })
}

/// A module that was made stoppable.
struct Stoppable {
    wasm: Vec<u8>,
    offsets: Offsets,
    added: Added,
}

impl Stoppable {
    fn make(wasm: &[u8], facts: &Facts, poll: stop::Poll, breakpoints: &[u32]) -> Result<Self, StopError> {
        let program = stop::Program::new(wasm, &Settings::transform(poll, breakpoints))?;
        let stop::Instrumented { wasm, offsets } = program.instrument()?;
        let tables = u32::try_from(facts.tables.len()).expect("a module has at most 100 tables");
        let added = Added::new(program.control(), program.names(), tables, program.referenced()?);
        Ok(Self { wasm, offsets, added })
    }
}

/// The module in `source`, which is a WebAssembly binary or its text, as a binary.
///
/// # Errors
/// When it is text, but not the text of a module.
pub fn binary(source: &[u8]) -> Result<Cow<'_, [u8]>, wat::Error> {
    if is_text(source) { wat::parse_bytes(source) } else { Ok(Cow::Borrowed(source)) }
}

/// Sets how many threads all compiling in this process uses, once, before the first compilation. They are made when there is
/// something for them to do.
pub fn use_threads(count: usize) {
    // It fails only if that was said before.
    let _ = THREADS.set(count);
}

static THREADS: OnceLock<usize> = OnceLock::new();

/// Makes the threads, if they are not there and anybody has said how many there are to be.
pub(crate) fn make_threads() {
    if let Some(count) = THREADS.get() {
        // It fails only if they exist already.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(*count).build_global();
    }
}

/// Threads that are there before there is anything for them to do.
static READY: OnceLock<Crew> = OnceLock::new();

/// Some threads, for so many processors.
struct Crew {
    threads: rayon::ThreadPool,
    processors: usize,
}

/// Makes a few threads for compiling, so that they need not be made when something small is to be compiled at once. If they
/// cannot be made, or there is only one processor, it is compiled without.
pub(crate) fn make_ready() {
    /// More have nothing to do in what is compiled so quickly that making threads would matter.
    const MOST_PROCESSORS: usize = 4;
    /// Work is divided into parts when it begins, by how many threads there are. In few functions of very different sizes, two
    /// equal parts are one that takes long and one that does not.
    const THREADS_PER_PROCESSOR: usize = 2;
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_PROCESSORS);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(processors * THREADS_PER_PROCESSOR);
    if processors > 1
        && let Ok(threads) = threads.build()
    {
        // It fails only if they are there.
        let _ = READY.set(Crew { threads, processors });
    }
}

/// Has the allocator get about as much memory as this thread and those that are ready take for something small. It keeps what it
/// has, and is faster with it than with the kernel's, page by page.
pub(crate) fn make_room() {
    fn take_and_give_back() {
        const BLOCK_BYTES: usize = 4 << 10;
        /// Less than what it gives back to the kernel.
        const BLOCKS: usize = 28;
        let blocks: Vec<_> = (0..BLOCKS).map(|_| vec![1_u8; BLOCK_BYTES]).collect();
        std::hint::black_box(blocks);
    }
    take_and_give_back();
    if let Some(crew) = READY.get() {
        crew.threads.broadcast(|_| take_and_give_back());
    }
}

/// Whether `source` is meant to be text: it looks like the beginning of one, after blanks and comments.
fn is_text(source: &[u8]) -> bool {
    let start = source.trim_ascii_start();
    start.starts_with(b"(") || start.starts_with(b";;")
}

impl Tier {
    /// The name used on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Winch => "winch",
            Self::Pulley => "pulley",
            Self::Interpreter => "interpreter",
        }
    }
}
