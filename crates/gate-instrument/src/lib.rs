//! Decides which WebAssembly modules are accepted, and makes them stoppable.
//!
//! [`accept::accept`] is the only gate a program passes on its way to the compiler: what it lets through is valid
//! WebAssembly of the accepted features, within [`accept::Limits`], imports nothing that does not exist, and is
//! described by [`accept::Facts`] so that nobody has to parse it again.
//!
//! [`stop::Program`] transforms an accepted module so that it can be stopped almost anywhere, taken down as a value, and
//! continued elsewhere.
//!
//! **Invariant**: pure functions of their arguments. Every byte of a module is hostile: no module makes this crate panic,
//! and what is allocated is in proportion to the module's size.
#![forbid(unsafe_code)]

pub mod accept;
mod quote;
pub mod stop;
