//! Programs that have stopped: what there is of one, and what can be done with it.
//!
//! ```text
//!   running ──Instance::suspend──▶ Suspended ──resume──▶ Instance: running again
//!                                    │   ▲
//!                           snapshot │   │ restore
//!                                    ▼   │
//!                                   a file ──standalone──▶ a module for other engines
//! ```
//!
//! The state, the linear memories and the packet stream are files and sockets of this process: they do not depend on the
//! process that ran the program, nor on its container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gate_packet::buffers::{Buffers, BuffersError};
use gate_sandbox::descriptors::{Identity, identity};
use gate_sandbox::memfd::{self, Seals};
use gate_service::{Fault, Pump, RestoreError};
use gate_wire::worker::{Format, Frame, Job, Stops, Tier};

use crate::container::{Container, ContainerError};
use crate::job::{self, Begun, JobLimits, Made, Sealed, Undone};
use crate::packets::{Packets, Services};
use crate::watch::Watch;

/// Buffers of packets that are larger than this cannot be those of a program: the sockets hold less.
const MAX_BUFFERS_BYTES: u64 = 64 << 20;

/// A program that has stopped.
#[derive(Debug)]
pub struct Suspended {
    /// All but the rest. Only processes in containers look into it.
    pub(crate) state: Sealed,
    /// Each in a file of its own, that a process can map as the memory itself.
    pub(crate) memories: Vec<OwnedFd>,
    /// Of a program of Gate's own interface: what is on the way, and the program's end of the socket.
    pub(crate) packets: Option<(Packets, OwnedFd)>,
}

impl Suspended {
    /// What a process has handed over as its last act, if that is possible at all.
    pub(crate) fn take(
        mut descriptors: Vec<OwnedFd>,
        bytes: u64,
        has_packets: bool,
        packets: Option<Packets>,
        end: Option<&Identity>,
    ) -> Option<Self> {
        if descriptors.is_empty() || has_packets != packets.is_some() {
            return None;
        }
        let state = descriptors.remove(0);
        let theirs = (has_packets && !descriptors.is_empty()).then(|| descriptors.remove(0));
        // Whoever took the process over could send any other file that it has, and this one is going to be read here.
        if let Some(theirs) = &theirs
            && identity(theirs.as_fd()).ok().as_ref() != end
        {
            return None;
        }
        memfd::finish(&state, bytes, Seals::Content).ok()?;
        for memory in &descriptors {
            memfd::verify(memory, Seals::Size).ok()?;
        }
        Some(Self {
            state: Sealed { file: state, bytes },
            memories: descriptors,
            packets: packets.zip(theirs),
        })
    }

    /// How much there is of it besides its linear memories, in bytes.
    #[must_use]
    pub fn state_bytes(&self) -> u64 {
        self.state.bytes
    }

    /// Its linear memories. They are sparse: what the program never touched takes no room.
    pub fn memories(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'_>> {
        self.memories.iter().map(AsFd::as_fd)
    }

    /// What is on the way between it and its services, and what they keep for it, for [`Suspended::snapshot`]. It can be continued
    /// none the less. To be called in the Tokio runtime that it ran in.
    ///
    /// # Errors
    /// [`Fault`]: it cannot be written down, nor continued.
    pub async fn buffers(&mut self) -> Result<Option<Buffers>, Fault> {
        match &mut self.packets {
            Some((packets, _)) => packets.save().await.map(Some),
            None => Ok(None),
        }
    }

    /// Writes it down, with what [`Suspended::buffers`] just said. It can be continued none the less.
    ///
    /// # Errors
    /// [`ContainerError`] when the container is lost.
    pub fn snapshot(
        &self,
        container: &mut Container,
        module: BorrowedFd<'_>,
        buffers: Option<&Buffers>,
        format: Format,
        limits: &JobLimits,
        watch: &mut Watch<'_>,
    ) -> Result<Result<Sealed, Undone>, ContainerError> {
        // A program without packets has not even empty ones.
        let buffers = buffers.map(Buffers::encode).unwrap_or_default();
        let buffers = memfd::create("buffers").and_then(|file| {
            let file = std::fs::File::from(file);
            std::os::unix::fs::FileExt::write_all_at(&file, &buffers, 0)?;
            memfd::seal(&file, Seals::Content)?;
            Ok(file)
        });
        let buffers = buffers.map_err(|source| ContainerError::File { source })?;
        let mut inputs = vec![module, self.state.file.as_fd(), buffers.as_fd()];
        inputs.extend(self.memories());
        let job = Job::Snapshot { format, memories: count(self.memories.len()) };
        let begun = begin_one_file(container, job, &inputs, limits, watch)?;
        // What there is in memories is nearly all that it writes, after it has looked for it.
        begun.allocate(0, used_bytes(self.memories()) / 2);
        end_one_file(begun, container, watch)
    }
}

