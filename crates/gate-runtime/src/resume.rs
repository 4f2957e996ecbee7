//! Continues a program that has stopped, in a new process.
//!
//! ```text
//!   compiler   ──────── code that continues is made ────────┐
//!   program      launched, loaded, everything restored that ┴──▶ told with what code: it runs
//! ```
//!
//! Neither process waits for the other but in the end. Until a program is told to continue, it has done nothing, and can be
//! taken back.

use std::os::fd::{AsFd, BorrowedFd};

use gate_sandbox::memfd;
use gate_wire::worker::{Job, Launch, Resume};

use crate::container::{Container, ContainerError};
use crate::instance::Instance;
use crate::job::{self, JobLimits, Made, Undone};
use crate::run::Given;
use crate::suspended::{Suspended, output_bytes};
use crate::watch::Watch;

/// A program that was not continued.
#[derive(Debug)]
pub struct NotResumed {
    /// Why: there is no code that continues it.
    pub undone: Undone,
    /// The program, as it was.
    pub suspended: Box<Suspended>,
}

impl Suspended {
    /// Continues it, with the artifact in the first `launch.artifact_bytes` bytes of `given.artifact`, which was compiled from
    /// `module` with these breakpoints (offsets in the module of the instructions before which it stops by itself). Waits until the
    /// code is made that continues it, but not for anything that it does then.
    ///
    /// `launch.resume` and `launch.has_image` do not matter, nor do `given.image` and `given.services`: it has got what it needs.
    ///
    /// # Errors
    /// [`ContainerError::Fork`] when there can be no more processes; others when the container is lost.
    ///
    /// # Panics
    /// When `launch` is larger than a message can be: see [`Launch`].
    pub fn resume(
        mut self,
        container: &mut Container,
        launch: Launch,
        given: &Given<'_>,
        (module, breakpoints): (BorrowedFd<'_>, &[u32]),
        limits: &JobLimits,
        watch: &mut Watch<'_>,
    ) -> Result<Result<Instance, NotResumed>, ContainerError> {
        let (tier, stops) = (launch.tier, launch.stops);
        let job = match breakpoints {
            [] => Job::Continue { tier, stops },
            _ => Job::Debug { tier, stops, breakpoints: breakpoints.to_vec(), continues: true },
        };
        let inputs = [module, self.state.file.as_fd()];
        let output = memfd::create_sized("continuation", output_bytes(&inputs, limits));
        let output = output.map_err(|source| ContainerError::File { source })?;
        // What takes longer is begun first.
        let begun = job::begin(container, job, &inputs, 1, vec![output], limits, watch)?;
        let launch = Launch { has_image: false, ..launch };
        let mut instance = Instance::begin(container, launch, given, Some(&self), watch)?;
        let made = begun.end(container, watch)?.and_then(|made| match made {
            Made::Files(files) => files.into_iter().next().ok_or_else(job::nonsense),
            Made::Memories(_) | Made::Symbols(_) => Err(job::nonsense()),
        });
        match made {
            Ok(continuation) => {
                let packets = self.packets.take().map(|(packets, _)| packets);
                // A program that is in the middle of nothing needs none.
                let continuation = (continuation.bytes > 0).then_some(continuation);
                instance.go_on(continuation.as_ref(), packets)?;
                Ok(Ok(instance))
            }
            Err(undone) => {
                // Before any other process has it.
                container.kill(instance.process())?;
                Ok(Err(NotResumed { undone, suspended: Box::new(self) }))
            }
        }
    }

    /// What a process is told of it.
    pub(crate) fn parts(&self) -> Resume {
        Resume {
            memories: u32::try_from(self.memories.len()).unwrap_or(u32::MAX),
            has_packets: self.packets.is_some(),
        }
    }
}
