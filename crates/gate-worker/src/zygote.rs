//! The zygote: process 1 of a container. It forks the others and tells of their ends.
//!
//! Everything it reads comes from the runtime, which is trusted; it never reads from a process that it forked.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};

use anyhow::Context;
use gate_sandbox::channel::{Channel, ChannelError, MAX_MESSAGE_BYTES};
use gate_sandbox::filter::{self, Filter, FilterError, Stage};
use gate_sandbox::layers::{landlock, shuffle, speculation};
use gate_sandbox::process::{self, Child, Ending, Exit, Fork};
use gate_sandbox::{descriptors, stop};
use gate_wire::container::{End, Event, ProcessId, Request, Role, Usage};
use rustix::event::{Timespec, epoll};
use rustix::process::Pid;

use crate::compiler::{self, Order};
use crate::{convert, program, report};

/// What the creator decided.
#[derive(Debug)]
pub(crate) struct Config {
    /// Whether many programs will be started.
    pub(crate) many: bool,
    /// Whether speculative store bypass is disabled too.
    pub(crate) no_store_bypass: bool,
    /// Whether there are namespaces.
    pub(crate) namespaces: bool,
    /// What became of the control group.
    pub(crate) cgroup: Result<String, String>,
}

/// Serves the container socket until its other end is closed. Returns the process's exit status.
pub(crate) fn run(socket: OwnedFd, config: &Config) -> i32 {
    // Where it is named by the filter, whatever numbers were free when it was made.
    let Ok(Ok(control)) = descriptors::only_control(socket).map(Channel::from_fd) else { return 1 };
    let result = Zygote::prepare(config, &control).and_then(|mut zygote| zygote.serve(&control));
    match result {
        Ok(()) => 0,
        Err(error) => {
            let _ = control.send(&Event::NotReady { message: report::chain(&error) }.encode(), &[]);
            1
        }
    }
}

/// A process that waits for its first order.
struct Ready {
    child: Child,
    socket: Channel,
}

/// A process that got its order, or will as soon as the runtime has its socket.
struct Running {
    child: Child,
    role: Role,
}

struct Zygote {
    epoll: OwnedFd,
    namespaces: bool,
    filters: Filters,
    running: BTreeMap<ProcessId, Running>,
    pool: VecDeque<Ready>,
    pool_target: usize,
    /// Whether a compiler shall be ready for when one is needed.
    keeps_compiler: bool,
    compiler: Option<ReadyCompiler>,
}

/// The filters of all processes: made once, in the process that is then forked.
struct Filters {
    program: program::Filters,
    compiler: Filter,
}

impl Filters {
    fn new() -> Result<Self, FilterError> {
        Ok(Self { program: program::Filters::new()?, compiler: Filter::new(Stage::Compiler)? })
    }
}

/// A compiler that waits for its first order.
struct ReadyCompiler {
    ready: Ready,
    /// The most processes that there may be, as it knows.
    most_processes: u64,
}

/// What a compiler that was taken over can make of threads is bounded by this, where there is no control group.
const MOST_PROCESSES: u64 = 1 << 16;
/// Processes that may start between the order to a compiler and the start of its last thread.
const STARTED_MEANWHILE: u64 = 1024;

/// How long nothing has happened when a compiler is made to be ready: what it does first would take the processors away from
/// programs that start.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// Likewise, while a compiler is at work, which would have to share them, too. Most are done sooner.
const QUIET_BESIDE_WORK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// The epoll key of the container socket; processes have their id.
const CONTROL_KEY: u64 = u64::MAX;

