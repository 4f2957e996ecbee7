//! `gate debug`: looks into a program while it is stopped.

mod command;
mod lines;
mod program;
mod show;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser};

use self::command::Command;
use self::lines::{Line, Lines};
use self::program::Debugged;
use crate::exit;
use crate::failure::Failure;
use crate::options::{self, Options, RunOptions};
use crate::session::{self, Timings};
use crate::signals::Signals;
use crate::tool;

const AFTER: &str = "\
Commands, one a line, from standard input; b, c, s, bt, l, g, m, h and q are enough for some:
  break PLACE      stop before an instruction: an offset in the module (0x1f), a function,
                   or FILE:LINE
  breakpoints      list the breakpoints
  delete [NUMBER]  remove a breakpoint, or all of them
  continue         run until a breakpoint, the end, or Ctrl-\\ (SIGQUIT)
  step [COUNT]     run to the next stop point, or COUNT of them, or a breakpoint; stop points
                   are heads of loops, entries of functions, and calls that may wait
  backtrace        show the calls that have not returned, innermost first
  locals [CALL]    show parameters, locals and operands of a call, by its number in the
                   backtrace (default: 0)
  global [NAME]    show a global, by name or number, or all of them
  memory ADDRESS [LENGTH]
                   show bytes of the first linear memory (default: 64)
  snapshot FILE    write the program to a file, which gate run continues
  help             show this list
  quit             end the program and the debugger

Exit status:
  0    all commands were done
  1    a command could not be done
  2    wrong usage of gate
  125, 126, 127, 130, 143  as for gate run

Examples:
  gate debug program.wasm
  gate debug half-done.snapshot.wasm
  printf 'break main.c:7\\ncontinue\\nbacktrace\\nlocals\\n' | gate debug program.wasm argument";

/// Run a program under a debugger.
///
/// MODULE is a program or a snapshot. It does not run before the first continue or step. A stopped program has no process: what
/// is shown of it comes from its state. Names come from the module's name section, lines from its debug information (DWARF).
///
/// The program's standard input is empty, or a file given with --stdin; its output goes where that of gate goes.
#[derive(Args, Debug)]
#[command(after_help = AFTER, override_usage = "gate debug [OPTIONS] MODULE [ARGS]...")]
pub(crate) struct DebugOptions {
    /// The module or snapshot (a .wasm or .wat file), and the arguments of the program
    #[arg(required = true, trailing_var_arg = true, value_names = ["MODULE", "ARGS"])]
    program: Vec<OsString>,

    /// Standard input of the program [default: nothing]
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,

    /// Set an environment variable of the program; NAME alone passes on the one of gate
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,

    /// Give the program a copy of directory HOST, which it sees as GUEST (see gate run --help)
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir: Vec<OsString>,

    /// Most memory of the program: all its linear memories together
    #[arg(long, value_name = "SIZE", default_value = "1GiB", help_heading = "Limits")]
    memory: OsString,

    /// Most stack of the program's functions; 64KiB to 64MiB
    #[arg(long, value_name = "SIZE", default_value = "2MiB", help_heading = "Limits")]
    stack: OsString,

    /// Go without namespaces, on hosts that refuse them (see gate run --help)
    #[arg(long, help_heading = "Isolation")]
    no_namespaces: bool,

    /// Use a single user id in the container, even if the host offers several
    #[arg(long, help_heading = "Isolation")]
    single_id: bool,
}

impl DebugOptions {
    /// The options of the run that is looked into.
    fn run(&self) -> Result<RunOptions, clap::Error> {
        let mut line: Vec<OsString> = vec!["gate".into(), "run".into()];
        for (name, values) in [("--env", &self.env), ("--dir", &self.dir)] {
            line.extend(values.iter().flat_map(|value| [name.into(), value.clone()]));
        }
        line.extend(["--memory".into(), self.memory.clone(), "--stack".into(), self.stack.clone()]);
        line.extend(self.no_namespaces.then(|| "--no-namespaces".into()));
        line.extend(self.single_id.then(|| "--single-id".into()));
        line.push("--".into());
        line.extend(self.program.iter().cloned());
        match Options::try_parse_from(line)?.command {
            options::Command::Run(options) => Ok(*options),
            _ => unreachable!("the line is one of gate run"),
        }
    }
}

/// Runs the command.
pub(crate) fn run(options: &DebugOptions) -> ExitCode {
    let run = match options.run() {
        Ok(run) => run,
        Err(error) => error.exit(),
    };
    tool::finish(execute(options, &run))
}

fn execute(options: &DebugOptions, run: &RunOptions) -> Result<ExitCode, Failure> {
    let signals = Signals::catch().context("cannot catch signals").map_err(|error| Failure::host(&error))?;
    let mut timings = Timings::start();
    let stdin = options.stdin.as_deref().unwrap_or("/dev/null".as_ref());
    let stdin = std::fs::File::open(stdin)
        .with_context(|| format!("cannot open {}", crate::text::name(stdin)))
        .map_err(|error| Failure::failed(exit::NO_MODULE, format!("{error:#}")))?;
    let prepared = session::prepare(run, &signals, &mut timings)?;
    let mut program = Debugged::new(prepared, stdin)?;
    let mut lines = Lines::new(&signals);
    let prompt = std::io::stdin().is_terminal();
    let mut status = ExitCode::SUCCESS;
    loop {
        if prompt {
            say("(gate) ")?;
        }
        let line = match lines.next() {
            Line::Text(line) => line,
            Line::End => return Ok(status),
            Line::Signal => return Err(Failure::cancelled(&signals)),
        };
        let done = match Command::parse(&line) {
            Ok(None) => Ok(()),
            Ok(Some(Command::Quit)) => return Ok(status),
            Ok(Some(Command::Help)) => say(&format!("{}\n", AFTER.split("\n\n").next().unwrap_or(AFTER))),
            Ok(Some(command)) => program.execute(&command).and_then(|said| say(&said)),
            Err(message) => Err(Failure::failed(1, message)),
        };
        if let Err(failure) = done {
            if failure.state.state == "cancelled" {
                return Err(failure);
            }
            status = ExitCode::from(1);
            let _ = std::io::stderr().write_all(format!("gate: {}\n", failure.message).as_bytes());
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot write to standard output")
        .map_err(|error| Failure::host(&error))
}
