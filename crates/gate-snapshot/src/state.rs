//! The state of a program, in the terms of the WebAssembly specification.

mod canonical;
mod encode;
mod settle;

#[cfg(test)]
mod tests;

pub(crate) use settle::References;
pub use settle::{SettleError, Unsettled, unsettle};

use gate_instrument::accept::ValueType;

/// A program that was stopped.
///
/// What it says of the program's parts is in the order of the original module's index spaces, never of the stoppable one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What was running, or is to run next if there are no frames.
    pub phase: Phase,
    /// What the program is to run.
    pub entry: Entry,
    /// The calls that have not returned.
    pub frames: Frames,
    /// The size of each linear memory, in pages of 64 KiB.
    pub memory_pages: Vec<u32>,
    /// The value of each global.
    pub globals: Vec<Value>,
    /// The elements of each table.
    pub tables: Vec<Vec<Reference>>,
    /// Whether each data segment, and then each element segment, is dropped: 0 or 1. Empty in a program that drops none.
    pub dropped: Vec<u8>,
    /// The exceptions that [`Reference::Exception`] names. One that carries others comes after these.
    pub exceptions: Vec<Exception>,
    /// The program's monotonic clock, in nanoseconds. It stands still while the program is stopped.
    pub monotonic_nanos: u64,
    /// What the functions that it imports keep: only they know the form.
    pub host: Vec<u8>,
}

/// How far a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nothing has run, not even the active segments are written. There are no frames.
    Fresh,
    /// The module's start function.
    Start,
    /// The entry's initialization function.
    Initialize,
    /// The entry function.
    Main,
}

/// What a program is to run after its start function. Functions are given by their index; each is exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Called first, without arguments.
    pub initialize: Option<u32>,
    /// Called then.
    pub function: Option<u32>,
    /// The arguments for it: numbers. Empty once it has been called.
    pub arguments: Vec<Value>,
}

/// The calls of a stopped program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frames {
    /// As the program left them: see [`gate_instrument::stop::control`].
    Raw {
        /// The frames.
        bytes: Vec<u8>,
        /// What the spill tables have: of `funcref`, `externref`, `exnref`.
        spilled: [Vec<Reference>; 3],
    },
    /// By themselves, outermost first.
    Portable(Vec<Frame>),
}

/// A function that has been called and has not returned: like [`gate_instrument::stop::Frame`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function.
    pub function: u32,
    /// The stop point that it is at: an offset in the module.
    pub site: u32,
    /// The values of its parameters and locals. Those that it does not read before it writes them are zero or null.
    pub locals: Vec<Value>,
    /// The values of its operands, the lowest first; of a call, those below its arguments.
    pub operands: Vec<Value>,
}

/// A value of a global, local or operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "they are the types of `ValueType`; floating-point numbers are given by their bits"
)]
pub enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    /// Of type `funcref`, `externref` or `exnref`.
    Reference(ValueType, Reference),
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Nothing. There are no other references of type `externref`: no function that can be imported gives any.
    Null,
    /// The function with this index.
    Function(u32),
    /// The element of [`State::exceptions`] with this index.
    Exception(u32),
}

/// An exception that is held by reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its tag's index.
    pub tag: u32,
    /// What it carries.
    pub values: Vec<Value>,
}
