//! Programs in a container of this process, without the `gate` program: for what that cannot be told on its command line, and for
//! times that must not include its start.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gate_runtime::{
    Compiled, Container, ContainerOptions, Entry, Given, Instance, JobLimits, Launch, Limits, NotResumed,
    Report, Sealed, Services, Stops, Suspended, Tier, Undone, Watch,
};
use gate_sandbox::memfd::{self, Seals};
use gate_testkit::binaries;
use rustix::event::{PollFd, PollFlags, Timespec};

/// Far more than anything here takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// What a program may allocate.
const MEMORY_BYTES: u64 = 1 << 30;

/// Nobody interrupts a bench.
pub(super) fn watch() -> Watch<'static> {
    Watch { cancel: None, suspend: None, tick: None }
}

/// A container that is ready for many programs, of which it keeps `pool` processes forked.
pub(super) fn container(pool: u32) -> Result<Container> {
    let mut container = Container::start(&ContainerOptions {
        program: binaries::gate_runtime()?,
        no_namespaces: false,
        single_id: false,
        cgroup: None,
        memory_bytes: None,
        tasks: None,
        cpu_thousandths: None,
        many: true,
        no_store_bypass: false,
    })?;
    container.wait_ready(&mut watch())?;
    container.prefork(pool)?;
    Ok(container)
}

/// As many threads as there are processors for.
pub(super) fn threads() -> Result<u32> {
    Ok(u32::try_from(std::thread::available_parallelism()?.get())?)
}

/// What work on modules may use.
pub(super) fn limits(threads: u32) -> JobLimits {
    JobLimits { time: PATIENCE, threads, memory_bytes: 4 << 30 }
}

/// The null device.
pub(super) fn null() -> Result<File> {
    File::options().read(true).write(true).open("/dev/null").context("cannot open /dev/null")
}

/// A file in memory that nobody can change, with what is in the one at `path`.
pub(super) fn module(path: &Path) -> Result<OwnedFd> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut file = File::from(memfd::create("module")?);
    std::io::Write::write_all(&mut file, &bytes).context("cannot write the module")?;
    memfd::seal(&file, Seals::Content)?;
    Ok(file.into())
}

/// What a job has made.
pub(super) fn done<T>(made: Result<T, Undone>) -> Result<T> {
    made.map_err(|undone| anyhow::anyhow!("a job was not done: {undone:?}"))
}

/// Compiles a module.
pub(super) fn compile(
    container: &mut Container,
    module: &OwnedFd,
    (tier, stops): (Tier, Stops),
    threads: u32,
) -> Result<Compiled> {
    done(gate_runtime::compile(container, module, tier, stops, &limits(threads), &mut watch())?)
}

/// A program that can be launched again and again.
pub(super) struct Program {
    artifact: Sealed,
    launch: Launch,
}

impl Program {
    /// A compiled module, which gets these arguments.
    pub(super) fn new(artifact: Sealed, how: (Tier, Stops), arguments: &[&str]) -> Self {
        let launch = Launch {
            tier: how.0,
            artifact_bytes: artifact.bytes,
            arguments: arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
            environment: Vec::new(),
            limits: Limits {
                memory_bytes: MEMORY_BYTES,
                stack_bytes: 2 << 20,
                cpu_nanos: None,
                output_bytes: None,
                fs_bytes: 1 << 20,
                fs_inodes: 100,
            },
            entry: Entry::Default,
            terminals: [false; 3],
            has_image: false,
            stops: how.1,
            countdown: None,
            resume: None,
        };
        Self { artifact, launch }
    }

    /// Has it run. Does not wait for that.
    pub(super) fn launch(
        &self,
        container: &mut Container,
        stdin: BorrowedFd<'_>,
        stdout: BorrowedFd<'_>,
    ) -> Result<Instance> {
        self.launch_with(container, stdin, stdout, &Services::none())
    }

    /// Likewise, with services.
    pub(super) fn launch_with(
        &self,
        container: &mut Container,
        stdin: BorrowedFd<'_>,
        stdout: BorrowedFd<'_>,
        services: &Services,
    ) -> Result<Instance> {
        let given = self.given([stdin, stdout, stdout], services);
        Ok(Instance::launch(container, self.launch.clone(), &given, &mut watch())?)
    }

    /// Has it continue. Does not wait for that, but for the code that continues it.
    pub(super) fn resume(
        &self,
        container: &mut Container,
        stdin: BorrowedFd<'_>,
        stdout: BorrowedFd<'_>,
        (suspended, module): (Suspended, BorrowedFd<'_>),
        limits: &JobLimits,
    ) -> Result<Instance> {
        let services = Services::none();
        let given = self.given([stdin, stdout, stdout], &services);
        let (launch, module) = (self.launch.clone(), (module, &[][..]));
        let resumed = suspended.resume(container, launch, &given, module, limits, &mut watch())?;
        done(resumed.map_err(|NotResumed { undone, .. }| undone))
    }

    fn given<'a>(&'a self, streams: [BorrowedFd<'a>; 3], services: &'a Services) -> Given<'a> {
        Given {
            artifact: self.artifact.file.as_fd(),
            streams,
            image: None,
            wall_time: None,
            suspend_after: None,
            services,
        }
    }
}

/// Waits until the program runs.
pub(super) fn start(container: &mut Container, instance: &mut Instance) -> Result<()> {
    while !instance.has_started() {
        wait(container, std::slice::from_ref(instance))?;
        container.pump()?;
        if let Some(report) = instance.advance(container, Instant::now())? {
            bail!("a program did not start: {report:?}");
        }
    }
    Ok(())
}

/// Waits until the program has ended, or is suspended.
pub(super) fn finish(container: &mut Container, instance: &mut Instance) -> Result<Report> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        container.pump()?;
        let now = Instant::now();
        if let Some(report) = instance.advance(container, now)? {
            return Ok(report);
        }
        ensure!(now < deadline, "a program does not end");
        wait(container, std::slice::from_ref(instance))?;
    }
}

/// Waits until there is something to do for one of `instances`.
pub(super) fn wait(container: &Container, instances: &[Instance]) -> Result<()> {
    let descriptors = instances.iter().filter_map(Instance::descriptor);
    let mut descriptors: Vec<PollFd<'_>> =
        descriptors.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)).collect();
    descriptors.push(PollFd::from_borrowed_fd(container.descriptor()?, PollFlags::IN));
    if !instances.is_empty() {
        let deadline = instances.iter().filter_map(Instance::deadline).min();
        let patience =
            deadline.map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
        rustix::event::poll(&mut descriptors, Some(&Timespec::try_from(patience.min(PATIENCE))?))?;
    }
    Ok(())
}
