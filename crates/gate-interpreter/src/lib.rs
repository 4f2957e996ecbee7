//! Runs a module at once, without compiling it: for programs that nobody has seen before.
//!
//! [`Module::parse`] reads the sections of a module that was accepted. Its functions are validated and translated when they
//! are called for the first time. [`Instance::run`] runs it to its end or until it shall stop, and gives its state then: the
//! one that a compiled program would be in, so that it can go on in compiled code, here or elsewhere. [`Instance::resume`]
//! goes on from the state of any program.
//!
//! ```text
//!   Module::parse ──▶ Instance::new ────▶ Instance::run ──▶ Outcome
//!                     Instance::resume ─▶       ▲               │ Suspended(State)
//!                            ▲                  └─ or simply ───┤
//!                            └──────────────────────────────────┘
//! ```
//!
//! # Stop points
//!
//! They are those of [`gate_instrument::stop`], and the entries of all functions that are called: a compiled program can be continued from
//! each. It can be continued here from each at which a program stops by itself, and from calls, but not from breakpoints.
//!
//! # What it allows
//!
//! Everything that [`mod@gate_instrument::accept`] does. Relaxed vector instructions do what the engine does that is told to be
//! deterministic.
//!
//! **Invariant**: no module and no state makes it panic, or work out of proportion to its size; a program sees no memory but its
//! own. Nothing here is compiled, mapped or unsafe.
#![forbid(unsafe_code)]

mod code;
mod exception;
mod execute;
mod instance;
mod module;
mod numeric;
mod run;
mod scalars;
mod simd;
mod state;
mod translate;

pub use instance::{Instance, Limits, Memory, Outside, StartError};
pub use module::{Module, ModuleError};
pub use run::{Call, Outcome};
pub use state::StateError;
