//! The process that is one program.
//!
//! It is sealed in two steps. From its fork on it may do what loading takes; from just before the program's first
//! instruction on, only what running takes.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use gate_abi::import::Personality;
use gate_engine::{
    Argument, Finished, LoadError, MemoryLimits, Outcome, Program, Region, RunOptions, Settings, Start,
    StartError,
};
use gate_fs::Backing;
use gate_instrument::accept::{Entry, EntryFunction};
use gate_sandbox::channel::{Channel, MAX_MESSAGE_BYTES};
use gate_sandbox::filter::{Filter, FilterError, Stage};
use gate_sandbox::layers::limits::Limits;
use gate_sandbox::layers::{cpu, shuffle};
use gate_sandbox::ring::{Ring, Side};
use gate_sandbox::{descriptors, memfd, process, stop};
use gate_snapshot::State;
use gate_wire::worker::{self, Event, Launch, RefusalKind, Request, Statistics};
use rustix::fd::AsFd;
use rustix::process::Pid;

use crate::convert;
use crate::personality::{self, Before, ProgramCalls};
use crate::report;

/// Private writable memory beside the linear memories: the engine's own, tables, and the file system's bookkeeping.
const DATA_BYTES: u64 = 256 << 20;
/// All tables together; upstream's limit for the one table it allows.
const TABLE_ELEMENTS: usize = 10_000_000;
/// Stack for the engine's and our own functions, which run on top of the program's.
const HOST_STACK_BYTES: u64 = 1 << 20;
/// More than the fixed ones, the artifact, the continuation, the image or the state, and one for each linear memory, each of
/// them twice while they are moved.
const OPEN_FILES: u64 = 256;

/// The filters of all programs: made once, in the process that is then forked.
#[derive(Debug)]
pub(crate) struct Filters {
    loading: Filter,
    running: Filter,
}

impl Filters {
    pub(crate) fn new() -> Result<Self, FilterError> {
        Ok(Self { loading: Filter::new(Stage::Loading)?, running: Filter::new(Stage::Running)? })
    }
}

