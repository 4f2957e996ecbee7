//! The only crate that names Wasmtime: compile a module, load the artifact, run the program.
//!
//! The three steps happen in different processes or at different levels of trust:
//!
//! 1. [`compile()`] reads a hostile module in a compiler process and makes an artifact.
//! 2. [`Program::load`] maps an artifact in a worker process and reserves its linear memories: the last step that needs
//!    executable mappings.
//! 3. [`Program::run`] runs the program in the worker, under its final system call filter.
//!
//! **Invariant**: an artifact is machine code. It is loaded nowhere but in a sealed worker process, and no function here
//! takes one as bytes: only as a file that our own compile step wrote.

mod artifact;
mod backtrace;
mod compile;
mod config;
mod limiter;
mod memory;
mod program;

pub use artifact::ArtifactError;
pub use backtrace::{Frame, SourceLine};
pub use compile::{CompileError, Compiled, compile, use_threads};
pub use config::{ConfigError, Settings, Tier, engine_config, fingerprint};
pub use memory::Region;
pub use program::{
    Argument, Calls, Finished, LoadError, MemoryLimits, Outcome, Program, StartError, Value, WarmUpError,
    warm_up,
};
