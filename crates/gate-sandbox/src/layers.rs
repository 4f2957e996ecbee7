//! Layers that a worker puts on after it was forked, each independent of the others.
//!
//! | Layer | Where | Missing on old kernels |
//! |---|---|---|
//! | resource limits | [`limits::Limits::apply`] | – |
//! | no file system, no network, no signals to others | [`landlock::restrict`] | reported |
//! | no speculation across processes | [`speculation::restrict`] | reported |
//! | processor time | [`cpu::limit`] | – |
//! | mappings at addresses of its own | [`shuffle::Reservation`] | – |
//! | system calls | [`crate::filter`] | – |

pub mod cpu;
pub mod landlock;
pub mod limits;
pub mod shuffle;
pub mod speculation;
