//! `gate standalone`: a module that continues a program on other engines.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;
use crate::keeping;
use crate::tool::{self, Tool, ToolOptions};

const AFTER: &str = "\
Exit status:
  0    the module is written
  2    wrong usage of gate
  125  the host could not do it: no container, no memory, an I/O error
  126  the file is no snapshot, or its program needs something that cannot go along
  127  the file could not be read
  130  interrupted by SIGINT (129: SIGHUP, 143: SIGTERM)

Examples:
  gate run --suspend-after 10s --snapshot half-done.wasm long.wasm
  gate standalone half-done.wasm -o rest.wasm
  wasmtime rest.wasm";

/// Make a module of a snapshot that continues its program on any WebAssembly engine.
///
/// The module is an ordinary one, without anything of Gate's: its memory, globals and tables start as the program left them, and
/// its _start function runs what is left to run, from the very instruction at which the program was suspended. Every host that
/// has WASI preview 1 can run it, browsers included. It cannot be suspended again, except by running it with gate.
///
/// Arguments, environment and clocks are those of the new host. What Gate keeps for a program cannot go along: programs with
/// open or changed files, and those that use Gate's own functions, are refused. gate inspect tells.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct StandaloneOptions {
    /// The snapshot, or - for standard input
    snapshot: PathBuf,

    /// Where to write the module. An existing file is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    tool: ToolOptions,
}

/// Runs the command.
pub(crate) fn run(options: &StandaloneOptions) -> ExitCode {
    tool::finish(execute(options))
}

fn execute(options: &StandaloneOptions) -> Result<ExitCode, Failure> {
    let mut tool = Tool::start(&options.tool, &options.snapshot)?;
    let made = tool.job("making a module of", |container, file, limits, watch| {
        gate_runtime::standalone(container, file.file.as_fd(), limits, watch)
    })?;
    keeping::write(&options.output, &made).map_err(|error| Failure::host(&error))?;
    Ok(ExitCode::SUCCESS)
}
