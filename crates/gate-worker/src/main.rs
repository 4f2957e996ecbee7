//! The `gate-runtime` program.
//!
//! One executable, five roles, each forked from the one before:
//!
//! | role | process | trust |
//! |---|---|---|
//! | creator | the one that was executed | the host's; makes the container, waits for its end, removes its cgroup |
//! | zygote | process 1 of the container | sealed, sees no byte of a module; forks the others |
//! | compiler | one per module | sealed; a hostile module in, an artifact out |
//! | program | one per program | sealed; runs a stranger's code |
//!
//! **Invariant**: modules, artifacts and programs are touched below the zygote only.

mod arguments;
mod compiler;
mod convert;
mod creator;
mod host;
mod jobs;
mod leaving;
mod personality;
mod program;
mod report;
mod zygote;

use std::process::ExitCode;

use gate_sandbox::allocator::EndWhenExhausted;

#[global_allocator]
static ALLOCATOR: EndWhenExhausted = EndWhenExhausted;

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments::Command::Container(options)) => creator::run(options),
        Ok(arguments::Command::Print(text)) => arguments::print(&text),
        Err(error) => arguments::refuse(&error),
    }
}
