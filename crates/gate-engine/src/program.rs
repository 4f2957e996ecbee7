//! A program: loaded from an artifact, then run.

#![expect(unsafe_code, reason = "loading compiled code, and passing values to and from it")]

use std::fs::File;
use std::io::Write;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_abi::host::Stop;
use gate_abi::import::{self, Function, UnknownImport, ValType as ImportType};
use gate_abi::trap::Trap;
use gate_instrument::accept::{Entry, EntryError, EntryFunction, Facts, Outline};
use wasmtime::{
    Caller, Engine, Extern, ExternType, Func, FuncType, Instance, Module, Store, Val, ValRaw, ValType,
};

use crate::artifact::{self, ArtifactError};
use crate::backtrace::{self, Frame};
use crate::compile;
use crate::config::{self, ConfigError, Settings};
use crate::limiter::Limiter;
use crate::memory::{Region, Regions};

/// The most parameters that an imported function has: `path_open`.
const MAX_PARAMETERS: usize = 9;

/// The functions that a program imports, and everything behind them.
pub trait Calls: Send + 'static {
    /// Runs one of them. `arguments` are as many as its signature says, 32-bit ones zero-extended; `memory` is the
    /// program's memory, empty if it has none.
    ///
    /// # Errors
    /// [`Stop`] ends the program.
    fn call(&mut self, function: Function, arguments: &[u64], memory: &mut [u8])
    -> Result<Option<u32>, Stop>;
}

/// What a program may allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// All linear memories together, in bytes; a multiple of 65536 is of most use.
    pub memory_bytes: usize,
    /// All tables together.
    pub table_elements: usize,
}

/// A value given to an invoked function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// 32-bit float, as its bits.
    F32(u32),
    /// 64-bit float, as its bits.
    F64(u64),
}

/// A value returned by an invoked function: of the same types as arguments.
pub type Value = Argument;

/// How a program ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The entry function returned these values.
    Returned(Vec<Value>),
    /// An imported function stopped it; not by a trap.
    Stopped(Stop),
    /// It trapped.
    Trapped {
        /// Why.
        trap: Trap,
        /// More about it than the trap's own text, where there is more.
        detail: Option<String>,
        /// Its calls, innermost first.
        frames: Vec<Frame>,
    },
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished<C> {
    /// How.
    pub outcome: Outcome,
    /// From the first instruction to the end.
    pub run_time: Duration,
    /// The size of all linear memories together at the end, in bytes. They never shrink.
    pub memory_bytes: usize,
    /// What was behind its imports.
    pub calls: C,
}

