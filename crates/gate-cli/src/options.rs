//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gate_runtime::Tier;

use crate::debug::DebugOptions;
use crate::inspect::InspectOptions;
use crate::standalone::StandaloneOptions;

/// Run untrusted WebAssembly programs, each in its own sealed process.
#[derive(Debug, Parser)]
#[command(name = "gate", version, max_term_width = 100)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunOptions>),
    Inspect(InspectOptions),
    Standalone(StandaloneOptions),
    Debug(DebugOptions),
}

const EXIT_STATUS: &str = "\
Exit status:
  The program's own (the low 8 bits of what it passes to proc_exit), or
    2    wrong usage of gate
    124  the program was ended at its limit of wall time
    125  the host could not run it: no container, no memory, an I/O error
    126  the module was refused: invalid, or needs what is not accepted, or over a limit
    127  the module could not be read
    130  interrupted by SIGINT (129: SIGHUP, 143: SIGTERM)
    131  the program was suspended: its snapshot can be run
    134  the program trapped, or broke the packet protocol
    137  the program's process was killed by something else
    152  the program was ended at its limit of processor time
    153  the program was ended at its limit of output
    159  the program's process was ended by the system call filter
  A program can exit with the same numbers: --json tells for sure.

Files:
  $XDG_CACHE_HOME/gate/artifacts (~/.cache/gate/artifacts)
         compiled modules; can be removed at any time

Environment:
  GATE_RUNTIME  path of the gate-runtime program, instead of the one beside gate

Examples:
  gate run hello.wasm
  gate run --dir data::/data --env LANG=C tool.wasm /data/input.txt < query.txt
  gate run --cpu-time 2s --wall-time 5s --memory 64MiB --output-limit 1MiB stranger.wasm
  gate run --invoke add math.wat 2 3
  gate run --suspend-after 10s --snapshot half-done.wasm long.wasm; gate run half-done.wasm";

/// Run a program to its end.
///
/// MODULE is a WebAssembly program that imports WASI preview 1 (what compilers for C, Rust, Go, Zig and many more make)
/// or Gate's own functions. It runs in a container: a process of its own, without access to files, network, other
/// processes, or most system calls. It sees its arguments, the environment given here, standard input, output and
/// error, and copies of the directories given here.
///
/// It can be stopped at any moment and continued later, elsewhere, any number of times: Ctrl-\ (SIGQUIT) or --suspend-after
/// write it to a file, which is a module again. MODULE can be such a snapshot: then its program goes on where it was, with
/// the arguments, environment and files that it has.
#[derive(Args, Debug)]
#[command(after_help = EXIT_STATUS, override_usage = "gate run [OPTIONS] MODULE [ARGS]...")]
pub(crate) struct RunOptions {
    /// The module (a .wasm or .wat file, or - for standard input), and the arguments of the program; with --invoke, those of
    /// the function
    ///
    /// Everything behind MODULE is the program's, also what looks like an option of gate.
    #[arg(required = true, trailing_var_arg = true, value_names = ["MODULE", "ARGS"])]
    program: Vec<OsString>,

    /// Set an environment variable of the program; NAME alone passes on the one of gate
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<OsString>,

    /// Give the program a copy of directory HOST, which it sees as GUEST (default: the same name)
    ///
    /// Without HOST, as in ::/tmp, the directory is empty at first. What the program changes, it changes in its copy,
    /// which is gone when it ends. Symbolic links are copied as links. Without --dir the program has no files at all.
    #[arg(long, value_name = "HOST[::GUEST]")]
    pub(crate) dir: Vec<OsString>,

    /// Call the exported function NAME instead of _start, and print its results
    #[arg(long, value_name = "NAME")]
    pub(crate) invoke: Option<String>,

