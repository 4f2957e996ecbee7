//! What the host says about itself, read only to explain a failure.

use std::fs;

/// Settings that explain why namespaces are refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostFacts {
    /// This process has user id 0.
    pub(super) root: bool,
    /// `user.max_user_namespaces`.
    pub(super) max_user_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, a setting of some distributions.
    pub(super) unprivileged_userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns` is not zero.
    pub(super) apparmor_restricts: bool,
    /// This process already runs under a system call filter.
    pub(super) filtered: bool,
    /// The root directory of this process is not that of its mount namespace.
    pub(super) chroot: bool,
}

impl HostFacts {
    pub(super) fn read() -> HostFacts {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        HostFacts {
            root: rustix::process::geteuid().is_root(),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
                .is_some_and(|value| value != 0),
            filtered: status.lines().any(|line| line.strip_prefix("Seccomp:").map(str::trim) == Some("2")),
            chroot: fs::read_to_string("/proc/self/mountinfo")
                .is_ok_and(|mounts| !mounts.lines().any(|line| line.split(' ').nth(4) == Some("/"))),
        }
    }
}

/// A file with one number; `None` when there is none.
fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
