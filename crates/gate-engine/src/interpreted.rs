//! Programs that are interpreted: [`gate_interpreter`] with this crate's memories, imports and outcomes.
#![expect(unsafe_code, reason = "lending out memory")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use gate_abi::host::Stop;
use gate_abi::import::{self, Function, Personality};
use gate_instrument::accept::{Facts, ValueType};
use gate_interpreter::{Instance, Limits, Module, Outside};
use gate_snapshot::{Entry, Frames, State};

use crate::artifact::Form;
use crate::backtrace::{Frame, Offset};
use crate::calls::Calls;
use crate::config::{Settings, Stops, resumed_stack_bytes};
use crate::container::ArtifactError;
use crate::mapped::Mapped;
use crate::memory::{Region, WASM_PAGE_BYTES};
use crate::program::{LoadError, MemoryLimits};
use crate::run::{Finished, Outcome, RunOptions, Start, StartError, StateError};
use crate::value::Argument;
use crate::{artifact, continuation, program};

/// What all exceptions that a program holds by reference may take together, in bytes: as in compiled programs.
const EXCEPTION_BYTES: usize = crate::memory::GC_HEAP_RESERVATION;

/// A program that is ready to be interpreted.
#[derive(Debug)]
pub(crate) struct InterpretedProgram {
    wasm: Mapped,
    facts: Facts,
    regions: Vec<Arc<Region>>,
    limits: MemoryLimits,
    stack_bytes: usize,
    stops: Stops,
    /// The memory whose first word stops it.
    control: Arc<Region>,
    /// The calls that it goes on with.
    frames: Option<Vec<gate_snapshot::Frame>>,
}

impl InterpretedProgram {
    /// See [`crate::Program::load`].
    pub(crate) fn load(
        file: &File,
        artifact_bytes: u64,
        settings: Settings,
        limits: MemoryLimits,
        adopted: Option<Vec<OwnedFd>>,
    ) -> Result<Self, LoadError> {
        let image_bytes = artifact::image_bytes(file, artifact_bytes)?;
        let mut found = artifact::read(file, artifact_bytes)?;
        let form = std::mem::replace(&mut found.form, Form::Plain);
        let Form::Interpreted(form) = form else { return Err(ArtifactError::Damaged.into()) };
        if form.stops != settings.stops {
            return Err(LoadError::Stops);
        }
        let stack_bytes = match adopted {
            Some(_) => resumed_stack_bytes(settings.stack_bytes),
            None => settings.stack_bytes,
        };
        let (personality, imported) = imported(&form.imports)?;
        let memory = found.memory;
        let memories = usize::try_from(form.memories).unwrap_or(usize::MAX);
        let regions = program::regions(memories, limits, adopted)?;
        let wasm = Mapped::new(file, image_bytes).map_err(|source| LoadError::Memory { source })?;
        let control = Region::control(WASM_PAGE_BYTES, WASM_PAGE_BYTES);
        let control = Arc::new(control.map_err(|source| LoadError::Memory { source })?);
        let facts = Facts { outline: found.outline(), personality, imported, memory };
        Ok(Self { wasm, facts, regions, limits, stack_bytes, stops: settings.stops, control, frames: None })
    }

