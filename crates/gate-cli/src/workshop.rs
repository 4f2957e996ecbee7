//! A container and what is made in it: compiled modules, continuations, snapshots.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use gate_runtime::{
    Compiled, Container, ContainerError, Format, Frame, Given, Instance, JobLimits, Launch, NotResumed,
    Readiness, RefusalKind, Report, Restoration, Sealed, Stops, Suspended, Tier, Undone, Verdict, Watch,
};
use gate_store::{Cache, Key, Lookup, Miss};

use crate::failure::{Doing, Failure, lost};
use crate::module::{self, Module};
use crate::options::RunOptions;
use crate::progress::{self, Progress};
use crate::services::Host;
use crate::session::Timings;
use crate::signals::Signals;
use crate::{exit, report, text};

/// Everything that is needed again and again.
pub(crate) struct Workshop<'a> {
    pub(crate) options: &'a RunOptions,
    pub(crate) signals: &'a Signals,
    pub(crate) container: Container,
    pub(crate) host: Rc<Host>,
    pub(crate) readiness: Readiness,
    pub(crate) timings: &'a mut Timings,
}

/// How many threads compile.
pub(crate) fn compile_threads() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)).min(16)
}

/// What compiling may use.
pub(crate) fn compile_limits(options: &RunOptions) -> JobLimits {
    JobLimits { time: options.compile_time, threads: compile_threads(), memory_bytes: options.compile_memory }
}

/// The key of a compiled module.
pub(crate) fn key(readiness: &Readiness, module: &Module, tier: Tier, stops: Stops) -> Key {
    let stops: &[u8] = match stops {
        Stops::None => b" unstoppable",
        Stops::Flag => b"",
        Stops::Count => b" counted",
    };
    Key::new(&module.hash, &[&readiness.fingerprint, tier.name().as_bytes(), stops].concat())
}

/// Keeps a compiled module for later.
pub(crate) fn keep(cache: &Cache, key: &Key, artifact: &Sealed) -> anyhow::Result<gate_store::Stored> {
    let mut file = artifact.file.try_clone().map(File::from).context("cannot read it")?;
    std::io::Seek::rewind(&mut file)?;
    Ok(cache.put(key, &mut file)?)
}

impl<'a> Workshop<'a> {
    /// The compiled module, if it is in the cache.
    pub(crate) fn cached(&mut self, module: &Module, tier: Tier, stops: Stops) -> Option<Sealed> {
        match self.cache()?.get(&key(&self.readiness, module, tier, stops)) {
            Lookup::Hit(artifact) => {
                Some(Sealed { file: artifact.file.into(), bytes: artifact.artifact_bytes })
            }
            Lookup::Miss(Miss::Absent) => None,
            Lookup::Miss(miss) => {
                self.note(&format!("compiling again: {miss}"));
                None
            }
        }
    }

    /// The module compiled: from the cache if it is there.
    pub(crate) fn artifact(&mut self, module: &Module, tier: Tier, stops: Stops) -> Result<Sealed, Failure> {
        if let Some(artifact) = self.cached(module, tier, stops) {
            self.timings.cached.get_or_insert(true);
            return Ok(artifact);
        }
        match self.compile(module, tier, stops)? {
            Ok(artifact) => Ok(artifact),
            Err(undone) => Err(self.compiling().failure(undone, self.signals)),
        }
    }

    /// Compiles the module, and keeps the result.
    pub(crate) fn compile(
        &mut self,
        module: &Module,
        tier: Tier,
        stops: Stops,
    ) -> Result<Result<Sealed, Undone>, Failure> {
        self.timings.cached = Some(false);
        let Compiled { artifact, validate_time, compile_time, .. } =
            match self.compile_now(module, tier, stops)? {
                Ok(compiled) => compiled,
                Err(undone) => return Ok(Err(undone)),
            };
        *self.timings.compile.get_or_insert(Duration::ZERO) += validate_time + compile_time;
        if let Some(cache) = self.cache() {
            match keep(&cache, &key(&self.readiness, module, tier, stops), &artifact) {
                Ok(stored) => {
                    if let Err(error) = stored.evicted {
                        self.note(&format!(
                            "cannot make room in the cache: {:#}",
                            anyhow::Error::from(error)
                        ));
                    }
                }
                Err(error) => self.warn(&format!("the compiled module is not kept: {error:#}")),
            }
        }
        Ok(Ok(artifact))
    }

