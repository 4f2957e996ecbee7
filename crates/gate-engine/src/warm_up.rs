//! What all programs of a process share, made before it is forked.

use std::fs::File;
use std::io::Write;

use gate_abi::host::Stop;
use gate_abi::import::Function;
use gate_abi::trap::Trap;
use gate_instrument::accept::EntryError;
use gate_instrument::stop::{self, Poll, SiteKind, StopError};
use gate_snapshot::{Frame, Frames, State, Value};

use crate::compile::{self, Threads};
use crate::config::Settings;
use crate::continuation::{self, ContinueError, continuation};
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

/// Makes threads for compiling, and with them what a small program needs to be compiled and to continue, so that who does either
/// next in this process finds everything there.
///
/// # Errors
/// [`WarmUpError`] if even that is impossible.
pub fn warm_up_to_compile(settings: Settings) -> Result<(), WarmUpError> {
    /// Some of what most functions have, for several threads.
    const LITTLE: &[u8] = b"(module (memory 1) (global $g (mut i32) (i32.const 0))
        (func $a (param $n i32) (result i32)
          (loop $again
            (i32.store (local.get $n) (i32.add (i32.load (local.get $n)) (global.get $g)))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (call $b (local.get $n)))
        (func $b (param $n i32) (result i32)
          (if (result i32) (local.get $n) (then (call $a (i32.const 1))) (else (i32.const 0))))
        (func (export \"memory\") (result i32) (i32.mul (call $a (i32.const 2)) (call $b (i32.const 3)))))";
    compile::make_ready();
    compile::compile_with(LITTLE, settings, &[], Threads::for_module(LITTLE.len()))?;
    if let Some(poll) = settings.poll() {
        let binary = compile::binary(LITTLE).expect("it is the text of a module");
        let state = State { frames: Frames::Portable(little_frames(&binary, poll)?), ..continuation::EMPTY };
        continuation(&binary, &state, settings)?;
    }
    compile::make_room();
    Ok(())
}

/// Where the little program can have stopped: in the loop of its first function, which the last one has called.
fn little_frames(module: &[u8], poll: Poll) -> Result<Vec<Frame>, WarmUpError> {
    let program = stop::Program::new(module, &Settings::transform(poll, &[]))?;
    let frame = |function, kind, locals| -> Result<Option<Frame>, StopError> {
        let site = program.sites(function)?.into_iter().find(|site| site.kind == kind);
        Ok(site.map(|site| Frame { function, site: site.id.0, locals, operands: Vec::new() }))
    };
    let outer = frame(2, SiteKind::Call, Vec::new())?;
    let inner = frame(0, SiteKind::Loop, vec![Value::I32(1)])?;
    Ok([outer, inner].into_iter().flatten().collect())
}

/// Why [`warm_up`] failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum WarmUpError {
    Compile(#[from] crate::CompileError),
    Stop(#[from] StopError),
    Continue(#[from] ContinueError),
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