/// Runs in a process that was just forked by `parent`. Returns its exit status.
pub(crate) fn main(socket: Channel, parent: Pid, filters: &Filters) -> i32 {
    let prepared = match prepare(socket, parent, &filters.loading) {
        Ok(prepared) => prepared,
        Err(_) => return 1,
    };
    let socket = &prepared.socket;
    let last = match work(&prepared, &filters.running) {
        Ok(last) => last,
        Err(error) => Last::of(Event::Failed { message: report::chain(&error) }),
    };
    match last.send(socket) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

struct Prepared {
    socket: Channel,
    /// Keeps the addresses of what is mapped later from being the same in all programs of a container.
    _shuffle: shuffle::Reservation,
}

fn prepare(socket: Channel, parent: Pid, filter: &Filter) -> anyhow::Result<Prepared> {
    process::set_parent_death_signal(parent)?;
    stop::forget();
    let shuffle = shuffle::Reservation::random()?;
    let socket = Channel::from_fd(descriptors::only_control(socket.into_fd())?)?;
    filter.install()?;
    Ok(Prepared { socket, _shuffle: shuffle })
}

/// Why a program does not start, when it is not the host's fault.
struct Refused(RefusalKind, String);

fn work(prepared: &Prepared, final_filter: &Filter) -> anyhow::Result<Last> {
    let socket = &prepared.socket;
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    let received = socket.recv(&mut buffer)?;
    let started = Instant::now();
    let Request::Launch(launch) = Request::decode(&buffer[..received.len], received.descriptors.len())?
    else {
        anyhow::bail!("a program process was asked to compile");
    };
    let mut descriptors = received.descriptors.into_iter();
    let mut next = || descriptors.next().context("a descriptor is missing");
    let received_artifact = next()?;
    for number in [descriptors::STDIN, descriptors::STDOUT, descriptors::STDERR] {
        descriptors::place(next()?, number)?;
    }
    descriptors::place(memfd::create_sized("state", state_bytes(&launch))?, descriptors::STATE)?;
    // Everything else stays open while the program runs, and must not be where the packets are going to be. What was received
    // first has that number, and keeps it from being used until the program is loaded, if there are no packets yet.
    let away = |descriptor: OwnedFd| rustix::io::fcntl_dupfd_cloexec(descriptor, descriptors::FIRST_FREE);
    let artifact = rustix::io::fcntl_dupfd_cloexec(&received_artifact, descriptors::FIRST_FREE)?;
    let image = if launch.has_image { Some(File::from(away(next()?)?)) } else { None };
    let mut place_keeper = Some(received_artifact);
    let mut before = None;
    let mut adopted = None;
    let mut ring = None;
    if let Some(resume) = launch.resume {
        before = Some(Given::read(away(next()?)?)?);
        if resume.has_packets {
            let packets = away(next()?)?;
            drop(place_keeper.take());
            descriptors::place(packets, descriptors::PACKETS)?;
            let file = away(next()?)?;
            ring = Some(Ring::open(file.as_fd(), Side::Program).context("cannot use the packet ring")?);
        }
        adopted = Some(descriptors.map(away).collect::<Result<_, _>>()?);
    }

    limits(&launch).apply().context("cannot set resource limits")?;
    let mut program = match load(File::from(artifact), &launch, adopted) {
        Ok(program) => program,
        Err(error) => return not_loaded(error),
    };
    let mut waited = Duration::ZERO;
    if launch.resume.is_some() {
        // The code that continues it was being made meanwhile. The program's clocks go from the next step on: not before.
        let begun = Instant::now();
        let received = socket.recv(&mut buffer)?;
        waited = begun.elapsed();
        let continuation = continuation(&buffer[..received.len], received.descriptors)?;
        if let Some((file, bytes)) = continuation
            && let Err(error) = program.continue_with(file, bytes)
        {
            return not_loaded(error);
        }
    }
    drop(buffer);
    let personality = program.facts().personality;
    let mut packets = None;
    if personality == Personality::Gate && ring.is_none() {
        drop(place_keeper.take());
        let (new, own) = personality::packet_stream()?;
        packets = Some(new);
        ring = Some(own);
    }
    let has_packets = ring.is_some();
    let fresh;
    let mut continues_as_a_whole = false;
    let (start, calls) = match before {
        Some(Given { state, calls }) => {
            continues_as_a_whole = runs_as_a_whole(&program, &state.entry);
            let calls = match ProgramCalls::restore(personality, &launch, &calls, ring) {
                Ok(calls) => calls,
                Err(error) => return Ok(Last::refused(RefusalKind::Damaged, &error)),
            };
            (Start::Resume(Box::new(state)), calls)
        }
        None => {
            fresh = match entry(&program, &launch.entry) {
                Ok(fresh) => fresh,
                Err(Refused(kind, message)) => return Ok(Last::of(Event::Refused { kind, message })),
            };
            let (entry, arguments) = (&fresh.0, &*fresh.1);
            (Start::Fresh { entry, arguments }, ProgramCalls::new(personality, &launch, image, ring)?)
        }
    };
    drop(place_keeper);
    if let Some(flag) = program.stop_flag() {
        stop::set_word(flag.leak());
    }
    let memories: Vec<_> = program.memories().to_vec();
    if let Some(nanos) = launch.limits.cpu_nanos {
        cpu::limit(Duration::from_nanos(nanos.max(1))).context("cannot limit processor time")?;
    }
    let load_micros = convert::micros(started.elapsed().saturating_sub(waited));
    let personality = convert::personality(personality);
    let running = Event::Running { personality, load_micros, has_packets: packets.is_some() };
    // Its own end too: whoever gets it back one day recognizes it.
    let own = descriptors::fixed(descriptors::PACKETS);
    let with: Vec<_> =
        packets.iter().flat_map(|packets| [packets.socket.as_fd(), own, packets.ring.as_fd()]).collect();
    socket.send(&running.encode(), &with)?;
    drop(with);
    drop(packets);
    final_filter.install()?;

    // Here the stranger's code begins.
    let options = RunOptions { countdown: launch.countdown };
    let Finished { outcome, run_time, memory_bytes, mut calls } = match program.run(calls, start, options) {
        Ok(finished) => finished,
        Err(error @ (StartError::State(_) | StartError::Module(_))) => {
            return Ok(Last::refused(RefusalKind::Damaged, &error.into()));
        }
        Err(error @ StartError::Limit { .. }) => return Ok(Last::refused(RefusalKind::Limit, &error.into())),
    };
    let statistics = Statistics {
        run_micros: convert::micros(run_time),
        memory_peak_bytes: memory_bytes as u64,
        output_bytes: calls.output_bytes(),
        fs_bytes: calls.fs_bytes(),
    };
    let state = match outcome {
        Outcome::Suspended(state) => state,
        outcome => {
            let mut outcome = convert::outcome(outcome);
            if continues_as_a_whole && let worker::Outcome::Returned(values) = &outcome {
                outcome = match values.as_slice() {
                    [worker::Value::I32(value)] => worker::Outcome::Exited(u32::from(*value != 0)),
                    _ => worker::Outcome::Returned(Vec::new()),
                };
            }
            return Ok(Last::of(Event::Finished { outcome, statistics }));
        }
    };
    let state_bytes = calls.save(*state, StateFile)?;
    let count = u32::try_from(memories.len()).context("too many memories")?;
    let event = Event::Suspended { statistics, state_bytes, memories: count, has_packets };
    Ok(Last { event, memories })
}

/// The last message of a program's process.
struct Last {
    event: Event,
    /// The linear memories of a program that has stopped.
    memories: Vec<Arc<Region>>,
}

impl Last {
    fn of(event: Event) -> Self {
        Self { event, memories: Vec::new() }
    }

    fn refused(kind: RefusalKind, error: &anyhow::Error) -> Self {
        Self::of(Event::Refused { kind, message: report::chain(error) })
    }

    fn send(&self, socket: &Channel) -> anyhow::Result<()> {
        let mut with = Vec::new();
        if let Event::Suspended { has_packets, .. } = self.event {
            with.push(descriptors::fixed(descriptors::STATE));
            if has_packets {
                with.push(descriptors::fixed(descriptors::PACKETS));
            }
            for memory in &self.memories {
                with.push(memory.file().context("a memory has no file")?.as_fd());
            }
        }
        Ok(socket.send(&self.event.encode(), &with)?)
    }
}

/// The file for the state, written from its start to its end.
struct StateFile;

impl std::io::Write for StateFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::io::write(descriptors::fixed(descriptors::STATE), bytes)?)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The most that a state can have: the program's files, its stack, and its tables.
fn state_bytes(launch: &Launch) -> u64 {
    const OTHERS: u64 = 256 << 20;
    launch.limits.fs_bytes.saturating_add(OTHERS).min(1 << 40)
}

