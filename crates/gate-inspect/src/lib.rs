//! What a module or snapshot is, for people and as JSON; and names and source lines, for backtraces and debuggers.
//!
//! **Invariant**: pure functions of bytes that strangers made. Nothing of them makes this crate panic; memory is in proportion to
//! their number, and so is work, for which there are budgets where a format lets few bytes ask for much.
#![forbid(unsafe_code)]

mod symbols;

pub use self::symbols::{LineCode, SourceLine, Symbols};
