//! Work on modules and snapshots, in processes that are made for it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use gate_sandbox::channel::ChannelError;
use gate_sandbox::memfd::{self, Seals};
use gate_wire::container::{End, Role, Usage};
use gate_wire::worker::{Event, Frame, Job, RefusalKind, Request};
use rustix::event::PollFlags;

use crate::container::{Container, ContainerError, Heard, Process};
use crate::run::Crash;
use crate::watch::{Watch, Woken};

/// What a job may use.
#[derive(Clone, Copy, Debug)]
pub struct JobLimits {
    /// How long it may take.
    pub time: Duration,
    /// How many threads it uses, at least 1.
    pub threads: u32,
    /// Private memory, in bytes.
    pub memory_bytes: u64,
}

/// A file that nobody can change any more.
#[derive(Debug)]
pub struct Sealed {
    /// The file.
    pub file: OwnedFd,
    /// How many bytes at its start matter.
    pub bytes: u64,
}

/// Why a job was not done.
#[derive(Debug)]
pub enum Undone {
    /// What it was to be done with is refused.
    Refused {
        /// Why.
        kind: RefusalKind,
        /// Why, for people; may quote the module.
        message: String,
    },
    /// It took longer than it may.
    TimeLimit,
    /// It took more memory than it may, or the process broke on it.
    Crashed(Crash),
    /// The process could not do its work for a reason that lies in the host.
    Failed {
        /// Why, for people.
        message: String,
    },
    /// Somebody wanted an end.
    Cancelled,
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Made {
    /// Its files.
    Files(Vec<Sealed>),
    /// It needs files for so many memories.
    Memories(u32),
    /// Where instructions are.
    Symbols(Vec<Frame>),
}

/// Has a job done. `outputs` are empty files for what it makes; the first `content` of them are sealed against any change, and
/// the others, which are linear memories, in size only.
pub(crate) fn run(
    container: &mut Container,
    job: Job,
    inputs: &[BorrowedFd<'_>],
    content: usize,
    outputs: Vec<OwnedFd>,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Made, Undone>, ContainerError> {
    begin(container, job, inputs, content, outputs, limits, watch)?.end(container, watch)
}

/// A job that is being done. Dropping it ends that.
pub(crate) struct Begun {
    work: Work,
    content: usize,
    outputs: Vec<OwnedFd>,
}

/// Has a job begun. The arguments are those of [`run`].
pub(crate) fn begin(
    container: &mut Container,
    job: Job,
    inputs: &[BorrowedFd<'_>],
    content: usize,
    outputs: Vec<OwnedFd>,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Begun, ContainerError> {
    let request = Request::Job { job, threads: limits.threads.max(1), memory_bytes: limits.memory_bytes };
    let mut descriptors = inputs.to_vec();
    descriptors.extend(outputs.iter().map(AsFd::as_fd));
    let work = Work::begin(container, &request, &descriptors, limits.time, watch)?;
    Ok(Begun { work, content, outputs })
}

impl Begun {
    /// Gets memory for the first `bytes` bytes of one of the files that are made, while the process is still about what comes before
    /// writing it. For a file that is going to be about that long at least: else it is only work, undone in the end. It counts as
    /// memory of this process, which has the file when the container has ended, rather than of the container.
    pub(crate) fn allocate(&self, output: usize, bytes: u64) {
        /// Nobody can be told to stop meanwhile. It takes some 20 ms.
        const MOST_BYTES: u64 = 64 << 20;
        /// With less, it is not worth the call.
        const LEAST_BYTES: u64 = 1 << 20;
        let bytes = bytes.min(MOST_BYTES);
        if let Some(file) = self.outputs.get(output)
            && bytes >= LEAST_BYTES
        {
            // If there is none to be had, the process will find out.
            let _ = memfd::allocate(file, bytes);
        }
    }

    /// Waits until the job is done.
    pub(crate) fn end(
        self,
        container: &mut Container,
        watch: &mut Watch<'_>,
    ) -> Result<Result<Made, Undone>, ContainerError> {
        let Self { work, content, outputs } = self;
        let (event, _) = match work.end(container, watch)? {
            Ok(said) => said,
            Err(undone) => return Ok(Err(undone)),
        };
        Ok(match event {
            Event::Done { bytes } => seal(outputs, &bytes, content).map(Made::Files).ok_or_else(nonsense),
            Event::Memories(count) => Ok(Made::Memories(count)),
            Event::Symbols(frames) => Ok(Made::Symbols(frames)),
            Event::Running { .. }
            | Event::Finished { .. }
            | Event::Suspended { .. }
            | Event::Compiled { .. }
            | Event::Refused { .. }
            | Event::Failed { .. } => Err(nonsense()),
        })
    }
}

/// A hostile module may have taken over who says it: nonsense is a crash, not an error of ours.
pub(crate) fn nonsense() -> Undone {
    Undone::Crashed(Crash::new(End::Exited(0), Usage::default()))
}

fn seal(files: Vec<OwnedFd>, bytes: &[u64], content: usize) -> Option<Vec<Sealed>> {
    if files.len() != bytes.len() {
        return None;
    }
    let mut sealed = Vec::with_capacity(files.len());
    for (position, (file, bytes)) in files.into_iter().zip(bytes).enumerate() {
        let seals = if position < content { Seals::Content } else { Seals::Size };
        memfd::finish(&file, *bytes, seals).ok()?;
        sealed.push(Sealed { file, bytes: *bytes });
    }
    Some(sealed)
}

/// What a process made for one piece of work said last, with what came with it.
pub(crate) type Said = (Event, Vec<OwnedFd>);

/// Starts a process for one piece of work and waits for its one answer.
pub(crate) fn converse(
    container: &mut Container,
    request: &Request,
    descriptors: &[BorrowedFd<'_>],
    time: Duration,
    watch: &mut Watch<'_>,
) -> Result<Result<Said, Undone>, ContainerError> {
    Work::begin(container, request, descriptors, time, watch)?.end(container, watch)
}

/// A process that was made for one piece of work, and does it.
struct Work {
    process: Process,
    deadline: Instant,
}

impl Work {
    fn begin(
        container: &mut Container,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
        time: Duration,
        watch: &mut Watch<'_>,
    ) -> Result<Self, ContainerError> {
        let deadline = Instant::now() + time;
        let process = container.start_process(Role::Compiler, watch)?;
        let bytes = request.encode().expect("the message is short");
        match process.socket().send(&bytes, descriptors) {
            // A process that has closed its socket has ended, and how is known in the end.
            Ok(()) | Err(ChannelError::Closed) => Ok(Self { process, deadline }),
            Err(source) => Err(ContainerError::Channel { source }),
        }
    }

    /// Waits for its one answer.
    fn end(
        self,
        container: &mut Container,
        watch: &mut Watch<'_>,
    ) -> Result<Result<Said, Undone>, ContainerError> {
        let Self { process, deadline } = self;
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
                Woken::Deadline => Some(Undone::TimeLimit),
                Woken::Cancelled => Some(Undone::Cancelled),
            };
            if let Some(gave_up) = gave_up {
                container.kill(&process)?;
                return Ok(Err(gave_up));
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
                return Ok(Err(Undone::Crashed(Crash::new(end, usage))));
            }
        }
    }
}

/// What such a process says.
enum Answer {
    /// Nothing new.
    None,
    /// Nothing any more.
    Silence,
    /// All that is needed. What it says or does later does not matter: it is killed when its handle is dropped.
    Last(Result<Said, Undone>),
}

fn answer(container: &mut Container, process: &Process) -> Result<Answer, ContainerError> {
    let crash = || {
        let (end, usage) = process.ending().unwrap_or((End::Exited(0), Usage::default()));
        Ok(Answer::Last(Err(Undone::Crashed(Crash::new(end, usage)))))
    };
    let (bytes, descriptors) = match container.hear(process)? {
        Heard::Message { bytes, descriptors } => (bytes, descriptors),
        Heard::Nonsense => return crash(),
        Heard::Nothing => return Ok(Answer::None),
        Heard::Silence => return Ok(Answer::Silence),
    };
    let Ok(event) = Event::decode(bytes, descriptors.len()) else { return crash() };
    Ok(Answer::Last(match event {
        Event::Refused { kind, message } => Err(Undone::Refused { kind, message }),
        Event::Failed { message } => Err(Undone::Failed { message }),
        event => Ok((event, descriptors)),
    }))
}
