//! Running a program with `gate` and with the reference.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gate_sandbox::process::{self, Ending, Fork};
use gate_testkit::binaries;
use tempfile::TempDir;

use super::reference::{self, Reference};
use crate::command::display;

/// Both contestants, with a directory for what they keep.
pub(super) struct Contest {
    gate: PathBuf,
    pub(super) reference: Reference,
    directory: TempDir,
}

/// A program in the forms in which they take it.
pub(super) struct Subject {
    /// The module.
    pub(super) module: PathBuf,
    /// What the reference compiled it to.
    pub(super) precompiled: PathBuf,
}

impl Contest {
    /// Finds or builds both.
    pub(super) fn new() -> Result<Self> {
        let contest =
            Self { gate: binaries::gate()?, reference: reference::find()?, directory: tempfile::tempdir()? };
        eprintln!("reference: {}", contest.reference.version);
        Ok(contest)
    }

    /// Prepares a module, so that neither compiles it again.
    pub(super) fn prepare(&self, module: &Path) -> Result<Subject> {
        let name = module.file_stem().context("a module has a name")?;
        let precompiled = self.directory.path().join(name).with_extension("cwasm");
        run(self.compile(module, &precompiled))?;
        Ok(Subject { module: module.to_owned(), precompiled })
    }

    /// `gate run`, with a cache of its own.
    pub(super) fn gate(&self, module: &Path) -> Command {
        let mut command = Command::new(&self.gate);
        command.args(["run", "--cache-dir"]).arg(self.directory.path()).arg(module);
        command
    }

    /// `gate run` that compiles, with this engine, and writes its verdict to standard error.
    pub(super) fn gate_without_cache(&self, engine: &str, module: &Path) -> Command {
        let mut command = Command::new(&self.gate);
        command.args(["run", "--json", "--no-cache", "--engine", engine]).arg(module);
        command
    }

    /// `wasmtime run` of a module; it keeps what it compiles in a cache of its own.
    pub(super) fn wasmtime(&self, module: &Path) -> Command {
        let mut command = Command::new(&self.reference.path);
        command.arg("run").arg(module);
        command
    }

    /// `wasmtime run` of a module that its baseline compiler compiles now.
    pub(super) fn wasmtime_baseline_without_cache(&self, module: &Path) -> Command {
        let mut command = Command::new(&self.reference.path);
        command.args(["run", "-C", "cache=n,compiler=winch"]).arg(module);
        command
    }

    /// `wasmtime run` of what it has compiled, with a stack that is large enough for kernels that recurse.
    pub(super) fn wasmtime_precompiled(&self, precompiled: &Path) -> Command {
        let mut command = Command::new(&self.reference.path);
        command.args(["run", "-W", "max-wasm-stack=4194304", "--allow-precompiled"]).arg(precompiled);
        command
    }

    /// `wasmtime compile`.
    pub(super) fn compile(&self, module: &Path, to: &Path) -> Command {
        let mut command = Command::new(&self.reference.path);
        command.arg("compile").arg(module).arg("-o").arg(to);
        command
    }

    /// A path for a file.
    pub(super) fn file(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.directory.path().join(name.as_ref())
    }
}

/// Runs a command that must succeed, and returns how long it took and what it wrote to standard error. It has no input,
/// and its output is thrown away.
pub(super) fn run(mut command: Command) -> Result<(Duration, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output().with_context(|| format!("cannot run {}", display(&command)))?;
    let time = start.elapsed();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("{} failed ({}): {stderr}", display(&command), output.status);
    }
    Ok((time, stderr))
}

/// What running a command took.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    /// User and system time, of all processes together that it made and waited for.
    pub(super) processor: Duration,
}

/// Runs a command that must succeed, without input and output, and tells what that took. Processor time is hardly
/// disturbed by what else the machine does, unlike the time that passes.
pub(super) fn cost(mut command: Command) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = match process::fork()? {
        Fork::Parent(child) => child,
        Fork::Child => {
            // Returns only if there is no such program.
            let _ = command.exec();
            process::exit(127)
        }
    };
    let exit = child.wait()?;
    let wall = start.elapsed();
    if exit.ending != Ending::Exited(0) {
        bail!("{} failed: {:?}", display(&command), exit.ending);
    }
    Ok(Cost { wall, processor: exit.usage.user + exit.usage.system })
}

/// One of the times in the verdict that `gate run --json` wrote to standard error, after what the program wrote there.
pub(super) fn micros(stderr: &str, name: &str) -> Result<Duration> {
    let verdict = stderr.lines().last().unwrap_or_default();
    let document: serde_json::Value =
        serde_json::from_str(verdict).with_context(|| format!("no verdict: {verdict:?}"))?;
    let micros = document["times"][name].as_u64().with_context(|| format!("no {name} in {verdict}"))?;
    Ok(Duration::from_micros(micros))
}