/// What a snapshot was made of.
#[derive(Debug)]
pub struct Restored {
    /// The module that was compiled, in a file that nobody can change.
    pub module: Sealed,
    /// The program, which has not got a process yet.
    pub suspended: Suspended,
}

/// What became of the attempt to restore a snapshot.
#[derive(Debug)]
pub enum Restoration {
    /// It is restored.
    Done(Box<Restored>),
    /// It is not.
    Undone(Undone),
    /// Its packet buffers make no sense.
    Buffers(BuffersError),
    /// They cannot be those of a program.
    Packets(RestoreError),
}

/// Restores the snapshot in `snapshot`, a memfd sealed against changes. All its memories together may become `memory_bytes`
/// large. Its packets are served by `services`; to be called in the Tokio runtime that it will run in.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub async fn restore(
    container: &mut Container,
    snapshot: BorrowedFd<'_>,
    services: &Services,
    memory_bytes: u64,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Restoration, ContainerError> {
    // Nearly all programs have one memory. Those that do not are read twice.
    let mut memories = 1;
    loop {
        let sealed = ["module", "state", "buffers"].map(|name| (name, output_bytes(&[snapshot], limits)));
        let memory = ("linear-memory", memory_bytes.next_multiple_of(PAGE_BYTES).min(MAX_MEMORY_BYTES));
        let files = sealed.into_iter().chain((0..memories).map(|_| memory));
        let outputs =
            files.map(|(name, bytes)| memfd::create_sized(name, bytes)).collect::<Result<Vec<_>, _>>();
        let outputs = outputs.map_err(|source| ContainerError::File { source })?;
        let job = Job::Restore { memories, memory_bytes };
        let made = match job::run(container, job, &[snapshot], 3, outputs, limits, watch)? {
            Ok(made) => made,
            Err(undone) => return Ok(Restoration::Undone(undone)),
        };
        match made {
            Made::Files(files) => return restored(files, services).await,
            Made::Memories(count) if count != memories && count <= MAX_MEMORIES => memories = count,
            Made::Memories(_) | Made::Symbols(_) => return Ok(Restoration::Undone(job::nonsense())),
        }
    }
}

/// The most that a file can have which a job makes: it has what the job has read, some of it in another form, and what it has
/// made in its own memory.
pub(crate) fn output_bytes(inputs: &[BorrowedFd<'_>], limits: &JobLimits) -> u64 {
    let read = used_bytes(inputs.iter().copied());
    read.saturating_mul(2).saturating_add(limits.memory_bytes).min(i64::MAX.unsigned_abs())
}

/// How much memory files take. What cannot be looked at is no file, and has none.
fn used_bytes<'a>(files: impl Iterator<Item = BorrowedFd<'a>>) -> u64 {
    let used = files.filter_map(|file| rustix::fs::fstat(file).ok());
    // Memories are sparse: what counts is what they take.
    let used = used.map(|stat| u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(BLOCK_BYTES));
    used.fold(0, u64::saturating_add)
}

/// What `st_blocks` counts.
const BLOCK_BYTES: u64 = 512;
/// A page of linear memory.
const PAGE_BYTES: u64 = 1 << 16;
/// What a linear memory can have at most.
const MAX_MEMORY_BYTES: u64 = 1 << 32;
/// No accepted module has more.
const MAX_MEMORIES: u32 = 100;

async fn restored(files: Vec<Sealed>, services: &Services) -> Result<Restoration, ContainerError> {
    let mut files = files.into_iter();
    let (Some(module), Some(state), Some(buffers)) = (files.next(), files.next(), files.next()) else {
        return Ok(Restoration::Undone(job::nonsense()));
    };
    let memories = files.map(|memory| memory.file).collect();
    let packets = if buffers.bytes == 0 {
        None
    } else {
        let buffers = match read_buffers(&buffers) {
            Ok(Ok(buffers)) => buffers,
            Ok(Err(error)) => return Ok(Restoration::Buffers(error)),
            Err(source) => return Err(ContainerError::File { source }),
        };
        let Services { registry, client } = services.clone();
        match Pump::restore(registry, client, buffers).await {
            Ok(pump) => Some(Packets::restore(pump).map_err(|source| ContainerError::File { source })?),
            Err(error) => return Ok(Restoration::Packets(error)),
        }
    };
    let suspended = Suspended { state, memories, packets };
    Ok(Restoration::Done(Box::new(Restored { module, suspended })))
}

