//! Why a container could not be started, and what the host's administrator can do about it.

use std::io;

use super::child::Step;
use super::host::HostFacts;
use crate::process::Ending;

/// What about the host prevents namespaces. The message says how to change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `user.max_user_namespaces` is zero.
    #[error(
        "user namespaces are switched off on this host; to allow them: sysctl -w user.max_user_namespaces=15000"
    )]
    NoUserNamespaces,
    /// Debian's and others' switch.
    #[error(
        "this host keeps user namespaces for root; to allow them to everybody: sysctl -w kernel.unprivileged_userns_clone=1"
    )]
    UnprivilegedClone,
    /// Ubuntu's restriction: the namespace can be made but gives no capabilities.
    #[error(
        "AppArmor on this host restricts user namespaces; add an AppArmor profile with \"userns,\" for this program, or: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    )]
    AppArmor,
    /// A count of namespaces is exhausted, or they are nested 32 deep.
    #[error(
        "the limit of namespaces is reached; end some containers, or raise the limits: sysctl user.max_user_namespaces user.max_pid_namespaces user.max_net_namespaces user.max_mnt_namespaces"
    )]
    TooMany,
    /// This process runs under a system call filter, as in Docker or Podman containers.
    #[error(
        "a system call filter on this process refuses namespaces, as container runtimes do; run the outer container with: --security-opt seccomp=unconfined (Docker, Podman), or run outside of it"
    )]
    OuterFilter,
    /// The kernel was built without one of the kinds of namespaces.
    #[error(
        "the kernel has not all kinds of namespaces; it needs CONFIG_USER_NS, PID_NS, NET_NS, IPC_NS, UTS_NS and CGROUPS"
    )]
    Kernel,
    /// The root directory of the host is the initial RAM file system, or this process is in a chroot.
    #[error(
        "the root directory of this process cannot be replaced (it is a chroot or the initial RAM file system); run it on a root file system of its own"
    )]
    Root,
    /// None of the known causes.
    #[error(
        "the host refuses it for a reason unknown to this program; look for messages in: dmesg, journalctl -k"
    )]
    Unknown,
}

/// Why [`start`](super::start) failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StartError {
    /// Another thread exists, whose locks would stay locked for ever in the child.
    #[error("cannot start a container: this process has more than one thread")]
    Threads,
    /// Something failed in the parent before or beside the child.
    #[error("cannot {what}")]
    Prepare { what: &'static str, source: io::Error },
    /// The kernel refused to make the namespaces.
    #[error("cannot create namespaces: {refusal}")]
    Namespaces { refusal: Refusal, source: io::Error },
    /// The kernel refused to make a process, without namespaces.
    #[error("cannot create a process")]
    Clone { source: io::Error },
    /// `newuidmap` or `newgidmap` is not installed.
    #[error(
        "cannot run {tool}, which maps user ids; install the package uidmap (Debian) or shadow-utils, or use a single user id"
    )]
    IdTool { tool: &'static str, source: io::Error },
    /// `newuidmap` or `newgidmap` refused.
    #[error(
        "{tool} failed ({status}): {message}; check that {file} grants these ids and that {tool} is set-user-id root, or use a single user id"
    )]
    IdToolFailed { tool: &'static str, file: &'static str, status: std::process::ExitStatus, message: String },
    /// The kernel did not accept the map of user or group ids.
    #[error("cannot write the child's {file}")]
    IdMap { file: &'static str, source: io::Error },
    /// The child could not be put into the control group.
    #[error("cannot put the container into its control group")]
    Cgroup { source: io::Error },
    /// The child failed before it was sealed, in a way that the host's configuration explains.
    #[error("cannot {step} in the new container: {refusal}")]
    ChildRefused { step: Step, refusal: Refusal, source: io::Error },
    /// The child failed before it was sealed.
    #[error("cannot {step} in the new container")]
    Child { step: Step, source: io::Error },
    /// The child ended without a report.
    #[error("the container's first process ended during its preparation{}", how(*ending))]
    Died { ending: Option<Ending> },
    /// The child did not finish its preparation in time.
    #[error("the container was not ready after {seconds} seconds")]
    Timeout { seconds: u64 },
}

/// In parentheses; nothing if that did not become known.
fn how(ending: Option<Ending>) -> String {
    ending.map_or_else(String::new, |ending| format!(" ({ending})"))
}

/// The error for a `clone` that failed.
pub(super) fn clone_refused(namespaces: bool, source: io::Error) -> StartError {
    if namespaces {
        StartError::Namespaces { refusal: explain_clone(&source, &HostFacts::read()), source }
    } else {
        StartError::Clone { source }
    }
}

/// The error for a step that failed in the child.
pub(super) fn step_failed(step: Step, source: io::Error) -> StartError {
    match explain_step(step, &source, &HostFacts::read()) {
        Some(refusal) => StartError::ChildRefused { step, refusal, source },
        None => StartError::Child { step, source },
    }
}

/// Which of the host's settings explains that `clone` failed.
fn explain_clone(error: &io::Error, host: &HostFacts) -> Refusal {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EUSERS) if host.max_user_namespaces == Some(0) => Refusal::NoUserNamespaces,
        Some(libc::ENOSPC | libc::EUSERS) => Refusal::TooMany,
        Some(libc::EINVAL) => Refusal::Kernel,
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => {
            if !host.root && host.unprivileged_userns_clone == Some(0) {
                Refusal::UnprivilegedClone
            } else if host.filtered {
                Refusal::OuterFilter
            } else if !host.root && host.apparmor_restricts {
                Refusal::AppArmor
            } else if host.chroot {
                Refusal::Root
            } else {
                Refusal::Unknown
            }
        }
        _ => Refusal::Unknown,
    }
}

/// Which of the host's settings explains that a step failed which needs capabilities in the new namespaces; `None`
/// when the error itself must do.
fn explain_step(step: Step, error: &io::Error, host: &HostFacts) -> Option<Refusal> {
    match (step, error.raw_os_error()) {
        (Step::PivotRoot, Some(libc::EINVAL)) => Some(Refusal::Root),
        (
            Step::CgroupNamespace
            | Step::HostName
            | Step::PrivateMounts
            | Step::MountRoot
            | Step::PivotRoot
            | Step::DetachHost
            | Step::ReadOnlyRoot
            | Step::ContainerIds,
            Some(libc::EPERM | libc::EACCES | libc::ENOSYS),
        ) => {
            if !host.root && host.apparmor_restricts {
                Some(Refusal::AppArmor)
            } else if host.filtered {
                Some(Refusal::OuterFilter)
            } else {
                None
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