    /// Most memory of the program: all its linear memories together
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size, help_heading = "Limits")]
    pub(crate) memory: u64,

    /// Most processor time of the program [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Limits")]
    pub(crate) cpu_time: Option<Duration>,

    /// Most time from the program's start to its end [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Limits")]
    pub(crate) wall_time: Option<Duration>,

    /// Most stack of the program's functions; 64KiB to 64MiB
    #[arg(long, value_name = "SIZE", default_value = "2MiB", value_parser = stack_size, help_heading = "Limits")]
    pub(crate) stack: u64,

    /// What the program may store in files beyond what --dir gives it
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size, help_heading = "Limits")]
    pub(crate) fs_size: u64,

    /// Files, directories and links the program may make beyond what --dir gives it
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "Limits")]
    pub(crate) fs_files: u32,

    /// Most output of the program, standard output and error together [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Limits")]
    pub(crate) output_limit: Option<u64>,

    /// Most time for compiling the module
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time, help_heading = "Limits")]
    pub(crate) compile_time: Duration,

    /// Most memory for compiling the module
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size, help_heading = "Limits")]
    pub(crate) compile_memory: u64,

    /// How the program is compiled and run
    #[arg(long, value_enum, default_value_t = Engine::Auto, help_heading = "Engine")]
    pub(crate) engine: Engine,

    /// Where compiled modules are kept
    #[arg(long, value_name = "DIR", help_heading = "Engine")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Most space for compiled modules; the least recently used are removed
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size, help_heading = "Engine")]
    pub(crate) cache_size: u64,

    /// Neither use nor keep compiled modules
    #[arg(long, help_heading = "Engine")]
    pub(crate) no_cache: bool,

    /// Go without namespaces, on hosts that refuse them
    ///
    /// The program is then kept from files, network and other processes by the remaining layers only: the system call
    /// filter, Landlock, and limits. Do not do this with programs of strangers.
    #[arg(long, help_heading = "Isolation")]
    pub(crate) no_namespaces: bool,

    /// Use a single user id in the container, even if the host offers several
    #[arg(long, help_heading = "Isolation")]
    pub(crate) single_id: bool,

    /// Make the container's control group below this directory of a cgroup v2 hierarchy [default: the nearest delegated]
    #[arg(long, value_name = "DIR", help_heading = "Isolation")]
    pub(crate) cgroup: Option<PathBuf>,

    /// Disable speculative store bypass in the program's process
    ///
    /// Slower. It matters only to programs that keep secrets from parts of themselves: no two programs share a process.
    #[arg(long, help_heading = "Isolation")]
    pub(crate) no_store_bypass: bool,

    /// Suspend the program when it has run for TIME, and write it to a file
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Suspension")]
    pub(crate) suspend_after: Option<Duration>,

    /// Stop the program at every Nth stop point, write it down, and continue it in a new process from what was written
    ///
    /// For testing: the program prints what it prints undisturbed, as long as it does not look at the clock. Stop points are
    /// loops, calls, and functions of the host that wait for something. There are millions in a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Suspension")]
    pub(crate) suspend_every: Option<u64>,

    /// Where to write the program when it is suspended [default: beside where you are, named after the module]
    ///
    /// An existing file is replaced. Without this option, one that exists is not.
    #[arg(long, value_name = "FILE", help_heading = "Suspension")]
    pub(crate) snapshot: Option<PathBuf>,

    /// How to write it
    #[arg(long, value_enum, default_value_t = SnapshotFormat::Native, help_heading = "Suspension")]
    pub(crate) format: SnapshotFormat,

    /// Configure a service that the program can discover
    ///
    /// origin, catalog, identity, random, scope and log are always there. Standard input and output are the program's first
    /// connection that it accepts from origin. Keys, and what they do:
    ///
    ///   random.bitsperminute=N   how much random gives (default: 7680)
    ///   origin.maxconns=N        most connections at once (3)
    ///   origin.bufsize=N         bytes of credit for standard output, 1 to 1048576 (1048576); twice as
    ///                            many may wait for it
    ///   localhost.addr=URL       make gate.computer/localhost speak to this HTTP server:
    ///                            http://HOST[:PORT], https://HOST[:PORT] or unix:///PATH
    ///   shell.enabled=true       let the program run commands of this host as the user that runs gate
    ///   kv.file=FILE             make kv keep keys and values in this file
    ///   http.allow=SERVER,...    let http make requests to this server: example.com, *.example.com,
    ///                            http://example.com:8080; without a scheme, only https
    ///   http.private=true        also if a name leads to an address of a private network
    ///   log.rate=N               lines that log takes in a second, after a burst (50)
    #[arg(long, value_name = "KEY=VALUE", verbatim_doc_comment, help_heading = "Services")]
    pub(crate) service: Vec<String>,

    /// Let the program discover the services of a gRPC server: unix:/PATH, HOST:PORT or dns:///HOST:PORT, and options behind it,
    /// separated by spaces
    ///
    /// The options: insecure (without TLS), optional (go on if it cannot be reached), ca=FILE (the certificates to trust).
    #[arg(long, value_name = "TARGET", help_heading = "Services")]
    pub(crate) grpc: Vec<String>,

    /// Likewise of a command, which speaks gRPC on descriptor 3; its parts are separated by spaces
    #[arg(long, value_name = "COMMAND", help_heading = "Services")]
    pub(crate) grpc_command: Vec<String>,

    /// Write a machine-readable verdict to standard error: one line of JSON
    #[arg(long, help_heading = "Reports")]
    pub(crate) json: bool,

    /// Show on standard error where the time went, and which layers of isolation are in force
    #[arg(short, long, help_heading = "Reports")]
    pub(crate) verbose: bool,
}

