//! A control group for a container, where the host delegates one (cgroup v2).
//!
//! The limits of one worker bound one worker; only a control group bounds all of them together. On most hosts an
//! ordinary user may not make one unless systemd delegates a subtree (`Delegate=yes`), so its absence is not an error but
//! an answer: [`Setup::Unavailable`], which says why.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::process::Pid;
use rustix::rand::GetRandomFlags;

use crate::wait;

#[cfg(test)]
mod tests;

/// How long the removal waits for processes that are being killed.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How old a group is at least that is removed because its maker is gone. Makers in another pid namespace cannot be
/// seen from here, but they put a process into their group at once, and then it cannot be removed.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// The period of `cpu.max`, in microseconds; the kernel's default.
const CPU_PERIOD_MICROS: u64 = 100_000;

/// Limits of a container as a whole; `None` leaves one to the groups above. Without any, the group still serves to
/// watch and kill what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes, including page cache and kernel memory; there is no swap beyond it. When it is reached and
    /// nothing can be reclaimed, the whole group is killed.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
    /// Processor time per wall time in thousandths of one processor: 1500 = one and a half processors.
    pub cpu_thousandths: Option<u64>,
}

/// Where to make the group.
#[derive(Clone, Copy, Debug)]
pub enum Parent<'a> {
    /// Below the nearest group at or above this process's own which it may write to.
    Nearest,
    /// Below this directory.
    Directory(&'a Path),
}

/// Which limits the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// Memory.
    pub memory: bool,
    /// Processes and threads.
    pub tasks: bool,
    /// Processor time.
    pub cpu: bool,
}

/// Why there is no control group.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Unavailable {
    /// The second version of control groups is not mounted.
    #[error("cgroup v2 is not mounted on this host (mount -t cgroup2 none /sys/fs/cgroup)")]
    NotMounted,
    /// This process's own group could not be found under the mount.
    #[error("the cgroup v2 of this process is not visible under {mount}", mount = .mount.display())]
    OwnGroup { mount: PathBuf },
    /// No group at or above this process's own may be written.
    #[error(
        "no cgroup is delegated to this user; run under: systemd-run --user --scope -p Delegate=yes, or name a directory"
    )]
    NotDelegated,
    /// The group has none of the controllers that the limits need.
    #[error(
        "{directory} has none of the controllers memory, pids and cpu to give (cgroup.subtree_control); on hosts with cgroup v1 boot with systemd.unified_cgroup_hierarchy=1",
        directory = .directory.display()
    )]
    NoControllers { directory: PathBuf },
    /// The kernel refused to make the group or to set a limit.
    #[error("cannot set up {path}", path = .path.display())]
    Refused { path: PathBuf, source: io::Error },
}

/// Result of [`create`].
#[derive(Debug)]
pub enum Setup {
    /// The group exists.
    Ready(Group),
    /// It does not; the container has the limits of its workers only.
    Unavailable(Unavailable),
}

/// A control group, removed when dropped. Its processes are killed then.
#[derive(Debug)]
pub struct Group {
    directory: PathBuf,
    enforced: Enforced,
    /// The removal was tried and its result returned.
    removed: bool,
}

/// Makes a control group with these limits. Processes are added with [`Group::add`].
#[must_use]
pub fn create(parent: Parent<'_>, limits: &Limits) -> Setup {
    let result = match parent {
        Parent::Directory(directory) => create_below(directory, limits),
        Parent::Nearest => create_nearest(limits),
    };
    match result {
        Ok(group) => Setup::Ready(group),
        Err(reason) => Setup::Unavailable(reason),
    }
}

fn create_nearest(limits: &Limits) -> Result<Group, Unavailable> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let (root, mount) = find_mount(&mounts).ok_or(Unavailable::NotMounted)?;
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own_group(&own, &root, &mount).ok_or_else(|| Unavailable::OwnGroup { mount: mount.clone() })?;
    let mut reason = Unavailable::NotDelegated;
    for directory in own.ancestors().take_while(|directory| directory.starts_with(&mount)) {
        // Moving a process needs the right to write to this file in the common ancestor of the two groups
        // (cgroups(7), "Delegation containment"). A directory without it is not ours, nor what is above it.
        if rustix::fs::access(directory.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).is_err() {
            break;
        }
        match create_below(directory, limits) {
            Ok(group) => return Ok(group),
            // The group of this process itself cannot hand out controllers (no processes in inner groups): go up.
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

/// Root and mount point of the cgroup2 file system in the text of `/proc/self/mountinfo`.
fn find_mount(mountinfo: &str) -> Option<(PathBuf, PathBuf)> {
    mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        (after.split(' ').next()? == "cgroup2").then_some(())?;
        let mut fields = before.split(' ').skip(3);
        Some((PathBuf::from(fields.next()?), PathBuf::from(fields.next()?)))
    })
}

/// Directory of this process's group, from the text of `/proc/self/cgroup`.
fn own_group(text: &str, root: &Path, mount: &Path) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let below = Path::new(path).strip_prefix(root).ok()?;
    // "/" joined at the end would be visible in messages.
    Some(if below.as_os_str().is_empty() { mount.to_path_buf() } else { mount.join(below) })
}

