//! The process that is one program.
//!
//! It is sealed in two steps. From its fork on it may do what loading takes; from just before the program's first
//! instruction on, only what running takes.

use std::fs::File;
use std::time::{Duration, Instant};

use anyhow::Context;
use gate_engine::{Argument, Finished, LoadError, MemoryLimits, Program, Settings};
use gate_instrument::accept::{Entry, EntryFunction};
use gate_sandbox::channel::{Channel, MAX_MESSAGE_BYTES};
use gate_sandbox::filter::{Filter, FilterError, Stage};
use gate_sandbox::layers::limits::Limits;
use gate_sandbox::layers::{cpu, shuffle};
use gate_sandbox::{descriptors, process};
use gate_wire::worker::{self, Event, Launch, RefusalKind, Request, Statistics};
use rustix::fd::AsFd;
use rustix::process::Pid;

use crate::convert;
use crate::personality::ProgramCalls;
use crate::report;

/// Private writable memory beside the linear memories: the engine's own, tables, and the file system's bookkeeping.
const DATA_BYTES: u64 = 256 << 20;
/// All tables together; upstream's limit for the one table it allows.
const TABLE_ELEMENTS: usize = 10_000_000;
/// Stack for the engine's and our own functions, which run on top of the program's.
const HOST_STACK_BYTES: u64 = 1 << 20;
/// One descriptor number more than the fixed ones, the artifact, the image, and one for each linear memory.
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
    let event = match work(&prepared, &filters.running) {
        Ok(event) => event,
        Err(error) => Event::Failed { message: report::chain(&error) },
    };
    match socket.send(&event.encode(), &[]) {
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
    let shuffle = shuffle::Reservation::random()?;
    let socket = Channel::from_fd(descriptors::only_control(socket.into_fd())?)?;
    filter.install()?;
    Ok(Prepared { socket, _shuffle: shuffle })
}

/// Why a program does not start, when it is not the host's fault.
struct Refused(RefusalKind, String);

fn work(prepared: &Prepared, final_filter: &Filter) -> anyhow::Result<Event> {
    let socket = &prepared.socket;
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    let received = socket.recv(&mut buffer)?;
    let started = Instant::now();
    let Request::Launch(launch) = Request::decode(&buffer[..received.len], received.descriptors.len())?
    else {
        anyhow::bail!("a program process was asked to compile");
    };
    drop(buffer);
    let mut descriptors = received.descriptors.into_iter();
    let mut next = || descriptors.next().context("a descriptor is missing");
    let received_artifact = next()?;
    for number in [descriptors::STDIN, descriptors::STDOUT, descriptors::STDERR] {
        descriptors::place(next()?, number)?;
    }
    // Artifact and memories stay open while the program runs, and must not be where the packets are going to be. What was
    // received first has that number, and keeps it from being used until the program is loaded.
    let artifact = rustix::io::fcntl_dupfd_cloexec(&received_artifact, descriptors::FIRST_FREE)?;
    let image = if launch.has_image { Some(File::from(next()?)) } else { None };

    limits(&launch).apply().context("cannot set resource limits")?;
    let program = match load(File::from(artifact), &launch) {
        Ok(program) => program,
        Err(LoadError::Artifact(_) | LoadError::Engine { .. }) => {
            let message = "the compiled module was made by another build".to_owned();
            return Ok(Event::Refused { kind: RefusalKind::Artifact, message });
        }
        Err(error) => return Err(error.into()),
    };
    let (entry, arguments) = match entry(&program, &launch.entry) {
        Ok(entry) => entry,
        Err(Refused(kind, message)) => return Ok(Event::Refused { kind, message }),
    };
    drop(received_artifact);
    let personality = program.facts().personality;
    let (calls, packets) = ProgramCalls::new(personality, &launch, image)?;
    if let Some(nanos) = launch.limits.cpu_nanos {
        cpu::limit(Duration::from_nanos(nanos.max(1))).context("cannot limit processor time")?;
    }
    let load_micros = convert::micros(started.elapsed());
    let has_packets = packets.is_some();
    let running = Event::Running { personality: convert::personality(personality), load_micros, has_packets };
    let with: Vec<_> = packets.iter().map(AsFd::as_fd).collect();
    socket.send(&running.encode(), &with)?;
    drop(with);
    drop(packets);
    final_filter.install()?;

    // Here the stranger's code begins.
    match program.run(calls, &entry, &arguments) {
        Ok(Finished { outcome, run_time, memory_bytes, calls }) => {
            let statistics = Statistics {
                run_micros: convert::micros(run_time),
                memory_peak_bytes: memory_bytes as u64,
                output_bytes: calls.output_bytes(),
                fs_bytes: calls.fs_bytes(),
            };
            Ok(Event::Finished { outcome: convert::outcome(outcome), statistics })
        }
        Err(error) => Ok(Event::Refused { kind: RefusalKind::Limit, message: report::chain(&error.into()) }),
    }
}

fn limits(launch: &Launch) -> Limits {
    Limits {
        open_files: OPEN_FILES,
        processes: 0,
        // One for the processor timer, if this user id had no others: a container can have very many programs.
        pending_signals: 1 << 20,
        data_bytes: Some(DATA_BYTES.saturating_add(launch.limits.fs_bytes)),
        stack_bytes: Some(launch.limits.stack_bytes.saturating_add(HOST_STACK_BYTES)),
        file_bytes: None,
        address_space_bytes: None,
    }
}

fn load(artifact: File, launch: &Launch) -> Result<Program, LoadError> {
    let settings = Settings {
        tier: convert::tier(launch.tier),
        stack_bytes: usize::try_from(launch.limits.stack_bytes).unwrap_or(usize::MAX),
    };
    let limits = MemoryLimits {
        memory_bytes: usize::try_from(launch.limits.memory_bytes).unwrap_or(usize::MAX),
        table_elements: TABLE_ELEMENTS,
    };
    Program::load(artifact, launch.artifact_bytes, settings, limits)
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
