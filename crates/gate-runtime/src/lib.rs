//! Starts containers and supervises the programs in them.
//!
//! This is the trusted side. A [`Container`] is a process of the `gate-runtime` program and all that it forks.
//! [`compile()`] has a module compiled in one. An [`Instance`] is a program that was launched, one of many at once; [`run()`] waits
//! until one has ended, and serves its packets. What comes back is a value, whatever the program did: [`Verdict`]. Errors are for what the program cannot be blamed for.
//!
//! ```text
//!                 Container::start      wait_ready
//!   (nothing) ───────────────────▶ starting ─────▶ ready ──┬─ compile ─▶ Artifact
//!                                                          └─ run ─────▶ Verdict
//! ```
//!
//! **Invariant**: no byte of a module or an artifact is looked at here, and nothing that a worker sends is believed
//! beyond what it says of its own program.
#![forbid(unsafe_code)]

mod compile;
mod container;
mod instance;
mod job;
mod packets;
mod resume;
mod run;
mod suspended;
mod watch;

pub use compile::{Compiled, compile};
pub use container::{Container, ContainerError, ContainerOptions, Process, Readiness};
pub use instance::Instance;
pub use job::{JobLimits, Sealed, Undone};
pub use packets::Services;
pub use resume::NotResumed;
pub use run::{Crash, Given, Limit, Report, Verdict, run};
pub use suspended::{
    Debug, Restoration, Restored, Suspended, compile_debug, inspect, locate, restore, standalone, symbolize,
};
pub use watch::Watch;

pub use gate_service::Failure;
pub use gate_wire::container::Usage;
pub use gate_wire::worker::{
    Entry, Format, Frame, Launch, Limits, Outcome, Personality, RefusalKind, SourceLine, Statistics, Stops,
    Tier, Value,
};