/// Why an artifact could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The artifact is damaged.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The artifact was made by another build, for another engine or for another processor.
    #[error("compiled module does not fit this engine")]
    Engine {
        /// What the engine says.
        source: wasmtime::Error,
    },
    /// This host cannot have the engine.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The artifact imports what does not exist.
    #[error(transparent)]
    Import(#[from] UnknownImport),
    /// An import has another type than the function of that name.
    #[error("import {field:?} is not the function of that name")]
    ImportType {
        /// The import's name.
        field: String,
    },
    /// No address space or no descriptor for its memories.
    #[error("cannot reserve linear memory")]
    Memory {
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// Why a loaded program did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its memories or tables are larger from the start than they may become.
    #[error("the program needs more memory to start than it may have: {message}")]
    Limit {
        /// What the engine says.
        message: String,
    },
}

/// A program that is ready to run.
#[derive(Debug)]
pub struct Program {
    engine: Engine,
    module: Module,
    facts: Facts,
    regions: Vec<Arc<Region>>,
    limits: MemoryLimits,
}

impl Program {
    /// Maps the artifact in the first `artifact_bytes` bytes of `file` and reserves the program's memories. After
    /// this, nothing needs to be mapped executable any more.
    ///
    /// Only a process that is sealed may call this: the code in the file is a stranger's, and a file that is no artifact
    /// can make the process do anything.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(
        file: File,
        artifact_bytes: u64,
        settings: Settings,
        limits: MemoryLimits,
    ) -> Result<Self, LoadError> {
        let artifact = artifact::read(&file, artifact_bytes)?;
        // How many memories there are is known only when the module is there, which needs the engine.
        let memories = Regions::waiting();
        let engine = config::engine(settings, Arc::clone(&memories))?;
        // SAFETY: the file holds what our compile step wrote, as far as anybody can know: whoever made it has seen a
        // hostile module. That is why this process is sealed, and what the code may do is what the process may do.
        let module = unsafe { Module::deserialize_open_file(&engine, file) }
            .map_err(|source| LoadError::Engine { source })?;
        let (personality, functions) =
            import::resolve_all(module.imports().map(|i| (i.module(), i.name())).collect::<Vec<_>>())?;
        for (import, function) in module.imports().zip(&functions) {
            let fits = match import.ty() {
                ExternType::Func(ty) => {
                    function.signature().matches(ty.params().map(import_type), ty.results().map(import_type))
                }
                _ => false,
            };
            if !fits {
                return Err(LoadError::ImportType { field: import.name().to_owned() });
            }
        }
        let regions = (0..module.resources_required().num_memories)
            .map(|_| Region::new(limits.memory_bytes).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| LoadError::Memory { source })?;
        memories.provide(&regions);
        let outline = Outline {
            imports: Vec::new(),
            exports: artifact.exports,
            start: artifact.start,
            functions: artifact.functions,
            memories: Vec::new(),
            tables: Vec::new(),
            has_names: false,
            has_debug_lines: false,
        };
        let facts = Facts { outline, personality, imported: functions, memory: artifact.memory };
        Ok(Self { engine, module, facts, regions, limits })
    }

    /// What is known of it: everything but its imports, memories, tables and debug information.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Runs the program to its end: the start function if it has one, then `entry`, with `arguments` of the types of
    /// its parameters.
    ///
    /// # Errors
    /// [`StartError`] when not a single instruction could run.
    pub fn run<C: Calls>(
        self,
        calls: C,
        entry: &Entry,
        arguments: &[Argument],
    ) -> Result<Finished<C>, StartError> {
        let limiter = Limiter::new(self.limits.memory_bytes, self.limits.table_elements);
        let memory = self.facts.memory.and_then(|index| self.regions.get(index as usize)).cloned();
        let state = State { calls, memory, limiter };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        let imports: Vec<Extern> = self
            .facts
            .imported
            .iter()
            .map(|function| import_function(&mut store, *function).into())
            .collect();

        let started = Instant::now();
        let result = match Instance::new(&mut store, &self.module, &imports) {
            Ok(instance) => enter(&mut store, instance, entry, arguments),
            Err(error) if !ran(&error) => {
                return Err(StartError::Limit { message: format!("{error:#}") });
            }
            Err(error) => Err(error),
        };
        let run_time = started.elapsed();
        let outcome = match result {
            Ok(values) => Outcome::Returned(values),
            Err(error) => outcome(&mut store, &error),
        };
        let memory_bytes = store.data().limiter.memory();
        Ok(Finished { outcome, run_time, memory_bytes, calls: store.into_data().calls })
    }
}

