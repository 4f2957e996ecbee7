//! `gate run`, from its options to its exit status.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;
use gate_runtime::{
    Container, ContainerError, ContainerOptions, Entry, Launch, Limits, Outcome, Readiness, RefusalKind,
    Report, Stops, Verdict, Watch,
};

use crate::directories::{self, Image};
use crate::failure::{Failure, lost};
use crate::json::Document;
use crate::lives::{self, Ended};
use crate::module::{self, Module, Unreadable};
use crate::options::RunOptions;
use crate::services::Host;
use crate::signals::Signals;
use crate::workshop::{Workshop, compile_threads};
use crate::{exit, report, runtime, text};

/// When what was done.
#[derive(Debug)]
pub(crate) struct Timings {
    pub(crate) started: Instant,
    pub(crate) read: Option<Duration>,
    pub(crate) ready: Option<Duration>,
    pub(crate) compile: Option<Duration>,
    pub(crate) module_sha256: Option<String>,
    pub(crate) cached: Option<bool>,
    /// How many processes the program has had.
    pub(crate) processes: u32,
    /// The user has been told that there is no cache.
    pub(crate) warned: bool,
}

impl Timings {
    /// Nothing has been done yet.
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            read: None,
            ready: None,
            compile: None,
            module_sha256: None,
            cached: None,
            processes: 0,
            warned: false,
        }
    }
}

/// What a program is run with.
pub(crate) struct Prepared<'a> {
    pub(crate) workshop: Workshop<'a>,
    /// The file that the user named: a module or a snapshot.
    pub(crate) file: Module,
    pub(crate) launch: Launch,
    pub(crate) image: Option<Image>,
}

/// Runs the command.
pub(crate) fn run(options: &RunOptions) -> ExitCode {
    let mut timings = Timings::start();
    let engine = options.engine.name();
    let result = Signals::catch()
        .context("cannot catch signals")
        .map_err(|error| Failure::host(&error))
        .and_then(|signals| Ok((execute(options, &signals, &mut timings)?, signals)));
    let (status, message, backtrace, document) = match result {
        Ok((Ended { report, snapshot, continued }, signals)) => {
            let invoked = options.invoke.is_some() || continued;
            let status = exit::status(&report.verdict, signals.caught(), invoked);
            let (status, message) = match print_results(&report, invoked) {
                Ok(()) => (status, report::sentence(&report.verdict, options)),
                Err(error) => (exit::HOST, Some(format!("cannot write the results: {error}"))),
            };
            let message = match &snapshot {
                Some(kept) => Some(kept.sentence(&report)),
                None => message,
            };
            let mut document = Document::of(&report, status, invoked, message.clone(), engine, &timings);
            document.snapshot = snapshot.as_ref().map(|kept| text::escaped(&kept.file.display().to_string()));
            document.snapshot_bytes = snapshot.as_ref().map(|kept| kept.bytes);
            if options.verbose {
                show_times(&report, &timings);
            }
            (status, message, report::backtrace(&report), document)
        }
        Err(failure) => {
            let Failure { state, status, message } = failure;
            let document = Document::failed(state, status, message.clone(), engine, &timings);
            (status, Some(message), String::new(), document)
        }
    };
    // One write each: what a program wrote to the same place stays in one piece, and a closed standard error is no
    // reason to fail.
    let mut stderr = std::io::stderr();
    if options.json {
        let _ = stderr.write_all(format!("{}\n", document.line()).as_bytes());
    } else if let Some(message) = message {
        let _ = stderr.write_all(format!("gate: {message}\n{backtrace}").as_bytes());
    }
    ExitCode::from(status)
}

/// Does all that needs a container.
fn execute(options: &RunOptions, signals: &Signals, timings: &mut Timings) -> Result<Ended, Failure> {
    let Prepared { workshop, file, launch, image } = prepare(options, signals, timings)?;
    lives::run(workshop, file, launch, image.as_ref())
}