/// What a program that continues was given.
struct Given {
    state: State,
    calls: Before,
}

impl Given {
    fn read(file: OwnedFd) -> anyhow::Result<Self> {
        let file = Backing::new(memfd::map(file).context("cannot map the program's state")?);
        let (state, host) = State::decode_head(file.bytes()).context("cannot read the program's state")?;
        let monotonic_nanos = state.monotonic_nanos;
        Ok(Self { state, calls: Before { file, host, monotonic_nanos } })
    }
}

fn limits(launch: &Launch) -> Limits {
    let stack_bytes = usize::try_from(launch.limits.stack_bytes).unwrap_or(usize::MAX);
    let stack_bytes = match launch.resume {
        Some(_) => gate_engine::resumed_stack_bytes(stack_bytes),
        None => stack_bytes,
    };
    let control_bytes = gate_engine::control_bytes(stack_bytes) as u64;
    Limits {
        open_files: OPEN_FILES,
        processes: 0,
        // One for the processor timer, if this user id had no others: a container can have very many programs.
        pending_signals: 1 << 20,
        data_bytes: Some(DATA_BYTES.saturating_add(control_bytes).saturating_add(launch.limits.fs_bytes)),
        stack_bytes: Some((stack_bytes as u64).saturating_add(HOST_STACK_BYTES)),
        file_bytes: None,
        address_space_bytes: None,
    }
}

/// What is said of a program that could not be loaded.
fn not_loaded(error: LoadError) -> anyhow::Result<Last> {
    match error {
        LoadError::Artifact(_) | LoadError::Engine { .. } | LoadError::Stops => {
            let message = "the compiled module was made by another build".to_owned();
            Ok(Last::of(Event::Refused { kind: RefusalKind::Artifact, message }))
        }
        error @ LoadError::Memories { .. } => Ok(Last::refused(RefusalKind::Damaged, &error.into())),
        error => Err(error.into()),
    }
}

/// The code that continues a program, and its length: what came with the second order.
fn continuation(bytes: &[u8], descriptors: Vec<OwnedFd>) -> anyhow::Result<Option<(File, u64)>> {
    let Request::Continue { continuation_bytes } = Request::decode(bytes, descriptors.len())? else {
        anyhow::bail!("a program process was asked for something else than to continue");
    };
    Ok(descriptors.into_iter().next().map(File::from).zip(continuation_bytes))
}

fn load(artifact: File, launch: &Launch, adopted: Option<Vec<OwnedFd>>) -> Result<Program, LoadError> {
    let settings = Settings {
        tier: convert::tier(launch.tier),
        stack_bytes: usize::try_from(launch.limits.stack_bytes).unwrap_or(usize::MAX),
        stops: convert::stops(launch.stops),
    };
    let limits = MemoryLimits {
        memory_bytes: usize::try_from(launch.limits.memory_bytes).unwrap_or(usize::MAX),
        table_elements: TABLE_ELEMENTS,
    };
    Program::load(artifact, launch.artifact_bytes, settings, limits, adopted)
}

/// Whether a program that is continued was not started to have one function of it invoked. Whoever continues it does not know, so
/// that what a whole program returns is told as what it is then: success or failure.
fn runs_as_a_whole(program: &Program, running: &gate_snapshot::Entry) -> bool {
    entry(program, &worker::Entry::Default)
        .is_ok_and(|(entry, _)| entry.function.map(|function| function.index) == running.function)
}

fn entry(program: &Program, requested: &worker::Entry) -> Result<(Entry, Vec<Argument>), Refused> {
    let (name, texts) = match requested {
        worker::Entry::Default => (None, &[][..]),
        worker::Entry::Invoke { name, arguments } => (Some(name.as_str()), &arguments[..]),
    };
    let entry = program
        .facts()
        .entry(name)
        .map_err(|error| Refused(RefusalKind::Entry, report::chain(&error.into())))?;
    let arguments = match &entry.function {
        Some(EntryFunction { ty, .. }) => {
            convert::arguments(texts, ty).map_err(|message| Refused(RefusalKind::Entry, message))?
        }
        None => Vec::new(),
    };
    Ok((entry, arguments))
}