    /// The module prepared to be interpreted, which is not worth keeping.
    pub(crate) fn interpretable(&mut self, module: &Module, stops: Stops) -> Result<Sealed, Failure> {
        self.timings.cached = Some(false);
        let made = self.compile_now(module, Tier::Interpreter, stops)?;
        let Compiled { artifact, validate_time, compile_time, .. } =
            made.map_err(|undone| self.compiling().failure(undone, self.signals))?;
        self.timings.compile = Some(validate_time + compile_time);
        Ok(artifact)
    }

    fn compile_now(
        &mut self,
        module: &Module,
        tier: Tier,
        stops: Stops,
    ) -> Result<Result<Compiled, Undone>, Failure> {
        let limits = compile_limits(self.options);
        let name = text::name(self.options.module());
        self.with_progress(&format!("compiling {name}, {}", text::bytes(module.bytes)), |container, watch| {
            gate_runtime::compile(container, &module.file, tier, stops, &limits, watch)
        })
    }

    /// The cache, unless it is switched off or there can be none.
    pub(crate) fn cache(&mut self) -> Option<Cache> {
        if self.options.no_cache {
            return None;
        }
        let Some(directory) = self.options.cache_dir.clone().or_else(gate_store::default_dir) else {
            self.warn_once("compiled modules are not kept: neither XDG_CACHE_HOME nor HOME is set");
            return None;
        };
        match Cache::open(&directory, self.options.cache_size) {
            Ok(cache) => Some(cache),
            Err(error) => {
                self.warn_once(&format!("compiled modules are not kept: {:#}", anyhow::Error::from(error)));
                None
            }
        }
    }

    /// The snapshot of a program, in a file in memory.
    pub(crate) fn snapshot(
        &mut self,
        suspended: &mut Suspended,
        module: &Module,
        format: Format,
    ) -> Result<Result<Sealed, Undone>, Failure> {
        let limits = compile_limits(self.options);
        let buffers = self.host.wait(suspended.buffers());
        let buffers = buffers.map_err(|fault| {
            let verdict = Verdict::from(fault);
            let message = report::sentence(&verdict, self.options).unwrap_or_default();
            Failure::failed(
                exit::status(&verdict, None, false),
                format!("cannot write the snapshot: {message}"),
            )
        })?;
        self.with_progress("writing the snapshot", |container, watch| {
            let module = module.file.as_fd();
            suspended.snapshot(container, module, buffers.as_ref(), format, &limits, watch)
        })
    }

    /// The program of a snapshot, and its module.
    pub(crate) fn restore(
        &mut self,
        snapshot: BorrowedFd<'_>,
    ) -> Result<Result<(Module, Suspended), Undone>, Failure> {
        let limits = compile_limits(self.options);
        let memory = self.options.memory;
        let host = Rc::clone(&self.host);
        let restoration = self.with_progress("restoring the snapshot", |container, watch| {
            host.wait(gate_runtime::restore(container, snapshot, &host.services, memory, &limits, watch))
        })?;
        match restoration {
            Restoration::Done(restored) => {
                let module = Module::of(restored.module).map_err(|error| Failure::host(&error))?;
                Ok(Ok((module, restored.suspended)))
            }
            Restoration::Undone(undone) => Ok(Err(undone)),
            Restoration::Buffers(error) => {
                Ok(Err(Undone::Refused { kind: RefusalKind::Damaged, message: error.to_string() }))
            }
            Restoration::Packets(error) => {
                let message = format!("{:#}", anyhow::Error::from(error));
                Ok(Err(Undone::Refused { kind: RefusalKind::Damaged, message }))
            }
        }
    }

