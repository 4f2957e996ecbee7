//! The child's side: from `clone` to the container's own main function.
//!
//! Every step either succeeds or ends the child with a report to the parent. The order matters: what needs a
//! capability comes before they are dropped, what a change of user id undoes (death signal, dumpable) comes after it.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use rustix::fs::Mode;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::process::{DumpableBehavior, Resource, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets, Gid, Uid};

use super::ids::{INNER_CONTAINER, INNER_EXECUTOR, Ids};
use super::{Config, Namespaces, Stderr};
use crate::layers::limits;
use crate::{descriptors, sys, wait};

/// Namespaces made by `clone`. That of control groups is made later, when the child is in its final group, which is
/// to be the root.
pub(super) const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// The byte by which the parent lets the child continue.
pub(super) const GO: u8 = 1;

/// Length of the report: the step (0 = all done), three zero bytes, the error number in native order.
pub(super) const REPORT_BYTES: usize = 8;

/// Status of a process whose main function panicked; the one Rust programs use.
const PANIC_STATUS: i32 = 101;

/// Directories one of which every host has; the new root is mounted over it for a moment.
const MOUNT_POINTS: [&str; 2] = ["/tmp", "/proc"];

/// Options of the root file system: no permissions, no space, and a single inode, which is the root directory itself.
const ROOT_OPTIONS: &std::ffi::CStr = c"mode=0,nr_blocks=1,nr_inodes=1";

const ROOT_FLAGS: MountFlags = MountFlags::NODEV.union(MountFlags::NOEXEC).union(MountFlags::NOSUID);

/// One past the highest capability there can be: the sets have 64 bits.
const CAPABILITIES: u32 = 64;

/// What the child does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Have itself killed when the parent ends.
    DeathSignal = 1,
    /// Wait until the parent has given it its ids.
    AwaitParent,
    /// Replace standard input, output and error.
    Stdio,
    /// Close what it was not given.
    CloseDescriptors,
    /// Become leader of a session without terminal.
    Session,
    /// Give signals their default actions.
    Signals,
    /// Make its control group the root of a namespace.
    CgroupNamespace,
    /// Empty the bounding set of capabilities.
    BoundingSet,
    /// Take the ids that prepare the container.
    ContainerIds,
    /// Empty the host and domain names.
    HostName,
    /// Keep mounts from reaching the host.
    PrivateMounts,
    /// Mount the empty file system.
    MountRoot,
    /// Make it the root.
    PivotRoot,
    /// Detach the host's file system.
    DetachHost,
    /// Forbid writing to the root.
    ReadOnlyRoot,
    /// Take the ids that run in the container.
    ExecutorIds,
    /// Set resource limits.
    Limits,
    /// Drop all capabilities.
    Capabilities,
    /// Give up gaining privileges by `exec`.
    NoNewPrivileges,
    /// Hide its memory from other processes.
    Dumpable,
    /// Find its parent still there.
    ParentAlive,
}

impl Step {
    const ALL: [Step; 21] = [
        Step::DeathSignal,
        Step::AwaitParent,
        Step::Stdio,
        Step::CloseDescriptors,
        Step::Session,
        Step::Signals,
        Step::CgroupNamespace,
        Step::BoundingSet,
        Step::ContainerIds,
        Step::HostName,
        Step::PrivateMounts,
        Step::MountRoot,
        Step::PivotRoot,
        Step::DetachHost,
        Step::ReadOnlyRoot,
        Step::ExecutorIds,
        Step::Limits,
        Step::Capabilities,
        Step::NoNewPrivileges,
        Step::Dumpable,
        Step::ParentAlive,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::DeathSignal => "set the parent death signal",
            Step::AwaitParent => "wait for the parent",
            Step::Stdio => "replace standard input and output",
            Step::CloseDescriptors => "close descriptors",
            Step::Session => "start a session",
            Step::Signals => "reset signals",
            Step::CgroupNamespace => "create a control group namespace",
            Step::BoundingSet => "empty the capability bounding set",
            Step::ContainerIds => "take the container's user and group ids",
            Step::HostName => "empty the host name",
            Step::PrivateMounts => "make mounts private",
            Step::MountRoot => "mount the empty root file system",
            Step::PivotRoot => "change the root",
            Step::DetachHost => "detach the host's file system",
            Step::ReadOnlyRoot => "make the root read-only",
            Step::ExecutorIds => "take the executor's user and group ids",
            Step::Limits => "set resource limits",
            Step::Capabilities => "drop capabilities",
            Step::NoNewPrivileges => "set no_new_privs",
            Step::Dumpable => "become undumpable",
            Step::ParentAlive => "find the parent process",
        })
    }
}

