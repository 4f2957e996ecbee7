//! Programs that are stopped and continued.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;
mod machine;
mod oracle;
mod programs;
