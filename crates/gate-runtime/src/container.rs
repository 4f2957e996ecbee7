//! A container, from this side: a process of the `gate-runtime` program, and the socket to its zygote.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use gate_sandbox::channel::{Channel, ChannelError, MAX_MESSAGE_BYTES, Received};
use gate_wire::DecodeError;
use gate_wire::container::{End, Event, ProcessId, Request, Role, Usage};
use rustix::event::PollFlags;

use crate::watch::{Watch, Woken};

#[cfg(test)]
pub(crate) mod fake;

/// How to make a container.
#[derive(Clone, Debug)]
pub struct ContainerOptions {
    /// The `gate-runtime` program.
    pub program: PathBuf,
    /// Go without namespaces: for hosts that refuse them.
    pub no_namespaces: bool,
    /// Use one user id in the container, even if the host offers several.
    pub single_id: bool,
    /// Where to make the container's control group; `None`: below the nearest one that is delegated.
    pub cgroup: Option<PathBuf>,
    /// The memory limit of the control group, in bytes.
    pub memory_bytes: Option<u64>,
    /// The limit of processes and threads of the control group.
    pub tasks: Option<u64>,
    /// The processor limit of the control group, in thousandths of a processor.
    pub cpu_thousandths: Option<u64>,
    /// Prepare for many programs.
    pub many: bool,
    /// Disable speculative store bypass in programs.
    pub no_store_bypass: bool,
}

/// Why a container cannot be used, or not any more.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ContainerError {
    /// The program could not be executed.
    #[error("cannot execute {}", program.display())]
    Execute { program: PathBuf, source: io::Error },
    /// The program could not make the container; it says why and what to do.
    #[error("cannot create a container: {message}")]
    Create { message: String },
    /// The zygote or the creator has ended.
    #[error("the container has ended unexpectedly ({how})")]
    Ended { how: String },
    /// The zygote did not become ready in time.
    #[error("the container was not ready after {seconds} seconds")]
    Timeout { seconds: u64 },
    /// No more processes.
    #[error("cannot start a process in the container")]
    Fork { source: io::Error },
    /// What was said is not in the protocol.
    #[error("the container does not speak the protocol of this build")]
    Protocol(#[from] DecodeError),
    /// The socket failed.
    #[error("cannot talk to the container")]
    Channel { source: ChannelError },
    /// A wait failed.
    #[error("cannot wait for the container")]
    Wait { source: io::Error },
    /// No more files, or no memory for them.
    #[error("cannot make a file in memory")]
    File { source: io::Error },
    /// Whoever waits for it wants an end.
    #[error("cancelled")]
    Cancelled,
}

/// How long a zygote may take to become ready: far more than it takes on an overloaded host.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a process may take to be forked.
const FORK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the container may take to end once its socket is closed.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// What a zygote says of itself when it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// What identifies the code that its compilers make.
    pub fingerprint: Vec<u8>,
    /// The layers of isolation in force, for people.
    pub layers: Vec<String>,
    /// The layers that this host does not have, for people.
    pub missing: Vec<String>,
}

/// A container. Dropping it ends everything in it, and waits for that.
#[derive(Debug)]
pub struct Container {
    creator: Option<Child>,
    control: Option<Channel>,
    buffer: Vec<u8>,
    next_id: u32,
    /// The processes whose end was not told yet, and where to put it for those that still care.
    processes: BTreeMap<ProcessId, Weak<Ending>>,
}

/// How a process ended, once that is known.
type Ending = OnceLock<(End, Usage)>;

/// A process in a container. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    id: ProcessId,
    socket: Channel,
    pidfd: OwnedFd,
    ending: Arc<Ending>,
}

impl Process {
    /// A descriptor of the process, for those who want to look at it from outside.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Tells it to stop the program that it runs. An error means that it has ended.
    pub(crate) fn ask_to_stop(&self) {
        let _ = gate_sandbox::stop::request(self.pidfd.as_fd());
    }

    /// Where it talks to us.
    pub(crate) fn socket(&self) -> &Channel {
        &self.socket
    }

    /// How it ended, if [`Container::pump`] has heard of that.
    pub(crate) fn ending(&self) -> Option<(End, Usage)> {
        self.ending.get().copied()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ending.get().is_none() {
            // Nobody watches over it any more. An error means that it has ended, or that its container has.
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL);
        }
    }
}

/// What a process has said. Whoever took the process over decides that.
pub(crate) enum Heard<'a> {
    /// A message, which may be anything.
    Message {
        /// Its bytes.
        bytes: &'a [u8],
        /// What came with it.
        descriptors: Vec<OwnedFd>,
    },
    /// What cannot be a message: it is too long, or too many descriptors came with it.
    Nonsense,
    /// Nothing new.
    Nothing,
    /// It will not say anything any more. Its socket is to be waited for no longer: it would always be ready.
    Silence,
}

