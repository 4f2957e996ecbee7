//! What the commands have in common that look at a file instead of running a program.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use gate_runtime::{Container, ContainerError, ContainerOptions, JobLimits, Sealed, Undone, Watch};
use gate_sandbox::memfd::{self, MappedFile};

use crate::failure::{Doing, Failure, lost};
use crate::module::{self, Module, Unreadable};
use crate::options::{size, time};
use crate::progress::{self, Progress};
use crate::signals::Signals;
use crate::workshop::compile_threads;
use crate::{exit, runtime, text};

/// How a file of a stranger is looked at.
#[derive(Args, Debug)]
pub(crate) struct ToolOptions {
    /// Most time that looking at the file may take
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time, help_heading = "Limits")]
    pub(crate) time_limit: Duration,

    /// Most memory that looking at the file may take
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size, help_heading = "Limits")]
    pub(crate) memory_limit: u64,

    /// Go without namespaces, on hosts that refuse them (see gate run --help)
    #[arg(long, help_heading = "Isolation")]
    pub(crate) no_namespaces: bool,

    /// Use a single user id in the container, even if the host offers several
    #[arg(long, help_heading = "Isolation")]
    pub(crate) single_id: bool,

    /// Make the container's control group below this directory of a cgroup v2 hierarchy [default: the nearest delegated]
    #[arg(long, value_name = "DIR", help_heading = "Isolation")]
    pub(crate) cgroup: Option<PathBuf>,
}

/// A container, and a file of a stranger that is looked at in it.
pub(crate) struct Tool {
    pub(crate) container: Container,
    pub(crate) signals: Signals,
    pub(crate) file: Module,
    name: String,
    time: Duration,
    memory: u64,
}

impl Tool {
    /// Reads a file while its container is made.
    pub(crate) fn start(options: &ToolOptions, path: &Path) -> Result<Self, Failure> {
        let host = |error: anyhow::Error| Failure::host(&error);
        let signals = Signals::catch().context("cannot catch signals").map_err(host)?;
        let threads = u64::from(compile_threads());
        let mut container = Container::start(&ContainerOptions {
            program: runtime::find().map_err(host)?,
            no_namespaces: options.no_namespaces,
            single_id: options.single_id,
            cgroup: options.cgroup.clone(),
            memory_bytes: Some(options.memory_limit.saturating_add(512 << 20)),
            tasks: Some(threads + 8),
            cpu_thousandths: Some(threads * 1000),
            many: false,
            no_store_bypass: false,
        })
        .map_err(|error| Failure::host(&error.into()))?;
        let file =
            module::read(path, signals.descriptor()).map_err(|error| unreadable(error, path, &signals))?;
        let mut watch = Watch { cancel: Some(signals.descriptor()), suspend: None, tick: None };
        container.wait_ready(&mut watch).map_err(|error| {
            let hint = matches!(error, ContainerError::Create { .. }) && !options.no_namespaces;
            let mut failure = lost(error, &signals);
            if hint {
                failure
                    .message
                    .push_str("; --no-namespaces would do it with less isolation (see gate run --help)");
            }
            failure
        })?;
        Ok(Self {
            container,
            signals,
            file,
            name: text::name(path),
            time: options.time_limit,
            memory: options.memory_limit,
        })
    }

    /// Does a job with the file.
    pub(crate) fn job(
        &mut self,
        doing: &str,
        act: impl FnOnce(
            &mut Container,
            &Module,
            &JobLimits,
            &mut Watch<'_>,
        ) -> Result<Result<Sealed, Undone>, ContainerError>,
    ) -> Result<Sealed, Failure> {
        let limits = JobLimits { time: self.time, threads: compile_threads(), memory_bytes: self.memory };
        let what = format!("{doing} {}", self.name);
        let mut progress = Progress::new(what.clone());
        let mut tick = || progress.tick();
        let mut watch = Watch {
            cancel: Some(self.signals.descriptor()),
            suspend: None,
            tick: Some((progress::PERIOD, &mut tick)),
        };
        let result = act(&mut self.container, &self.file, &limits, &mut watch);
        drop(progress);
        let doing =
            Doing { what, time: ("--time-limit", self.time), memory: ("--memory-limit", self.memory) };
        result
            .map_err(|error| lost(error, &self.signals))?
            .map_err(|undone| doing.failure(undone, &self.signals))
    }
}

fn unreadable(unreadable: Unreadable, path: &Path, signals: &Signals) -> Failure {
    match unreadable {
        Unreadable::Missing(error) => Failure::failed(exit::NO_MODULE, format!("{error:#}")),
        Unreadable::TooLarge => Failure::failed(
            exit::REFUSED,
            format!("{} is larger than {}", text::name(path), text::bytes(module::MAX_BYTES)),
        ),
        Unreadable::Host(error) => Failure::host(&error),
        Unreadable::Cancelled => Failure::cancelled(signals),
    }
}

/// What a job has made, in memory.
pub(crate) fn content(made: &Sealed) -> Result<MappedFile, Failure> {
    memfd::map(&made.file).context("cannot read what was made").map_err(|error| Failure::host(&error))
}

/// Ends a command: with its message, if it has failed.
pub(crate) fn finish(result: Result<ExitCode, Failure>) -> ExitCode {
    result.unwrap_or_else(|failure| {
        let message = format!("gate: {}\n", failure.message);
        let _ = std::io::Write::write_all(&mut std::io::stderr(), message.as_bytes());
        ExitCode::from(failure.status)
    })
}
