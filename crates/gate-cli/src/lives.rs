//! A program from its start, or from where it was suspended, to its end or its next suspension: in one process after
//! another.
//!
//! ```text
//!   start ──▶ in a process ──▶ ended
//!               │      ▲
//!               ▼      │ --suspend-every: written down and restored
//!            stopped ──┤
//!               │      └ a better engine's code is ready: continued as it is
//!               └──▶ SIGQUIT, --suspend-after: written to a file
//! ```

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use gate_runtime::{
    Format, Given, Launch, NotResumed, Outcome, RefusalKind, Report, Sealed, Statistics, Stops, Suspended,
    Tier, Undone, Usage, Verdict,
};

use crate::better::Better;
use crate::directories::Image;
use crate::failure::Failure;
use crate::keeping::{self, Kept};
use crate::module::Module;
use crate::options::Engine;
use crate::workshop::Workshop;

/// A program whose module is smaller is compiled by the optimizing compiler at once: that takes no longer than anything else.
const SMALL_MODULE_BYTES: u64 = 8 << 10;

/// How many stop points a program goes on to come to one that can be expressed in another form than ours.
const MOST_POINTS: u32 = 1000;

/// A run that came to its end.
pub(crate) struct Ended {
    /// What became of the program. What it used is counted over all its processes.
    pub(crate) report: Report,
    /// Where it is, if it was suspended.
    pub(crate) snapshot: Option<Kept>,
    /// Whether what it returned is for the user: it is a snapshot's, and it is not success or failure then.
    pub(crate) continued: bool,
}

/// Runs a module or a snapshot.
pub(crate) fn run(
    mut workshop: Workshop<'_>,
    file: Module,
    launch: Launch,
    image: Option<&Image>,
) -> Result<Ended, Failure> {
    let (module, suspended) = restored(&mut workshop, file)?;
    let continued = suspended.is_some();
    let started = Instant::now();
    let mut lives = Lives { workshop, module, launch, image, started, used: Used::default(), better: None };
    let report = lives.until_the_end(suspended)?;
    let (mut report, snapshot) = lives.keep(report)?;
    lives.used.total(&mut report, started);
    Ok(Ended { report, snapshot, continued })
}

/// The program of a file: of a snapshot, the module that it was made of, and its state.
pub(crate) fn restored(
    workshop: &mut Workshop<'_>,
    file: Module,
) -> Result<(Module, Option<Suspended>), Failure> {
    let may_be_snapshot = file
        .may_be_snapshot()
        .map_err(|error| Failure::host(&anyhow::Error::from(error).context("cannot read the module")))?;
    if !may_be_snapshot {
        return Ok((file, None));
    }
    match workshop.restore(file.file.as_fd())? {
        Ok((module, suspended)) => {
            refuse_new_things(workshop)?;
            Ok((module, Some(suspended)))
        }
        Err(Undone::Refused { kind: RefusalKind::NoSnapshot, .. }) => Ok((file, None)),
        Err(undone) => {
            let doing = workshop.doing("restoring the snapshot");
            Err(doing.failure(undone, workshop.signals))
        }
    }
}

/// What is only for new programs.
fn refuse_new_things(workshop: &Workshop<'_>) -> Result<(), Failure> {
    let options = workshop.options;
    let given = [
        ("arguments", !options.args().is_empty()),
        ("--env", !options.env.is_empty()),
        ("--dir", !options.dir.is_empty()),
        ("--invoke", options.invoke.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((what, _)) => Err(Failure::failed(
            crate::exit::USAGE,
            format!("{what} cannot be given to a snapshot: its program goes on with what it has"),
        )),
    }
}

/// What the processes of a program used that have ended.
#[derive(Default)]
struct Used {
    usage: Usage,
    statistics: Statistics,
}

impl Used {
    /// Counts a process whose program has stopped.
    fn add(&mut self, report: &Report) {
        if !matches!(report.verdict, Verdict::Suspended { .. }) {
            return;
        }
        if let Some(usage) = report.usage {
            self.usage.user_micros += usage.user_micros;
            self.usage.system_micros += usage.system_micros;
            self.usage.max_resident_bytes = self.usage.max_resident_bytes.max(usage.max_resident_bytes);
        }
        if let Verdict::Suspended { statistics, .. } = &report.verdict {
            self.statistics.run_micros += statistics.run_micros;
            self.statistics.output_bytes += statistics.output_bytes;
        }
    }

    /// Makes the report of the last process one of them all.
    fn total(self, report: &mut Report, started: Instant) {
        let Self { usage: used, statistics: sum } = self;
        if let Some(usage) = &mut report.usage {
            usage.user_micros += used.user_micros;
            usage.system_micros += used.system_micros;
            usage.max_resident_bytes = usage.max_resident_bytes.max(used.max_resident_bytes);
        }
        if let Verdict::Ended { statistics, .. } | Verdict::Suspended { statistics, .. } = &mut report.verdict
        {
            statistics.run_micros += sum.run_micros;
            statistics.output_bytes += sum.output_bytes;
        }
        report.wall_time = started.elapsed();
    }
}

struct Lives<'a> {
    workshop: Workshop<'a>,
    module: Module,
    launch: Launch,
    image: Option<&'a Image>,
    started: Instant,
    used: Used,
    better: Option<Better>,
}