impl RunOptions {
    /// The module's path, or `-`.
    pub(crate) fn module(&self) -> &Path {
        // The parser refuses a command line without one.
        self.program.first().map_or(Path::new(""), Path::new)
    }

    /// The arguments behind it.
    pub(crate) fn args(&self) -> &[OsString] {
        self.program.get(1..).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// The interpreter at once, then what the compilers have made in the background: first the baseline, then the optimizing one
    Auto,
    /// The optimizing compiler
    Cranelift,
    /// The baseline compiler: compiles faster, runs slower, lacks some features
    Winch,
    /// Portable bytecode and its interpreter
    Pulley,
    /// The interpreter of modules as they are: starts at once, runs 10 to 40 times slower than what the optimizing compiler makes
    Interpreter,
}

impl Engine {
    /// The name used on command lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cranelift => Tier::Cranelift.name(),
            Self::Winch => Tier::Winch.name(),
            Self::Pulley => Tier::Pulley.name(),
            Self::Interpreter => Tier::Interpreter.name(),
        }
    }

    /// The one that the program is to end up in.
    pub(crate) fn best(self) -> Tier {
        match self {
            Self::Auto | Self::Cranelift => Tier::Cranelift,
            Self::Winch => Tier::Winch,
            Self::Pulley => Tier::Pulley,
            Self::Interpreter => Tier::Interpreter,
        }
    }
}

/// The forms of snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SnapshotFormat {
    /// Every program, stopped anywhere
    Native,
    /// That of the existing system of this name: only programs of its subset of WebAssembly, without arguments, environment,
    /// directories and files. The program runs on to a point where that form can express it
    Upstream,
}

impl From<SnapshotFormat> for gate_runtime::Format {
    fn from(format: SnapshotFormat) -> Self {
        match format {
            SnapshotFormat::Native => Self::Native,
            SnapshotFormat::Upstream => Self::Upstream,
        }
    }
}

pub(crate) fn size(text: &str) -> Result<u64, String> {
    parse_size::parse_size(text).map_err(|error| format!("{error} (write it like 64MiB, 1GiB or 5000)"))
}

fn stack_size(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if (64 << 10..=64 << 20).contains(&bytes) {
        Ok(bytes)
    } else {
        Err("a stack has 64KiB to 64MiB".to_owned())
    }
}

pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error} (write it like 500ms, 2s or 1m30s)"))?;
    if time.is_zero() {
        Err("no time at all is no limit that a program could keep".to_owned())
    } else {
        Ok(time)
    }
}

#[cfg(test)]
mod tests;