    /// See [`crate::Program::continue_with`].
    pub(crate) fn continue_with(&mut self, file: &File, bytes: u64) -> Result<(), LoadError> {
        self.frames = Some(continuation::read_frames(file, bytes)?);
        Ok(())
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn memories(&self) -> &[Arc<Region>] {
        &self.regions
    }

    pub(crate) fn control(&self) -> Option<&Arc<Region>> {
        (self.stops != Stops::None).then_some(&self.control)
    }

    /// See [`crate::Program::run`].
    pub(crate) fn run<C: Calls>(
        self,
        calls: C,
        start: Start<'_>,
        options: RunOptions,
    ) -> Result<Finished<C>, StartError> {
        let can_stop = self.stops != Stops::None;
        let imported = &self.facts.imported;
        let blocks =
            |index: usize| can_stop && imported.get(index).is_some_and(|function| function.may_block());
        let module =
            Module::parse(self.wasm.bytes(), blocks).map_err(|error| StartError::Module(error.into()))?;
        let memories: Vec<_> = self.regions.iter().map(|region| LinearMemory(Arc::clone(region))).collect();
        let limits = Limits {
            stack_bytes: self.stack_bytes,
            memory_bytes: self.limits.memory_bytes,
            table_elements: self.limits.table_elements,
            exception_bytes: EXCEPTION_BYTES,
        };
        let memory = self.facts.memory;
        let started = Instant::now();
        let instance = match start {
            Start::Fresh { entry, arguments } => {
                let entry = Entry {
                    initialize: entry.initialize.as_ref().map(|function| function.index),
                    function: entry.function.as_ref().map(|function| function.index),
                    arguments: arguments.iter().map(|argument| argument.to_state()).collect(),
                };
                Instance::new(&module, memories, memory, limits, entry)
            }
            Start::Resume(state) => {
                let state = with_frames(*state, can_stop, self.frames)?;
                Instance::resume(&module, memories, memory, limits, state)
            }
        };
        let mut instance = instance.map_err(start_error)?;
        // Where nothing counts, that never comes to an end.
        let countdown = if self.stops == Stops::Count { options.countdown.unwrap_or(0) } else { 0 };
        let mut world = World { calls, imported, control: &self.control, can_stop, countdown };
        let outcome = outcome(instance.run(&mut world));
        let run_time = started.elapsed();
        Ok(Finished { outcome, run_time, memory_bytes: instance.memory_bytes(), calls: world.calls })
    }
}

/// The functions that the imports are: a pair of names, and a type.
fn imported(imports: &[artifact::Import]) -> Result<(Personality, Vec<Function>), LoadError> {
    let names: Vec<_> =
        imports.iter().map(|import| (import.module.as_str(), import.field.as_str())).collect();
    let (personality, mut functions) = import::resolve_all(names)?;
    for (import, function) in imports.iter().zip(&mut functions) {
        let types = |types: &[ValueType]| types.iter().map(|ty| import_type(*ty)).collect::<Vec<_>>();
        let typed = function.typed(types(&import.ty.params), types(&import.ty.results));
        *function = typed.ok_or_else(|| LoadError::ImportType { field: import.field.clone() })?;
    }
    Ok((personality, functions))
}

fn import_type(ty: ValueType) -> Option<import::ValType> {
    match ty {
        ValueType::I32 => Some(import::ValType::I32),
        ValueType::I64 => Some(import::ValType::I64),
        _ => None,
    }
}

/// The state with the calls that were found to be possible.
fn with_frames(
    state: State,
    can_stop: bool,
    checked: Option<Vec<gate_snapshot::Frame>>,
) -> Result<State, StateError> {
    if !can_stop {
        return Err(StateError::Unstoppable);
    }
    let frames = match &state.frames {
        Frames::Raw { bytes, .. } => bytes.len(),
        Frames::Portable(frames) => frames.len(),
    };
    let checked = checked.unwrap_or_default();
    if (frames == 0) != checked.is_empty() {
        return Err(StateError::Continuation { frames, continuation: checked.len() });
    }
    Ok(State { frames: Frames::Portable(checked), ..state })
}

/// A linear memory, while the program runs.
struct LinearMemory(Arc<Region>);

impl gate_interpreter::Memory for LinearMemory {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: this value is made for the time that the program runs, and one for each memory: nobody else looks at the bytes
        // meanwhile, and the slice lives as long as it borrows this.
        unsafe { self.0.bytes_mut() }
    }

    fn grow_to(&mut self, bytes: usize) -> bool {
        self.0.grow_to(bytes).is_ok()
    }
}

/// What is outside of the program.
struct World<'p, C> {
    calls: C,
    imported: &'p [Function],
    control: &'p Region,
    can_stop: bool,
    /// How many stop points are left until it stops; 0 if they do not count.
    countdown: u64,
}

impl<C: Calls> Outside for World<'_, C> {
    fn is_stop_requested(&mut self) -> bool {
        if self.countdown > 0 {
            self.countdown -= 1;
            if self.countdown == 0 {
                return true;
            }
        }
        self.can_stop && self.control.first_word().load(std::sync::atomic::Ordering::Relaxed) != 0
    }

    fn call(&mut self, import: u32, arguments: &[u64], memory: &mut [u8]) -> Result<Option<u32>, Stop> {
        let function = usize::try_from(import).ok().and_then(|index| self.imported.get(index));
        let function = function.ok_or(Stop::Trap(gate_abi::trap::Trap::InternalError))?;
        self.calls.call(*function, arguments, memory)
    }
}

fn outcome(outcome: gate_interpreter::Outcome) -> Outcome {
    match outcome {
        gate_interpreter::Outcome::Returned(values) => {
            Outcome::Returned(values.into_iter().filter_map(Argument::from_state).collect())
        }
        gate_interpreter::Outcome::Suspended(state) => Outcome::Suspended(state),
        gate_interpreter::Outcome::Stopped(stop) => Outcome::Stopped(stop),
        gate_interpreter::Outcome::Trapped { trap, detail, frames } => {
            let frame = |call: gate_interpreter::Call| Frame {
                function_index: call.function,
                offset: Some(Offset::Original(call.offset)),
            };
            Outcome::Trapped { trap, detail, frames: frames.into_iter().map(frame).collect() }
        }
    }
}

fn start_error(error: gate_interpreter::StartError) -> StartError {
    use gate_interpreter::StartError as Error;
    match error {
        Error::Memories { .. } | Error::Memory { .. } | Error::Table { .. } => {
            StartError::Limit { message: error.to_string() }
        }
        Error::Module(error) => StartError::Module(error.into()),
        Error::State(error) => StartError::State(error.into()),
    }
}
