//! Programs that are stopped do what they do without, whatever engine they continue on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod breakpoints;
mod elsewhere;
mod hostile;
mod latency;
mod machine;
mod moments;
mod oracle;
mod phases;
mod programs;
mod suite;
mod traps;
