//! The compiler process: does one piece of work on one module, and ends.
//!
//! The file for an artifact is there before the module is, and files for everything else come with the order, each of a size
//! that it cannot outgrow: the process can make no files, which are the one kind of memory that no limit but a control
//! group's counts. Its standard streams are the null device, also standard
//! error, so that it can neither read nor write a terminal; a panic is reported to the supervisor instead.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use anyhow::Context;
use gate_engine::{CompileError, Settings, Stops, Tier};
use gate_sandbox::channel::{Channel, MAX_MESSAGE_BYTES};
use gate_sandbox::filter::Filter;
use gate_sandbox::layers::limits::Limits;
use gate_sandbox::memfd::{self, Seals};
use gate_sandbox::{descriptors, process, stop};
use gate_wire::worker::{Event, RefusalKind, Request};
use rustix::process::Pid;

use crate::{convert, jobs, report};

/// The fixed descriptors, the artifact, and as many files as an order can come with.
const OPEN_FILES: u64 = 128;

/// The main thread's stack; the usual size on Linux. Those of other threads count as data.
const STACK_BYTES: u64 = 8 << 20;

/// What most programs are compiled with.
pub(crate) const WARM: Settings =
    Settings { tier: Tier::Cranelift, stack_bytes: 1 << 20, stops: Stops::Flag };

/// Most threads that a supervisor can ask for.
pub(crate) const MAX_THREADS: u32 = 64;

/// What the first panic said.
static PANIC: OnceLock<String> = OnceLock::new();

/// When the order for a process comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// At once.
    Now,
    /// At some time. Until then the process gets everything ready.
    Later,
}

/// Runs in a process that was just forked by `parent`. `processes` is the most processes and threads that its user may
/// then have in all. Returns its exit status.
pub(crate) fn main(socket: Channel, parent: Pid, filter: &Filter, order: Order, processes: u64) -> i32 {
    let (socket, artifact) = match seal(socket, parent, filter) {
        Ok(sealed) => sealed,
        Err(_) => return 1,
    };
    std::panic::set_hook(Box::new(|info| {
        let _ = PANIC.set(info.to_string());
    }));
    let worked = catch_unwind(AssertUnwindSafe(|| {
        if order == Order::Later {
            gate_engine::warm_up_to_compile(WARM).context("cannot compile something small")?;
        }
        work(&socket, artifact, processes)
    }));
    let (event, artifact) = match worked {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => (Event::Failed { message: report::chain(&error) }, None),
        Err(_) => {
            let what = PANIC.get().map_or("it panicked", String::as_str);
            (Event::Failed { message: format!("the compiler has a defect: {what}") }, None)
        }
    };
    let descriptors: Vec<_> = artifact.iter().map(OwnedFd::as_fd).collect();
    match socket.send(&event.encode(), &descriptors) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Leaves the null device, the socket and an empty file for the artifact open, and installs the filter.
fn seal(socket: Channel, parent: Pid, filter: &Filter) -> anyhow::Result<(Channel, OwnedFd)> {
    process::set_parent_death_signal(parent)?;
    stop::ignore()?;
    let null = || descriptors::inherited(descriptors::STDIN);
    let open = vec![null()?, null()?, null()?, socket.into_fd(), memfd::create("artifact")?];
    let mut open = descriptors::arrange(open)?;
    let (artifact, socket) = (open.pop().context("no artifact")?, open.pop().context("no socket")?);
    // The standard streams stay open.
    for stream in open {
        let _ = stream.into_raw_fd();
    }
    let socket = Channel::from_fd(socket)?;
    filter.install()?;
    Ok((socket, artifact))
}

fn work(socket: &Channel, artifact: OwnedFd, processes: u64) -> anyhow::Result<(Event, Option<OwnedFd>)> {
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    let mut received = socket.recv(&mut buffer)?;
    let request = Request::decode(&buffer[..received.len], received.descriptors.len())?;
    let (tier, stops, threads, memory_bytes) = match request {
        Request::Compile { tier, stops, threads, memory_bytes } => (tier, stops, threads, memory_bytes),
        Request::Job { job, threads, memory_bytes } => {
            // Nothing bounds this file but a limit that would be one for the others too.
            drop(artifact);
            let limits = Limits { file_bytes: None, ..limits(memory_bytes, processes) };
            limits.apply().context("cannot set resource limits")?;
            gate_engine::use_threads(threads.clamp(1, MAX_THREADS) as usize);
            return Ok((jobs::run(job, received.descriptors)?, None));
        }
        Request::Launch(_) | Request::Continue { .. } => {
            anyhow::bail!("a compiler process was asked to run a program")
        }
    };
    limits(memory_bytes, processes).apply().context("cannot set resource limits")?;
    let module = received.descriptors.pop().context("no module")?;
    let source = memfd::map(module).context("cannot map the module")?;
    gate_engine::use_threads(threads.clamp(1, MAX_THREADS) as usize);
    if gate_snapshot::file::is_snapshot(source.as_ref()) {
        let message = "a snapshot is restored, not compiled".to_owned();
        return Ok((Event::Refused { kind: RefusalKind::Snapshot, message }, None));
    }
    let settings = convert::settings(tier, stops);
    let compiled = match gate_engine::compile(source.as_ref(), settings) {
        Ok(compiled) => compiled,
        Err(error) => return Ok((refused(error), None)),
    };
    let mut file = File::from(artifact);
    file.write_all(&compiled.artifact).context("cannot write the artifact")?;
    let artifact = OwnedFd::from(file);
    memfd::seal(&artifact, Seals::Content)?;
    let event = Event::Compiled {
        artifact_bytes: compiled.artifact.len() as u64,
        module_bytes: compiled.module_bytes as u64,
        functions: compiled.facts.outline.functions,
        validate_micros: convert::micros(compiled.validate_time),
        compile_micros: convert::micros(compiled.transform_time + compiled.compile_time),
    };
    Ok((event, Some(artifact)))
}

fn limits(memory_bytes: u64, processes: u64) -> Limits {
    Limits {
        open_files: OPEN_FILES,
        processes,
        pending_signals: 0,
        data_bytes: Some(memory_bytes),
        stack_bytes: Some(STACK_BYTES),
        // The artifact is made in private memory before it is written.
        file_bytes: Some(memory_bytes),
        address_space_bytes: None,
    }
}

pub(crate) fn refused(error: CompileError) -> Event {
    let kind = match &error {
        CompileError::Text { .. } => RefusalKind::Invalid,
        CompileError::Refused(refusal) => convert::refusal_kind(refusal),
        CompileError::Stop(_) => RefusalKind::Limit,
        CompileError::Engine { .. } => RefusalKind::Feature,
        CompileError::Config(_) => return Event::Failed { message: report::chain(&error.into()) },
    };
    Event::Refused { kind, message: report::chain(&error.into()) }
}
