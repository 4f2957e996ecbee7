//! Services in real processes, over real sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod conformance;
mod harness;
mod lives;
mod lost;
mod misbehaviour;
mod python;
mod start;
