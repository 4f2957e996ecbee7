//! The `gate` program: runs other people's WebAssembly programs.
//!
//! **Invariant**: this process holds what its user owns, so it never looks at a module beyond its hash and size. All else
//! happens in a container of the `gate-runtime` program.

mod better;
mod debug;
mod directories;
mod exit;
mod failure;
mod inspect;
mod json;
mod keeping;
mod lives;
mod module;
mod options;
mod progress;
mod report;
mod runtime;
mod services;
mod session;
mod signals;
mod standalone;
mod standard;
mod text;
mod tool;
mod workshop;

use std::process::ExitCode;

use clap::Parser;

use crate::options::{Command, Options};

fn main() -> ExitCode {
    match Options::parse().command {
        Command::Run(options) => session::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Standalone(options) => standalone::run(&options),
        Command::Debug(options) => debug::run(&options),
    }
}