/// What the child got from [`start`](super::start).
pub(super) struct Setup<'a> {
    pub(super) config: &'a Config<'a>,
    pub(super) ids: Ids,
    pub(super) null: OwnedFd,
    pub(super) go: io::PipeReader,
    pub(super) report: io::PipeWriter,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// Seals this process, reports, and runs `child_main`.
pub(super) fn run(mut setup: Setup<'_>, child_main: impl FnOnce(Vec<OwnedFd>) -> i32) -> ! {
    if let Err((step, error)) = seal(&mut setup) {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        // If the parent is gone there is nobody to tell.
        let _ = setup.report.write_all(&encode(Some(step), errno));
        sys::exit_now(1);
    }
    let Setup { null, go, mut report, descriptors, .. } = setup;
    drop((null, go));
    if report.write_all(&encode(None, 0)).is_err() {
        sys::exit_now(1);
    }
    // The parent waits for this, so that nothing but the given descriptors is open when it goes on.
    drop(report);
    let status = catch_unwind(AssertUnwindSafe(|| child_main(descriptors))).unwrap_or(PANIC_STATUS);
    sys::exit_now(status)
}

fn encode(step: Option<Step>, errno: i32) -> [u8; REPORT_BYTES] {
    let mut record = [0; REPORT_BYTES];
    record[0] = step.map_or(0, |step| step as u8);
    record[4..].copy_from_slice(&errno.to_ne_bytes());
    record
}

/// The failed step of a report; `None` for success.
pub(super) fn decode(record: [u8; REPORT_BYTES]) -> Option<(Step, io::Error)> {
    let [number, _, _, _, errno @ ..] = record;
    let step = Step::ALL.into_iter().find(|step| *step as u8 == number)?;
    Some((step, io::Error::from_raw_os_error(i32::from_ne_bytes(errno))))
}

/// Adds the step to an error.
fn at<E: Into<io::Error>>(step: Step) -> impl FnOnce(E) -> (Step, io::Error) {
    move |error| (step, error.into())
}

fn seal(setup: &mut Setup<'_>) -> Result<(), (Step, io::Error)> {
    let namespaces = matches!(setup.config.namespaces, Namespaces::Enabled(_));
    die_with_parent().map_err(at(Step::DeathSignal))?;
    let mut byte = [0];
    setup.go.read_exact(&mut byte).map_err(at(Step::AwaitParent))?;
    replace_stdio(setup).map_err(at(Step::Stdio))?;
    close_descriptors(setup).map_err(at(Step::CloseDescriptors))?;
    rustix::process::setsid().map_err(at(Step::Session))?;
    sys::reset_signals().map_err(at(Step::Signals))?;
    rustix::process::umask(Mode::from_raw_mode(0o777));
    if namespaces {
        sys::unshare_cgroup().map_err(at(Step::CgroupNamespace))?;
    }
    empty_bounding_set(namespaces).map_err(at(Step::BoundingSet))?;
    match setup.ids {
        Ids::Direct(_) | Ids::Tools(_) => take_ids(INNER_CONTAINER, INNER_CONTAINER, true),
        Ids::Single { .. } => take_ids(INNER_CONTAINER, INNER_CONTAINER, false),
        Ids::Switched { uid, gid } => take_ids(uid, gid, true),
        Ids::Inherited => Ok(()),
    }
    .map_err(at(Step::ContainerIds))?;
    if namespaces {
        rustix::system::sethostname(b"").map_err(at(Step::HostName))?;
        rustix::system::setdomainname(b"").map_err(at(Step::HostName))?;
        replace_root()?;
    }
    if let Ids::Direct(_) | Ids::Tools(_) = setup.ids {
        take_ids(INNER_EXECUTOR, INNER_EXECUTOR, false).map_err(at(Step::ExecutorIds))?;
    }
    set_limits(setup.config).map_err(at(Step::Limits))?;
    drop_capabilities().map_err(at(Step::Capabilities))?;
    rustix::thread::set_no_new_privs(true).map_err(at(Step::NoNewPrivileges))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(at(Step::Dumpable))?;
    // Again: every change of ids cleared it. If the parent ended meanwhile, its end of the pipe is closed.
    die_with_parent().map_err(at(Step::DeathSignal))?;
    match wait::readable(setup.go.as_fd(), Some(Instant::now())) {
        Ok(false) => Ok(()),
        Ok(true) => Err((Step::ParentAlive, io::ErrorKind::NotFound.into())),
        Err(error) => Err((Step::ParentAlive, error)),
    }
}