impl Container {
    /// Executes the `gate-runtime` program. It makes the container while this one does something else.
    ///
    /// The container ends with the *thread* that calls this, as the kernel takes that for the parent: call it from one
    /// that stays.
    ///
    /// # Errors
    /// [`ContainerError::Execute`].
    pub fn start(options: &ContainerOptions) -> Result<Self, ContainerError> {
        let (ours, theirs) = Channel::pair().map_err(|source| ContainerError::Channel { source })?;
        let mut command = Command::new(&options.program);
        let flags = [
            (options.no_namespaces, "--no-namespaces"),
            (options.single_id, "--single-id"),
            (options.many, "--many"),
            (options.no_store_bypass, "--no-store-bypass"),
        ];
        command.args(flags.into_iter().filter_map(|(set, flag)| set.then_some(flag)));
        if let Some(directory) = &options.cgroup {
            command.arg("--cgroup").arg(directory);
        }
        let limits = [
            (options.memory_bytes, "--memory-limit"),
            (options.tasks, "--task-limit"),
            (options.cpu_thousandths, "--cpu-limit"),
        ];
        for (limit, flag) in limits {
            if let Some(limit) = limit {
                command.arg(flag).arg(limit.to_string());
            }
        }
        // Some of this process's environment may be secret, and nothing of it is of use to the container, but where the
        // programs are that map ids (newuidmap).
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.stdin(Stdio::from(theirs.into_fd())).stdout(Stdio::null());
        // What a terminal sends to its foreground group is for this process, which then ends the container in good order.
        command.process_group(0);
        let creator = command
            .spawn()
            .map_err(|source| ContainerError::Execute { program: options.program.clone(), source })?;
        drop(command);
        Ok(Self {
            creator: Some(creator),
            control: Some(ours),
            buffer: vec![0; MAX_MESSAGE_BYTES],
            next_id: 0,
            processes: BTreeMap::new(),
        })
    }

    /// One whose zygote is the other end of `control`.
    #[cfg(test)]
    fn of_socket(control: Channel) -> Self {
        Self {
            creator: None,
            control: Some(control),
            buffer: vec![0; MAX_MESSAGE_BYTES],
            next_id: 0,
            processes: BTreeMap::new(),
        }
    }

    /// Waits until the zygote is ready. To be called once, before anything else.
    ///
    /// # Errors
    /// [`ContainerError::Create`] with what the host refuses, and others.
    pub fn wait_ready(&mut self, watch: &mut Watch<'_>) -> Result<Readiness, ContainerError> {
        let (event, _) = self.receive(watch, READY_TIMEOUT)?;
        match event {
            Event::Ready { fingerprint, layers, missing } => Ok(Readiness { fingerprint, layers, missing }),
            Event::NotReady { message } => Err(ContainerError::Create { message }),
            Event::Started { .. } | Event::Failed { .. } | Event::Ended { .. } => {
                Err(ContainerError::Protocol(DecodeError::Kind { kind: 0 }))
            }
        }
    }

    /// Keeps `count` program processes forked in advance from now on.
    ///
    /// # Errors
    /// When the container has ended.
    pub fn prefork(&mut self, count: u32) -> Result<(), ContainerError> {
        self.send(&Request::Prefork { count })
    }

    /// Starts a process. Waits until it is forked, which takes less than a millisecond where there is room for it.
    ///
    /// # Errors
    /// [`ContainerError::Fork`] when there can be no more; others when the container has ended.
    pub(crate) fn start_process(
        &mut self,
        role: Role,
        watch: &mut Watch<'_>,
    ) -> Result<Process, ContainerError> {
        let id = self.unused_id();
        let ending = Arc::new(Ending::new());
        self.processes.insert(id, Arc::downgrade(&ending));
        self.send(&Request::Start { id, role })?;
        loop {
            let (event, descriptors) = self.receive(watch, FORK_TIMEOUT)?;
            match event {
                Event::Started { id: started } if started == id => {
                    let mut descriptors = descriptors.into_iter();
                    let (Some(socket), Some(pidfd)) = (descriptors.next(), descriptors.next()) else {
                        return Err(DecodeError::Descriptors { found: 0, expected: 2 }.into());
                    };
                    let socket =
                        Channel::from_fd(socket).map_err(|source| ContainerError::Channel { source })?;
                    return Ok(Process { id, socket, pidfd, ending });
                }
                Event::Failed { id: failed, errno } if failed == id => {
                    self.processes.remove(&id);
                    return Err(ContainerError::Fork { source: io::Error::from_raw_os_error(errno) });
                }
                event => self.note(event)?,
            }
        }
    }

    /// A name that no living process has.
    fn unused_id(&mut self) -> ProcessId {
        loop {
            let id = ProcessId(self.next_id);
            self.next_id = self.next_id.wrapping_add(1);
            if !self.processes.contains_key(&id) {
                return id;
            }
        }
    }

    /// Ends a process at once.
    ///
    /// # Errors
    /// When the container has ended, and the process with it.
    pub(crate) fn kill(&mut self, process: &Process) -> Result<(), ContainerError> {
        self.send(&Request::Kill { id: process.id })
    }

