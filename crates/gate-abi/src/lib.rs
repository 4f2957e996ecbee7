//! What guests see: error numbers, trap codes, import names, and what their calls need from outside.
//!
//! **Invariant**: no I/O, no clocks, no randomness; everything a call needs from outside comes through
//! [`host::Host`].
#![forbid(unsafe_code)]

pub mod clock;
pub mod errno;
pub mod host;
pub mod import;
pub mod limits;
pub mod memory;
pub mod trap;
