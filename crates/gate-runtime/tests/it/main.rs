//! Containers with many programs in them, in one event loop: as a server has them. What can be seen of them from
//! outside, and what they see.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod crowd;
mod ends;
mod inside;
mod outside;
mod packets;
mod peers;
mod program;
mod resume;