fn die_with_parent() -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
}

fn replace_stdio(setup: &Setup<'_>) -> io::Result<()> {
    let null = setup.null.as_raw_fd();
    sys::duplicate_onto(null, descriptors::STDIN)?;
    sys::duplicate_onto(null, descriptors::STDOUT)?;
    match setup.config.stderr {
        Stderr::Null => sys::duplicate_onto(null, descriptors::STDERR),
        Stderr::Inherit => Ok(()),
    }
}

/// Values in the frames below that own descriptors are never used or dropped: this process ends by `_exit`.
fn close_descriptors(setup: &Setup<'_>) -> io::Result<()> {
    let mut keep: Vec<_> = setup.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    keep.extend([setup.null.as_raw_fd(), setup.go.as_raw_fd(), setup.report.as_raw_fd()]);
    descriptors::close_except(&keep)
}

/// Each capability the kernel knows is dropped; the first it does not know ends the loop.
fn empty_bounding_set(required: bool) -> io::Result<()> {
    for number in 0..CAPABILITIES {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match rustix::thread::remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL) => break,
            // An ordinary user outside of a user namespace may not. There it bounds nothing but `exec` of set-user-id
            // programs, which no_new_privs prevents.
            Err(rustix::io::Errno::PERM) if !required => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Sets real, effective and saved ids. In a namespace without id 0 this keeps the capabilities.
fn take_ids(uid: u32, gid: u32, drop_groups: bool) -> io::Result<()> {
    if drop_groups {
        rustix::thread::set_thread_groups(&[])?;
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
}

fn replace_root() -> Result<(), (Step, io::Error)> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).map_err(at(Step::PrivateMounts))?;
    let mut result = Err(rustix::io::Errno::NOENT);
    for point in MOUNT_POINTS {
        result = rustix::mount::mount("gate", point, "tmpfs", ROOT_FLAGS, ROOT_OPTIONS)
            .and_then(|()| rustix::process::chdir(point));
        if result.is_ok() {
            break;
        }
    }
    result.map_err(at(Step::MountRoot))?;
    // With both paths the same, the old root is stacked on the new one and needs no directory there: pivot_root(2).
    rustix::process::pivot_root(".", ".").map_err(at(Step::PivotRoot))?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).map_err(at(Step::DetachHost))?;
    rustix::process::chdir("/").map_err(at(Step::DetachHost))?;
    let read_only = ROOT_FLAGS | MountFlags::RDONLY;
    rustix::mount::mount_remount("/", read_only, c"").map_err(at(Step::ReadOnlyRoot))
}

/// Limits of the whole container; [`crate::layers`] has those of a worker.
fn set_limits(config: &Config<'_>) -> io::Result<()> {
    limits::lower(Resource::Nofile, config.open_files)?;
    limits::lower_to_zero(&limits::NEVER_NEEDED)
}

fn drop_capabilities() -> io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, none)?)
}

#[cfg(test)]
mod tests;
