//! A compiled program: loaded from an artifact, ready to run.
#![expect(unsafe_code, reason = "loading compiled code")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use gate_abi::import;
use gate_instrument::accept::Facts;
use gate_instrument::stop::{Offsets, PROGRAM};
use wasmtime::{Engine, ExternType, Module};

use crate::artifact::{self, Added, Form};
use crate::calls::import_type;
use crate::config::{self, Settings, Stops, control_bytes, resumed_stack_bytes};
use crate::container::ArtifactError;
use crate::continuation::{self, ContinuationFacts};
use crate::memory::{Region, Regions, WASM_PAGE_BYTES};
use crate::program::{LoadError, MemoryLimits, regions};

/// A compiled program that is ready to run.
#[derive(Debug)]
pub(crate) struct CompiledProgram {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    pub(crate) facts: Facts,
    pub(crate) regions: Vec<Arc<Region>>,
    pub(crate) limits: MemoryLimits,
    pub(crate) stoppable: Option<Stoppable>,
}

/// What a program has that can be stopped.
#[derive(Debug)]
pub(crate) struct Stoppable {
    pub(crate) added: Added,
    pub(crate) control: Arc<Region>,
    /// How many memories of the module are the control memory.
    memories: usize,
    pub(crate) continuation: Option<Continuation>,
}

/// The code that continues a program.
#[derive(Debug)]
pub(crate) struct Continuation {
    pub(crate) module: Module,
    pub(crate) facts: ContinuationFacts,
    pub(crate) offsets: Offsets,
}

impl CompiledProgram {
    /// See [`crate::Program::load`].
    pub(crate) fn load(
        file: File,
        artifact_bytes: u64,
        settings: Settings,
        limits: MemoryLimits,
        adopted: Option<Vec<OwnedFd>>,
    ) -> Result<Self, LoadError> {
        let mut artifact = artifact::read(&file, artifact_bytes)?;
        let added = match std::mem::replace(&mut artifact.form, Form::Plain) {
            Form::Plain => None,
            Form::Stoppable(added) => Some(added),
            Form::Interpreted(_) => return Err(ArtifactError::Damaged.into()),
        };
        if kind(added.as_ref()) != settings.stops {
            return Err(LoadError::Stops);
        }
        let settings = match adopted {
            Some(_) => Settings { stack_bytes: resumed_stack_bytes(settings.stack_bytes), ..settings },
            None => settings,
        };
        // How many memories there are is known only when the module is there, which needs the engine.
        let memories = Regions::waiting();
        let engine = config::engine(settings, Arc::clone(&memories))?;
        let module = deserialize(&engine, file)?;
        let (personality, mut functions) =
            import::resolve_all(module.imports().map(|i| (i.module(), i.name())).collect::<Vec<_>>())?;
        for (import, function) in module.imports().zip(&mut functions) {
            let typed = match import.ty() {
                ExternType::Func(ty) => {
                    let (params, results): (Vec<_>, Vec<_>) =
                        (ty.params().map(import_type).collect(), ty.results().map(import_type).collect());
                    function.typed(params, results)
                }
                _ => None,
            };
            *function = typed.ok_or_else(|| LoadError::ImportType { field: import.name().to_owned() })?;
        }
        let all = usize::try_from(module.resources_required().num_memories).unwrap_or(usize::MAX);
        let count = all.saturating_sub(settings.control_memories());
        let regions = regions(count, limits, adopted)?;
        memories.provide(&regions);
        let stoppable = match added {
            Some(added) => Some(Stoppable::load(added, settings)?),
            None => None,
        };
        if let Some(stoppable) = &stoppable {
            memories.provide(&vec![Arc::clone(&stoppable.control); stoppable.memories]);
        }
        let memory = artifact.memory;
        let facts = Facts { outline: artifact.outline(), personality, imported: functions, memory };
        Ok(Self { engine, module, facts, regions, limits, stoppable })
    }

    /// See [`crate::Program::continue_with`].
    pub(crate) fn continue_with(&mut self, file: File, bytes: u64) -> Result<(), LoadError> {
        let stoppable = self.stoppable.as_mut().ok_or(LoadError::Stops)?;
        stoppable.continuation = Some(Continuation::load(&self.engine, file, bytes)?);
        Ok(())
    }

    /// See [`crate::Program::facts`].
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// See [`crate::Program::memories`].
    pub(crate) fn memories(&self) -> &[Arc<Region>] {
        &self.regions
    }

    /// The memory whose first word stops it.
    pub(crate) fn control(&self) -> Option<&Arc<Region>> {
        self.stoppable.as_ref().map(|stoppable| &stoppable.control)
    }
}

impl Stoppable {
    fn load(added: Added, settings: Settings) -> Result<Self, LoadError> {
        let bytes = usize::try_from(added.pages).unwrap_or(usize::MAX).saturating_mul(WASM_PAGE_BYTES);
        // What tells of dropped segments and of the frames of a program that continues must fit in any case.
        let used = added.frames.saturating_add(FIXED_BYTES);
        let used =
            control_bytes(settings.stack_bytes).saturating_add(usize::try_from(used).unwrap_or(usize::MAX));
        let control = Region::control(bytes, used).map_err(|source| LoadError::Memory { source })?;
        let memories = settings.control_memories();
        Ok(Self { added, control: Arc::new(control), memories, continuation: None })
    }

    /// How many bytes of memory the engine counts in a new instance that are none of the program's: the control memory, and a page
    /// for each further memory that is the same.
    pub(crate) fn uncounted(&self) -> usize {
        self.control.size() + self.memories.saturating_sub(1) * WASM_PAGE_BYTES
    }
}

/// More than the fixed part of the control memory has.
const FIXED_BYTES: u32 = 4096;

impl Continuation {
    fn load(engine: &Engine, file: File, bytes: u64) -> Result<Self, LoadError> {
        let (facts, offsets) = continuation::read(&file, bytes)?;
        let module = deserialize(engine, file)?;
        if module.imports().any(|import| import.module() != PROGRAM) {
            return Err(LoadError::Artifact(ArtifactError::Damaged));
        }
        Ok(Self { module, facts, offsets })
    }
}

fn deserialize(engine: &Engine, file: File) -> Result<Module, LoadError> {
    // SAFETY: the file holds what our compile step wrote, as far as anybody can know: whoever made it has seen a
    // hostile module. That is why this process is sealed, and what the code may do is what the process may do.
    unsafe { Module::deserialize_open_file(engine, file) }.map_err(|source| LoadError::Engine { source })
}

/// How a program can be stopped to which this was added.
fn kind(added: Option<&Added>) -> Stops {
    match added {
        None => Stops::None,
        Some(added) if added.countdown.is_some() => Stops::Count,
        Some(_) => Stops::Flag,
    }
}
