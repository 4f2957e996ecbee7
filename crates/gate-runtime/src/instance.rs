//! A program under supervision, for an event loop that has many of them.
//!
//! ```text
//!            launch            Running           verdict known           end known
//!  (nothing) ───────▶ loading ─────────▶ running ─────────────▶ ending ───────────▶ Report
//!                        └──────────────────────────────────────▲ │ kill after a while
//!                          refused, failed, crashed, limit, …     └▶ Report without usage
//! ```
//!
//! [`Instance::suspend`] asks a program to stop, by a signal that is sent again and again until there is a verdict: one that
//! comes just before the process begins to wait for something would not be noticed. A program that does not stop in
//! time is ended.
//!
//! A program that has stopped is reported as soon as everything is there that there is of it. What its process has used is known
//! when that has ended: [`Instance::usage`].
//!
//! Only [`Instance::advance`], [`Instance::serve`], [`Instance::suspend`] and [`Instance::cancel`] change the state; none waits. A loop waits
//! until [`Container::descriptor`], [`Instance::descriptor`] or [`Instance::deadline`] is due, calls
//! [`Container::pump`], and then `advance` of the instances concerned: those whose descriptor was ready, and, if the
//! container's was, those that [`Instance::has_ended`]. A program that uses services is besides to be served when the waker says so. In
//! the end, [`Instance::finish`] lets the services do what is left to do.

use std::os::fd::{AsFd, BorrowedFd};
use std::task::Context;
use std::time::{Duration, Instant};

use gate_sandbox::channel::ChannelError;
use gate_sandbox::descriptors::{Identity, identity};
use gate_service::Fault;
use gate_wire::container::{End, Role, Usage};
use gate_wire::worker::{Event, Launch, Personality, RefusalKind, Request};

use crate::container::{Container, ContainerError, Heard, Process};
use crate::job::Sealed;
use crate::packets::{Packets, PacketsError, Services};
use crate::run::{Crash, Given, Limit, Report, Verdict};
use crate::suspended::Suspended;
use crate::watch::Watch;

/// `SIGXCPU`: what the processor timer of a worker sends. The same number on all architectures that there are filters
/// for.
const SIGXCPU: i32 = 24;

/// How long a process may take to end after its last message. It has nothing left to do, and is killed otherwise.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a program may take to stop. It takes less than a millisecond, except in calls that work on much memory, and on
/// machines that have other things to do.
const SUSPEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is asked.
const SUSPEND_PERIOD: Duration = Duration::from_millis(1);
/// How long a process may take to end after it was killed.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A program that was launched. Dropping it kills it.
#[derive(Debug)]
pub struct Instance {
    process: Process,
    launched: Instant,
    deadline: Option<Instant>,
    packets: Option<Packets>,
    services: Services,
    /// The program's end of them, to be recognized when it comes back.
    packet_end: Option<Identity>,
    personality: Option<Personality>,
    load_time: Option<Duration>,
    /// It has closed its socket.
    silent: bool,
    suspending: Option<Suspending>,
    state: State,
}

/// A program that was asked to stop.
#[derive(Clone, Copy, Debug)]
struct Suspending {
    /// When it is asked again.
    next: Instant,
    /// When it is ended.
    deadline: Instant,
}

#[derive(Debug)]
enum State {
    /// Loading or running.
    Alive,
    /// All that is missing is the end of the process.
    Ending(Ending),
    /// The report was given.
    Reported,
}

#[derive(Debug)]
struct Ending {
    verdict: Verdict,
    wall_time: Duration,
    deadline: Instant,
    killed: bool,
}

