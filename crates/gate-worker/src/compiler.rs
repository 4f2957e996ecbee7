//! The compiler process: reads one module, makes one artifact, ends.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::Context;
use gate_engine::{CompileError, Settings};
use gate_sandbox::channel::{Channel, MAX_MESSAGE_BYTES};
use gate_sandbox::filter::{self, Stage};
use gate_sandbox::layers::limits::Limits;
use gate_sandbox::memfd::{self, Seals};
use gate_sandbox::{descriptors, process};
use gate_wire::worker::{Event, RefusalKind, Request};

use crate::convert;
use crate::image::Mapping;
use crate::report;

/// The fixed descriptors, the module, and the artifact.
const OPEN_FILES: u64 = 32;

/// Runs in a process that was just forked. Returns its exit status.
pub(crate) fn main(socket: Channel) -> i32 {
    let socket = match seal(socket) {
        Ok(socket) => socket,
        Err(_) => return 1,
    };
    let (event, artifact) = match work(&socket) {
        Ok(done) => done,
        Err(error) => (Event::Failed { message: report::chain(&error) }, None),
    };
    let descriptors: Vec<_> = artifact.iter().map(OwnedFd::as_fd).collect();
    match socket.send(&event.encode(), &descriptors) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn seal(socket: Channel) -> anyhow::Result<Channel> {
    process::set_parent_death_signal(rustix::process::getppid().context("no parent")?)?;
    let socket = Channel::from_fd(descriptors::only_control(socket.into_fd())?)?;
    filter::install(Stage::Compiler)?;
    Ok(socket)
}

fn work(socket: &Channel) -> anyhow::Result<(Event, Option<OwnedFd>)> {
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    let mut received = socket.recv(&mut buffer)?;
    let request = Request::decode(&buffer[..received.len], received.descriptors.len())?;
    let Request::Compile { tier, threads, memory_bytes } = request else {
        anyhow::bail!("a compiler process was asked to run a program");
    };
    limits(memory_bytes).apply().context("cannot set resource limits")?;
    let module = received.descriptors.pop().context("no module")?;
    let source = Mapping::new(File::from(module)).context("cannot map the module")?;
    gate_engine::use_threads(threads.clamp(1, 64) as usize);
    let settings = Settings { tier: convert::tier(tier), stack_bytes: 1 << 20 };
    let compiled = match gate_engine::compile(source.as_ref(), settings) {
        Ok(compiled) => compiled,
        Err(error) => return Ok((refused(error), None)),
    };
    let artifact = memfd::create("artifact")?;
    let mut file = File::from(artifact);
    file.write_all(&compiled.artifact).context("cannot write the artifact")?;
    let artifact = OwnedFd::from(file);
    memfd::seal(&artifact, Seals::Content)?;
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let event = Event::Compiled {
        artifact_bytes: compiled.artifact.len() as u64,
        module_bytes: compiled.module_bytes as u64,
        functions: compiled.facts.outline.functions,
        validate_micros: micros(compiled.validate_time),
        compile_micros: micros(compiled.compile_time),
    };
    Ok((event, Some(artifact)))
}

fn limits(memory_bytes: u64) -> Limits {
    Limits {
        open_files: OPEN_FILES,
        // The threads of the compiler count for the user id, as those of all other compilers of the container do.
        processes: 1 << 16,
        pending_signals: 0,
        data_bytes: Some(memory_bytes),
        stack_bytes: None,
        address_space_bytes: None,
    }
}

fn refused(error: CompileError) -> Event {
    let kind = match &error {
        CompileError::Text { .. } => RefusalKind::Invalid,
        CompileError::Refused(refusal) => convert::refusal_kind(refusal),
        CompileError::Engine { .. } => RefusalKind::Feature,
        CompileError::Config(_) => return Event::Failed { message: report::chain(&error.into()) },
    };
    Event::Refused { kind, message: report::chain(&error.into()) }
}
