//! Has a module compiled.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gate_sandbox::channel::ChannelError;
use gate_sandbox::memfd::{self, Seals};
use gate_wire::container::{End, Role, Usage};
use gate_wire::worker::{Event, RefusalKind, Request, Tier};
use rustix::event::PollFlags;

use crate::container::{Container, ContainerError, Process};
use crate::run::Crash;
use crate::watch::{Watch, Woken};

/// What compiling may use.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// How long it may take.
    pub time: Duration,
    /// How many threads it uses, at least 1.
    pub threads: u32,
    /// Private memory, in bytes.
    pub memory_bytes: u64,
}

/// A compiled module, in a file that nobody can change any more.
#[derive(Debug)]
pub struct Artifact {
    /// The file.
    pub file: OwnedFd,
    /// How many bytes at its start are the artifact.
    pub bytes: u64,
}

/// A module that was compiled.
#[derive(Debug)]
pub struct Compiled {
    /// The result.
    pub artifact: Artifact,
    /// The module's length as a binary, in bytes.
    pub module_bytes: u64,
    /// The number of functions it defines.
    pub functions: u32,
    /// How long reading and validating took.
    pub validate_time: Duration,
    /// How long compiling took.
    pub compile_time: Duration,
}

/// What became of a module.
#[derive(Debug)]
pub enum Compilation {
    /// It is compiled.
    Done(Compiled),
    /// It is refused.
    Refused {
        /// Why.
        kind: RefusalKind,
        /// Why, for people; may quote the module.
        message: String,
    },
    /// It took longer than it may.
    TimeLimit,
    /// It took more memory than it may, or the compiler broke on it.
    Crashed(Crash),
    /// The compiler process could not do its work for a reason that lies in the host.
    Failed {
        /// Why, for people.
        message: String,
    },
    /// Somebody wanted an end.
    Cancelled,
}

/// Compiles the module in `module`, a memfd sealed against changes, for `tier`.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub fn compile(
    container: &mut Container,
    module: &OwnedFd,
    tier: Tier,
    limits: &CompileLimits,
    watch: &mut Watch<'_>,
) -> Result<Compilation, ContainerError> {
    let deadline = Instant::now() + limits.time;
    let process = container.start_process(Role::Compiler, watch)?;
    let request =
        Request::Compile { tier, threads: limits.threads.max(1), memory_bytes: limits.memory_bytes };
    let bytes = request.encode().expect("the message is short");
    match process.socket().send(&bytes, &[module.as_fd()]) {
        // A process that has closed its socket has ended, and how is known below.
        Ok(()) | Err(ChannelError::Closed) => {}
        Err(source) => return Err(ContainerError::Channel { source }),
    }
    loop {
        let descriptors =
            [(process.socket().as_fd(), PollFlags::IN), (container.descriptor()?, PollFlags::IN)];
        let woken =
            watch.wait(&descriptors, Some(deadline)).map_err(|source| ContainerError::Wait { source })?;
        let gave_up = match woken {
            Woken::Ready => None,
            Woken::Deadline => Some(Compilation::TimeLimit),
            Woken::Cancelled => Some(Compilation::Cancelled),
        };
        if let Some(gave_up) = gave_up {
            container.kill(&process)?;
            return Ok(gave_up);
        }
        // Before its last message is taken: whoever has ended says nothing more.
        container.pump()?;
        if let Some(result) = answer(container, &process)? {
            return Ok(result);
        }
        if let Some((end, usage)) = process.ending() {
            return Ok(Compilation::Crashed(Crash::new(end, usage)));
        }
    }
}

/// What the compiler has said, if it has.
fn answer(container: &mut Container, process: &Process) -> Result<Option<Compilation>, ContainerError> {
    let Some(mut message) = container.hear(process)? else { return Ok(None) };
    // A hostile module may have taken over who says this: nonsense is its crash, not an error of ours.
    let nonsense = || {
        let (end, usage) = process.ending().unwrap_or((End::Exited(0), Usage::default()));
        Ok(Some(Compilation::Crashed(Crash::new(end, usage))))
    };
    let Ok(event) = Event::decode(message.bytes, message.descriptors.len()) else { return nonsense() };
    match event {
        Event::Compiled { artifact_bytes, module_bytes, functions, validate_micros, compile_micros } => {
            let Some(file) = message.descriptors.pop() else { return nonsense() };
            if memfd::verify(&file, Seals::Content).ok() != Some(artifact_bytes) {
                return nonsense();
            }
            Ok(Some(Compilation::Done(Compiled {
                artifact: Artifact { file, bytes: artifact_bytes },
                module_bytes,
                functions,
                validate_time: Duration::from_micros(validate_micros),
                compile_time: Duration::from_micros(compile_micros),
            })))
        }
        Event::Refused { kind, message } => Ok(Some(Compilation::Refused { kind, message })),
        Event::Failed { message } => Ok(Some(Compilation::Failed { message })),
        Event::Running { .. } | Event::Finished { .. } => nonsense(),
    }
}
