//! Whether a state can be one of a module, as far as a snapshot has to know.

use gate_instrument::accept::ValueType;

use super::parts::Parts;
use crate::snapshot::PAGE;
use crate::{Frames, Phase, Reference, State, Value};

/// How many elements a table can have: as many as browsers take.
const MAX_ELEMENTS: u64 = 10_000_000;

/// Why a state is not one of a module.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Misfit {
    /// The program has another number of something.
    #[error("the state is of {found} {what}, and the program has {expected}")]
    Count { what: &'static str, found: usize, expected: usize },
    /// A memory or table is larger than it can become.
    #[error("{what} {index} of the state has size {found} (limit: {limit})")]
    Size { what: &'static str, index: usize, found: u64, limit: u64 },
    /// A value of another type.
    #[error("the value of global {index} has type {found}, and the global has type {expected}")]
    Type { index: usize, found: ValueType, expected: ValueType },
    /// A reference to something of another type, or to nothing.
    #[error("{what} {index} of the state refers to what it cannot refer to")]
    Reference { what: &'static str, index: usize },
    /// Neither 0 nor 1.
    #[error("whether segment {index} is dropped is said by a byte {found}")]
    Dropped { index: usize, found: u8 },
    /// Something runs before the program is there.
    #[error("the state has frames, and nothing has run")]
    Fresh,
}

/// Makes sure that everything a snapshot says in terms of the module can be said.
pub(super) fn check(state: &State, parts: &Parts<'_>) -> Result<(), Misfit> {
    if state.phase == Phase::Fresh {
        let none = matches!(&state.frames, Frames::Portable(frames) if frames.is_empty());
        return if none { Ok(()) } else { Err(Misfit::Fresh) };
    }
    let count = |what, found, expected| {
        if found == expected { Ok(()) } else { Err(Misfit::Count { what, found, expected }) }
    };
    count("memories", state.memory_pages.len(), parts.memories.len())?;
    count("globals", state.globals.len(), parts.globals.len())?;
    count("tables", state.tables.len(), parts.tables.len())?;
    if !state.dropped.is_empty() {
        count("segments", state.dropped.len(), parts.data.len() + parts.elements.len())?;
    }
    let size = |what, index, found, limit| {
        if found <= limit { Ok(()) } else { Err(Misfit::Size { what, index, found, limit }) }
    };
    for (index, (pages, memory)) in state.memory_pages.iter().zip(&parts.memories).enumerate() {
        let limit = memory.ty.maximum.unwrap_or(PAGE).min(PAGE);
        size("memory", index, u64::from(*pages), limit)?;
    }
    for (index, (value, global)) in state.globals.iter().zip(&parts.globals).enumerate() {
        let (found, expected) = (value.ty(), global.ty);
        if found != expected {
            return Err(Misfit::Type { index, found, expected });
        }
        if let Value::Reference(ty, reference) = *value
            && !fits(reference, ty, state, parts)
        {
            return Err(Misfit::Reference { what: "global", index });
        }
    }
    for (index, (elements, table)) in state.tables.iter().zip(&parts.tables).enumerate() {
        let limit = table.ty.maximum.unwrap_or(MAX_ELEMENTS).min(MAX_ELEMENTS);
        size("table", index, elements.len() as u64, limit)?;
        if elements.iter().any(|element| !fits(*element, table.element, state, parts)) {
            return Err(Misfit::Reference { what: "table", index });
        }
    }
    match state.dropped.iter().enumerate().find(|(_, byte)| **byte > 1) {
        Some((index, found)) => Err(Misfit::Dropped { index, found: *found }),
        None => Ok(()),
    }
}

/// Whether a reference of a type is to something that there is.
fn fits(reference: Reference, ty: ValueType, state: &State, parts: &Parts<'_>) -> bool {
    let there = match reference {
        Reference::Null => true,
        Reference::Function(index) => index < parts.functions,
        Reference::Exception(index) => {
            usize::try_from(index).is_ok_and(|index| index < state.exceptions.len())
        }
    };
    there && reference.can_be(ty)
}

impl Value {
    /// Its type.
    pub const fn ty(self) -> ValueType {
        match self {
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
            Self::V128(_) => ValueType::V128,
            Self::Reference(ty, _) => ty,
        }
    }
}
