//! A program: loaded from an artifact, ready to run.
#![expect(unsafe_code, reason = "loading compiled code")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use gate_abi::import::{self, UnknownImport};
use gate_instrument::accept::{Facts, Outline};
use gate_instrument::stop::{Offsets, PROGRAM};
use wasmtime::{Engine, ExternType, Module};

use crate::StopFlag;
use crate::artifact::{self, Added};
use crate::calls::import_type;
use crate::config::{self, ConfigError, Settings, Stops, control_bytes, resumed_stack_bytes};
use crate::container::ArtifactError;
use crate::continuation::{self, ContinuationFacts};
use crate::memory::{Region, Regions, WASM_PAGE_BYTES};

/// What a program may allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// All linear memories together, in bytes; a multiple of 65536 is of most use.
    pub memory_bytes: usize,
    /// All tables together.
    pub table_elements: usize,
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
    /// The artifact was made with another choice of [`Settings::stops`].
    #[error("compiled module can be stopped in another way than this program is to be")]
    Stops,
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
    /// It had another number of memories.
    #[error("the program has {found} linear memories, and {given} files for them")]
    #[expect(missing_docs, reason = "the message names the fields")]
    Memories { found: usize, given: usize },
}

/// A program that is ready to run.
#[derive(Debug)]
pub struct Program {
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
    pub(crate) continuation: Option<Continuation>,
}

/// The code that continues a program.
#[derive(Debug)]
pub(crate) struct Continuation {
    pub(crate) module: Module,
    pub(crate) facts: ContinuationFacts,
    pub(crate) offsets: Offsets,
}

impl Program {
    /// Maps the artifact in the first `artifact_bytes` bytes of `file` and reserves the program's memories. After
    /// this, nothing needs to be mapped executable any more.
    ///
    /// `adopted` are the files of the linear memories of a program that continues, in order; [`None`] makes a new one. They must be
    /// sealed in size; each memory's limit is its file's length. A program that was in the middle of something is to be given
    /// [`Program::continue_with`], too.
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
        adopted: Option<Vec<OwnedFd>>,
    ) -> Result<Self, LoadError> {
        let artifact = artifact::read(&file, artifact_bytes)?;
        if kind(artifact.added.as_ref()) != settings.stops {
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
        let count = all.saturating_sub(usize::from(artifact.added.is_some()));
        let regions = match adopted {
            Some(files) if files.len() != count => {
                return Err(LoadError::Memories { found: count, given: files.len() });
            }
            Some(files) => files.into_iter().map(Region::adopt).collect(),
            None => (0..count).map(|_| Region::new(limits.memory_bytes)).collect::<Result<Vec<_>, _>>(),
        };
        let regions: Vec<_> =
            regions.map_err(|source| LoadError::Memory { source })?.into_iter().map(Arc::new).collect();
        memories.provide(&regions);
        let stoppable = match artifact.added {
            Some(added) => Some(Stoppable::load(added, settings)?),
            None => None,
        };
        if let Some(stoppable) = &stoppable {
            memories.provide(std::slice::from_ref(&stoppable.control));
        }
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
        Ok(Self { engine, module, facts, regions, limits, stoppable })
    }

    /// Maps what [`continuation()`](crate::continuation()) made for it, in the first `bytes` bytes of `file`, like an artifact.
    ///
    /// # Errors
    /// [`LoadError`]; [`LoadError::Stops`] when the program cannot be stopped, so that nothing continues it.
    pub fn continue_with(&mut self, file: File, bytes: u64) -> Result<(), LoadError> {
        let stoppable = self.stoppable.as_mut().ok_or(LoadError::Stops)?;
        stoppable.continuation = Some(Continuation::load(&self.engine, file, bytes)?);
        Ok(())
    }

    /// What is known of it: everything but its imports, memories, tables and debug information.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its linear memories, in order. Their files are what a program adopts that continues where this one stops.
    #[must_use]
    pub fn memories(&self) -> &[Arc<Region>] {
        &self.regions
    }

    /// What stops it, if it can be stopped. That it counts stop points does not matter: where it would not look by itself,
    /// it is looked at between the functions that it is to run.
    #[must_use]
    pub fn stop_flag(&self) -> Option<StopFlag> {
        self.stoppable.as_ref().map(|stoppable| StopFlag::new(Arc::clone(&stoppable.control)))
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
        Ok(Self { added, control: Arc::new(control), continuation: None })
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