/// Makes a container, and reads what there is to be read meanwhile.
pub(crate) fn prepare<'a>(
    options: &'a RunOptions,
    signals: &'a Signals,
    timings: &'a mut Timings,
) -> Result<Prepared<'a>, Failure> {
    let program = runtime::find().map_err(|error| Failure::host(&error))?;
    let mut container = Container::start(&container_options(options, program))
        .map_err(|error| Failure::host(&error.into()))?;

    // The container is made while this process reads and makes the services.
    let module = read_module(options, signals)?;
    timings.module_sha256 = Some(module.hash.to_string());
    timings.read = Some(timings.started.elapsed());
    let image = directories::image(&options.dir)
        .map_err(|error| Failure::failed(exit::NO_MODULE, format!("{error:#}")))?;
    let host = Host::new(options)?;

    let mut watch = Watch { cancel: Some(signals.descriptor()), suspend: None, tick: None };
    let readiness = container.wait_ready(&mut watch).map_err(|error| {
        let hint = matches!(error, ContainerError::Create { .. }) && !options.no_namespaces;
        let mut failure = lost(error, signals);
        if hint {
            failure
                .message
                .push_str("; --no-namespaces would run it with less isolation (see gate run --help)");
        }
        failure
    })?;
    timings.ready = Some(timings.started.elapsed());
    if options.verbose {
        show_layers(&readiness);
    }
    let launch = launch(options, image.as_ref())?;
    let workshop = Workshop { options, signals, container, host: Rc::new(host), readiness, timings };
    Ok(Prepared { workshop, file: module, launch, image })
}

pub(crate) fn container_options(options: &RunOptions, program: std::path::PathBuf) -> ContainerOptions {
    let most = options.compile_memory.max(options.memory.saturating_add(options.fs_size));
    let threads = u64::from(compile_threads());
    ContainerOptions {
        program,
        no_namespaces: options.no_namespaces,
        single_id: options.single_id,
        cgroup: options.cgroup.clone(),
        // What the program and the compiler may have, and as much again as the rest of the container takes.
        memory_bytes: Some(most.saturating_add(512 << 20)),
        // Zygote, program, compiler, and its threads.
        tasks: Some(threads + 8),
        cpu_thousandths: Some(threads * 1000),
        many: false,
        no_store_bypass: options.no_store_bypass,
    }
}

fn read_module(options: &RunOptions, signals: &Signals) -> Result<Module, Failure> {
    module::read(options.module(), signals.descriptor()).map_err(|unreadable| match unreadable {
        Unreadable::Missing(error) => Failure::failed(exit::NO_MODULE, format!("{error:#}")),
        Unreadable::TooLarge => Failure::refused(
            RefusalKind::Limit,
            format!(
                "module {} is too large (limit: {})",
                text::name(options.module()),
                text::bytes(module::MAX_BYTES)
            ),
        ),
        Unreadable::Host(error) => Failure::host(&error),
        Unreadable::Cancelled => Failure::cancelled(signals),
    })
}

