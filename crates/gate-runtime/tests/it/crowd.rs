//! A container, and programs for it.

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gate_runtime::{
    Compiled, Container, ContainerError, ContainerOptions, Entry, Given, Instance, JobLimits, Launch, Limits,
    Report, Sealed, Services, Stops, Tier, Undone, Watch,
};
use gate_sandbox::memfd::{self, Seals};
use gate_sandbox::wait;
use gate_testkit::{binaries, guests};
use rustix::event::{PollFd, PollFlags, Timespec};

/// How long anything may take: far more than it does on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const NEVER: Watch<'static> = Watch { cancel: None, suspend: None, tick: None };

/// A container for many programs, ready.
pub(crate) fn container() -> Container {
    let mut container = Container::start(&ContainerOptions {
        program: binaries::gate_runtime().unwrap(),
        no_namespaces: false,
        single_id: false,
        cgroup: None,
        memory_bytes: None,
        tasks: None,
        cpu_thousandths: None,
        many: true,
        no_store_bypass: false,
    })
    .unwrap();
    container.wait_ready(&mut { NEVER }).unwrap();
    container
}

/// A module in a sealed file.
pub(crate) fn module_file(module: &[u8]) -> OwnedFd {
    let file = memfd::create("module").unwrap();
    File::from(file.try_clone().unwrap()).write_all(module).unwrap();
    memfd::seal(&file, Seals::Content).unwrap();
    file
}

/// Compiles a module.
pub(crate) fn compile(container: &mut Container, module: &[u8]) -> Result<Compiled, Undone> {
    let file = module_file(module);
    let limits = JobLimits { time: DEADLINE, threads: 1, memory_bytes: 1 << 30 };
    gate_runtime::compile(container, &file, Tier::Cranelift, Stops::Flag, &limits, &mut { NEVER }).unwrap()
}

/// What a program of some memory is launched with, at its default entry.
pub(crate) fn launch_of(artifact: &Sealed, memory_bytes: u64) -> Launch {
    Launch {
        tier: Tier::Cranelift,
        artifact_bytes: artifact.bytes,
        arguments: Vec::new(),
        environment: Vec::new(),
        limits: Limits {
            memory_bytes,
            stack_bytes: 1 << 20,
            cpu_nanos: None,
            output_bytes: None,
            fs_bytes: 1 << 20,
            fs_inodes: 10,
        },
        entry: Entry::Default,
        terminals: [false; 3],
        has_image: false,
        stops: Stops::Flag,
        countdown: None,
        resume: None,
    }
}

/// The program that waits for its standard input to end.
pub(crate) fn idle(container: &mut Container) -> Sealed {
    let module = fs::read(guests::small_kernel("idle")).unwrap();
    match compile(container, &module) {
        Ok(compiled) => compiled.artifact,
        other => panic!("{other:?}"),
    }
}

/// Launches a program with an input of its own.
pub(crate) fn try_launch(
    container: &mut Container,
    artifact: &Sealed,
    wall_time: Option<Duration>,
) -> Result<(Instance, PipeWriter), ContainerError> {
    start(container, artifact, Entry::Default, wall_time)
}

/// Launches a program at another function, which has a minute.
pub(crate) fn invoke(container: &mut Container, artifact: &Sealed, entry: Entry) -> (Instance, PipeWriter) {
    start(container, artifact, entry, Some(DEADLINE)).unwrap()
}

fn start(
    container: &mut Container,
    artifact: &Sealed,
    entry: Entry,
    wall_time: Option<Duration>,
) -> Result<(Instance, PipeWriter), ContainerError> {
    let (stdin, input): (PipeReader, PipeWriter) = std::io::pipe().unwrap();
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let arguments = vec![b"idle".to_vec()];
    let launch = Launch { arguments, entry, ..launch_of(artifact, 1 << 20) };
    let given = Given {
        artifact: artifact.file.as_fd(),
        streams: [stdin.as_fd(), null.as_fd(), null.as_fd()],
        image: None,
        wall_time,
        suspend_after: None,
        services: &Services::none(),
    };
    Ok((Instance::launch(container, launch, &given, &mut { NEVER })?, input))
}

/// The same where it must succeed; waits until the program runs.
pub(crate) fn launch(container: &mut Container, artifact: &Sealed) -> (Instance, PipeWriter) {
    let (mut instance, input) = try_launch(container, artifact, None).unwrap();
    while !instance.has_started() {
        assert!(step(container, std::slice::from_mut(&mut instance)).is_empty(), "it has ended");
    }
    (instance, input)
}

/// Waits until there is something to do, does it, and says which of the instances have ended.
pub(crate) fn step(container: &mut Container, instances: &mut [Instance]) -> Vec<(usize, Report)> {
    let now = Instant::now();
    let until = instances.iter().filter_map(Instance::deadline).min();
    let timeout = until.map_or(DEADLINE, |until| until.saturating_duration_since(now).min(DEADLINE));
    let mut descriptors = vec![PollFd::from_borrowed_fd(container.descriptor().unwrap(), PollFlags::IN)];
    for descriptor in instances.iter().filter_map(Instance::descriptor) {
        descriptors.push(PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
    }
    let ready = rustix::event::poll(&mut descriptors, Some(&Timespec::try_from(timeout).unwrap())).unwrap();
    assert!(ready > 0 || timeout < DEADLINE, "nothing happens");
    container.pump().unwrap();
    let mut ended = Vec::new();
    for (index, instance) in instances.iter_mut().enumerate() {
        if let Some(report) = instance.advance(container, Instant::now()).unwrap() {
            assert!(instance.has_ended());
            ended.push((index, report));
        }
    }
    ended
}

/// The report of the only instance.
pub(crate) fn report(container: &mut Container, mut instance: Instance) -> Report {
    loop {
        if let Some((_, report)) = step(container, std::slice::from_mut(&mut instance)).pop() {
            return report;
        }
    }
}

/// Waits for the end of a process.
pub(crate) fn assert_ends(pidfd: impl AsFd) {
    assert!(wait::readable(pidfd.as_fd(), Some(Instant::now() + DEADLINE)).unwrap(), "the process lives");
}