impl Lives<'_> {
    /// Until the program ends, or stops because the user wants it.
    fn until_the_end(&mut self, mut suspended: Option<Suspended>) -> Result<Report, Failure> {
        let mut artifact = self.first_artifact()?;
        loop {
            let mut report = self.one(&mut artifact, suspended.take())?;
            if let Verdict::Ended { outcome: Outcome::Trapped { frames, .. }, .. } = &mut report.verdict {
                self.workshop.symbolize(&self.module, &artifact, frames)?;
            }
            let quit = self.workshop.signals.stopped();
            // Made by another build that has the same fingerprint: should not happen, and costs one compilation.
            if matches!(report.verdict, Verdict::Refused { kind: RefusalKind::Artifact, .. })
                && self.workshop.timings.processes == 1
            {
                artifact = self.compile_again()?;
                continue;
            }
            if quit || self.is_time() {
                return Ok(report);
            }
            let stopped = match self.stopped(report) {
                Ok(stopped) => stopped,
                Err(report) => return Ok(*report),
            };
            if self.workshop.options.suspend_every.is_some() {
                suspended = Some(self.through_snapshot(stopped)?);
            } else {
                if let Some((tier, better)) = self.better.as_ref().and_then(Better::newest) {
                    self.launch.tier = tier;
                    artifact = better;
                    self.workshop.note(&format!("continuing in what the compiler {} has made", tier.name()));
                }
                suspended = Some(*stopped);
            }
        }
    }

    /// What there is of a program if it has stopped; the report if it has not.
    fn stopped(&mut self, report: Report) -> Result<Box<Suspended>, Box<Report>> {
        self.used.add(&report);
        match report.verdict {
            Verdict::Suspended { suspended, .. } => Ok(suspended),
            _ => Err(Box::new(report)),
        }
    }

    fn is_time(&self) -> bool {
        self.workshop.options.suspend_after.is_some_and(|time| self.started.elapsed() >= time)
    }

    /// The compiled module to begin with.
    fn first_artifact(&mut self) -> Result<Sealed, Failure> {
        let stops = self.launch.stops;
        let Self { workshop, module, .. } = self;
        let automatic = workshop.options.engine == Engine::Auto
            && stops == Stops::Flag
            && module.bytes > SMALL_MODULE_BYTES;
        if !automatic {
            return workshop.artifact(module, self.launch.tier, stops);
        }
        if let Some(artifact) = workshop.cached(module, Tier::Cranelift, stops) {
            workshop.timings.cached = Some(true);
            return Ok(artifact);
        }
        // The program has ended before that was compiled.
        if let Some(artifact) = workshop.cached(module, Tier::Winch, stops) {
            workshop.timings.cached = Some(true);
            self.launch.tier = Tier::Winch;
            self.better = Better::start(workshop, module, &[Tier::Cranelift]);
            return Ok(artifact);
        }
        let artifact = workshop.interpretable(module, stops)?;
        self.launch.tier = Tier::Interpreter;
        self.better = Better::start(workshop, module, &[Tier::Winch, Tier::Cranelift]);
        Ok(artifact)
    }

    fn compile_again(&mut self) -> Result<Sealed, Failure> {
        let Self { workshop, module, launch, .. } = self;
        let made = workshop.compile(module, launch.tier, launch.stops)?;
        made.map_err(|undone| workshop.compiling().failure(undone, workshop.signals))
    }

    /// One process. Its artifact can become another one: the interpreter cannot continue a program that is at a breakpoint.
    fn one(&mut self, artifact: &mut Sealed, suspended: Option<Suspended>) -> Result<Report, Failure> {
        let options = self.workshop.options;
        let mut launch = Launch { artifact_bytes: artifact.bytes, ..self.launch.clone() };
        let tier = launch.tier;
        let limits = &mut launch.limits;
        let cpu = (self.used.usage.user_micros + self.used.usage.system_micros).saturating_mul(1000);
        limits.cpu_nanos = limits.cpu_nanos.map(|limit| limit.saturating_sub(cpu).max(1));
        let output = self.used.statistics.output_bytes;
        limits.output_bytes = limits.output_bytes.map(|limit| limit.saturating_sub(output));
        let elapsed = self.started.elapsed();
        let left = |limit: Option<Duration>| limit.map(|limit| limit.saturating_sub(elapsed));
        let nothing = self.workshop.stdin()?;
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let stdin: BorrowedFd<'_> = nothing.as_ref().map_or_else(|| stdin.as_fd(), AsFd::as_fd);
        let host = Rc::clone(&self.workshop.host);
        let given = Given {
            artifact: artifact.file.as_fd(),
            streams: [stdin, stdout.as_fd(), stderr.as_fd()],
            image: self.image.map(|image| image.file.as_fd()),
            wall_time: left(options.wall_time),
            suspend_after: left(options.suspend_after),
            services: &host.services,
        };
        let instance = match suspended {
            None => self.workshop.launch(launch, &given)?,
            Some(suspended) => match self.workshop.resume(suspended, &self.module, launch, &given, &[])? {
                Ok(instance) => instance,
                Err(NotResumed { undone: Undone::Refused { kind: RefusalKind::Feature, .. }, suspended })
                    if tier == Tier::Interpreter && options.engine == Engine::Auto =>
                {
                    self.launch.tier = Tier::Cranelift;
                    *artifact = self.workshop.artifact(&self.module, Tier::Cranelift, self.launch.stops)?;
                    return self.one(artifact, Some(*suspended));
                }
                Err(NotResumed { undone, suspended }) => {
                    host.wait(async { drop(suspended) });
                    let doing = self.workshop.doing("preparing to continue");
                    return Err(doing.failure(undone, self.workshop.signals));
                }
            },
        };
        self.workshop.run(instance, &given)
    }

    /// Writes a program down, and makes another one of what was written.
    fn through_snapshot(&mut self, mut stopped: Box<Suspended>) -> Result<Suspended, Failure> {
        let format = Format::from(self.workshop.options.format);
        let workshop = &mut self.workshop;
        let snapshot = match workshop.snapshot(&mut stopped, &self.module, format)? {
            Ok(snapshot) => snapshot,
            Err(undone) => {
                return Err(workshop.doing("writing the snapshot").failure(undone, workshop.signals));
            }
        };
        // Only one of them can have what services keep in this process. They keep it where timers run.
        Rc::clone(&workshop.host).wait(async { drop(stopped) });
        match workshop.restore(snapshot.file.as_fd())? {
            Ok((module, suspended)) => {
                self.module = module;
                Ok(suspended)
            }
            Err(undone) => Err(workshop.doing("restoring the snapshot").failure(undone, workshop.signals)),
        }
    }

    /// Writes a program that has stopped to a file. If it cannot be written down in the form that the user wants, it runs on
    /// to a point where it can, or to its end.
    fn keep(&mut self, mut report: Report) -> Result<(Report, Option<Kept>), Failure> {
        let format = self.workshop.options.format.into();
        let mut points = 0;
        let mut counted = None;
        loop {
            let Verdict::Suspended { suspended, .. } = &mut report.verdict else { return Ok((report, None)) };
            match self.workshop.snapshot(suspended, &self.module, format)? {
                Ok(snapshot) => {
                    let kept = keeping::keep(self.workshop.options, &snapshot);
                    return Ok((report, Some(kept.map_err(|error| Failure::host(&error))?)));
                }
                Err(Undone::Refused { kind: RefusalKind::Point, .. }) if points < MOST_POINTS => points += 1,
                Err(undone) => {
                    let doing = self.workshop.doing("writing the snapshot");
                    return Err(doing.failure(undone, self.workshop.signals));
                }
            }
            let mut artifact = match counted.take() {
                Some(artifact) => artifact,
                None => {
                    (self.launch.stops, self.launch.countdown) = (Stops::Count, Some(1));
                    self.launch.tier = self.workshop.options.engine.best();
                    self.workshop.artifact(&self.module, self.launch.tier, Stops::Count)?
                }
            };
            let stopped = match self.stopped(report) {
                Ok(stopped) => stopped,
                Err(report) => return Ok((*report, None)),
            };
            report = self.one(&mut artifact, Some(*stopped))?;
            counted = Some(artifact);
        }
    }
}
