//! Has a program run, and finds out what became of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use gate_packet::Violation;
use gate_sandbox::channel::{ChannelError, MAX_MESSAGE_BYTES};
use gate_wire::container::{End, Role, Usage};
use gate_wire::worker::{Event, Launch, Outcome, Personality, RefusalKind, Request, Statistics};
use rustix::event::PollFlags;

use crate::container::{Container, ContainerError, Process};
use crate::packets::Packets;
use crate::watch::{Watch, Woken};

/// `SIGXCPU`: what the processor timer of a worker sends. The same number on all architectures that there are filters
/// for.
const SIGXCPU: i32 = 24;
/// `SIGSYS`: what the system call filter sends.
const SIGSYS: i32 = 31;

/// A limit that the program's process reached, so that it could not say so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Processor time.
    CpuTime,
    /// The time since its launch.
    WallTime,
}

/// A process that ended without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// How.
    pub end: End,
    /// What it used.
    pub usage: Usage,
}

impl Crash {
    pub(crate) fn new(end: End, usage: Usage) -> Self {
        Self { end, usage }
    }

    /// Whether the system call filter ended it: it was taken over, or there is a defect in the filter.
    #[must_use]
    pub fn is_forbidden_call(&self) -> bool {
        self.end == End::Signaled(SIGSYS)
    }
}

impl std::fmt::Display for Crash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.end {
            End::Signaled(SIGSYS) => f.write_str("ended by the system call filter (SIGSYS)"),
            End::Signaled(signal) => write!(f, "ended by signal {signal}"),
            End::Exited(status) => write!(f, "exited with status {status} without a word"),
        }
    }
}

/// What became of a program.
#[derive(Debug)]
pub enum Verdict {
    /// It came to an end of its own.
    Ended {
        /// How.
        outcome: Outcome,
        /// What it used, as its process says.
        statistics: Statistics,
    },
    /// It did not start.
    Refused {
        /// Why.
        kind: RefusalKind,
        /// Why, for people; may quote the program.
        message: String,
    },
    /// It reached a limit.
    Limit(Limit),
    /// It broke the packet protocol.
    Violation(Violation),
    /// Its process ended without a word: somebody killed it, it was out of memory, or the engine broke.
    Crashed(Crash),
    /// Its process could not do its work for a reason that lies in the host.
    Failed {
        /// Why, for people.
        message: String,
    },
    /// Somebody wanted an end.
    Cancelled,
}

/// What is known of a program that has ended.
#[derive(Debug)]
pub struct Report {
    /// What became of it.
    pub verdict: Verdict,
    /// What its process used, from its fork on; none if that did not become known.
    pub usage: Option<Usage>,
    /// From the launch to the end.
    pub wall_time: Duration,
    /// Which interface it uses; known once it has started.
    pub personality: Option<Personality>,
    /// How long loading took; known once it has started.
    pub load_time: Option<Duration>,
}

