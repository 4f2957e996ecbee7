//! Containers with many programs in them, in one event loop: as a server has them.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod crowd;
mod ends;
mod outside;
