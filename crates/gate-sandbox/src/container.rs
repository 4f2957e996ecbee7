//! The container: a process in namespaces of its own, with an empty read-only root, no privileges and no descriptors
//! but the given ones.
//!
//! ```text
//! parent                                   child (process 1 of the container)
//!   clone ──────────────────────────────▶  death signal; wait for the parent
//!   control group, oom score, id maps
//!   "go" ───────────────────────────────▶  stdio, close descriptors, namespaces' contents, ids, limits,
//!                                          capabilities, no new privileges; is the parent still there?
//!   Ok or StartError::Child ◀───────────── report of the failing step, or success; close the pipes
//!                                          child_main, then _exit
//! ```
//!
//! There is no `exec`: the child goes on with a copy of the parent's memory, in which a warmed-up engine can be. This
//! is why [`start`] wants a process with one thread.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::process::{Child, Exit};
use crate::{cgroup, sys, wait};

mod child;
mod error;
mod host;
mod ids;

pub use child::Step;
pub use error::{Refusal, StartError};
pub use ids::{DEFAULT_CONTAINER_ID, DEFAULT_EXECUTOR_ID, HostIds, IdMap, Ids};

/// How long the child may take from its start to its report. It takes a few milliseconds; the time is for a host that
/// is overloaded.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether there are namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// User, pid, net, mount, ipc, uts and cgroup namespaces, all of them.
    Enabled(IdMap),
    /// None: the process sees the host's files, network and processes as far as the other layers let it. Only for
    /// hosts which refuse namespaces, and only when the user has asked for it in so many words.
    Disabled,
}

/// Where the child's standard error goes. Standard input and output are always the null device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stderr {
    /// To the null device.
    Null,
    /// To that of the parent: messages of panics become visible.
    Inherit,
}

/// What [`start`] is to do.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Namespaces and user ids.
    pub namespaces: Namespaces,
    /// Standard error of the child.
    pub stderr: Stderr,
    /// Open files per process (`RLIMIT_NOFILE`); at most the present hard limit, to which it is reduced.
    pub open_files: u64,
    /// Control group into which the child is put before it does anything.
    pub cgroup: Option<&'a cgroup::Group>,
}

/// A running container. Dropping it kills process 1 and, if there is a pid namespace, all others with it.
#[derive(Debug)]
pub struct Container {
    child: Child,
    ids: Ids,
}

impl Container {
    /// Id of process 1 as seen from here.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// User and group ids in use.
    #[must_use]
    pub fn ids(&self) -> Ids {
        self.ids
    }

    /// The process, to wait for it or to poll its descriptor.
    pub fn process(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Kills process 1, and with it everything in its pid namespace, and waits for the end.
    ///
    /// # Errors
    ///
    /// Those of [`Child::kill`] and [`Child::wait`].
    pub fn kill(&mut self) -> io::Result<Exit> {
        self.child.kill(Signal::KILL)?;
        self.child.wait()
    }
}

/// Starts a container whose process 1 runs `child_main` and exits with the status it returns (101 after a panic).
///
/// `descriptors` move into the child, at the numbers they have here, and are closed here. All others are closed in the
/// child, also those owned by what `child_main` captured. Signal handlers are reset, so an engine which installs some
/// must do so in `child_main`. The child is killed when the thread which called this ends: call it from the main thread.
///
/// The child has a copy of this process's memory: what is secret must not be in it.
///
/// Works as root and as an ordinary user; see [`IdMap`]. Blocks until the child is sealed and about to call `child_main`.
///
/// # Errors
///
/// See [`StartError`]; nothing is left running then.
pub fn start(
    config: &Config<'_>,
    descriptors: Vec<OwnedFd>,
    child_main: impl FnOnce(Vec<OwnedFd>) -> i32,
) -> Result<Container, StartError> {
    match sys::is_single_threaded() {
        Ok(true) => {}
        Ok(false) => return Err(StartError::Threads),
        Err(source) => return Err(StartError::Prepare { what: "count the threads of this process", source }),
    }
    // Rustix reads the auxiliary vector when it first needs it, on kernels before 6.4 from `/proc`: now it is there.
    let _ = rustix::param::page_size();
    let prepare = |what| move |source: io::Error| StartError::Prepare { what, source };
    let ids = ids::plan(config.namespaces).map_err(prepare("choose user ids"))?;
    let null = open_null().map_err(prepare("open /dev/null"))?;
    let (go_read, go_write) = io::pipe().map_err(prepare("create a pipe"))?;
    let (report_read, report_write) = io::pipe().map_err(prepare("create a pipe"))?;

    let namespaces = match config.namespaces {
        Namespaces::Enabled(_) => child::NAMESPACES,
        Namespaces::Disabled => 0,
    };
    let (pid, pidfd) =
        sys::clone_process(namespaces).map_err(|source| error::clone_refused(namespaces != 0, source))?;
    let (Some(pid), Some(pidfd)) = (Pid::from_raw(pid), pidfd) else {
        // The child. The ends of the parent would keep the pipes open.
        drop((go_write, report_read));
        let setup = child::Setup { config, ids, null, go: go_read, report: report_write, descriptors };
        child::run(setup, child_main)
    };

    // Dropped on every error below, which kills and reaps the child.
    let mut child = Child::new(pid, pidfd);
    drop((go_read, report_write, null, descriptors));
    if let Some(group) = config.cgroup {
        group.add(pid).map_err(|source| StartError::Cgroup { source })?;
    }
    make_first_victim(pid).map_err(prepare("set the child's oom_score_adj"))?;
    ids::write_maps(pid, ids)?;
    let mut go_write = go_write;
    // If the child has ended already, its report says why.
    let _ = go_write.write_all(&[child::GO]);
    let report = read_report(report_read).map_err(prepare("read the child's report"))?;
    // Only now: for the child, the end of this pipe is the end of its parent.
    drop(go_write);
    match report {
        Report::Sealed => Ok(Container { child, ids }),
        Report::Failed { step, source } => Err(error::step_failed(step, source)),
        Report::Silent => {
            let exit = child.kill(Signal::KILL).and_then(|()| child.wait());
            Err(StartError::Died { ending: exit.ok().map(|exit| exit.ending) })
        }
        Report::Late => Err(StartError::Timeout { seconds: START_TIMEOUT.as_secs() }),
    }
}

/// What came through the report pipe.
enum Report {
    Sealed,
    Failed { step: Step, source: io::Error },
    Silent,
    Late,
}

fn read_report(mut pipe: io::PipeReader) -> io::Result<Report> {
    if !wait::readable(pipe.as_fd(), Some(Instant::now() + START_TIMEOUT))? {
        return Ok(Report::Late);
    }
    // The child writes its record with one call, which for so few bytes is indivisible.
    let mut record = [0; child::REPORT_BYTES];
    match pipe.read_exact(&mut record) {
        Ok(()) => {
            // Its end of the pipe closes right after, by itself or by its exit.
            pipe.read_to_end(&mut Vec::new())?;
            Ok(match child::decode(record) {
                Some((step, source)) => Report::Failed { step, source },
                None => Report::Sealed,
            })
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Report::Silent),
        Err(error) => Err(error),
    }
}

/// The null device, at a number above those of standard input, output and error, which it is going to replace.
fn open_null() -> io::Result<OwnedFd> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    Ok(rustix::io::fcntl_dupfd_cloexec(&file, 3)?)
}

/// Under memory pressure the kernel is to kill programs in the container before anything else.
fn make_first_victim(pid: Pid) -> io::Result<()> {
    std::fs::write(format!("/proc/{}/oom_score_adj", pid.as_raw_pid()), "1000")
}
