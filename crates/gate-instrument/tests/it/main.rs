//! What the crate does, seen from outside.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod golden;
mod hostile;
mod random;
mod stop;