/// What the program is given. Its size is checked here, where the user can be told.
fn launch(options: &RunOptions, image: Option<&Image>) -> Result<Launch, Failure> {
    let usage = |message: String| Failure::failed(exit::USAGE, message);
    let mut arguments = vec![options.module().as_os_str().as_bytes().to_vec()];
    let entry = match &options.invoke {
        Some(name) => {
            let texts =
                options.args().iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
            Entry::Invoke { name: name.clone(), arguments: texts }
        }
        None => {
            arguments.extend(options.args().iter().map(|argument| argument.as_bytes().to_vec()));
            Entry::Default
        }
    };
    let environment =
        options.env.iter().map(environment_string).collect::<Result<Vec<_>, _>>().map_err(usage)?;
    let launch = Launch {
        tier: options.engine.best(),
        artifact_bytes: 0,
        arguments,
        environment,
        limits: Limits {
            memory_bytes: options.memory,
            stack_bytes: options.stack,
            cpu_nanos: options.cpu_time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
            output_bytes: options.output_limit,
            fs_bytes: options.fs_size.saturating_add(image.map_or(0, |image| image.charge)),
            fs_inodes: options.fs_files.saturating_add(image.map_or(0, |image| image.inodes)),
        },
        entry,
        terminals: [
            !module::is_stdin(options.module()) && std::io::stdin().is_terminal(),
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        ],
        has_image: image.is_some(),
        stops: if options.suspend_every.is_some() { Stops::Count } else { Stops::Flag },
        countdown: options.suspend_every,
        resume: None,
    };
    if launch.fits() {
        Ok(launch)
    } else {
        Err(usage(format!(
            "arguments and environment of the program are too long (limit: about {})",
            text::bytes(Launch::MAX_BYTES as u64)
        )))
    }
}

fn environment_string(argument: &OsString) -> Result<Vec<u8>, String> {
    let bytes = argument.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(0) => Err(format!("--env {}: the name is missing", text::name(argument))),
        Some(_) => Ok(bytes.to_vec()),
        None => match std::env::var_os(argument) {
            Some(value) => Ok([bytes, b"=", &value.into_vec()].concat()),
            None => {
                Err(format!("--env {}: gate has no variable of that name to pass on", text::name(argument)))
            }
        },
    }
}

/// Prints what an invoked function returned. Fails when nobody reads it.
fn print_results(report: &Report, invoked: bool) -> std::io::Result<()> {
    let Verdict::Ended { outcome: Outcome::Returned(values), .. } = &report.verdict else { return Ok(()) };
    if !invoked || values.is_empty() {
        return Ok(());
    }
    let lines: String = values.iter().map(|value| format!("{}\n", report::value(value))).collect();
    std::io::stdout().write_all(lines.as_bytes())
}

fn show_layers(readiness: &Readiness) {
    let mut lines = String::new();
    for layer in &readiness.layers {
        lines.push_str(&format!("gate: isolated by {layer}\n"));
    }
    for layer in &readiness.missing {
        lines.push_str(&format!("gate: not isolated by {layer}\n"));
    }
    let _ = std::io::stderr().write_all(lines.as_bytes());
}

fn show_times(report: &Report, timings: &Timings) {
    let show = |name: &str, time: Option<Duration>| match time {
        Some(time) => format!("gate: {name:<34}{:>12.3} ms\n", time.as_secs_f64() * 1000.0),
        None => String::new(),
    };
    let mut lines = String::new();
    lines.push_str(&show("module read after", timings.read));
    lines.push_str(&show("container ready after", timings.ready));
    lines.push_str(&show("compiling", timings.compile));
    if timings.cached == Some(true) {
        lines.push_str("gate: compiled module was in the cache\n");
    }
    lines.push_str(&show("loading", report.load_time));
    if let Verdict::Ended { statistics, .. } | Verdict::Suspended { statistics, .. } = &report.verdict {
        lines.push_str(&show("running", Some(Duration::from_micros(statistics.run_micros))));
        lines.push_str(&format!(
            "gate: linear memory {}, output {}, files {}\n",
            text::bytes(statistics.memory_peak_bytes),
            text::bytes(statistics.output_bytes),
            text::bytes(statistics.fs_bytes)
        ));
    }
    if let Some(usage) = report.usage {
        lines.push_str(&show("processor time, user", Some(Duration::from_micros(usage.user_micros))));
        lines.push_str(&show("processor time, system", Some(Duration::from_micros(usage.system_micros))));
        lines.push_str(&format!("gate: resident memory at most {}\n", text::bytes(usage.max_resident_bytes)));
    }
    lines.push_str(&show("total", Some(timings.started.elapsed())));
    let _ = std::io::stderr().write_all(lines.as_bytes());
}
