//! A program runs: from the start or from where it was stopped, to its end or until it is stopped.
//!
//! ```text
//!   Fresh ──▶ Start ──▶ Initialize ──▶ Main ──▶ returned
//!     │         │           │           │
//!     └─────────┴───────────┴───────────┴─────▶ suspended, stopped by an imported function, or trapped
//! ```
//!
//! Each phase is one call into the program, in which it can be suspended; its state has calls then. Between phases a request
//! to stop is looked at here; the state has none then, and names the phase that is next.

use std::time::{Duration, Instant};

use gate_abi::host::Stop;
use gate_abi::trap::Trap;
use gate_instrument::accept::{Entry, Kind};
use gate_instrument::stop::Hidden;
use gate_snapshot::{Phase, State};
use wasmtime::{Extern, Func, Instance, Store, Val};

use crate::backtrace::{self, Frame};
use crate::calls::{self, Calls, Running, Stopped};
use crate::compiled::{CompiledProgram, Continuation, Stoppable};
use crate::limiter::Limiter;
use crate::live::Live;
use crate::value::{self, Argument, Value};
use crate::{capture, restore};

/// Where a program starts.
#[derive(Debug)]
pub enum Start<'a> {
    /// At the beginning: with the start function if it has one.
    Fresh {
        /// What it runs then.
        entry: &'a Entry,
        /// What the entry function is given: as many, and of the types, as it has parameters.
        arguments: &'a [Argument],
    },
    /// Where it was stopped. Everything in the state is checked, but not trusted to be this program's.
    Resume(Box<State>),
}

/// How a program is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// With [`Stops::Count`](crate::Stops::Count): the program stops at the stop point with this number, of which the first
    /// is 1. `None` or 0: never. Nothing else looks at it.
    pub countdown: Option<u64>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The entry function returned these values.
    Returned(Vec<Value>),
    /// It was asked to stop, and did. The state has everything but [`State::host`] and [`State::monotonic_nanos`], which
    /// are the caller's to fill in, and the contents of memories, which are in their files.
    Suspended(Box<State>),
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

