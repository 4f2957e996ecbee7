//! How many programs fit on a machine, and how fast one more starts.
//!
//! A thousand programs wait for their input in one container, supervised by one event loop. What each costs is measured
//! twice: the memory that its process shares with nobody (`Private_Clean` and `Private_Dirty` of its `smaps_rollup`), and
//! what the machine has less (`MemAvailable`), which counts page tables and the kernel's own records too.

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gate_runtime::{
    Container, ContainerOptions, Entry, Given, Instance, JobLimits, Launch, Limits, Outcome, Report, Sealed,
    Stops, Tier, Verdict, Watch,
};
use gate_sandbox::memfd::{self, Seals};
use gate_testkit::binaries;
use gate_testkit::guests::small_kernel;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Resource, Rlimit};

use super::{Figure, Target, Unit};

const PROGRAMS: u32 = 1000;
/// Enough that the next program finds a process ready even if several are launched at once.
const POOL: u32 = 16;
/// Each takes two descriptors here, its socket and its pidfd.
const OPEN_FILES: u64 = 3 * 1000;
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run() -> Result<Vec<Figure>> {
    more_open_files()?;
    let mut figures = Vec::new();
    for (pool, how) in [(0, "forked when asked for"), (POOL, "from the pool")] {
        let crowd = Crowd::gather(pool)?;
        let mut starts = crowd.starts.clone();
        starts.sort_unstable();
        let late = starts[(starts.len() * 99).div_ceil(100) - 1];
        // What is promised is promised of a server, which has a pool.
        let target = (pool > 0).then_some(Target::AtMost(1.0));
        figures.push(Figure::times(format!("start of a program, {how}"), starts, target));
        figures.push(Figure::times(format!("the slowest of 100 starts, {how}"), [late], None));
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
        let mut watch = Watch { cancel: None, suspend: None, tick: None };
        let mut container = Container::start(&options()?)?;
        container.wait_ready(&mut watch)?;
        container.prefork(pool)?;
        let artifact = compile(&mut container, &mut watch)?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let (stdin, input) = std::io::pipe()?;
        // One that does not count: it takes the process that every container keeps for its first program.
        let mut first = launch(&mut container, &artifact, &stdin, &null)?;
        start(&mut container, &mut first)?;

        let available_before = available_kibibytes()?;
        let (mut instances, mut starts) = (Vec::new(), Vec::new());
        for _ in 0..PROGRAMS {
            let begin = Instant::now();
            let mut instance = launch(&mut container, &artifact, &stdin, &null)?;
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

fn options() -> Result<ContainerOptions> {
    Ok(ContainerOptions {
        program: binaries::gate_runtime()?,
        no_namespaces: false,
        single_id: false,
        cgroup: None,
        memory_bytes: None,
        tasks: None,
        cpu_thousandths: None,
        many: true,
        no_store_bypass: false,
    })
}

fn compile(container: &mut Container, watch: &mut Watch<'_>) -> Result<Sealed> {
    let module = memfd::create("idle")?;
    let text = fs::read(small_kernel("idle"))?;
    rustix::io::write(&module, &text).context("cannot write the module")?;
    memfd::seal(&module, Seals::Content)?;
    let limits = JobLimits { time: PATIENCE, threads: 1, memory_bytes: 1 << 30 };
    match gate_runtime::compile(container, &module, Tier::Cranelift, Stops::Flag, &limits, watch)? {
        Ok(compiled) => Ok(compiled.artifact),
        other => bail!("the idle program cannot be compiled: {other:?}"),
    }
}

fn launch(container: &mut Container, artifact: &Sealed, stdin: &PipeReader, null: &File) -> Result<Instance> {
    let launch = Launch {
        tier: Tier::Cranelift,
        artifact_bytes: artifact.bytes,
        arguments: vec![b"idle".to_vec()],
        environment: Vec::new(),
        limits: Limits {
            memory_bytes: 1 << 30,
            stack_bytes: 2 << 20,
            cpu_nanos: None,
            output_bytes: None,
            fs_bytes: 1 << 20,
            fs_inodes: 100,
        },
        entry: Entry::Default,
        terminals: [false; 3],
        has_image: false,
        stops: Stops::Flag,
        countdown: None,
        resume: None,
    };
    let given = Given {
        artifact: artifact.file.as_fd(),
        streams: [stdin.as_fd(), null.as_fd(), null.as_fd()],
        image: None,
        wall_time: None,
        suspend_after: None,
    };
    Ok(Instance::launch(
        container,
        launch,
        &given,
        None,
        &mut Watch { cancel: None, suspend: None, tick: None },
    )?)
}

/// Waits until the program runs.
fn start(container: &mut Container, instance: &mut Instance) -> Result<()> {
    while !instance.has_started() {
        wait(container, std::slice::from_ref(instance))?;
        container.pump()?;
        if let Some(report) = instance.advance(container, Instant::now())? {
            bail!("a program did not start: {report:?}");
        }
    }
    Ok(())
}

/// Waits until there is something to do for one of `instances`.
fn wait(container: &Container, instances: &[Instance]) -> Result<()> {
    let descriptors = instances.iter().flat_map(Instance::interests);
    let mut descriptors: Vec<PollFd<'_>> =
        descriptors.map(|(descriptor, flags)| PollFd::from_borrowed_fd(descriptor, flags)).collect();
    descriptors.push(PollFd::from_borrowed_fd(container.descriptor()?, PollFlags::IN));
    if !instances.is_empty() {
        rustix::event::poll(&mut descriptors, Some(&Timespec::try_from(PATIENCE)?))?;
    }
    Ok(())
}

fn ended_well(report: &Report) -> Result<()> {
    match &report.verdict {
        Verdict::Ended { outcome: Outcome::Returned(_), .. } => Ok(()),
        other => bail!("an idle program ended unexpectedly: {other:?}"),
    }
}

/// The id of an instance's process, as this process sees it.
fn id(instance: &Instance) -> Result<u32> {
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

fn more_open_files() -> Result<()> {
    let Rlimit { current, maximum } = rustix::process::getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < OPEN_FILES) {
        let enough = Rlimit { current: Some(OPEN_FILES), maximum };
        rustix::process::setrlimit(Resource::Nofile, enough)
            .with_context(|| format!("{OPEN_FILES} open files are needed (ulimit -n)"))?;
    }
    Ok(())
}
