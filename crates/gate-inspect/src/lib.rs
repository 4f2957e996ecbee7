//! What a module or snapshot is, for people and as JSON; and names and source lines, for backtraces and debuggers.
//!
//! **Invariant**: pure functions of bytes that strangers made. Nothing of them makes this crate panic; memory is in proportion to
//! their number, and so is work, for which there are budgets where a format lets few bytes ask for much.
#![forbid(unsafe_code)]

mod escape;
mod facts;
mod json;
mod locate;
mod symbols;
mod text;

pub use self::facts::{
    Buffers, CallFrame, Counts, DataUse, DescriptorState, EntryPoint, Exception, Export, Facts, FileTotals,
    FunctionName, Global, HostState, Import, Kind, Memory, NamedValue, Producer, Program, Section,
    ServiceBuffer, Site, State, Stops, Table, TableUse, Trap, TypedValue, WasiState, facts,
};
pub use self::locate::{LocateError, locate};
pub use self::symbols::{LineCode, SourceLine, Symbols};