fn read_buffers(file: &Sealed) -> std::io::Result<Result<Buffers, BuffersError>> {
    if file.bytes > MAX_BUFFERS_BYTES {
        return Ok(Err(BuffersError::Number));
    }
    let mapped = memfd::map(&file.file).map_err(std::io::Error::other)?;
    let bytes = usize::try_from(file.bytes).unwrap_or(usize::MAX);
    Ok(Buffers::decode(mapped.as_ref().get(..bytes).unwrap_or_default()))
}

/// Describes the module or snapshot in `file`, a memfd sealed against changes, for people or as JSON. What it says may quote
/// the module.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub fn inspect(
    container: &mut Container,
    file: BorrowedFd<'_>,
    json: bool,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Sealed, Undone>, ContainerError> {
    one_file(container, Job::Inspect { json }, &[file], limits, watch)
}

/// How a program is compiled that somebody wants to look into while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debug {
    /// For which engine.
    pub tier: Tier,
    /// How it can be stopped, apart from breakpoints.
    pub stops: Stops,
    /// Offsets in the module of the instructions before which it stops by itself.
    pub breakpoints: Vec<u32>,
}

impl Debug {
    fn job(&self) -> Job {
        let Self { tier, stops, breakpoints } = self.clone();
        Job::Debug { tier, stops, breakpoints, continues: false }
    }
}

/// Compiles the module in `module`, a memfd sealed against changes, with breakpoints.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub fn compile_debug(
    container: &mut Container,
    module: BorrowedFd<'_>,
    debug: &Debug,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Sealed, Undone>, ContainerError> {
    one_file(container, debug.job(), &[module], limits, watch)
}

/// Finds out which instructions of the module in `module` somebody means by `place`: an offset (`0x1f`), a function, or a line
/// (`main.c:7`). There is at least one, if any is found.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub fn locate(
    container: &mut Container,
    module: BorrowedFd<'_>,
    place: &str,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Vec<Frame>, Undone>, ContainerError> {
    let job = Job::Locate { place: place.to_owned() };
    symbols(container, job, &[module], limits, watch)
}

/// Makes a module that continues the program of a snapshot on any engine.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub fn standalone(
    container: &mut Container,
    snapshot: BorrowedFd<'_>,
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Sealed, Undone>, ContainerError> {
    one_file(container, Job::Standalone, &[snapshot], limits, watch)
}

/// Says of a backtrace of a program, whose frames have offsets of the code in `artifact`, where in `module` its frames are.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub fn symbolize(
    container: &mut Container,
    module: BorrowedFd<'_>,
    artifact: &Sealed,
    frames: &[Frame],
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Vec<Frame>, Undone>, ContainerError> {
    let places =
        frames.iter().map(|frame| (frame.function_index, frame.module_offset, frame.compiled_offset));
    let job = Job::Symbolize { artifact_bytes: artifact.bytes, frames: places.collect() };
    symbols(container, job, &[module, artifact.file.as_fd()], limits, watch)
}

/// Has a job done that finds out where instructions are.
fn symbols(
    container: &mut Container,
    job: Job,
    inputs: &[BorrowedFd<'_>],
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Vec<Frame>, Undone>, ContainerError> {
    let made = job::run(container, job, inputs, 0, Vec::new(), limits, watch)?;
    Ok(made.and_then(|made| match made {
        Made::Symbols(frames) => Ok(frames),
        Made::Files(_) | Made::Memories(_) => Err(job::nonsense()),
    }))
}

fn one_file(
    container: &mut Container,
    job: Job,
    inputs: &[BorrowedFd<'_>],
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Result<Sealed, Undone>, ContainerError> {
    let begun = begin_one_file(container, job, inputs, limits, watch)?;
    end_one_file(begun, container, watch)
}

fn begin_one_file(
    container: &mut Container,
    job: Job,
    inputs: &[BorrowedFd<'_>],
    limits: &JobLimits,
    watch: &mut Watch<'_>,
) -> Result<Begun, ContainerError> {
    let output = memfd::create_sized("output", output_bytes(inputs, limits))
        .map_err(|source| ContainerError::File { source })?;
    job::begin(container, job, inputs, 1, vec![output], limits, watch)
}

fn end_one_file(
    begun: Begun,
    container: &mut Container,
    watch: &mut Watch<'_>,
) -> Result<Result<Sealed, Undone>, ContainerError> {
    Ok(begun.end(container, watch)?.and_then(|made| match made {
        Made::Files(files) => files.into_iter().next().ok_or_else(job::nonsense),
        Made::Memories(_) | Made::Symbols(_) => Err(job::nonsense()),
    }))
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