    /// Finds out names and source lines of a backtrace, as far as there are any.
    pub(crate) fn symbolize(
        &mut self,
        module: &Module,
        artifact: &Sealed,
        frames: &mut Vec<Frame>,
    ) -> Result<(), Failure> {
        if frames.is_empty() {
            return Ok(());
        }
        let limits = compile_limits(self.options);
        let found = self.with_progress("looking for source lines", |container, watch| {
            gate_runtime::symbolize(container, module.file.as_fd(), artifact, frames, &limits, watch)
        })?;
        match found {
            Ok(found) => *frames = found,
            Err(undone) => {
                let failure = self.doing("looking for source lines").failure(undone, self.signals);
                self.warn(&failure.message);
            }
        }
        Ok(())
    }

    /// Launches a program, to start at its beginning.
    pub(crate) fn launch(&mut self, launch: Launch, given: &Given<'_>) -> Result<Instance, Failure> {
        let mut watch = self.watch();
        let launched = Instance::launch(&mut self.container, launch, given, &mut watch);
        launched.map_err(|error| lost(error, self.signals))
    }

    /// Continues a program whose module was compiled with these breakpoints.
    pub(crate) fn resume(
        &mut self,
        suspended: Suspended,
        module: &Module,
        launch: Launch,
        given: &Given<'_>,
        breakpoints: &[u32],
    ) -> Result<Result<Instance, NotResumed>, Failure> {
        let limits = compile_limits(self.options);
        self.with_progress("preparing to continue", |container, watch| {
            let module = (module.file.as_fd(), breakpoints);
            suspended.resume(container, launch, given, module, &limits, watch)
        })
    }

    /// Waits until a program that was launched ends or stops.
    pub(crate) fn run(&mut self, instance: Instance, given: &Given<'_>) -> Result<Report, Failure> {
        self.timings.processes += 1;
        let mut watch = self.watch();
        let running = gate_runtime::run(&mut self.container, instance, given, &mut watch);
        self.host.wait(running).map_err(|error| lost(error, self.signals))
    }

    /// What happens to a program that runs.
    fn watch(&self) -> Watch<'a> {
        Watch { cancel: Some(self.signals.descriptor()), suspend: Some(self.signals.suspend()), tick: None }
    }

    /// Does something that may take long in the container.
    pub(crate) fn with_progress<T>(
        &mut self,
        what: &str,
        act: impl FnOnce(&mut Container, &mut Watch<'_>) -> Result<T, ContainerError>,
    ) -> Result<T, Failure> {
        let mut progress = Progress::new(what.to_owned());
        let mut tick = || progress.tick();
        let mut watch = Watch {
            cancel: Some(self.signals.descriptor()),
            suspend: None,
            tick: Some((progress::PERIOD, &mut tick)),
        };
        let result = act(&mut self.container, &mut watch);
        drop(progress);
        result.map_err(|error| lost(error, self.signals))
    }

    /// For errors: what compiling is limited by.
    pub(crate) fn compiling(&self) -> Doing {
        let name = text::name(self.options.module());
        self.doing(&format!("compiling module {name}"))
    }

    /// For errors: what any other work on modules is limited by.
    pub(crate) fn doing(&self, what: &str) -> Doing {
        Doing {
            what: what.to_owned(),
            time: ("--compile-time", self.options.compile_time),
            memory: ("--compile-memory", self.options.compile_memory),
        }
    }

    /// Something that the user should know: the run goes on, but not as well as it could.
    pub(crate) fn warn(&mut self, message: &str) {
        let _ = std::io::stderr().write_all(format!("gate: warning: {message}\n").as_bytes());
    }

    fn warn_once(&mut self, message: &str) {
        if !std::mem::replace(&mut self.timings.warned, true) {
            self.warn(message);
        }
    }

    /// Something that only those want to know who want to know everything.
    pub(crate) fn note(&self, message: &str) {
        if self.options.verbose {
            let _ = std::io::stderr().write_all(format!("gate: {message}\n").as_bytes());
        }
    }

    /// What the program gets as standard input, if not this process's own: nothing, where the module came from there.
    pub(crate) fn stdin(&self) -> Result<Option<File>, Failure> {
        if !module::is_stdin(self.options.module()) {
            return Ok(None);
        }
        File::open("/dev/null")
            .context("cannot open /dev/null")
            .map(Some)
            .map_err(|error| Failure::host(&error))
    }
}
