//! Scaffolding of the end-to-end tests: real programs, real processes.
//!
//! * [`guests`] produces WebAssembly programs: CRuby, SQLite, Lua, QuickJS, a Go program and C programs of our own.
//! * [`scenarios`] says what to run them with and what they must print.
//! * [`states`] is a collection of small programs that are each in the middle of something.
//! * [`process`] runs a native program with a deadline and keeps its logs.
//! * [`skip`](fn@skip) says that a test was not run.
//! * [`binaries`] finds the programs `gate` and `gate-runtime`, and builds them when they are missing or old.
//! * [`elsewhere`] runs WebAssembly programs in what others have made for that.
//! * [`python`] makes a program of the services in Python.
//!
//! What is built or downloaded is kept under the target directory ([`cache`]). For use by tests and benches only.

pub mod binaries;
pub mod cache;
pub mod elsewhere;
pub mod guests;
pub mod process;
pub mod python;
pub mod scenarios;
mod skip;
pub mod states;

pub use skip::skip;
