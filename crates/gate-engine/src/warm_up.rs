//! What all programs of a process share, made before it is forked.

use std::fs::File;
use std::io::Write;

use gate_abi::host::Stop;
use gate_abi::import::Function;
use gate_abi::trap::Trap;
use gate_instrument::accept::EntryError;

use crate::compile::{self, Threads};
use crate::config::Settings;
use crate::{Calls, LoadError, MemoryLimits, Program, RunOptions, Start, StartError};

/// Compiles and runs a program that does nothing, so that what all programs need is initialized in this process before it
/// is forked. Makes no threads: a process that has some cannot be forked.
///
/// # Errors
/// [`WarmUpError`] if even that is impossible.
pub fn warm_up(settings: Settings) -> Result<(), WarmUpError> {
    const NOTHING: &[u8] = b"(module (memory (export \"memory\") 1) (func (export \"_start\")))";
    let compiled = compile::compile_with(NOTHING, settings, &[], Threads::Own)?;
    let artifact_bytes = compiled.artifact.len() as u64;
    let mut file = File::from(
        rustix::fs::memfd_create("warm-up", rustix::fs::MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?,
    );
    file.write_all(&compiled.artifact)?;
    let limits = MemoryLimits { memory_bytes: 1 << 16, table_elements: 0 };
    let program = Program::load(file, artifact_bytes, settings, limits, None)?;
    let entry = program.facts().entry(None)?;
    program.run(NoCalls, Start::Fresh { entry: &entry, arguments: &[] }, RunOptions::default())?;
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
