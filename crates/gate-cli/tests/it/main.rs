//! `gate run`, end to end: the programs that users install, real processes, and programs that try what they must not.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod bad_input;
mod cache;
mod chance;
mod debug;
mod ends;
mod gain;
mod grpc;
mod guest_sdk;
mod guests;
mod inspect;
mod interrupted;
mod invoke;
mod json;
mod leaks;
mod limits;
mod processes;
mod programs;
mod sdk;
mod shell;
mod signals;
mod stage;
mod standalone;
mod states;
mod traps;
mod user;
mod wasi;