fn create_below(parent: &Path, limits: &Limits) -> Result<Group, Unavailable> {
    let refused = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Unavailable::Refused { path, source }
    };
    let controllers_file = parent.join("cgroup.controllers");
    let controllers = fs::read_to_string(&controllers_file).map_err(refused(&controllers_file))?;
    let available = |name: &str| controllers.split_whitespace().any(|controller| controller == name);
    // One by one: a controller that cannot be given must not prevent the others.
    let give =
        |name: &str| available(name) && write(parent, "cgroup.subtree_control", &format!("+{name}")).is_ok();
    let enforced = Enforced {
        memory: limits.memory_bytes.is_some() && give("memory"),
        tasks: limits.tasks.is_some() && give("pids"),
        cpu: limits.cpu_thousandths.is_some() && give("cpu"),
    };
    let wanted = limits.memory_bytes.is_some() || limits.tasks.is_some() || limits.cpu_thousandths.is_some();
    if wanted && !(enforced.memory || enforced.tasks || enforced.cpu) {
        return Err(Unavailable::NoControllers { directory: parent.to_path_buf() });
    }
    remove_leftovers(parent, LEFTOVER_AGE);
    let directory = parent.join(unique_name().map_err(refused(parent))?);
    fs::create_dir(&directory).map_err(refused(&directory))?;
    // From here on dropping it removes the directory.
    let group = Group { directory, enforced, removed: false };
    let set = |file: &str, value: &str| {
        write(&group.directory, file, value).map_err(refused(&group.directory.join(file)))
    };
    if let (true, Some(bytes)) = (enforced.memory, limits.memory_bytes) {
        set("memory.max", &bytes.to_string())?;
        // Does not exist on kernels without swap.
        if group.directory.join("memory.swap.max").exists() {
            set("memory.swap.max", "0")?;
        }
        set("memory.oom.group", "1")?;
    }
    if let (true, Some(tasks)) = (enforced.tasks, limits.tasks) {
        set("pids.max", &tasks.to_string())?;
    }
    if let (true, Some(thousandths)) = (enforced.cpu, limits.cpu_thousandths) {
        set("cpu.max", &cpu_max(thousandths))?;
    }
    Ok(group)
}

/// Content of `cpu.max`. The kernel's smallest quota is one millisecond per period.
fn cpu_max(thousandths: u64) -> String {
    let quota = thousandths.saturating_mul(CPU_PERIOD_MICROS / 1000).max(1000);
    format!("{quota} {CPU_PERIOD_MICROS}")
}

/// Removes the groups of makers that were killed before they could do it themselves: empty ones, whose maker does not
/// exist. What cannot be removed stays for the next time.
fn remove_leftovers(parent: &Path, age: Duration) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_old = || {
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            modified.and_then(|time| time.elapsed().ok()).is_some_and(|elapsed| elapsed >= age)
        };
        if maker(&name.to_string_lossy()).is_some_and(|pid| !Path::new("/proc").join(pid).exists())
            && is_old()
        {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The process id in the name of a group, if it is one of ours.
fn maker(name: &str) -> Option<&str> {
    let (pid, random) = name.strip_prefix("gate-")?.split_once('-')?;
    let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    (digits(pid, 10) && random.len() == 8 && digits(random, 16)).then_some(pid)
}

/// `gate-PID-RANDOM`: unique also among containers of one process, and after a process id was reused.
fn unique_name() -> io::Result<String> {
    let mut random = [0; 4];
    rustix::rand::getrandom(&mut random, GetRandomFlags::empty())?;
    Ok(format!("gate-{}-{:08x}", std::process::id(), u32::from_ne_bytes(random)))
}

fn write(directory: &Path, file: &str, value: &str) -> io::Result<()> {
    use io::Write as _;
    // Never creates: the file system makes these files with the directory.
    fs::OpenOptions::new().write(true).open(directory.join(file))?.write_all(value.as_bytes())
}

impl Group {
    /// What the kernel enforces.
    #[must_use]
    pub fn enforced(&self) -> Enforced {
        self.enforced
    }

    /// Directory of the group.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Moves a process into the group; processes it makes later are in it too.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for instance because the process is in a group that is not delegated.
    pub fn add(&self, pid: Pid) -> io::Result<()> {
        write(&self.directory, "cgroup.procs", &pid.as_raw_pid().to_string())
    }

    /// Kills what is in the group and removes it; waits up to five seconds for the processes to end.
    ///
    /// # Errors
    ///
    /// `ErrorKind::ResourceBusy` when processes remain (before Linux 5.14 the group cannot kill them).
    pub fn remove(mut self) -> io::Result<()> {
        self.removed = true;
        self.remove_by(Instant::now() + REMOVE_TIMEOUT)
    }

    fn remove_by(&self, deadline: Instant) -> io::Result<()> {
        match write(&self.directory, "cgroup.kill", "1") {
            Ok(()) => {}
            // An older kernel. Whoever put processes here kills them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        loop {
            // Read before trying, so that a change in between is seen by the wait.
            let events = fs::File::open(self.directory.join("cgroup.events"));
            if let Ok(events) = &events {
                let _ = io::read_to_string(events);
            }
            match fs::remove_dir(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    // The kernel announces the end of the last process in this file.
                    if !wait::ready(events?.as_fd(), PollFlags::PRI, Some(deadline))? {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.removed {
            // Nobody is there to be told; an empty group does no harm.
            let _ = self.remove_by(Instant::now() + REMOVE_TIMEOUT);
        }
    }
}
