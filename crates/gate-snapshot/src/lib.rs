//! The state of a program that was stopped, as a value and as bytes.
//!
//! Everything here but the contents of linear memories, which are large and stay in files of their own.
//!
//! **Invariant**: whoever wrote the bytes is not trusted. Reading them neither panics nor allocates more than a small
//! multiple of their length.
#![forbid(unsafe_code)]

mod bytes;
mod state;

pub use bytes::DecodeError;
pub use state::{
    Entry, Exception, Frame, Frames, Phase, Reference, SettleError, State, Unsettled, Value, unsettle,
};
