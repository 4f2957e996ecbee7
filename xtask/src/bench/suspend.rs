//! How long it takes to stop a program in the middle of its work, to continue it, to write it down and to read it again.
//!
//! The program computes for ever, some calls deep, in memory that it has filled. It is asked to stop, continued from where it
//! was, and asked again. That it continues shows when it notices what was written into its memory meanwhile: that is
//! after its first instructions.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gate_runtime::{
    Container, Format, Instance, JobLimits, Restoration, Services, Stops, Suspended, Tier, Verdict,
};
use gate_testkit::guests::kernel;
use rustix::event::Timespec;

use super::programs::{self, PATIENCE, Program};
use super::{Figure, Target, slowest_of_100};

/// How much is measured.
struct Size {
    /// The memory of the program that is stopped and continued, in MiB.
    stopped: u32,
    /// How often that is done.
    lives: usize,
    /// The memory of the program that is written down, in MiB.
    written: u32,
    /// How often that is done.
    snapshots: usize,
}

const SIZE: Size = Size { stopped: 64, lives: 300, written: 16, snapshots: 50 };

const HOW: (Tier, Stops) = (Tier::Cranelift, Stops::Flag);
/// So many that the next program finds a process ready.
const POOL: u32 = 2;
/// How long the program has stopped before it is continued.
const REST: Duration = Duration::from_millis(20);
/// Where the program looks whether it is to write a byte.
const WORD: u64 = 16;

pub(super) fn run() -> Result<Vec<Figure>> {
    let mut figures = lives(&SIZE)?;
    figures.extend(snapshots(&SIZE)?);
    Ok(figures)
}

/// What stopping and continuing takes, each time.
#[derive(Default)]
struct Times {
    suspend: Vec<Duration>,
    prepare: Vec<Duration>,
    first: Vec<Duration>,
    resume: Vec<Duration>,
}

fn lives(size: &Size) -> Result<Vec<Figure>> {
    let mut subject = Subject::new(size.stopped)?;
    let mut instance = subject.begin()?;
    let mut times = Times::default();
    for _ in 0..size.lives {
        let asked = Instant::now();
        let suspended = subject.suspend(&mut instance)?;
        let stopped = Instant::now();
        awake(&suspended)?;
        // Programs are not continued as soon as they have stopped. What a container keeps ready is.
        rustix::event::poll(&mut [], Some(&Timespec::try_from(REST)?))?;
        let begun = Instant::now();
        instance = subject.resume(suspended)?;
        let prepared = Instant::now();
        subject.hear()?;
        times.suspend.push(stopped - asked);
        times.prepare.push(prepared - begun);
        times.first.push(prepared.elapsed());
        times.resume.push(begun.elapsed());
    }
    let Times { suspend, prepare, first, resume } = times;
    let memory = size.stopped;
    let late = slowest_of_100(&suspend);
    Ok(vec![
        Figure::times(
            format!("from the request to the state, {memory} MiB"),
            suspend,
            Some(Target::AtMost(1.0)),
        ),
        Figure::times("the slowest of 100 of these", late, Some(Target::AtMost(5.0))),
        Figure::times(
            format!("from the state to the next instruction, {memory} MiB"),
            resume,
            Some(Target::AtMost(3.0)),
        ),
        Figure::times("of that, code that continues made while the process loads", prepare, None),
        Figure::times("of that, continued and first output read", first, None),
    ])
}

fn snapshots(size: &Size) -> Result<Vec<Figure>> {
    let mut subject = Subject::new(size.written)?;
    let mut instance = subject.begin()?;
    let mut suspended = subject.suspend(&mut instance)?;
    awake(&suspended)?;
    let (mut write, mut read) = (Vec::new(), Vec::new());
    let limits = subject.limits;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for _ in 0..size.snapshots {
        let begun = Instant::now();
        let snapshot = suspended.snapshot(
            &mut subject.container,
            subject.module.as_fd(),
            None,
            Format::Native,
            &limits,
            &mut programs::watch(),
        )?;
        let snapshot = programs::done(snapshot)?;
        write.push(begun.elapsed());
        let written = Instant::now();
        let restored = runtime.block_on(gate_runtime::restore(
            &mut subject.container,
            snapshot.file.as_fd(),
            &Services::none(),
            1 << 30,
            &limits,
            &mut programs::watch(),
        ))?;
        read.push(written.elapsed());
        suspended = match restored {
            Restoration::Done(restored) => restored.suspended,
            other => bail!("a snapshot was not restored: {other:?}"),
        };
    }
    // It is still the same.
    let _instance = subject.resume(suspended)?;
    subject.hear()?;
    let memory = size.written;
    Ok(vec![
        Figure::times(format!("a snapshot of {memory} MiB written"), write, Some(Target::AtMost(10.0))),
        Figure::times(format!("a snapshot of {memory} MiB restored"), read, Some(Target::AtMost(8.0))),
    ])
}

/// Has the program write a byte when it goes on.
fn awake(suspended: &Suspended) -> Result<()> {
    let memory = suspended.memories().next().context("it has a memory")?;
    Ok(File::from(memory.try_clone_to_owned()?).write_all_at(&[1], WORD)?)
}

/// The program, and what it takes to run it.
struct Subject {
    container: Container,
    module: OwnedFd,
    limits: JobLimits,
    program: Program,
    null: File,
    output: PipeReader,
    theirs: PipeWriter,
}

impl Subject {
    /// One with so much memory.
    fn new(mebibytes: u32) -> Result<Self> {
        let mut container = programs::container(POOL)?;
        let module = programs::module(&kernel("busy")?)?;
        let compiled = programs::compile(&mut container, &module, HOW, 1)?;
        let arguments = ["busy", &mebibytes.to_string()];
        let program = Program::new(compiled.artifact, HOW, &arguments);
        let (output, theirs) = std::io::pipe()?;
        let limits = programs::limits(programs::threads()?);
        Ok(Self { container, module, limits, program, null: programs::null()?, output, theirs })
    }

    /// Starts it, and waits until it has filled its memory.
    fn begin(&mut self) -> Result<Instance> {
        let (stdin, stdout) = (self.null.as_fd(), self.theirs.as_fd());
        let mut instance = self.program.launch(&mut self.container, stdin, stdout)?;
        programs::start(&mut self.container, &mut instance)?;
        self.hear()?;
        Ok(instance)
    }

    fn suspend(&mut self, instance: &mut Instance) -> Result<Suspended> {
        instance.suspend();
        match programs::finish(&mut self.container, instance)?.verdict {
            Verdict::Suspended { suspended, .. } => Ok(*suspended),
            other => bail!("the program did not stop: {other:?}"),
        }
    }

    fn resume(&mut self, suspended: Suspended) -> Result<Instance> {
        let (stdin, stdout) = (self.null.as_fd(), self.theirs.as_fd());
        let suspended = (suspended, self.module.as_fd());
        self.program.resume(&mut self.container, stdin, stdout, suspended, &self.limits)
    }

    /// Waits for a byte of the program.
    fn hear(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let ready = gate_sandbox::wait::readable(self.output.as_fd(), Some(deadline))?;
        ensure!(ready, "the program says nothing");
        Ok(self.output.read_exact(&mut [0])?)
    }
}

#[cfg(test)]
mod tests;
