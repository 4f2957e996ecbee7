//! `gate inspect`: what a file is.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::failure::Failure;
use crate::tool::{self, Tool, ToolOptions};
use crate::{exit, text};

const AFTER: &str = "\
Exit status:
  0    the file is described, whatever it is
  2    wrong usage of gate
  125  the host could not do it: no container, no memory, an I/O error
  126  it takes more time or memory than the limits allow
  127  the file could not be read
  130  interrupted by SIGINT (129: SIGHUP, 143: SIGTERM)

Examples:
  gate inspect stranger.wasm
  gate inspect half-done.snapshot.wasm | less
  gate inspect --json half-done.snapshot.wasm | jq -r '.state.frames[].function.name'";

/// Say what a module or a snapshot is, without running it.
///
/// Of a module: its interface, features, sections, imports, exports, memories, and where its program can be stopped.
/// Of a snapshot besides: what the program was doing, as calls with their source lines and the values of their variables;
/// and its globals, memory, clock, packets, arguments and open files.
///
/// The file is read in a container of its own: it may be anybody's. What it says of itself is shown with everything written
/// out that could make a terminal do something. Names come from its name section, lines from its debug information (DWARF).
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct InspectOptions {
    /// The module or snapshot (a .wasm or .wat file, or - for standard input)
    file: PathBuf,

    /// Write one JSON object instead of text; it has all there is, where the text cuts long lists
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    tool: ToolOptions,
}

/// Runs the command.
pub(crate) fn run(options: &InspectOptions) -> ExitCode {
    tool::finish(execute(options))
}

fn execute(options: &InspectOptions) -> Result<ExitCode, Failure> {
    let mut tool = Tool::start(&options.tool, &options.file)?;
    let made = tool.job("inspecting", |container, file, limits, watch| {
        gate_runtime::inspect(container, file.file.as_fd(), options.json, limits, watch)
    })?;
    let content = tool::content(&made)?;
    let length = usize::try_from(made.bytes).unwrap_or(usize::MAX);
    let said = content.as_ref().get(..length).unwrap_or_default();
    // Whoever wrote it has read what a stranger made, and may have been taken over.
    let safe = if options.json { ascii(said)? } else { text::safe_lines(&String::from_utf8_lossy(said)) };
    std::io::stdout()
        .write_all(safe.as_bytes())
        .context("cannot write to standard output")
        .map_err(|error| Failure::host(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// JSON as it should be: readable in any terminal.
fn ascii(said: &[u8]) -> Result<String, Failure> {
    match std::str::from_utf8(said) {
        Ok(json) if said.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) => Ok(json.to_owned()),
        _ => Err(Failure::failed(
            exit::REFUSED,
            "the process that inspected the file wrote nonsense".to_owned(),
        )),
    }
}
