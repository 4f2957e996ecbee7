//! The entry points of development: `cargo xtask ci | tidy | bless | fuzz | bench`.
//!
//! **Invariant**: does not depend on the engine, so that it builds in seconds.
#![forbid(unsafe_code)]

mod bench;
mod bless;
mod ci;
mod command;
mod fuzz;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The entry points of development.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks everything: format, lints, build, tests, rules of this workspace, documentation
    Ci,
    /// Checks the rules of this workspace that no other tool knows
    Tidy,
    /// Runs the tests, and makes what they got what they expect; look at the changes before committing them
    Bless {
        /// Only this package
        #[arg(short, long)]
        package: Option<String>,
    },
    /// Runs a fuzz target
    Fuzz(fuzz::Arguments),
    /// Measures, and prints what is promised and what is
    #[command(after_help = bench::list())]
    Bench {
        /// Which benches to run; all if none is named
        names: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
        Command::Bless { package } => bless::run(package.as_deref()),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Bench { names } => bench::run(&names),
    }
}
