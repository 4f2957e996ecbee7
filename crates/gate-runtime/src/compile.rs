//! Has a module compiled.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gate_sandbox::channel::ChannelError;
use gate_sandbox::memfd::{self, Seals};
use gate_wire::container::{End, Role, Usage};
use gate_wire::worker::{Event, RefusalKind, Request, Tier};
use rustix::event::PollFlags;

use crate::container::{Container, ContainerError, Heard, Process};
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
    let mut silent = false;
    loop {
        let mut descriptors = vec![(container.descriptor()?, PollFlags::IN)];
        if !silent {
            descriptors.push((process.socket().as_fd(), PollFlags::IN));
        }
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
        match answer(container, &process)? {
            Answer::Last(result) => return Ok(result),
            // It has ended, and how will be known; or it is made to.
            Answer::Silence if !silent => {
                container.kill(&process)?;
                silent = true;
            }
            Answer::Silence | Answer::None => {}
        }
        if let Some((end, usage)) = process.ending() {
            return Ok(Compilation::Crashed(Crash::new(end, usage)));
        }
    }
}

/// What the compiler says.
enum Answer {
    /// Nothing new.
    None,
    /// Nothing any more.
    Silence,
    /// All that is needed. What it says or does later does not matter: it is killed when its handle is dropped.
    Last(Compilation),
}

fn answer(container: &mut Container, process: &Process) -> Result<Answer, ContainerError> {
    // A hostile module may have taken over who says this: nonsense is its crash, not an error of ours.
    let nonsense = || {
        let (end, usage) = process.ending().unwrap_or((End::Exited(0), Usage::default()));
        Ok(Answer::Last(Compilation::Crashed(Crash::new(end, usage))))
    };
    let (bytes, mut descriptors) = match container.hear(process)? {
        Heard::Message { bytes, descriptors } => (bytes, descriptors),
        Heard::Nonsense => return nonsense(),
        Heard::Nothing => return Ok(Answer::None),
        Heard::Silence => return Ok(Answer::Silence),
    };
    let Ok(event) = Event::decode(bytes, descriptors.len()) else { return nonsense() };
    Ok(Answer::Last(match event {
        Event::Compiled { artifact_bytes, module_bytes, functions, validate_micros, compile_micros } => {
            let Some(file) = descriptors.pop() else { return nonsense() };
            if memfd::verify(&file, Seals::Content).ok() != Some(artifact_bytes) {
                return nonsense();
            }
            Compilation::Done(Compiled {
                artifact: Artifact { file, bytes: artifact_bytes },
                module_bytes,
                functions,
                validate_time: Duration::from_micros(validate_micros),
                compile_time: Duration::from_micros(compile_micros),
            })
        }
        Event::Refused { kind, message } => Compilation::Refused { kind, message },
        Event::Failed { message } => Compilation::Failed { message },
        Event::Running { .. } | Event::Finished { .. } => return nonsense(),
    }))
}

#[cfg(test)]
mod tests;
