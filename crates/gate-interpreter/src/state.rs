//! The state of a program: taken, and put into a new instance.
//!
//! A state is a stranger's: every count, type and index in it is checked, and what does not fit is an error.

mod restore;
mod save;

use gate_instrument::accept::ValueType;
use gate_snapshot::Value;

pub(crate) use save::Saver;

/// What in a state does not fit the program.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StateError {
    /// Its frames are as a compiled program has left them.
    #[error("its calls are not settled")]
    Raw,
    /// There is another number of something.
    #[error("it has {found} {what}, and the program {expected}")]
    Count { what: &'static str, found: usize, expected: usize },
    /// A value has another type, or refers to what there is not, or what may not be there.
    #[error("{what} {index} of it is nothing that the program can have there")]
    Value { what: &'static str, index: usize },
    /// A table is smaller than it was from the start, or larger than it can be.
    #[error("table {index} of it has {elements} elements")]
    Table { index: usize, elements: usize },
    /// A memory is smaller than it was from the start, or larger than it can be.
    #[error("memory {index} of it has {pages} pages")]
    Memory { index: usize, pages: u32 },
    /// A call is at no stop point that there is here: it may be one before an instruction.
    #[error("call {position} of it is at {site:#x}, which is no stop point of function {function}")]
    Site { position: usize, function: u32, site: u32 },
    /// A call cannot have been made by the one before it, or is not the last one, or should be.
    #[error("call {position} of {calls} is of function {function}, which cannot be there")]
    Order { position: usize, calls: usize, function: u32 },
    /// There is no room for all calls.
    #[error("there is no room for call {position} of it and those in it")]
    Room { position: usize },
    /// The module is not one that was accepted.
    #[error(transparent)]
    Module(#[from] crate::ModuleError),
}

/// The type of a value.
pub(crate) const fn value_type(value: &Value) -> ValueType {
    match value {
        Value::I32(_) => ValueType::I32,
        Value::I64(_) => ValueType::I64,
        Value::F32(_) => ValueType::F32,
        Value::F64(_) => ValueType::F64,
        Value::V128(_) => ValueType::V128,
        Value::Reference(ty, _) => *ty,
    }
}

/// The slots of a value that is a number, as one.
pub(crate) fn number(value: Value) -> Option<u128> {
    Some(match value {
        Value::I32(bits) | Value::F32(bits) => bits.into(),
        Value::I64(bits) | Value::F64(bits) => bits.into(),
        Value::V128(bits) => bits,
        Value::Reference(..) => return None,
    })
}
