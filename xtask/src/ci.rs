//! `cargo xtask ci`: everything that must hold of a commit, what fails soonest first.

mod skips;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::command::{cargo, display, exit_code, status};
use crate::{tidy, tools};

enum Step {
    /// Makes sure that the programs are there which the tests run.
    Tools,
    /// A run of cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// The rules of this workspace.
    Tidy,
    /// All tests, and the tests that skipped themselves.
    Tests,
}

/// Everything is built with the release profile, so that the steps share what they build, above all the engine.
const STEPS: &[(&str, Step)] = &[
    ("tools", Step::Tools),
    ("format", Step::Cargo(&["fmt", "--all", "--check"])),
    ("tidy", Step::Tidy),
    (
        "lints",
        Step::Cargo(&[
            "clippy",
            "--locked",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    ),
    ("build", Step::Cargo(&["build", "--locked", "--release", "--workspace"])),
    ("tests", Step::Tests),
    ("documentation", Step::Cargo(&["doc", "--locked", "--release", "--workspace", "--no-deps"])),
];

/// Runs the steps up to the first that fails, and returns its status.
pub(crate) fn run() -> Result<ExitCode> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in STEPS {
        eprintln!("\n=== {name}");
        let start = Instant::now();
        let result = step.run();
        times.push((name, start.elapsed()));
        if !matches!(result, Ok(ExitCode::SUCCESS)) {
            eprint!("\n{}", summary(&times, false));
            return result;
        }
    }
    eprint!("\n{}", summary(&times, true));
    Ok(ExitCode::SUCCESS)
}

impl Step {
    fn run(&self) -> Result<ExitCode> {
        match self {
            Self::Tools => tools::ensure().map(|()| ExitCode::SUCCESS),
            Self::Tidy => tidy::run(),
            Self::Cargo(arguments) => {
                let mut command = cargo();
                command.args(*arguments);
                if arguments.contains(&"doc") {
                    command.env("RUSTDOCFLAGS", "-D warnings");
                }
                run_shown(&mut command)
            }
            Self::Tests => {
                let log = tempfile::NamedTempFile::new()?;
                let mut command = cargo();
                command.args(["test", "--locked", "--release", "--workspace"]).env(skips::LOG, log.path());
                let code = run_shown(&mut command)?;
                let report = skips::report(&std::fs::read_to_string(log.path())?);
                eprint!("\n{}", report.text);
                Ok(if code == ExitCode::SUCCESS && !report.expected { ExitCode::FAILURE } else { code })
            }
        }
    }
}

fn run_shown(command: &mut Command) -> Result<ExitCode> {
    eprintln!("{}", display(command));
    status(command).map(exit_code)
}

/// How long each step took; the last one is that which failed, unless all is well.
fn summary(times: &[(&str, Duration)], ok: bool) -> String {
    let mut text = String::from("=== summary\n");
    for (index, (name, time)) in times.iter().enumerate() {
        let result = if ok || index + 1 < times.len() { "ok" } else { "FAILED" };
        text += &format!("{name:<16}{:>8.1} s  {result}\n", time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| time).sum();
    text += &format!("{:<16}{:>8.1} s  {}\n", "total", total.as_secs_f64(), if ok { "ok" } else { "FAILED" });
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::summary;

    #[test]
    fn the_summary_names_what_failed() {
        let times = [("format", Duration::from_millis(1500)), ("build", Duration::from_secs(61))];
        let expected = "=== summary\n\
            format               1.5 s  ok\n\
            build               61.0 s  FAILED\n\
            total               62.5 s  FAILED\n";
        assert_eq!(summary(&times, false), expected);
        assert!(!summary(&times, true).contains("FAILED"));
    }
}
