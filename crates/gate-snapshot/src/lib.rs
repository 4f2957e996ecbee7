//! The state of a program that was stopped: as a value, as bytes, and as a snapshot.
//!
//! A [`State`] is everything but the contents of linear memories, which are large and stay in files of their own. A
//! [`Snapshot`] has these, too, and the program itself: [`mod@file`] says how it is written down.
//!
//! **Invariant**: whoever wrote the bytes is not trusted. Reading them neither panics nor allocates more than a small
//! multiple of their length.
#![forbid(unsafe_code)]

mod bytes;
mod details;
pub mod file;
mod runs;
mod sections;
mod snapshot;
mod state;
pub mod upstream;

pub use bytes::DecodeError;
pub use details::{Details, DetailsError, MAX_BREAKPOINTS};
pub use sections::SectionError;
pub use snapshot::{Limits, Memory, Run, Snapshot};
pub use state::{
    Entry, Exception, Frame, Frames, Phase, Reference, SettleError, State, Unsettled, Value, unsettle,
};
