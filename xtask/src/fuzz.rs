//! `cargo xtask fuzz`: runs a target of `gate-fuzz`. That is a program of its own, so that only it and what it tests is built.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::command::{cargo, exit_code, status};

/// What the fuzzer is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target; without one, the targets are listed, to which comes `oracle`
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

/// The target that is a test of another package, since it needs the engine: stopped programs do what they do without.
const ORACLE: &str = "oracle";

/// Runs the fuzzer and passes its status on.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.name.as_deref() == Some(ORACLE) {
        return oracle(arguments);
    }
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

/// Runs generated programs, stopped and as they are. A seed is that of the first; each next one is one more.
fn oracle(arguments: &Arguments) -> Result<ExitCode> {
    anyhow::ensure!(
        arguments.input.is_none(),
        "a program of the oracle is given by its --seed, not as a file"
    );
    let seed = arguments.seed.unwrap_or_else(|| RandomState::new().hash_one(ORACLE) >> 32);
    let mut command = cargo();
    command.args([
        "test",
        "--release",
        "--quiet",
        "--workspace",
        "--test",
        "stop",
        "--",
        "--nocapture",
        ORACLE,
    ]);
    command.env("GATE_ORACLE_SEED", seed.to_string());
    command.env("GATE_ORACLE_SECONDS", arguments.seconds.to_string());
    eprintln!("oracle: {} s, seed {seed}", arguments.seconds);
    Ok(exit_code(status(&mut command)?))
}