impl Zygote {
    fn prepare(config: &Config, control: &Channel) -> anyhow::Result<Self> {
        stop::install().context("cannot install the handler of requests to stop")?;
        let landlock = landlock::restrict()?;
        let store_bypass = if config.no_store_bypass {
            speculation::StoreBypass::Disable
        } else {
            speculation::StoreBypass::Unchanged
        };
        let speculation = speculation::restrict(store_bypass);
        let fingerprint = gate_engine::fingerprint()?;
        if config.many {
            // What every program needs is touched once, before there are many to have copies of it.
            gate_engine::warm_up(compiler::WARM).context("cannot run a program that does nothing")?;
        }
        shuffle::fill_gaps().context("cannot arrange addresses")?;
        let filters = Filters::new()?;
        filter::install(Stage::Zygote)?;

        let (mut layers, mut missing) = (Vec::new(), Vec::new());
        if config.namespaces {
            layers.push("namespaces (user, pid, net, mount, ipc, uts, cgroup)".to_owned());
        } else {
            missing.push("namespaces (switched off)".to_owned());
        }
        layers.push("no capabilities, no new privileges, not dumpable".to_owned());
        layers.push("seccomp".to_owned());
        layers.push("resource limits".to_owned());
        match landlock {
            landlock::Enforced::Not => missing.push("Landlock: this kernel does not have it".to_owned()),
            landlock::Enforced::Partially => {
                layers.push("Landlock (what this kernel knows of it: files at least)".to_owned());
            }
            landlock::Enforced::Fully => {
                layers.push("Landlock (files, network, signals, sockets)".to_owned())
            }
        }
        layers.push(format!("speculation controls ({speculation})"));
        match &config.cgroup {
            Ok(note) => layers.push(note.clone()),
            Err(note) => missing.push(note.clone()),
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, control.as_fd(), epoll::EventData::new_u64(CONTROL_KEY), epoll::EventFlags::IN)?;
        let mut zygote = Self {
            epoll,
            namespaces: config.namespaces,
            filters,
            running: BTreeMap::new(),
            pool: VecDeque::new(),
            pool_target: 0,
            keeps_compiler: config.many,
            compiler: None,
        };
        // The first program is as good as certain: its process is made while the runtime still reads what is next.
        zygote.pool_target = 1;
        zygote.fill_pool();
        control.send(&Event::Ready { fingerprint, layers, missing }.encode(), &[])?;
        if !config.many {
            zygote.pool_target = 0;
        }
        Ok(zygote)
    }

