//! Snapshots of the existing system: version 0.
//!
//! A program moves between the two implementations by way of them: [`read`] takes any, and [`write()`] makes one of a program that
//! both run, if it is stopped where both can.
//!
//! Such a file is a module whose memory, globals and data are the program's current ones. It has no start function, and these
//! sections besides:
//!
//! | Section | Place | Content |
//! |---|---|---|
//! | `gate.snapshot` | before those below, usually behind the globals | how the program was stopped |
//! | `gate.export` | that of the exports | the export section, if there is a stack, so that nobody can call the program |
//! | `gate.buffer` | behind the code | what is between the program and its services, if anything |
//! | `gate.stack` | behind that, before the data | the frames, unless nothing is to run |
//!
//! Frames are words: see the source of `stack.rs`. A frame tells where it is by a number: the position, in a table that the other
//! system's compiler makes, of a place in machine code. That table follows from the module alone; the source of `scan.rs`
//! says how.

mod error;
mod load;
mod module;
mod numbering;
mod read;
mod scan;
mod segments;
mod stack;
mod store;
mod table;
mod write;

pub use self::error::StackError;
pub use self::module::ModuleError;
pub use self::read::{ReadError, read};
pub use self::write::{Expressible, STACK_BYTES_DEFAULT, Source, WriteError, expressible, write};

/// The version of these snapshots.
pub const VERSION: u64 = 0;

const EXPORT_NAME: &str = "gate.export";
const BUFFER_NAME: &str = "gate.buffer";
const STACK_NAME: &str = "gate.stack";

#[cfg(test)]
mod tests;
