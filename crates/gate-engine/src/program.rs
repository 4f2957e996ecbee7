//! A program: loaded from an artifact, then run.

#![expect(unsafe_code, reason = "loading compiled code, and passing values to and from it")]

use std::fs::File;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_abi::host::Stop;
use gate_abi::import::{self, Function, Personality, UnknownImport, ValType as ImportType};
use gate_abi::trap::Trap;
use gate_instrument::accept::{FunctionType, ValueType};
use wasmtime::{
    AsContext, Caller, Engine, Extern, ExternType, Func, FuncType, Instance, Module, Store, Val, ValRaw, ValType,
};

use crate::backtrace::{self, Frame};
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
    fn call(&mut self, function: Function, arguments: &[u64], memory: &mut [u8]) -> Result<Option<u32>, Stop>;
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

/// Where a program starts.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryPoint {
    /// Whether to call the exported function `_initialize` first.
    pub initialize: bool,
    /// The exported function to call, with values of its parameters' types. With none, only the start function runs.
    pub function: Option<(String, Vec<Argument>)>,
}

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
    /// The artifact is damaged, or was made by another build or for another processor.
    #[error("compiled module does not fit this engine")]
    Artifact {
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
    personality: Personality,
    functions: Vec<Function>,
    regions: Vec<Arc<Region>>,
    limits: MemoryLimits,
}

impl Program {
    /// Maps the artifact in `file`, which may have more bytes behind it, and reserves the program's memories. After
    /// this, nothing needs to be mapped executable any more.
    ///
    /// # Errors
    /// [`LoadError`].
    ///
    /// # Safety
    /// `file` holds what [`crate::compile()`] made, and nobody can change it. The process is sealed: the code in it is
    /// a stranger's.
    pub unsafe fn load(file: File, settings: Settings, limits: MemoryLimits) -> Result<Self, LoadError> {
        // The module is deserialized twice-removed from its memories: how many those are is known only afterwards.
        let probe = Regions::waiting();
        let engine = config::engine(settings, Some(Arc::clone(&probe)))?;
        // SAFETY: the caller promises that the file holds an artifact of ours that nobody can change.
        let module = unsafe { Module::deserialize_open_file(&engine, file) }
            .map_err(|source| LoadError::Artifact { source })?;
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
        let memories = module.resources_required().num_memories;
        let regions = (0..memories)
            .map(|_| Region::new(limits.memory_bytes).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| LoadError::Memory { source })?;
        probe.provide(&regions);
        Ok(Self { engine, module, personality, functions, regions, limits })
    }

    /// Which set of functions it imports.
    #[must_use]
    pub fn personality(&self) -> Personality {
        self.personality
    }

    /// Its exported functions. Those with types that no command line can express have none here.
    pub fn exported_functions(&self) -> impl Iterator<Item = (&str, Option<FunctionType>)> {
        self.module.exports().filter_map(|export| match export.ty() {
            ExternType::Func(ty) => {
                let types = |types: &mut dyn Iterator<Item = ValType>| types.map(value_type).collect::<Option<_>>();
                let (params, results) = (types(&mut ty.params()), types(&mut ty.results()));
                Some((export.name(), params.zip(results).map(|(params, results)| FunctionType { params, results })))
            }
            _ => None,
        })
    }

    /// Runs the program to its end: the start function if it has one, then the entry.
    ///
    /// # Errors
    /// [`StartError`] when not a single instruction could run.
    ///
    /// # Panics
    /// When `entry` names no exported function, or gives values of other types than its parameters: look at
    /// [`Program::exported_functions`] first.
    pub fn run<C: Calls>(self, calls: C, entry: &EntryPoint) -> Result<Finished<C>, StartError> {
        let limiter = Limiter::new(self.limits.memory_bytes, self.limits.table_elements);
        let state = State { calls, memory: self.regions.first().cloned(), limiter };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        let imports: Vec<Extern> =
            self.functions.iter().map(|function| import_function(&mut store, *function).into()).collect();

        let started = Instant::now();
        let result = match Instance::new(&mut store, &self.module, &imports) {
            Ok(instance) => {
                self.choose_memory(&mut store, instance);
                enter(&mut store, instance, entry)
            }
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

    /// Finds the memory that imported functions use: the one exported as `memory`, else the first.
    fn choose_memory<C: Calls>(&self, store: &mut Store<State<C>>, instance: Instance) {
        if let Some(exported) = instance.get_memory(&mut *store, "memory") {
            let address = exported.data_ptr(store.as_context());
            if let Some(region) = self.regions.iter().find(|region| region.starts_at(address)) {
                store.data_mut().memory = Some(Arc::clone(region));
            }
        }
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
    entry: &EntryPoint,
) -> wasmtime::Result<Vec<Value>> {
    if entry.initialize {
        let function = instance.get_func(&mut *store, "_initialize").expect("the caller looked it up");
        function.call(&mut *store, &[], &mut [])?;
    }
    let Some((name, arguments)) = &entry.function else { return Ok(Vec::new()) };
    let function = instance.get_func(&mut *store, name).expect("the caller looked it up");
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

fn value_type(ty: ValType) -> Option<ValueType> {
    match ty {
        ValType::I32 => Some(ValueType::I32),
        ValType::I64 => Some(ValueType::I64),
        ValType::F32 => Some(ValueType::F32),
        ValType::F64 => Some(ValueType::F64),
        ValType::V128 | ValType::Ref(_) => None,
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