    fn serve(&mut self, control: &Channel) -> anyhow::Result<()> {
        let mut buffer = vec![0; MAX_MESSAGE_BYTES];
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            let lacks_compiler = self.keeps_compiler && self.compiler.is_none();
            let quiet = if self.compilers() == 0 { &QUIET } else { &QUIET_BESIDE_WORK };
            let timeout = lacks_compiler.then_some(quiet);
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout) {
                Ok(0) => self.fill_compiler(),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let key = event.data.u64();
                if key != CONTROL_KEY {
                    self.reap(key, control)?;
                    continue;
                }
                let received = match control.try_recv(&mut buffer) {
                    Ok(received) => received,
                    Err(ChannelError::WouldBlock) => continue,
                    Err(ChannelError::Closed) => return Ok(()),
                    Err(error) => return Err(error.into()),
                };
                let request = Request::decode(&buffer[..received.len], received.descriptors.len())?;
                self.execute(&request, control)?;
            }
        }
    }

    fn execute(&mut self, request: &Request, control: &Channel) -> anyhow::Result<()> {
        match *request {
            Request::Start { id, role } => {
                let pooled = match role {
                    Role::Program => self.pool.pop_front(),
                    Role::Compiler => self.take_compiler(),
                };
                let ready = match (pooled, role) {
                    (Some(ready), _) => Ok(ready),
                    (None, Role::Program) => fork_program(&self.filters),
                    (None, Role::Compiler) => fork_compiler(&self.filters, Order::Now, self.most_processes()),
                };
                match ready {
                    Ok(Ready { child, socket }) => {
                        let key = epoll::EventData::new_u64(u64::from(id.0));
                        epoll::add(&self.epoll, child.pidfd(), key, epoll::EventFlags::IN)?;
                        let descriptors = [socket.as_fd(), child.pidfd()];
                        control.send(&Event::Started { id }.encode(), &descriptors)?;
                        self.running.insert(id, Running { child, role });
                    }
                    Err(error) => {
                        let errno = error.raw_os_error().unwrap_or(0);
                        control.send(&Event::Failed { id, errno }.encode(), &[])?;
                    }
                }
                self.fill_pool();
            }
            Request::Prefork { count } => {
                self.pool_target = count as usize;
                self.fill_pool();
            }
            Request::Kill { id } => {
                if let Some(Running { child, .. }) = self.running.get(&id) {
                    child.kill(rustix::process::Signal::KILL)?;
                }
            }
        }
        Ok(())
    }

    /// Forks until the pool is full. A failure is no error here: it will be one when a process is asked for.
    fn fill_pool(&mut self) {
        while self.pool.len() < self.pool_target {
            match fork_program(&self.filters) {
                Ok(ready) => self.pool.push_back(ready),
                Err(_) => break,
            }
        }
    }

    /// Forks a compiler to be ready. If that fails, no more is tried: it will be an error when one is needed.
    fn fill_compiler(&mut self) {
        let most_processes = self.most_processes();
        match fork_compiler(&self.filters, Order::Later, most_processes) {
            Ok(ready) => self.compiler = Some(ReadyCompiler { ready, most_processes }),
            Err(_) => self.keeps_compiler = false,
        }
    }

    /// A compiler that is ready. One that was made when there were far fewer programs could not make its threads, and is ended.
    fn take_compiler(&mut self) -> Option<Ready> {
        let ReadyCompiler { mut ready, most_processes } = self.compiler.take()?;
        let is_enough = self.most_processes() <= most_processes.saturating_add(STARTED_MEANWHILE / 2);
        let is_alive = ready.child.try_wait().is_ok_and(|end| end.is_none());
        (is_enough && is_alive).then_some(ready)
    }

    /// The most processes and threads that there may be once a compiler more has started its own: the kernel counts
    /// those of all workers together. Without namespaces it also counts those of the user elsewhere.
    fn most_processes(&self) -> u64 {
        if !self.namespaces {
            return MOST_PROCESSES;
        }
        let compilers = self.compilers();
        let others = (self.running.len() + self.pool.len()) as u64 - compilers;
        // One may be ready besides.
        let threads = (compilers + 2) * u64::from(compiler::MAX_THREADS + 1);
        (others + threads + STARTED_MEANWHILE).min(MOST_PROCESSES)
    }

    /// How many compilers are at work.
    fn compilers(&self) -> u64 {
        self.running.values().filter(|running| running.role == Role::Compiler).count() as u64
    }

    fn reap(&mut self, key: u64, control: &Channel) -> anyhow::Result<()> {
        let id = ProcessId(u32::try_from(key).context("an event for no process")?);
        let Some(Running { child, .. }) = self.running.get_mut(&id) else { return Ok(()) };
        let Some(Exit { ending, usage }) = child.try_wait()? else { return Ok(()) };
        epoll::delete(&self.epoll, child.pidfd())?;
        self.running.remove(&id);
        let end = match ending {
            Ending::Exited(status) => End::Exited(status),
            Ending::Signaled(signal) => End::Signaled(signal),
        };
        let usage = Usage {
            user_micros: convert::micros(usage.user),
            system_micros: convert::micros(usage.system),
            max_resident_bytes: usage.max_resident_bytes,
        };
        control.send(&Event::Ended { id, end, usage }.encode(), &[])?;
        Ok(())
    }
}

/// Forks a process for a program, which waits for its order at its socket.
fn fork_program(filters: &Filters) -> std::io::Result<Ready> {
    fork(|socket, own| program::main(socket, own, &filters.program))
}

/// Likewise, one that compiles.
fn fork_compiler(filters: &Filters, order: Order, most_processes: u64) -> std::io::Result<Ready> {
    fork(|socket, own| compiler::main(socket, own, &filters.compiler, order, most_processes))
}

/// Forks a process that runs `main`, which gets the socket for its order and the id of this process.
fn fork(main: impl FnOnce(Channel, Pid) -> i32) -> std::io::Result<Ready> {
    let own = rustix::process::getpid();
    let (ours, theirs) = Channel::pair().map_err(std::io::Error::other)?;
    match process::fork() {
        Ok(Fork::Parent(child)) => {
            drop(theirs);
            Ok(Ready { child, socket: ours })
        }
        Ok(Fork::Child) => process::exit(main(theirs, own)),
        Err(gate_sandbox::process::ForkError::Fork { source }) => Err(source),
        Err(error) => Err(std::io::Error::other(error)),
    }
}