/// Compiles and runs a program that does nothing, so that what all programs need is initialized in this process before it
/// is forked. Makes no threads: a process that has some cannot be forked.
///
/// # Errors
/// [`WarmUpError`] if even that is impossible.
pub fn warm_up(settings: Settings) -> Result<(), WarmUpError> {
    const NOTHING: &[u8] = b"(module (memory (export \"memory\") 1) (func (export \"_start\")))";
    let compiled = compile::compile_with(NOTHING, settings, compile::Threads::Own)?;
    let artifact_bytes = compiled.artifact.len() as u64;
    let mut file = File::from(
        rustix::fs::memfd_create("warm-up", rustix::fs::MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?,
    );
    file.write_all(&compiled.artifact)?;
    let limits = MemoryLimits { memory_bytes: 1 << 16, table_elements: 0 };
    let program = Program::load(file, artifact_bytes, settings, limits)?;
    let entry = program.facts().entry(None)?;
    program.run(NoCalls, &entry, &[])?;
    Ok(())
}

/// Why [`warm_up`] failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum WarmUpError {
    Compile(#[from] crate::CompileError),
    File(#[from] std::io::Error),
    Load(#[from] LoadError),
    Entry(#[from] EntryError),
    Start(#[from] StartError),
}

/// For programs that import nothing.
struct NoCalls;

impl Calls for NoCalls {
    fn call(&mut self, _: Function, _: &[u64], _: &mut [u8]) -> Result<Option<u32>, Stop> {
        Err(Stop::Trap(Trap::InternalError))
    }
}

/// What the engine keeps for a running program.
struct State<C> {
    calls: C,
    memory: Option<Arc<Region>>,
    limiter: Limiter,
}

/// A [`Stop`] on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error("stopped by an imported function")]
struct Stopped(Stop);

fn enter<C: Calls>(
    store: &mut Store<State<C>>,
    instance: Instance,
    entry: &Entry,
    arguments: &[Argument],
) -> wasmtime::Result<Vec<Value>> {
    // The names come from the artifact, whose maker may have lied: a missing function is an error like any other.
    let mut find = |function: &EntryFunction| {
        instance
            .get_func(&mut *store, &function.name)
            .ok_or_else(|| wasmtime::format_err!("the compiled module has no function {:?}", function.name))
    };
    let initialize = entry.initialize.as_ref().map(&mut find).transpose()?;
    let function = entry.function.as_ref().map(&mut find).transpose()?;
    if let Some(initialize) = initialize {
        initialize.call(&mut *store, &[], &mut [])?;
    }
    let Some(function) = function else { return Ok(Vec::new()) };
    let arguments: Vec<Val> = arguments.iter().map(|argument| argument.to_val()).collect();
    let mut results = vec![Val::I32(0); function.ty(&*store).results().len()];
    function.call(&mut *store, &arguments, &mut results)?;
    Ok(results.iter().filter_map(Argument::from_val).collect())
}

/// Whether the program's own code ran before it failed.
fn ran(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::Trap>() || error.is::<Stopped>() || error.is::<wasmtime::ThrownException>()
}

fn outcome<C: Calls>(store: &mut Store<State<C>>, error: &wasmtime::Error) -> Outcome {
    let stop = error.downcast_ref::<Stopped>().map(|Stopped(stop)| stop.clone());
    let trap = match stop {
        Some(Stop::Trap(trap)) => Some(trap),
        Some(stop) => return Outcome::Stopped(stop),
        None => None,
    };
    let (trap, detail) = match (trap, error.downcast_ref::<wasmtime::Trap>()) {
        (Some(trap), _) => (trap, None),
        (None, Some(trap)) => backtrace::trap(*trap),
        (None, None) if error.is::<wasmtime::ThrownException>() => {
            // The exception itself stays in the store, which ends with the program.
            let _ = store.take_pending_exception();
            (Trap::UncaughtException, None)
        }
        (None, None) if error.is::<wasmtime::GcHeapOutOfMemory<()>>() => {
            (Trap::OutOfMemory, Some("there is no room for more exceptions".to_owned()))
        }
        (None, None) if error.is::<wasmtime::OutOfMemory>() => (Trap::OutOfMemory, None),
        (None, None) => (Trap::InternalError, Some(format!("{error:#}"))),
    };
    Outcome::Trapped { trap, detail, frames: backtrace::frames(error) }
}

/// One imported function, as the engine calls it.
fn import_function<C: Calls>(store: &mut Store<State<C>>, function: Function) -> Func {
    let signature = function.signature();
    let engine_type = |ty: &ImportType| match ty {
        ImportType::I32 => ValType::I32,
        ImportType::I64 => ValType::I64,
    };
    let ty = FuncType::new(
        store.engine(),
        signature.params.iter().map(engine_type),
        signature.result.iter().map(engine_type),
    );
    let body = move |mut caller: Caller<'_, State<C>>, slots: &mut [MaybeUninit<ValRaw>]| {
        let mut arguments = [0; MAX_PARAMETERS];
        for ((argument, slot), ty) in arguments.iter_mut().zip(slots.iter()).zip(signature.params) {
            // SAFETY: the engine initializes as many slots as the function type has parameters.
            let raw = unsafe { slot.assume_init_ref() };
            *argument = match ty {
                ImportType::I32 => u64::from(raw.get_u32()),
                ImportType::I64 => raw.get_u64(),
            };
        }
        let state = caller.data_mut();
        let region = state.memory.clone();
        let memory = match &region {
            // SAFETY: the program waits for this call, and nobody else looks at its memory meanwhile.
            Some(region) => unsafe { region.bytes_mut() },
            None => &mut [],
        };
        let arguments = &arguments[..signature.params.len()];
        match state.calls.call(function, arguments, memory) {
            Ok(result) => {
                if let (Some(result), Some(slot)) = (result, slots.first_mut()) {
                    slot.write(ValRaw::u32(result));
                }
                Ok(())
            }
            Err(stop) => Err(wasmtime::Error::new(Stopped(stop))),
        }
    };
    // SAFETY: the slots are read by the parameter types, and the one result is written, that `ty` was made of.
    unsafe { Func::new_unchecked(store, ty, body) }
}

fn import_type(ty: ValType) -> Option<ImportType> {
    match ty {
        ValType::I32 => Some(ImportType::I32),
        ValType::I64 => Some(ImportType::I64),
        ValType::F32 | ValType::F64 | ValType::V128 | ValType::Ref(_) => None,
    }
}

impl Argument {
    fn to_val(self) -> Val {
        match self {
            Self::I32(v) => Val::I32(v),
            Self::I64(v) => Val::I64(v),
            Self::F32(bits) => Val::F32(bits),
            Self::F64(bits) => Val::F64(bits),
        }
    }

    fn from_val(val: &Val) -> Option<Self> {
        match val {
            Val::I32(v) => Some(Self::I32(*v)),
            Val::I64(v) => Some(Self::I64(*v)),
            Val::F32(bits) => Some(Self::F32(*bits)),
            Val::F64(bits) => Some(Self::F64(*bits)),
            _ => None,
        }
    }
}
