//! Has a module compiled.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use gate_sandbox::memfd::{self, Seals};
use gate_wire::worker::{Event, Request, Stops, Tier};

use crate::container::{Container, ContainerError};
use crate::job::{self, JobLimits, Sealed, Undone};
use crate::watch::Watch;

/// A module that was compiled.
#[derive(Debug)]
pub struct Compiled {
    /// The result.
    pub artifact: Sealed,
    /// The module's length as a binary, in bytes.
    pub module_bytes: u64,
    /// The number of functions it defines.
    pub functions: u32,
    /// How long reading and validating took.
    pub validate_time: Duration,
    /// How long compiling took.
    pub compile_time: Duration,
}

/// Compiles the module in `module`, a memfd sealed against changes, for `tier`.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub fn compile(
    container: &mut Container,
    module: &OwnedFd,
    tier: Tier,
    stops: Stops,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Compiled, Undone>, ContainerError> {
    let threads = limits.threads.max(1);
    let request = Request::Compile { tier, stops, threads, memory_bytes: limits.memory_bytes };
    let talk = job::converse(container, &request, &[module.as_fd()], limits.time, watch)?;
    Ok(talk.and_then(|(event, descriptors)| compiled(&event, descriptors).ok_or_else(job::nonsense)))
}

fn compiled(event: &Event, mut descriptors: Vec<OwnedFd>) -> Option<Compiled> {
    let Event::Compiled { artifact_bytes, module_bytes, functions, validate_micros, compile_micros } = *event
    else {
        return None;
    };
    let file = descriptors.pop()?;
    if memfd::verify(&file, Seals::Content).ok() != Some(artifact_bytes) {
        return None;
    }
    Some(Compiled {
        artifact: Sealed { file, bytes: artifact_bytes },
        module_bytes,
        functions,
        validate_time: Duration::from_micros(validate_micros),
        compile_time: Duration::from_micros(compile_micros),
    })
}

#[cfg(test)]
mod tests;
