//! Compiled artifacts at rest, by content.
//!
//! Compiling a module takes up to seconds, mapping the result takes a fraction of a millisecond: so results are kept.
//! The trusted control side asks the [`Cache`] for the artifact of a [`Key`] and passes the file on to a sealed worker.
//!
//! **Invariant**: nothing here interprets compiled code or parses WebAssembly; artifacts are bytes. The key is computed
//! by the control side from the bytes of the module, never taken from whoever compiled it. So a module that subverts
//! its compiler can spoil its own entry, which only ever runs in workers sealed against that very module, but never the
//! entry of another module.
#![forbid(unsafe_code)]

mod cache;
mod dir;
mod key;
mod trailer;

pub use cache::{Artifact, Cache, Lookup, Miss, PutError, Stored, TrimError};
pub use dir::{OpenError, default_dir, default_dir_from};
pub use key::{CopyError, Key, ModuleHash, hash_and_copy};
pub use trailer::{FORMAT, Rejection, TRAILER_BYTES, Trailer, verify};
