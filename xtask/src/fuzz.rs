//! `cargo xtask fuzz`: runs a target of `gate-fuzz`. That is a program of its own, so that only it and what it tests is built.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::command::{cargo, exit_code, status};

/// What the fuzzer is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target; without one, the targets are listed
    name: Option<String>,
    /// How long to run
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Where the pseudo-random numbers start [default: chosen at random]
    #[arg(long)]
    seed: Option<u64>,
    /// Run the target once, on this file
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// Runs the fuzzer and passes its status on.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "gate-fuzz", "--"]);
    command.args(&arguments.name).arg("--seconds").arg(arguments.seconds.to_string());
    if let Some(seed) = arguments.seed {
        command.arg("--seed").arg(seed.to_string());
    }
    if let Some(input) = &arguments.input {
        command.arg("--input").arg(std::path::absolute(input)?);
    }
    let result = status(&mut command)?;
    // Panics are caught and reported by the fuzzer itself; what is left kills it.
    if result.code().is_none()
        && arguments.input.is_none()
        && let Some(name) = &arguments.name
    {
        eprintln!(
            "the fuzzer died ({result}); the input it died of is the newest fuzz/artifacts/{name}-running-*"
        );
    }
    Ok(exit_code(result))
}