/// Runs a program: the first `launch.artifact_bytes` bytes of `artifact`, with these standard streams, and `image` if
/// `launch.has_image`. `wall_time` is the most it may take from now on.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
///
/// # Panics
/// When `launch` is larger than a message can be: see [`Launch`].
pub fn run(
    container: &mut Container,
    launch: Launch,
    artifact: BorrowedFd<'_>,
    streams: [BorrowedFd<'_>; 3],
    image: Option<BorrowedFd<'_>>,
    wall_time: Option<Duration>,
    watch: &mut Watch<'_>,
) -> Result<Report, ContainerError> {
    let process = container.start_process(Role::Program, watch)?;
    let started = Instant::now();
    let mut descriptors = vec![artifact];
    descriptors.extend(streams);
    descriptors.extend(image);
    let request = Request::Launch(Box::new(launch)).encode().expect("the caller has checked the sizes");
    match process.socket.send(&request, &descriptors) {
        Ok(()) | Err(ChannelError::Closed) => {}
        Err(source) => return Err(ContainerError::Channel { source }),
    }
    let mut supervision = Supervision {
        process,
        deadline: wall_time.and_then(|time| started.checked_add(time)),
        packets: None,
        personality: None,
        load_time: None,
    };
    let verdict = match supervision.watch_over(container, watch) {
        Err(ContainerError::Cancelled) => Verdict::Cancelled,
        other => other?,
    };
    let wall_time = started.elapsed();
    let usage = match &verdict {
        Verdict::Crashed(crash) => Some(crash.usage),
        _ => supervision.end(container, watch)?,
    };
    let verdict = match (verdict, usage) {
        (Verdict::Crashed(crash), _) if crash.end == End::Signaled(SIGXCPU) => Verdict::Limit(Limit::CpuTime),
        (verdict, _) => verdict,
    };
    let Supervision { personality, load_time, .. } = supervision;
    Ok(Report { verdict, usage, wall_time, personality, load_time })
}

struct Supervision {
    process: Process,
    deadline: Option<Instant>,
    packets: Option<Packets>,
    personality: Option<Personality>,
    load_time: Option<Duration>,
}

/// How long a process may take to end after its last message, or after it was killed.
const END_TIMEOUT: Duration = Duration::from_secs(10);

impl Supervision {
    fn watch_over(
        &mut self,
        container: &mut Container,
        watch: &mut Watch<'_>,
    ) -> Result<Verdict, ContainerError> {
        loop {
            let mut descriptors =
                vec![(self.process.socket.as_fd(), PollFlags::IN), (container.descriptor()?, PollFlags::IN)];
            if let Some(packets) = &self.packets
                && !packets.interest().is_empty()
            {
                descriptors.push((packets.descriptor(), packets.interest()));
            }
            let woken =
                watch.wait(&descriptors, self.deadline).map_err(|source| ContainerError::Wait { source })?;
            let gave_up = match woken {
                Woken::Ready(_) => None,
                Woken::Deadline => Some(Verdict::Limit(Limit::WallTime)),
                Woken::Cancelled => Some(Verdict::Cancelled),
            };
            if let Some(gave_up) = gave_up {
                container.kill(&self.process)?;
                return Ok(gave_up);
            }
            // Before the last message is taken: what the program wrote is to be judged too.
            if let Some(packets) = &mut self.packets
                && let Err(violation) = packets.pump()
            {
                container.kill(&self.process)?;
                return Ok(Verdict::Violation(violation));
            }
            let end = container.take_end(self.process.id)?;
            if let Some(verdict) = self.hear()? {
                return Ok(verdict);
            }
            if let Some((end, usage)) = end {
                return Ok(Verdict::Crashed(Crash::new(end, usage)));
            }
        }
    }

    /// Takes what the process has said; the verdict, if that was its last word.
    fn hear(&mut self) -> Result<Option<Verdict>, ContainerError> {
        let mut buffer = vec![0; MAX_MESSAGE_BYTES];
        loop {
            let mut received = match self.process.socket.try_recv(&mut buffer) {
                Ok(received) => received,
                Err(ChannelError::WouldBlock | ChannelError::Closed) => return Ok(None),
                Err(source) => return Err(ContainerError::Channel { source }),
            };
            let nonsense = || Verdict::Failed {
                message: "the program's process said something that is not in the protocol".to_owned(),
            };
            let Ok(event) = Event::decode(&buffer[..received.len], received.descriptors.len()) else {
                return Ok(Some(nonsense()));
            };
            match event {
                Event::Running { personality, load_micros } => {
                    if self.personality.replace(personality).is_some() {
                        return Ok(Some(nonsense()));
                    }
                    self.load_time = Some(Duration::from_micros(load_micros));
                    if let Some(socket) = received.descriptors.pop() {
                        self.packets = Some(Self::packets(socket)?);
                    }
                }
                Event::Finished { outcome, statistics } => {
                    return Ok(Some(Verdict::Ended { outcome, statistics }));
                }
                Event::Refused { kind, message } => return Ok(Some(Verdict::Refused { kind, message })),
                Event::Failed { message } => return Ok(Some(Verdict::Failed { message })),
                Event::Compiled { .. } => return Ok(Some(nonsense())),
            }
        }
    }

    fn packets(socket: OwnedFd) -> Result<Packets, ContainerError> {
        Packets::new(socket).map_err(|source| ContainerError::Wait { source })
    }

    /// Waits for the end of the process, killing it if it does not come by itself.
    fn end(
        &mut self,
        container: &mut Container,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Usage>, ContainerError> {
        let mut deadline = Instant::now() + END_TIMEOUT;
        let mut killed = false;
        loop {
            if let Some((_, usage)) = container.take_end(self.process.id)? {
                return Ok(Some(usage));
            }
            let descriptors = [(container.descriptor()?, PollFlags::IN)];
            match watch.wait(&descriptors, Some(deadline)) {
                Ok(Woken::Ready(_)) => {}
                Ok(Woken::Deadline | Woken::Cancelled) if !killed => {
                    container.kill(&self.process)?;
                    killed = true;
                    deadline = Instant::now() + END_TIMEOUT;
                }
                Ok(Woken::Deadline | Woken::Cancelled) => return Ok(None),
                Err(source) => return Err(ContainerError::Wait { source }),
            }
        }
    }
}
