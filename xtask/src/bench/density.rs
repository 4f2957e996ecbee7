//! How many programs fit on a machine, and how fast one more starts.
//!
//! A thousand programs wait for their input in one container, supervised by one event loop. What each costs is measured
//! twice: the memory that its process shares with nobody (`Private_Clean` and `Private_Dirty` of its `smaps_rollup`), and
//! what the machine has less (`MemAvailable`), which counts page tables and the kernel's own records too.

use std::fs;
use std::io::PipeWriter;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gate_runtime::{Container, Instance, Outcome, Report, Stops, Tier, Verdict};
use gate_testkit::guests::small_kernel;
use rustix::process::{Resource, Rlimit};

use super::programs::{self, PATIENCE, Program, start, wait};
use super::{Figure, Target, Unit, slowest_of_100};

const PROGRAMS: u32 = 1000;
/// Enough that the next program finds a process ready even if several are launched at once.
const POOL: u32 = 16;
/// Each takes up to four descriptors here: its socket, its pidfd, its packets, and what tells the event loop of its socket.
const OPEN_FILES: u64 = 5 * 1000;

pub(super) fn run() -> Result<Vec<Figure>> {
    more_open_files()?;
    let mut figures = Vec::new();
    for (pool, how) in [(0, "forked when asked for"), (POOL, "from the pool")] {
        let crowd = Crowd::gather(pool)?;
        let starts = crowd.starts.clone();
        let late = slowest_of_100(&starts);
        // What is promised is promised of a server, which has a pool.
        let target = (pool > 0).then_some(Target::AtMost(1.0));
        figures.push(Figure::times(format!("start of a program, {how}"), starts, target));
        figures.push(Figure::times(format!("the slowest of 100 starts, {how}"), late, None));
        if pool > 0 {
            figures.extend(crowd.memory()?);
        }
        crowd.disperse()?;
    }
    Ok(figures)
}

/// Programs that wait for their input.
struct Crowd {
    container: Container,
    instances: Vec<Instance>,
    starts: Vec<Duration>,
    /// The programs' input ends when this is closed.
    input: PipeWriter,
    available_before: u32,
    ids: Vec<u32>,
}

impl Crowd {
    fn gather(pool: u32) -> Result<Self> {
        let mut container = programs::container(pool)?;
        let program = idle(&mut container)?;
        let null = programs::null()?;
        let (stdin, input) = std::io::pipe()?;
        // One that does not count: it takes the process that every container keeps for its first program.
        let mut first = program.launch(&mut container, stdin.as_fd(), null.as_fd())?;
        start(&mut container, &mut first)?;

        let available_before = available_kibibytes()?;
        let (mut instances, mut starts) = (Vec::new(), Vec::new());
        for _ in 0..PROGRAMS {
            let begin = Instant::now();
            let mut instance = program.launch(&mut container, stdin.as_fd(), null.as_fd())?;
            start(&mut container, &mut instance)?;
            starts.push(begin.elapsed());
            instances.push(instance);
        }
        let ids = instances.iter().map(id).collect::<Result<Vec<_>>>()?;
        Ok(Self { container, instances, starts, input, available_before, ids })
    }

    fn memory(&self) -> Result<Vec<Figure>> {
        let deadline = Instant::now() + PATIENCE;
        while !self.ids.iter().map(|id| sleeps(*id)).collect::<Result<Vec<_>>>()?.iter().all(|sleeps| *sleeps)
        {
            ensure!(Instant::now() < deadline, "the programs do not come to rest");
            std::thread::yield_now();
        }
        let available = available_kibibytes()?;
        let private = self.ids.iter().map(|id| private_kibibytes(*id)).collect::<Result<Vec<_>>>()?;
        let most = private.iter().copied().fold(0.0, f64::max);
        let taken = f64::from(self.available_before.saturating_sub(available)) / f64::from(PROGRAMS);
        let figure = |what: &str, values, target| Figure {
            what: what.to_owned(),
            unit: Unit::Kibibytes,
            values,
            target,
        };
        let target = Some(Target::AtMost(300.0));
        Ok(vec![
            figure("private memory of an idle program", private, target),
            figure("the largest of them", vec![most], target),
            figure("what the machine has less, a program", vec![taken], None),
        ])
    }

    /// Ends the input of all, and sees to it that all end as they should and nothing is left.
    fn disperse(self) -> Result<()> {
        let Self { mut container, mut instances, input, ids, .. } = self;
        drop(input);
        let deadline = Instant::now() + PATIENCE;
        while !instances.is_empty() {
            container.pump()?;
            let now = Instant::now();
            ensure!(now < deadline, "{} programs do not end", instances.len());
            let mut left = Vec::new();
            for mut instance in instances {
                match instance.advance(&mut container, now)? {
                    None => left.push(instance),
                    Some(report) => ended_well(&report)?,
                }
            }
            instances = left;
            wait(&container, &instances)?;
        }
        drop(container);
        let survivors: Vec<_> =
            ids.iter().filter(|id| fs::exists(format!("/proc/{id}")).unwrap_or(true)).collect();
        ensure!(survivors.is_empty(), "processes outlived their container: {survivors:?}");
        Ok(())
    }
}

/// The idle program, compiled.
fn idle(container: &mut Container) -> Result<Program> {
    let module = programs::module(&small_kernel("idle"))?;
    let how = (Tier::Cranelift, Stops::Flag);
    let compiled = programs::compile(container, &module, how, 1)?;
    Ok(Program::new(compiled.artifact, how, &["idle"]))
}

fn ended_well(report: &Report) -> Result<()> {
    match &report.verdict {
        Verdict::Ended { outcome: Outcome::Returned(_), .. } => Ok(()),
        other => bail!("an idle program ended unexpectedly: {other:?}"),
    }
}

/// The id of an instance's process, as this process sees it.
pub(super) fn id(instance: &Instance) -> Result<u32> {
    let descriptor = instance.process().pidfd();
    let path = format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd());
    field(&fs::read_to_string(path)?, "Pid:")
}

/// Whether a process waits for something.
fn sleeps(id: u32) -> Result<bool> {
    // Fields are separated by spaces; the second one is the name in parentheses, which can have spaces too.
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    Ok(stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
}

fn private_kibibytes(id: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))
        .context("the memory of programs is hidden from ordinary users; run this bench as root")?;
    Ok(f64::from(field(&rollup, "Private_Clean:")? + field(&rollup, "Private_Dirty:")?))
}

fn available_kibibytes() -> Result<u32> {
    field(&fs::read_to_string("/proc/meminfo")?, "MemAvailable:")
}

/// The number after `name` at the start of a line.
fn field(text: &str, name: &str) -> Result<u32> {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("no number {name} in {text:?}"))
}

pub(super) fn more_open_files() -> Result<()> {
    let Rlimit { current, maximum } = rustix::process::getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < OPEN_FILES) {
        let enough = Rlimit { current: Some(OPEN_FILES), maximum };
        rustix::process::setrlimit(Resource::Nofile, enough)
            .with_context(|| format!("{OPEN_FILES} open files are needed (ulimit -n)"))?;
    }
    Ok(())
}
