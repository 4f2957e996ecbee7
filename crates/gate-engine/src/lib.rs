//! The only crate that names Wasmtime: compile a module, load the artifact, run the program. Or interpret it.
//!
//! Three steps happen in different processes or at different levels of trust:
//!
//! 1. [`compile()`] reads a hostile module in a compiler process and makes an artifact.
//! 2. [`Program::load`] maps an artifact in a worker process and reserves its linear memories: the last step that needs
//!    executable mappings.
//! 3. [`Program::run`] runs the program in the worker, under its final system call filter: to its end, or until it is
//!    stopped, which gives a [`State`](gate_snapshot::State).
//!
//! A program that was stopped continues in another process. [`continuation()`] makes what that takes, in a compiler process
//! since the state is as hostile as the module; [`Program::load`] adopts the memories; [`Program::run`] restores the rest.
//! The state fits every engine, so that a program can start with one and continue with another.
//!
//! **Invariant**: an artifact is machine code. It is loaded nowhere but in a sealed worker process, and no function here
//! takes one as bytes: only as a file that our own compile step wrote.

mod artifact;
mod backtrace;
mod calls;
mod capture;
mod codec;
mod compile;
mod compiled;
mod config;
mod container;
mod continuation;
mod interpreted;
mod limiter;
mod live;
mod mapped;
mod memory;
mod program;
mod references;
mod restore;
mod run;
mod stop;
mod symbolize;
mod value;
mod warm_up;

pub use artifact::offsets;
pub use backtrace::{Frame, Offset};
pub use calls::Calls;
pub use compile::{CompileError, Compiled, binary, compile, compile_with_breakpoints, use_threads};
pub use config::{
    ConfigError, MAX_STACK_BYTES, Settings, Stops, Tier, control_bytes, engine_config, fingerprint,
    resumed_stack_bytes, transform,
};
pub use container::ArtifactError;
pub use continuation::{ContinueError, continuation, continuation_with_breakpoints};
pub use memory::Region;
pub use program::{LoadError, MemoryLimits, Program};
pub use run::{Finished, Outcome, RunOptions, Start, StartError, StateError};
pub use stop::StopFlag;
pub use symbolize::original_offsets;
pub use value::{Argument, Value};
pub use warm_up::{WarmUpError, warm_up, warm_up_to_compile};
