//! Has a program run, and finds out what became of it.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use gate_packet::Violation;
use gate_sandbox::allocator::OUT_OF_MEMORY;
use gate_wire::container::{End, Usage};
use gate_wire::worker::{Launch, Outcome, Personality, RefusalKind, Statistics};
use rustix::event::PollFlags;

use crate::container::{Container, ContainerError};
use crate::instance::{Continued, END_TIMEOUT, Instance};
use crate::suspended::Suspended;
use crate::watch::{Watch, Woken};

/// `SIGSYS`: what the system call filter sends.
const SIGSYS: i32 = 31;

/// A limit that the program's process reached, so that it could not say so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Processor time.
    CpuTime,
    /// The time since its launch.
    WallTime,
    /// The time to stop once it was asked to.
    Suspension,
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

    /// Whether it had no memory left.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.end == End::Exited(OUT_OF_MEMORY)
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
            End::Exited(OUT_OF_MEMORY) => f.write_str("ended because it ran out of memory"),
            End::Exited(status) => write!(f, "ended with status {status}, without a word"),
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
    /// It has stopped, and can be continued.
    Suspended {
        /// What there is of it.
        suspended: Box<Suspended>,
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
    /// What its process used, from its fork on; none if that did not become known, or not yet: see [`Instance::usage`].
    pub usage: Option<Usage>,
    /// From the launch to the end.
    pub wall_time: Duration,
    /// Which interface it uses; known once it has started.
    pub personality: Option<Personality>,
    /// How long loading took; known once it has started.
    pub load_time: Option<Duration>,
}

/// What a program is given, besides what [`Launch`] says.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Its artifact, at the start of this file.
    pub artifact: BorrowedFd<'a>,
    /// Standard input, output and error.
    pub streams: [BorrowedFd<'a>; 3],
    /// Its files, if [`Launch::has_image`].
    pub image: Option<BorrowedFd<'a>>,
    /// The most time that it may take from its launch on.
    pub wall_time: Option<Duration>,
    /// When it is asked to stop, from its launch on.
    pub suspend_after: Option<Duration>,
}

/// Runs a program, new or `continued`, to its end or until it stops.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
///
/// # Panics
/// When `launch` is larger than a message can be: see [`Launch`].
pub fn run(
    container: &mut Container,
    launch: Launch,
    given: &Given<'_>,
    continued: Option<Continued>,
    watch: &mut Watch<'_>,
) -> Result<Report, ContainerError> {
    let mut instance = Instance::launch(container, launch, given, continued, watch)?;
    let launched = Instant::now();
    let mut suspend_at = given.suspend_after.and_then(|time| launched.checked_add(time));
    let mut suspend = watch.suspend;
    let mut cancelled = false;
    loop {
        container.pump()?;
        if let Some(mut report) = instance.advance(container, Instant::now())? {
            if let Verdict::Suspended { .. } = report.verdict {
                report.usage = usage(container, &instance, watch)?;
            }
            return Ok(report);
        }
        let mut descriptors = vec![(container.descriptor()?, PollFlags::IN)];
        descriptors.extend(instance.interests());
        descriptors.extend(suspend.map(|suspend| (suspend, PollFlags::IN)));
        let deadline = [instance.deadline(), suspend_at].into_iter().flatten().min();
        let woken = if cancelled {
            // Whoever wanted the end still wants it: that is no news.
            watch.wait_for_certain(&descriptors, deadline)
        } else {
            watch.wait(&descriptors, deadline)
        };
        drop(descriptors);
        if suspend_at.is_some_and(|at| Instant::now() >= at)
            || suspend.is_some_and(|suspend| is_readable(suspend))
        {
            (suspend_at, suspend) = (None, None);
            instance.suspend();
        }
        match woken.map_err(|source| ContainerError::Wait { source })? {
            Woken::Ready | Woken::Deadline => {}
            Woken::Cancelled => {
                instance.cancel(container)?;
                cancelled = true;
            }
        }
    }
}

/// What the process of a program has used that was reported, once it has ended, which it is about to.
fn usage(
    container: &mut Container,
    instance: &Instance,
    watch: &mut Watch<'_>,
) -> Result<Option<Usage>, ContainerError> {
    let deadline = Instant::now() + END_TIMEOUT;
    loop {
        container.pump()?;
        let usage = instance.usage();
        if usage.is_some() || Instant::now() >= deadline {
            return Ok(usage);
        }
        let ready = [(container.descriptor()?, PollFlags::IN)];
        watch.wait_for_certain(&ready, Some(deadline)).map_err(|source| ContainerError::Wait { source })?;
    }
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    // An error shows as an error of the next wait.
    gate_sandbox::wait::readable(descriptor, Some(Instant::now())).unwrap_or(false)
}
