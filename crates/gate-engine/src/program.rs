//! A program: loaded from an artifact, ready to run.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use gate_abi::import::UnknownImport;
use gate_instrument::accept::Facts;

use crate::StopFlag;
use crate::calls::Calls;
use crate::compiled::CompiledProgram;
use crate::config::{ConfigError, Settings, Tier};
use crate::container::ArtifactError;
use crate::interpreted::InterpretedProgram;
use crate::memory::Region;
use crate::run::{Finished, RunOptions, Start, StartError};

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
pub struct Program(Form);

#[derive(Debug)]
enum Form {
    Compiled(Box<CompiledProgram>),
    Interpreted(Box<InterpretedProgram>),
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
        Ok(Self(match settings.tier {
            Tier::Interpreter => {
                let program = InterpretedProgram::load(&file, artifact_bytes, settings, limits, adopted)?;
                Form::Interpreted(Box::new(program))
            }
            Tier::Cranelift | Tier::Winch | Tier::Pulley => {
                let program = CompiledProgram::load(file, artifact_bytes, settings, limits, adopted)?;
                Form::Compiled(Box::new(program))
            }
        }))
    }

    /// Maps what [`continuation()`](crate::continuation()) made for it, in the first `bytes` bytes of `file`, like an artifact.
    ///
    /// # Errors
    /// [`LoadError`]; [`LoadError::Stops`] when the program cannot be stopped, so that nothing continues it.
    pub fn continue_with(&mut self, file: File, bytes: u64) -> Result<(), LoadError> {
        match &mut self.0 {
            Form::Compiled(program) => program.continue_with(file, bytes),
            Form::Interpreted(program) => program.continue_with(&file, bytes),
        }
    }

    /// What is known of it: everything but its imports, memories, tables and debug information.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        match &self.0 {
            Form::Compiled(program) => program.facts(),
            Form::Interpreted(program) => program.facts(),
        }
    }

    /// Its linear memories, in order. Their files are what a program adopts that continues where this one stops.
    #[must_use]
    pub fn memories(&self) -> &[Arc<Region>] {
        match &self.0 {
            Form::Compiled(program) => program.memories(),
            Form::Interpreted(program) => program.memories(),
        }
    }

    /// What stops it, if it can be stopped. That it counts stop points does not matter: where it would not look by itself,
    /// it is looked at between the functions that it is to run.
    #[must_use]
    pub fn stop_flag(&self) -> Option<StopFlag> {
        let control = match &self.0 {
            Form::Compiled(program) => program.control(),
            Form::Interpreted(program) => program.control(),
        };
        control.cloned().map(StopFlag::new)
    }

    /// Runs the program to its end, or until it is stopped.
    ///
    /// # Errors
    /// [`StartError`] when not a single instruction could run.
    pub fn run<C: Calls>(
        self,
        calls: C,
        start: Start<'_>,
        options: RunOptions,
    ) -> Result<Finished<C>, StartError> {
        match self.0 {
            Form::Compiled(program) => program.run(calls, start, options),
            Form::Interpreted(program) => program.run(calls, start, options),
        }
    }
}

/// The linear memories of a program: `count` new ones, or those in `adopted`.
pub(crate) fn regions(
    count: usize,
    limits: MemoryLimits,
    adopted: Option<Vec<OwnedFd>>,
) -> Result<Vec<Arc<Region>>, LoadError> {
    let regions = match adopted {
        Some(files) if files.len() != count => {
            return Err(LoadError::Memories { found: count, given: files.len() });
        }
        Some(files) => files.into_iter().map(Region::adopt).collect(),
        None => (0..count).map(|_| Region::new(limits.memory_bytes)).collect::<Result<Vec<_>, _>>(),
    };
    Ok(regions.map_err(|source| LoadError::Memory { source })?.into_iter().map(Arc::new).collect())
}