impl Instance {
    /// Launches the program whose artifact is in the first `launch.artifact_bytes` bytes of `given.artifact`, to start at its
    /// beginning. Waits until its process is forked, not for anything that it does. [`Suspended::resume`] continues one.
    ///
    /// # Errors
    /// [`ContainerError::Fork`] when there can be no more processes; others when the container is lost.
    ///
    /// # Panics
    /// When `launch` is larger than a message can be: see [`Launch`].
    pub fn launch(
        container: &mut Container,
        launch: Launch,
        given: &Given<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Self, ContainerError> {
        Self::begin(container, launch, given, None, watch)
    }

    /// Likewise; or launches one that is to continue, which waits to be told with what code. Its packets are not served yet.
    pub(crate) fn begin(
        container: &mut Container,
        mut launch: Launch,
        given: &Given<'_>,
        suspended: Option<&Suspended>,
        watch: &mut Watch<'_>,
    ) -> Result<Self, ContainerError> {
        launch.resume = suspended.map(Suspended::parts);
        let theirs = suspended.and_then(|suspended| suspended.packets.as_ref());
        let theirs = theirs.map(|(_, theirs)| theirs.as_fd());
        let file = |source| ContainerError::File { source };
        let packet_end = theirs.map(identity).transpose().map_err(file)?;
        let process = container.start_process(Role::Program, watch)?;
        let launched = Instant::now();
        let mut descriptors = vec![given.artifact];
        descriptors.extend(given.streams);
        descriptors.extend(given.image.filter(|_| launch.has_image));
        if let Some(suspended) = suspended {
            descriptors.push(suspended.state.file.as_fd());
            let packets = suspended.packets.iter();
            descriptors.extend(packets.flat_map(|(packets, theirs)| [theirs.as_fd(), packets.ring()]));
            descriptors.extend(suspended.memories());
        }
        let instance = Self {
            process,
            launched,
            deadline: given.wall_time.and_then(|time| launched.checked_add(time)),
            packet_end,
            packets: None,
            services: given.services.clone(),
            personality: None,
            load_time: None,
            silent: false,
            suspending: None,
            state: State::Alive,
        };
        instance.order(&Request::Launch(Box::new(launch)), &descriptors)?;
        Ok(instance)
    }

    /// Tells a program that was launched to continue with what code, and serves its packets from now on.
    pub(crate) fn go_on(
        &mut self,
        continuation: Option<&Sealed>,
        packets: Option<Packets>,
    ) -> Result<(), ContainerError> {
        let request = Request::Continue { continuation_bytes: continuation.map(|file| file.bytes) };
        let descriptors: Vec<_> = continuation.iter().map(|continuation| continuation.file.as_fd()).collect();
        self.packets = packets;
        self.order(&request, &descriptors)
    }

    fn order(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> Result<(), ContainerError> {
        let request = request.encode().expect("the caller has checked the sizes");
        match self.process.socket().send(&request, descriptors) {
            // A process that has closed its socket has ended, and how will be known.
            Ok(()) | Err(ChannelError::Closed) => Ok(()),
            Err(source) => Err(ContainerError::Channel { source }),
        }
    }

    /// When it was launched.
    pub(crate) fn launched(&self) -> Instant {
        self.launched
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Whether it is loaded and its own code runs, or has run.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.load_time.is_some()
    }

    /// Whether the container has told the end of its process, so that [`Instance::advance`] gives the report.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.process.ending().is_some()
    }

    /// What its process has used, if the container has told its end.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.process.ending().map(|(_, usage)| usage)
    }