    /// Takes what the zygote has told, without waiting: afterwards it is known which processes have ended.
    ///
    /// # Errors
    /// When the container has ended, and everything in it.
    pub fn pump(&mut self) -> Result<(), ContainerError> {
        loop {
            let Some(control) = &self.control else { return Err(self.lost()) };
            match control.try_recv(&mut self.buffer) {
                Ok(received) => {
                    let event = Event::decode(&self.buffer[..received.len], received.descriptors.len())?;
                    self.note(event)?;
                }
                Err(ChannelError::WouldBlock) => return Ok(()),
                Err(ChannelError::Closed) => return Err(self.lost()),
                Err(source) => return Err(ContainerError::Channel { source }),
            }
        }
    }

    /// Readable when there is something for [`Container::pump`].
    ///
    /// # Errors
    /// When the container has ended.
    pub fn descriptor(&self) -> Result<BorrowedFd<'_>, ContainerError> {
        match &self.control {
            Some(control) => Ok(control.as_fd()),
            None => Err(ContainerError::Ended { how: "it was given up".to_owned() }),
        }
    }

    /// Takes one message of `process` if there is one, without waiting.
    pub(crate) fn hear(&mut self, process: &Process) -> Result<Heard<'_>, ContainerError> {
        match process.socket.try_recv(&mut self.buffer) {
            Ok(Received { len, descriptors }) => {
                Ok(Heard::Message { bytes: &self.buffer[..len], descriptors })
            }
            Err(ChannelError::Truncated { .. } | ChannelError::DescriptorsLost) => Ok(Heard::Nonsense),
            Err(ChannelError::WouldBlock) => Ok(Heard::Nothing),
            Err(ChannelError::Closed) => Ok(Heard::Silence),
            Err(source) => Err(ContainerError::Channel { source }),
        }
    }

    fn note(&mut self, event: Event) -> Result<(), ContainerError> {
        match event {
            Event::Ended { id, end, usage } => {
                if let Some(ending) = self.processes.remove(&id).and_then(|ending| ending.upgrade()) {
                    let _ = ending.set((end, usage));
                }
                Ok(())
            }
            // Whoever asked for it has given up waiting. It ends when its socket is closed, which it just was.
            Event::Started { id } if self.processes.contains_key(&id) => Ok(()),
            Event::Failed { id, .. } if self.processes.remove(&id).is_some() => Ok(()),
            Event::NotReady { message } => Err(ContainerError::Ended { how: message }),
            Event::Ready { .. } | Event::Started { .. } | Event::Failed { .. } => {
                Err(ContainerError::Protocol(DecodeError::Kind { kind: 0 }))
            }
        }
    }

    fn send(&mut self, request: &Request) -> Result<(), ContainerError> {
        let Some(control) = &self.control else { return Err(self.lost()) };
        match control.send(&request.encode(), &[]) {
            Ok(()) => Ok(()),
            Err(ChannelError::Closed) => Err(self.lost()),
            Err(source) => Err(ContainerError::Channel { source }),
        }
    }

    fn receive(
        &mut self,
        watch: &mut Watch<'_>,
        timeout: Duration,
    ) -> Result<(Event, Vec<OwnedFd>), ContainerError> {
        let Some(control) = &self.control else { return Err(self.lost()) };
        let woken = watch
            .wait(&[(control.as_fd(), PollFlags::IN)], Some(Instant::now() + timeout))
            .map_err(|source| ContainerError::Wait { source })?;
        match woken {
            Woken::Ready => {}
            Woken::Deadline => return Err(ContainerError::Timeout { seconds: timeout.as_secs() }),
            Woken::Cancelled => return Err(ContainerError::Cancelled),
        }
        match control.recv(&mut self.buffer) {
            Ok(received) => {
                let event = Event::decode(&self.buffer[..received.len], received.descriptors.len())?;
                Ok((event, received.descriptors))
            }
            Err(ChannelError::Closed) => Err(self.lost()),
            Err(source) => Err(ContainerError::Channel { source }),
        }
    }

    /// The container has closed its socket: says how it ended.
    fn lost(&mut self) -> ContainerError {
        self.control = None;
        let how = match self.creator.take().map(|mut creator| end(&mut creator)) {
            Some(Ok(status)) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => "before".to_owned(),
        };
        ContainerError::Ended { how }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // The zygote ends when its socket is closed, and with it everything in its pid namespace.
        self.control = None;
        if let Some(mut creator) = self.creator.take() {
            let _ = end(&mut creator);
        }
    }
}

/// Waits for the creator, which ends after its container; in the end it is killed, and the kernel ends the rest.
fn end(creator: &mut Child) -> io::Result<std::process::ExitStatus> {
    if let Some(pid) = i32::try_from(creator.id()).ok().and_then(rustix::process::Pid::from_raw)
        && let Ok(pidfd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
    {
        match gate_sandbox::wait::readable(pidfd.as_fd(), Some(Instant::now() + END_TIMEOUT)) {
            Ok(true) => {}
            Ok(false) | Err(_) => creator.kill()?,
        }
    }
    creator.wait()
}
