//! The processes of one container, found from outside.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;

use gate_testkit::binaries;
use gate_testkit::process::Program;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::stage::{DEADLINE, Stage, names};

/// A name for `gate-runtime` that no other test has: it stands in the command line of all processes of a container.
pub(crate) struct Marked {
    runtime: PathBuf,
}

/// The processes of a container.
#[derive(Debug)]
pub(crate) struct Processes {
    /// The one that gate has started.
    pub(crate) creator: Process,
    /// Process 1 of the container.
    pub(crate) zygote: Process,
    /// The others.
    pub(crate) workers: Vec<Process>,
}

#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    pidfd: OwnedFd,
}

impl Process {
    fn open(pid: i32) -> Option<Self> {
        let pid = Pid::from_raw(pid)?;
        Some(Self { pid, pidfd: pidfd_open(pid, PidfdFlags::empty()).ok()? })
    }

    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    pub(crate) fn kill(&self) {
        kill_process(self.pid, Signal::KILL).unwrap();
    }

    #[track_caller]
    fn wait_for_its_end(&self) {
        let timeout = Timespec::try_from(DEADLINE).unwrap();
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&timeout)).unwrap(), 1, "process {:?} is still there", self.pid);
    }
}

impl Processes {
    fn all(&self) -> impl Iterator<Item = &Process> {
        [&self.creator, &self.zygote].into_iter().chain(&self.workers)
    }

    /// Waits until there is none any more.
    #[track_caller]
    pub(crate) fn wait_for_their_end(&self) {
        for process in self.all() {
            process.wait_for_its_end();
        }
    }
}

impl Marked {
    pub(crate) fn new(stage: &Stage) -> Self {
        let runtime = stage.path("marked-runtime");
        if !runtime.exists() {
            std::os::unix::fs::symlink(binaries::gate_runtime().unwrap(), &runtime).unwrap();
        }
        Self { runtime }
    }

    /// For a copy of it that no other test has.
    pub(crate) fn at(runtime: PathBuf) -> Self {
        Self { runtime }
    }

    pub(crate) fn runtime(&self) -> &PathBuf {
        &self.runtime
    }

    /// `gate run` that uses it.
    pub(crate) fn gate(&self, stage: &Stage) -> Program {
        stage.gate().env("GATE_RUNTIME", &self.runtime)
    }

    /// The processes that were executed by that name or forked from one that was, with their parents.
    fn all(&self) -> Vec<(i32, i32)> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap() {
            let Ok(pid) = entry.unwrap().file_name().into_string().unwrap().parse::<i32>() else { continue };
            // Processes may end at any time; the command line of one that has ended is empty.
            let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { continue };
            let name = line.split(|byte| *byte == 0).next().unwrap_or_default();
            if name != self.runtime.as_os_str().as_encoded_bytes() {
                continue;
            }
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            // `pid (name) state parent`, and the name may contain anything.
            let Some((_, rest)) = stat.rsplit_once(')') else { continue };
            let parent = rest.split_whitespace().nth(1).unwrap().parse().unwrap();
            found.push((pid, parent));
        }
        found
    }

    /// The processes of the container that the gate with this id has started, which must be running a program.
    #[track_caller]
    pub(crate) fn processes(&self, gate: u32) -> Processes {
        let all = self.all();
        let children = |of: i32| -> Vec<i32> {
            all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid).collect()
        };
        let creators = children(i32::try_from(gate).unwrap());
        let [creator] = creators[..] else { panic!("gate has the children {creators:?} of {all:?}") };
        let zygotes = children(creator);
        let [zygote] = zygotes[..] else { panic!("the creator has the children {zygotes:?} of {all:?}") };
        let workers: Vec<_> = children(zygote).into_iter().filter_map(Process::open).collect();
        assert!(!workers.is_empty(), "{all:?}");
        Processes {
            creator: Process::open(creator).unwrap(),
            zygote: Process::open(zygote).unwrap(),
            workers,
        }
    }

    /// Waits until the gate with this id has started a container.
    #[track_caller]
    pub(crate) fn wait_for_container(&self, gate: u32) {
        let gate = i32::try_from(gate).unwrap();
        wait_until("there is no container", || self.all().iter().any(|(_, parent)| *parent == gate));
    }

    /// Waits until the container of the gate with this id has so many workers.
    #[track_caller]
    pub(crate) fn wait_for_processes(&self, gate: u32, workers: usize) -> Processes {
        wait_until("there are too few workers", || self.all().len() == workers + 2);
        self.processes(gate)
    }

    /// That no process, no file, no control group and no mount is left.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self, stage: &Stage) {
        let all: Vec<Process> = self.all().into_iter().filter_map(|(pid, _)| Process::open(pid)).collect();
        // A process that the kernel is about to end is gone soon; one that is left stays.
        for process in &all {
            process.wait_for_its_end();
        }
        assert_eq!(self.all(), [], "processes are left");
        stage.assert_no_files_left();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = stage.path("");
        assert!(!mounts.contains(own.to_str().unwrap().trim_end_matches('/')), "a mount is left in {mounts}");
    }
}

/// For what there is no event outside of the process that does it.
#[track_caller]
fn wait_until(complaint: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "{complaint}");
        std::thread::yield_now();
    }
}

/// The names of the control groups of containers that there are.
pub(crate) fn control_groups() -> Vec<String> {
    let mut groups = Vec::new();
    let mut directories = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = directories.pop() {
        for name in names(&directory) {
            let path = directory.join(&name);
            if path.is_dir() && !path.is_symlink() {
                if name.starts_with("gate-") {
                    groups.push(name);
                }
                directories.push(path);
            }
        }
    }
    groups
}