/// Why a loaded program did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its memories or tables are larger from the start than they may become.
    #[error("the program needs more memory to start than it may have: {message}")]
    Limit {
        /// What the engine says.
        message: String,
    },
    /// The state is not one that the program can be in.
    #[error("the program cannot continue from this state")]
    State(#[from] StateError),
    /// The module that is to be interpreted is not one that was accepted.
    #[error("the module is damaged")]
    Module(#[source] wasmtime::Error),
}

/// What in a state does not fit the program.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StateError {
    /// The program cannot be stopped, and so cannot continue.
    #[error("it was compiled not to be stoppable")]
    Unstoppable,
    /// The state has calls and there is no code that continues them, or the reverse.
    #[error("it has {frames} bytes of calls, and {continuation} of them can be continued")]
    Continuation { frames: usize, continuation: usize },
    /// The calls do not fit into the control memory.
    #[error("its calls need {found} bytes, and there is room for {limit}")]
    Room { found: usize, limit: usize },
    /// The interpreter says so.
    #[error(transparent)]
    Interpreter(#[from] gate_interpreter::StateError),
    /// There is another number of something.
    #[error("it has {found} {what}, and the program {expected}")]
    Count { what: &'static str, found: usize, expected: usize },
    /// A part of the state cannot be put into the program.
    #[error("{what} {index} of it cannot be restored")]
    Part { what: &'static str, index: u32, source: wasmtime::Error },
    /// A reference that is not a null one refers to what the program has not, or may not be where it is.
    #[error("it has a reference to {what} {index}, which there is not")]
    Reference { what: &'static str, index: u32 },
    /// The engine failed at something else.
    #[error("cannot restore the program")]
    Engine { source: wasmtime::Error },
}

/// What is to be run.
pub(crate) struct Task {
    pub(crate) phase: Phase,
    pub(crate) entry: gate_snapshot::Entry,
    /// The code that continues the phase, if it has begun.
    pub(crate) continuation: Option<Func>,
}

impl CompiledProgram {
    /// See [`crate::Program::run`].
    pub(crate) fn run<C: Calls>(
        self,
        calls: C,
        start: Start<'_>,
        options: RunOptions,
    ) -> Result<Finished<C>, StartError> {
        let uncounted = self.stoppable.as_ref().map_or(0, Stoppable::uncounted);
        let limiter = Limiter::new(self.limits.memory_bytes, self.limits.table_elements, uncounted);
        let memory = self.facts.memory.and_then(|index| self.regions.get(index as usize)).cloned();
        let running = Running { calls, memory, limiter, unwinding: None };
        let mut store = Store::new(&self.engine, running);
        store.limiter(|running| &mut running.limiter);
        let imports: Vec<Extern> = self
            .facts
            .imported
            .iter()
            .map(|function| calls::import_function(&mut store, *function).into())
            .collect();

        let imported = u32::try_from(imports.len()).unwrap_or(u32::MAX);
        let started = Instant::now();
        let outcome = match Instance::new(&mut store, &self.module, &imports) {
            Ok(instance) => {
                let live = self.stoppable.as_ref().map(|stoppable| Live::new(stoppable, instance, imported));
                let task = self.task(&mut store, live.as_ref(), start, options)?;
                self.run_task(&mut store, instance, live.as_ref(), task)
            }
            Err(error) if !ran(&error) => {
                return Err(StartError::Limit { message: format!("{error:#}") });
            }
            Err(error) => self.failure(&mut store, &error),
        };
        let run_time = started.elapsed();
        let memory_bytes = store.data().limiter.memory();
        Ok(Finished { outcome, run_time, memory_bytes, calls: store.into_data().calls })
    }

    /// Prepares the instance, and says what is to be run in it.
    fn task<C: Calls>(
        &self,
        store: &mut Store<Running<C>>,
        live: Option<&Live<'_>>,
        start: Start<'_>,
        options: RunOptions,
    ) -> Result<Task, StartError> {
        let engine = |source| StateError::Engine { source };
        if let Some(live) = live {
            let unwinding = live.unwinding(&mut *store).map_err(engine)?;
            store.data_mut().unwinding = Some(unwinding);
            if let Some(countdown) = live.countdown(&mut *store).map_err(engine)? {
                let countdown_value = options.countdown.unwrap_or_default().cast_signed();
                countdown.set(&mut *store, Val::I64(countdown_value)).map_err(engine)?;
            }
            // Whoever compiled it with breakpoints wants it to stop there.
            if let Some(breakpoints) = live.breakpoints(&mut *store).map_err(engine)? {
                breakpoints.set(&mut *store, Val::I32(1)).map_err(engine)?;
            }
        }
        Ok(match start {
            Start::Fresh { entry, arguments } => Task {
                // What cannot be stopped has done all that instantiation does.
                phase: if live.is_some() { Phase::Fresh } else { Phase::Initialize },
                entry: gate_snapshot::Entry {
                    initialize: entry.initialize.as_ref().map(|function| function.index),
                    function: entry.function.as_ref().map(|function| function.index),
                    arguments: arguments.iter().map(|argument| argument.to_state()).collect(),
                },
                continuation: None,
            },
            Start::Resume(state) => {
                let live = live.ok_or(StateError::Unstoppable)?;
                restore::restore(store, live, *state)?
            }
        })
    }

    fn run_task<C: Calls>(
        &self,
        store: &mut Store<Running<C>>,
        instance: Instance,
        live: Option<&Live<'_>>,
        mut task: Task,
    ) -> Outcome {
        let mut results = Vec::new();
        loop {
            let (next, function) = match self.next(store, instance, &mut task) {
                Ok(next) => next,
                Err(error) => return self.failure(store, &error),
            };
            let Some(function) = function else {
                match next {
                    Some(next) => task.phase = next,
                    None => break,
                }
                continue;
            };
            // A program that is in the middle of something looks for itself.
            let is_continuation = task.continuation.is_some();
            if let Some(live) = live.filter(|live| !is_continuation && live.is_stop_requested()) {
                return self.suspended(store, live, task);
            }
            let arguments = match arguments(&mut task, is_continuation) {
                Ok(arguments) => arguments,
                Err(error) => return self.failure(store, &error),
            };
            let types = function.ty(&*store);
            results = types.results().map(|ty| value::placeholder(&ty)).collect();
            if let Err(error) = function.call(&mut *store, &arguments, &mut results) {
                return self.failure(store, &error);
            }
            if let Some(live) = live.filter(|live| live.is_unwinding(&mut *store)) {
                return self.suspended(store, live, task);
            }
            task.continuation = None;
            match next {
                Some(next) => task.phase = next,
                None => break,
            }
        }
        Outcome::Returned(results.iter().filter_map(Argument::from_val).collect())
    }

    /// What comes after the present phase, and what is to be called in it, if anything.
    fn next<C: Calls>(
        &self,
        store: &mut Store<Running<C>>,
        instance: Instance,
        task: &mut Task,
    ) -> wasmtime::Result<(Option<Phase>, Option<Func>)> {
        let (next, function) = match task.phase {
            Phase::Fresh => {
                let names = self.stoppable.as_ref().map(|stoppable| &stoppable.added.names);
                let name = names.map(|names| names.name(Hidden::Initialize)).unwrap_or_default();
                return Ok((Some(Phase::Start), Some(exported(store, instance, &name)?)));
            }
            Phase::Start => (Some(Phase::Initialize), self.facts.start),
            Phase::Initialize => (Some(Phase::Main), task.entry.initialize),
            Phase::Main => (None, task.entry.function),
        };
        let function = match (task.continuation, function) {
            (Some(continuation), _) => Some(continuation),
            (None, Some(index)) => Some(self.function(store, instance, index)?),
            (None, None) => None,
        };
        Ok((next, function))
    }

    /// The function with an index, as it is to be called. The index comes from a state or from an artifact.
    fn function<C: Calls>(
        &self,
        store: &mut Store<Running<C>>,
        instance: Instance,
        index: u32,
    ) -> wasmtime::Result<Func> {
        if let Some(stoppable) = &self.stoppable {
            let names = &stoppable.added.names;
            // What may block is a stop point, which the imported function itself has not.
            for hidden in [Hidden::Import(index), Hidden::Function(index)] {
                if let Some(function) = instance.get_func(&mut *store, &names.name(hidden)) {
                    return Ok(function);
                }
            }
        }
        let mut exports = self.facts.exports.iter();
        let export = exports.find(|export| export.index == index && matches!(export.kind, Kind::Function(_)));
        let name = export.map(|export| export.name.as_str());
        let name = name.ok_or_else(|| wasmtime::format_err!("function {index} is not exported"))?;
        exported(store, instance, name)
    }

    fn suspended<C: Calls>(&self, store: &mut Store<Running<C>>, live: &Live<'_>, task: Task) -> Outcome {
        match capture::capture(store, live, self, task) {
            Ok(state) => Outcome::Suspended(Box::new(state)),
            Err(error) => self.failure(store, &error),
        }
    }

    /// What became of a program of which a call failed.
    fn failure<C: Calls>(&self, store: &mut Store<Running<C>>, error: &wasmtime::Error) -> Outcome {
        let stop = error.downcast_ref::<Stopped>().map(|Stopped(stop)| stop.clone());
        let trap = match stop {
            Some(Stop::Trap(trap)) => Some(trap),
            Some(stop) => return Outcome::Stopped(stop),
            None => None,
        };
        // What traps while the program unwinds is what saves its state.
        let unwinding = store.data().unwinding;
        let unwinds = unwinding.is_some_and(|unwinding| matches!(unwinding.get(&mut *store), Val::I32(1)));
        let overflows = |program: &Stoppable| unwinds || Live::overflowed(&program.control);
        let overflowed = self.stoppable.as_ref().is_some_and(overflows);
        let (trap, detail) = match (trap, error.downcast_ref::<wasmtime::Trap>()) {
            (Some(trap), _) => (trap, None),
            (None, Some(_)) if overflowed => {
                (Trap::OutOfMemory, Some("there is no room for the state of its calls".to_owned()))
            }
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
        Outcome::Trapped { trap, detail, frames: backtrace::frames(error, self) }
    }
}

/// The arguments of the function that a task calls next. Those of the entry function are used up.
fn arguments(task: &mut Task, is_continuation: bool) -> wasmtime::Result<Vec<Val>> {
    if is_continuation || task.phase != Phase::Main {
        return Ok(Vec::new());
    }
    let number =
        |argument| value::number(argument).ok_or_else(|| wasmtime::format_err!("an argument is no number"));
    std::mem::take(&mut task.entry.arguments).into_iter().map(number).collect()
}

/// The function with a name. The names come from the artifact, whose maker may have lied: a missing function is an error
/// like any other.
fn exported<C: Calls>(
    store: &mut Store<Running<C>>,
    instance: Instance,
    name: &str,
) -> wasmtime::Result<Func> {
    instance
        .get_func(&mut *store, name)
        .ok_or_else(|| wasmtime::format_err!("the compiled module has no function {name:?}"))
}

/// The code that continues a program, linked to it.
pub(crate) fn link<C: Calls>(
    store: &mut Store<Running<C>>,
    instance: Instance,
    continuation: &Continuation,
) -> wasmtime::Result<Func> {
    let mut imports = Vec::new();
    for import in continuation.module.imports() {
        let export = instance.get_export(&mut *store, import.name());
        imports.push(
            export.ok_or_else(|| wasmtime::format_err!("the compiled module has no {:?}", import.name()))?,
        );
    }
    let side = Instance::new(&mut *store, &continuation.module, &imports)?;
    exported(store, side, &continuation.facts.outermost.to_string())
}

/// Whether the program's own code ran before it failed.
fn ran(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::Trap>() || error.is::<Stopped>() || error.is::<wasmtime::ThrownException>()
}