    /// What becomes readable when there is something to do, besides the container's own: `None` if nothing ever will.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        (matches!(self.state, State::Alive) && !self.silent).then(|| self.process.socket().as_fd())
    }

    /// Serves the program's packets as far as that is possible without waiting, and has `context` woken when there is more to do.
    /// To be called in a Tokio runtime that drives sockets and time. When it returns a verdict, [`Instance::advance`] gives the report.
    ///
    /// # Errors
    /// [`ContainerError`] when the container is lost.
    pub fn serve(
        &mut self,
        container: &mut Container,
        context: &mut Context<'_>,
    ) -> Result<(), ContainerError> {
        if matches!(self.state, State::Alive)
            && let Some(packets) = &mut self.packets
            && let Err(error) = packets.poll(context)
        {
            let verdict = match error {
                PacketsError::Fault(fault) => fault.into(),
                PacketsError::Nonsense(nonsense) => Verdict::Failed {
                    message: format!("the program's process does not count right: {nonsense}"),
                },
            };
            self.end(container, verdict, true, Instant::now())?;
        }
        Ok(())
    }

    /// When to call [`Instance::advance`] even if no descriptor is ready.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Alive => {
                let next = self.suspending.map(|suspending| suspending.next);
                [self.deadline, next].into_iter().flatten().min()
            }
            State::Ending(ending) => Some(ending.deadline),
            State::Reported => None,
        }
    }

    /// Does all that can be done without waiting, after [`Container::pump`]. The report comes once; after that there is
    /// nothing to do or to wait for.
    ///
    /// # Errors
    /// [`ContainerError`] when the container is lost.
    pub fn advance(
        &mut self,
        container: &mut Container,
        now: Instant,
    ) -> Result<Option<Report>, ContainerError> {
        if matches!(self.state, State::Alive)
            && let Some((verdict, kill)) = self.judge(container, now)?
        {
            self.end(container, verdict, kill, now)?;
        }
        let State::Ending(ending) = &mut self.state else { return Ok(None) };
        let usage = match self.process.ending() {
            Some((_, usage)) => Some(usage),
            // Everything that there is of it is here. To take its memory away from its process can take the kernel longer than
            // it took the program to stop.
            None if matches!(ending.verdict, Verdict::Suspended { .. }) => None,
            None if now < ending.deadline => return Ok(None),
            None if ending.killed => None,
            None => {
                container.kill(&self.process)?;
                ending.killed = true;
                ending.deadline = now + END_TIMEOUT;
                return Ok(None);
            }
        };
        Ok(self.report(usage))
    }

    /// Handles what the program has sent last, after the report that says that it has ended, and ends its services. Takes as long as
    /// they take to do what they have been given to do.
    ///
    /// # Errors
    /// [`Fault`]: the verdict on the program is another one than the report says.
    pub async fn finish(&mut self) -> Result<(), Fault> {
        match self.packets.take() {
            Some(packets) => packets.finish().await,
            None => Ok(()),
        }
    }

    /// Asks the program to stop: the verdict will be [`Verdict::Suspended`], unless another comes first. Too late after the
    /// verdict.
    pub fn suspend(&mut self) {
        if matches!(self.state, State::Alive) && self.suspending.is_none() {
            let now = Instant::now();
            self.suspending =
                Some(Suspending { next: now + SUSPEND_PERIOD, deadline: now + SUSPEND_TIMEOUT });
            self.process.ask_to_stop();
        }
    }

    /// Ends the program, whose report follows as soon as its process has ended. Too late after the verdict.
    ///
    /// # Errors
    /// [`ContainerError`] when the container is lost.
    pub fn cancel(&mut self, container: &mut Container) -> Result<(), ContainerError> {
        if matches!(self.state, State::Alive) {
            self.end(container, Verdict::Cancelled, true, Instant::now())?;
        }
        Ok(())
    }

    /// The verdict if there is one now, and whether the process must be killed.
    fn judge(
        &mut self,
        container: &mut Container,
        now: Instant,
    ) -> Result<Option<(Verdict, bool)>, ContainerError> {
        if let Some(verdict) = self.hear(container)? {
            return Ok(Some(verdict));
        }
        if let Some((end, usage)) = self.process.ending() {
            let verdict = match end {
                End::Signaled(SIGXCPU) => Verdict::Limit(Limit::CpuTime),
                _ => Verdict::Crashed(Crash::new(end, usage)),
            };
            return Ok(Some((verdict, false)));
        }
        if let Some(suspending) = &mut self.suspending
            && now >= suspending.next
        {
            if now >= suspending.deadline {
                return Ok(Some((Verdict::Limit(Limit::Suspension), true)));
            }
            suspending.next = now + SUSPEND_PERIOD;
            self.process.ask_to_stop();
        }
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        Ok(late.then_some((Verdict::Limit(Limit::WallTime), true)))
    }

    /// Takes what the process has said; the verdict, if that was its last word, and whether it must be killed. Whatever
    /// it says, there are at most two messages.
    fn hear(&mut self, container: &mut Container) -> Result<Option<(Verdict, bool)>, ContainerError> {
        let nonsense = || {
            let message = "the program's process said something that is not in the protocol".to_owned();
            Ok(Some((Verdict::Failed { message }, true)))
        };
        let last = |verdict| Ok(Some((verdict, false)));
        loop {
            let (bytes, mut descriptors) = match container.hear(&self.process)? {
                Heard::Message { bytes, descriptors } => (bytes, descriptors),
                Heard::Nonsense => return nonsense(),
                Heard::Nothing => return Ok(None),
                Heard::Silence => {
                    // It has ended, and how will be known; or it is made to.
                    if !self.silent {
                        container.kill(&self.process)?;
                        self.silent = true;
                    }
                    return Ok(None);
                }
            };
            let Ok(event) = Event::decode(bytes, descriptors.len()) else { return nonsense() };
            match event {
                Event::Running { personality, load_micros, has_packets } => {
                    if self.personality.replace(personality).is_some()
                        || has_packets && self.packets.is_some()
                    {
                        return nonsense();
                    }
                    self.load_time = Some(Duration::from_micros(load_micros));
                    if has_packets {
                        let Some(ring) = descriptors.pop() else { return nonsense() };
                        let end = descriptors.pop().map(|theirs| identity(theirs.as_fd()));
                        let Some(Ok(end)) = end else { return nonsense() };
                        self.packet_end = Some(end);
                        let Some(socket) = descriptors.pop() else { return nonsense() };
                        let packets = Packets::new(socket, ring, &self.services);
                        self.packets = packets.map_err(|source| ContainerError::Wait { source })?;
                        if self.packets.is_none() {
                            return nonsense();
                        }
                    }
                }
                Event::Suspended { statistics, state_bytes, has_packets, .. } => {
                    if !self.has_started() {
                        return nonsense();
                    }
                    return match Suspended::take(
                        descriptors,
                        state_bytes,
                        has_packets,
                        self.packets.take(),
                        self.packet_end.as_ref(),
                    ) {
                        // It is killed, so that it changes nothing any more whoever it belongs to: the zygote does that
                        // before it starts the process that continues the program, or writes it down.
                        Some(suspended) => {
                            let suspended = Box::new(suspended);
                            Ok(Some((Verdict::Suspended { suspended, statistics }, true)))
                        }
                        None => nonsense(),
                    };
                }
                Event::Finished { outcome, statistics } => {
                    return last(Verdict::Ended { outcome, statistics });
                }
                // Once it runs, what can be found out is that it needs too much, or cannot be in the state it is to be in.
                Event::Refused { kind, .. }
                    if self.has_started() && !matches!(kind, RefusalKind::Limit | RefusalKind::Damaged) =>
                {
                    return nonsense();
                }
                Event::Refused { kind, message } => return last(Verdict::Refused { kind, message }),
                Event::Failed { message } => return last(Verdict::Failed { message }),
                Event::Compiled { .. } | Event::Done { .. } | Event::Memories(_) | Event::Symbols(_) => {
                    return nonsense();
                }
            }
        }
    }

    fn end(
        &mut self,
        container: &mut Container,
        verdict: Verdict,
        kill: bool,
        now: Instant,
    ) -> Result<(), ContainerError> {
        if kill {
            container.kill(&self.process)?;
        }
        let wall_time = now.saturating_duration_since(self.launched);
        let deadline = now + if kill { END_TIMEOUT } else { EXIT_TIMEOUT };
        self.state = State::Ending(Ending { verdict, wall_time, deadline, killed: kill });
        Ok(())
    }

    fn report(&mut self, usage: Option<Usage>) -> Option<Report> {
        match std::mem::replace(&mut self.state, State::Reported) {
            State::Ending(Ending { verdict, wall_time, .. }) => {
                let Self { personality, load_time, .. } = *self;
                Some(Report { verdict, usage, wall_time, personality, load_time })
            }
            State::Alive | State::Reported => None,
        }
    }
}

#[cfg(test)]
mod tests;
