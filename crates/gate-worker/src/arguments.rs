//! The command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make a container.
    Container(Options),
    /// Show this text.
    Print(String),
}

/// How to make the container.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether to go without namespaces.
    pub(crate) no_namespaces: bool,
    /// Whether all ids are mapped to one.
    pub(crate) single_id: bool,
    /// The control group under which to make one; `None`: the nearest that is delegated.
    pub(crate) cgroup: Option<PathBuf>,
    /// The memory limit of the container's control group, in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// The limit of processes and threads of the container's control group.
    pub(crate) tasks: Option<u64>,
    /// The processor limit of the container's control group, in thousandths of a processor.
    pub(crate) cpu_thousandths: Option<u64>,
    /// Whether many programs will be started: then what they have in common is prepared before they are forked.
    pub(crate) many: bool,
    /// Whether speculative store bypass is disabled too.
    pub(crate) no_store_bypass: bool,
}

const HELP: &str = "\
gate-runtime - creates a container for WebAssembly programs

USAGE
    gate-runtime [OPTIONS]

It is started by gate and other programs, not by people. Its standard input must be a socket of type SOCK_SEQPACKET. It
creates a container, serves the requests that arrive there, and exits when the other end is closed. No process is left
then.

OPTIONS
    --no-namespaces         go without namespaces: programs are kept from the host by the other layers only
    --single-id             use one user id in the container, even if the host offers several
    --cgroup DIR            make the container's control group below DIR instead of the nearest delegated one
    --memory-limit BYTES    memory limit of the control group
    --task-limit N          limit of processes and threads of the control group
    --cpu-limit N           processor limit of the control group, in thousandths of one processor
    --many                  prepare for many programs: costs time at the start, saves time and memory for each
    --no-store-bypass       disable speculative store bypass in programs: slower; protects them from themselves only
    -h, --help              show this
    -V, --version           show the version

EXIT STATUS
    0   the container has ended because its socket was closed
    1   the container could not be created or has failed; the reason went to the socket
    2   wrong usage
";

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options {
        no_namespaces: false,
        single_id: false,
        cgroup: None,
        memory_bytes: None,
        tasks: None,
        cpu_thousandths: None,
        many: false,
        no_store_bypass: false,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let name = argument.to_string_lossy().into_owned();
        let mut value = || arguments.next().ok_or_else(|| format!("option {name} needs a value"));
        match &*name {
            "-h" | "--help" => return Ok(Command::Print(HELP.to_owned())),
            "-V" | "--version" => {
                return Ok(Command::Print(format!("gate-runtime {}\n", env!("CARGO_PKG_VERSION"))));
            }
            "--no-namespaces" => options.no_namespaces = true,
            "--single-id" => options.single_id = true,
            "--cgroup" => options.cgroup = Some(value()?.into()),
            "--memory-limit" => options.memory_bytes = Some(number(&name, &value()?)?),
            "--task-limit" => options.tasks = Some(number(&name, &value()?)?),
            "--cpu-limit" => options.cpu_thousandths = Some(number(&name, &value()?)?),
            "--many" => options.many = true,
            "--no-store-bypass" => options.no_store_bypass = true,
            _ => return Err(format!("unknown argument {name:?}")),
        }
    }
    Ok(Command::Container(options))
}

fn number<T: std::str::FromStr>(name: &str, value: &OsString) -> Result<T, String> {
    let text = value.to_string_lossy();
    text.parse().map_err(|_| format!("option {name} needs a number, not {text:?}"))
}

pub(crate) fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

pub(crate) fn refuse(error: &str) -> ExitCode {
    eprintln!("gate-runtime: {error} (try --help)");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests;
