//! A program under supervision, for an event loop that has many of them.
//!
//! ```text
//!            launch            Running           verdict known           end known
//!  (nothing) ───────▶ loading ─────────▶ running ─────────────▶ ending ───────────▶ Report
//!                        └──────────────────────────────────────▲ │ kill after a while
//!                          refused, failed, crashed, limit, …     └▶ Report without usage
//! ```
//!
//! Only [`Instance::advance`] and [`Instance::cancel`] change the state; neither waits. A loop waits until
//! [`Container::descriptor`], one of [`Instance::interests`] or [`Instance::deadline`] is due, calls
//! [`Container::pump`], and then `advance` of the instances concerned: those whose descriptor was ready, and, if the
//! container's was, those that [`Instance::has_ended`].

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use gate_sandbox::channel::ChannelError;
use gate_wire::container::{End, Role, Usage};
use gate_wire::worker::{Event, Launch, Personality, RefusalKind, Request};
use rustix::event::PollFlags;

use crate::container::{Container, ContainerError, Heard, Process};
use crate::packets::Packets;
use crate::run::{Crash, Given, Limit, Report, Verdict};
use crate::watch::Watch;

/// `SIGXCPU`: what the processor timer of a worker sends. The same number on all architectures that there are filters
/// for.
const SIGXCPU: i32 = 24;

/// How long a process may take to end after its last message. It has nothing left to do, and is killed otherwise.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a process may take to end after it was killed.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A program that was launched. Dropping it kills it.
#[derive(Debug)]
pub struct Instance {
    process: Process,
    launched: Instant,
    deadline: Option<Instant>,
    packets: Option<Packets>,
    personality: Option<Personality>,
    load_time: Option<Duration>,
    /// It has closed its socket.
    silent: bool,
    state: State,
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
    /// Launches the program whose artifact is in the first `launch.artifact_bytes` bytes of `given.artifact`. Waits
    /// until its process is forked, not for anything that it does.
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
        let process = container.start_process(Role::Program, watch)?;
        let launched = Instant::now();
        let mut descriptors = vec![given.artifact];
        descriptors.extend(given.streams);
        descriptors.extend(given.image);
        let request = Request::Launch(Box::new(launch)).encode().expect("the caller has checked the sizes");
        match process.socket().send(&request, &descriptors) {
            // A process that has closed its socket has ended, and how will be known.
            Ok(()) | Err(ChannelError::Closed) => {}
            Err(source) => return Err(ContainerError::Channel { source }),
        }
        Ok(Self {
            process,
            launched,
            deadline: given.wall_time.and_then(|time| launched.checked_add(time)),
            packets: None,
            personality: None,
            load_time: None,
            silent: false,
            state: State::Alive,
        })
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

    /// What to wait for: at most two descriptors. Besides, the container's own.
    pub fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let speaking = matches!(self.state, State::Alive);
        let socket = (speaking && !self.silent).then(|| (self.process.socket().as_fd(), PollFlags::IN));
        let packets = self.packets.as_ref().filter(|packets| speaking && !packets.interest().is_empty());
        socket.into_iter().chain(packets.map(|packets| (packets.descriptor(), packets.interest())))
    }

    /// When to call [`Instance::advance`] even if no descriptor is ready.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Alive => self.deadline,
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
        // Before the last message is taken: what the program wrote is to be judged too.
        if let Some(packets) = &mut self.packets
            && let Err(violation) = packets.pump()
        {
            return Ok(Some((Verdict::Violation(violation), true)));
        }
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
                Event::Running { personality, load_micros } => {
                    if self.personality.replace(personality).is_some() {
                        return nonsense();
                    }
                    self.load_time = Some(Duration::from_micros(load_micros));
                    self.packets = descriptors.pop().map(Packets::new);
                }
                Event::Finished { outcome, statistics } => {
                    return last(Verdict::Ended { outcome, statistics });
                }
                // Once it runs, the one thing that can be found out is that it needs too much.
                Event::Refused { kind, .. } if self.has_started() && kind != RefusalKind::Limit => {
                    return nonsense();
                }
                Event::Refused { kind, message } => return last(Verdict::Refused { kind, message }),
                Event::Failed { message } => return last(Verdict::Failed { message }),
                Event::Compiled { .. } => return nonsense(),
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
