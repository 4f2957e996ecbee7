//! Has a program run, and finds out what became of it.

use std::future::poll_fn;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gate_packet::Violation;
use gate_sandbox::allocator::OUT_OF_MEMORY;
use gate_service::{Failure, Fault};
use gate_wire::container::{End, Usage};
use gate_wire::worker::{Outcome, Personality, RefusalKind, Statistics};
use rustix::event::PollFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Sleep;

use crate::container::{Container, ContainerError};
use crate::instance::{END_TIMEOUT, Instance};
use crate::packets::Services;
use crate::suspended::Suspended;
use crate::watch::{Watch, watched};

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
    /// A service could not go on with it.
    Service {
        /// The service's name.
        name: String,
        /// Whose fault that is, and why.
        failure: Failure,
    },
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

impl From<Fault> for Verdict {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Violation(violation) => Self::Violation(violation),
            Fault::Service { name, failure } => Self::Service { name, failure },
        }
    }
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

/// What a program is given, besides what [`Launch`](crate::Launch) says.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Its artifact, at the start of this file.
    pub artifact: BorrowedFd<'a>,
    /// Standard input, output and error.
    pub streams: [BorrowedFd<'a>; 3],
    /// Its files, if [`Launch::has_image`](crate::Launch::has_image).
    pub image: Option<BorrowedFd<'a>>,
    /// The most time that it may take from its launch on.
    pub wall_time: Option<Duration>,
    /// When it is asked to stop, from its launch on.
    pub suspend_after: Option<Duration>,
    /// What serves its packets if it is new: one that continues has got that already.
    pub services: &'a Services,
}

/// Waits until a program that was launched with `given` has come to its end or stops, and serves its packets. Of `watch`, nothing
/// ticks here.
///
/// To be called in a Tokio runtime that drives sockets and time, the same one from one process of the program to the next.
///
/// # Errors
/// [`ContainerError`] when the container is lost.
pub async fn run(
    container: &mut Container,
    mut instance: Instance,
    given: &Given<'_>,
    watch: &mut Watch<'_>,
) -> Result<Report, ContainerError> {
    let launched = instance.launched();
    let mut report = watch_over(container, &mut instance, launched, given, watch).await?;
    match report.verdict {
        Verdict::Suspended { .. } => report.usage = usage(container, &instance, watch)?,
        Verdict::Ended { .. } => finish(&mut instance, &mut report, launched, given, watch).await?,
        _ => {}
    }
    Ok(report)
}

/// Has the services do what is left to do for a program that has ended.
async fn finish(
    instance: &mut Instance,
    report: &mut Report,
    launched: Instant,
    given: &Given<'_>,
    watch: &Watch<'_>,
) -> Result<(), ContainerError> {
    let cancel = watch.cancel.map(Ready::new).transpose()?;
    let deadline = given.wall_time.and_then(|time| launched.checked_add(time));
    let mut alarm = deadline.map(alarm);
    let mut finishing = std::pin::pin!(instance.finish());
    let verdict = poll_fn(|context| {
        if let Poll::Ready(finished) = finishing.as_mut().poll(context) {
            return Poll::Ready(finished.err().map(Verdict::from));
        }
        if is_ready(cancel.as_ref(), context) {
            return Poll::Ready(Some(Verdict::Cancelled));
        }
        let late = alarm.as_mut().is_some_and(|alarm| alarm.as_mut().poll(context).is_ready());
        if late { Poll::Ready(Some(Verdict::Limit(Limit::WallTime))) } else { Poll::Pending }
    });
    if let Some(verdict) = verdict.await {
        report.verdict = verdict;
    }
    report.wall_time = launched.elapsed();
    Ok(())
}

/// What happens to a program until there is a verdict.
pub(crate) async fn watch_over(
    container: &mut Container,
    instance: &mut Instance,
    launched: Instant,
    given: &Given<'_>,
    watch: &Watch<'_>,
) -> Result<Report, ContainerError> {
    let control = Ready::new(container.descriptor()?)?;
    let socket = instance.descriptor().map(Ready::new).transpose()?;
    let cancel = watch.cancel.map(Ready::new).transpose()?;
    let suspend = watch.suspend.map(Ready::new).transpose()?;
    let suspend_at = given.suspend_after.and_then(|time| launched.checked_add(time));
    let (mut cancelled, mut suspended) = (false, false);
    let mut alarm: Option<(Instant, Pin<Box<Sleep>>)> = None;
    // Whether there can be anything to look at besides packets, as there is in the beginning. Nearly always it is packets.
    let mut due = true;
    poll_fn(|context| {
        loop {
            let mut look = std::mem::take(&mut due);
            if is_ready(Some(&control), context) {
                container.pump()?;
                look = true;
            }
            let now = Instant::now();
            // Whoever wanted the end still wants it: that is no news.
            if !cancelled && is_ready(cancel.as_ref(), context) {
                instance.cancel(container)?;
                (cancelled, look) = (true, true);
            }
            let wanted = is_ready(suspend.as_ref(), context) || suspend_at.is_some_and(|at| now >= at);
            if !suspended && wanted {
                instance.suspend();
                (suspended, look) = (true, true);
            }
            // First what has come is noticed, then all of it is looked at: what comes meanwhile is noticed again.
            // One that has closed its socket says nothing more.
            let news = instance.descriptor().is_some() && is_ready(socket.as_ref(), context);
            if (look || news)
                && let Some(report) = instance.advance(container, now)?
            {
                return Poll::Ready(Ok(report));
            }
            // After that: it can have been told only now where its packets are, by a message that nothing had announced yet, nor
            // will, as it is taken.
            instance.serve(container, context)?;
            let next = [instance.deadline(), suspend_at.filter(|_| !suspended)].into_iter().flatten().min();
            match next {
                None => alarm = None,
                Some(next) if alarm.as_ref().is_none_or(|(at, _)| *at != next) => {
                    alarm = Some((next, self::alarm(next)));
                }
                Some(_) => {}
            }
            due = alarm.as_mut().is_some_and(|(_, alarm)| alarm.as_mut().poll(context).is_ready());
            if due {
                alarm = None;
            } else if !news {
                return Poll::Pending;
            }
        }
    })
    .await
}

fn alarm(at: Instant) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep_until(at.into()))
}

/// Something that becomes readable.
struct Ready(AsyncFd<OwnedFd>);

impl Ready {
    fn new(descriptor: BorrowedFd<'_>) -> Result<Self, ContainerError> {
        let own = descriptor.try_clone_to_owned();
        own.and_then(|own| watched(own, Interest::READABLE))
            .map(Self)
            .map_err(|source| ContainerError::Wait { source })
    }
}

/// Whether something has come since this was asked last; has `context` woken when something comes.
fn is_ready(ready: Option<&Ready>, context: &mut Context<'_>) -> bool {
    let mut any = false;
    // A broken wait shows as an error of whoever reads.
    while let Some(Poll::Ready(Ok(mut guard))) = ready.map(|ready| ready.0.poll_read_ready(context)) {
        any = true;
        // What was closed at the other end stays ready.
        if guard.ready().is_read_closed() {
            break;
        }
        guard.clear_ready();
    }
    any
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
