//! User and group ids: which ids of the host stand behind those in the container.
//!
//! Inside, id 1 prepares the container and id 2 runs in it; there is no id 0. Two ids, so that what runs does not own
//! what was prepared. They are mapped to ids of the host which belong to nobody, or, if there are none, both are one
//! id: that of the user.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Pid;
use rustix::thread::CapabilitySet;

use super::{Namespaces, StartError};

#[cfg(test)]
mod tests;

/// Id in the container of the process that prepares it.
pub(super) const INNER_CONTAINER: u32 = 1;
/// Id in the container of everything that runs in it afterwards.
pub(super) const INNER_EXECUTOR: u32 = 2;

/// Host id behind id 1 for root without an entry in `/etc/subuid`: in the range that systemd's list of ids (UIDS-GIDS)
/// leaves unused, above those of containers and below 2³¹.
pub const DEFAULT_CONTAINER_ID: u32 = 0x7000_0001;
/// Host id behind id 2 likewise.
pub const DEFAULT_EXECUTOR_ID: u32 = 0x7000_0002;

/// How to choose the host's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdMap {
    /// The best the host offers. Root: ids from its entries in `/etc/subuid` and `/etc/subgid`, else
    /// [`DEFAULT_CONTAINER_ID`] and [`DEFAULT_EXECUTOR_ID`], else (in a user namespace that does not have these) two
    /// high ids of that namespace. Others: ids from their entries, if `newuidmap` and `newgidmap` are installed and can
    /// gain privileges (no `no_new_privs`). If none of that applies: [`IdMap::Single`].
    Auto,
    /// These ids. Root writes the maps itself; for others the set-user-id tools must allow them.
    Separate(HostIds),
    /// One id: 1 in the container is the caller's own.
    Single,
}

/// Two user ids and two group ids of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostIds {
    /// User id behind 1, which prepares the container.
    pub container_uid: u32,
    /// User id behind 2, which runs in it.
    pub executor_uid: u32,
    /// Group id behind 1.
    pub container_gid: u32,
    /// Group id behind 2.
    pub executor_gid: u32,
}

/// The ids a container got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Two ids, written by this process (which is root).
    Direct(HostIds),
    /// Two ids, written by `newuidmap` and `newgidmap`.
    Tools(HostIds),
    /// One: the caller's own, as 1.
    Single {
        /// User id of the caller.
        uid: u32,
        /// Group id of the caller.
        gid: u32,
    },
    /// No user namespace, but root became this user and group.
    Switched {
        /// User id of the host.
        uid: u32,
        /// Group id of the host.
        gid: u32,
    },
    /// No user namespace and no privilege to change the ids.
    Inherited,
}

/// Chooses ids. Nothing is changed yet.
pub(super) fn plan(namespaces: Namespaces) -> io::Result<Ids> {
    let map = match namespaces {
        Namespaces::Enabled(map) => map,
        Namespaces::Disabled => {
            let privileged = can_set_ids()?;
            return Ok(match privileged.then(root_ids) {
                Some(Some(ids)) => Ids::Switched { uid: ids.executor_uid, gid: ids.executor_gid },
                _ => Ids::Inherited,
            });
        }
    };
    let single =
        Ids::Single { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
    Ok(match map {
        IdMap::Single => single,
        IdMap::Separate(ids) if can_set_ids()? => Ids::Direct(ids),
        IdMap::Separate(ids) => Ids::Tools(ids),
        IdMap::Auto if can_set_ids()? => root_ids().map_or(single, Ids::Direct),
        IdMap::Auto => match delegated_ids() {
            Some(ids) if tools_work()? => Ids::Tools(ids),
            _ => single,
        },
    })
}

/// Whether this process may map and assume any id of its user namespace.
fn can_set_ids() -> io::Result<bool> {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    Ok(rustix::thread::capabilities(None)?.effective.contains(needed))
}

fn root_ids() -> Option<HostIds> {
    if let Some(ids) = delegated_ids() {
        return Some(ids);
    }
    let uid_map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let gid_map = std::fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
    let (container_uid, executor_uid) = unused_ids(&uid_map)?;
    let (container_gid, executor_gid) = unused_ids(&gid_map)?;
    Some(HostIds { container_uid, executor_uid, container_gid, executor_gid })
}

/// Ids which `/etc/subuid` and `/etc/subgid` give to the current user.
fn delegated_ids() -> Option<HostIds> {
    let uid = rustix::process::geteuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = user_name(&passwd, uid);
    let first = |path: &str| first_delegated(&std::fs::read_to_string(path).ok()?, name, uid);
    let (container_uid, executor_uid) = first(SUBUID)?;
    let (container_gid, executor_gid) = first(SUBGID)?;
    Some(HostIds { container_uid, executor_uid, container_gid, executor_gid })
}

/// Name of a user in the text of `/etc/passwd`.
fn user_name(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// The second and third id of the user's first sufficient range in the text of a subuid file. The first id of a range
/// is left: other container programs make it their root.
fn first_delegated(text: &str, name: Option<&str>, uid: u32) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        if Some(owner) != name && owner.parse() != Ok(uid) {
            return None;
        }
        let start: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        (count >= 3 && start > 0).then_some(())?;
        Some((start.checked_add(1)?, start.checked_add(2)?))
    })
}

/// Two ids mapped in the current user namespace (text of `uid_map`) which nobody is expected to use: the default ones,
/// or two near the end of a map so big that these are not somebody's.
fn unused_ids(map: &str) -> Option<(u32, u32)> {
    const BIG_ENOUGH: u64 = 60_000;
    // Not at the very end: 65534 is "nobody", and some interfaces mean "no id" by 65535.
    const FROM_END: u64 = 1000;
    let mut ranges = Vec::new();
    for line in map.lines() {
        let mut fields = line.split_whitespace();
        let start: u64 = fields.next()?.parse().ok()?;
        let count: u64 = fields.nth(1)?.parse().ok()?;
        ranges.push((start, count));
    }
    let mapped =
        |id: u32| ranges.iter().any(|(start, count)| (*start..start + count).contains(&u64::from(id)));
    if mapped(DEFAULT_CONTAINER_ID) && mapped(DEFAULT_EXECUTOR_ID) {
        return Some((DEFAULT_CONTAINER_ID, DEFAULT_EXECUTOR_ID));
    }
    let (start, count) = ranges.into_iter().max()?;
    let first = u32::try_from((start + count).checked_sub(FROM_END)?).ok()?;
    (count >= BIG_ENOUGH).then(|| (first, first + 1))
}

const NEWUIDMAP: &str = "newuidmap";
const NEWGIDMAP: &str = "newgidmap";
const SUBUID: &str = "/etc/subuid";
const SUBGID: &str = "/etc/subgid";

/// Whether the set-user-id tools exist and this process may gain privileges by executing them.
fn tools_work() -> io::Result<bool> {
    Ok(installed(NEWUIDMAP) && installed(NEWGIDMAP) && !rustix::thread::no_new_privs()?)
}

fn installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| is_file(&dir.join(tool)))
}

fn is_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Gives the child its ids. It waits meanwhile.
pub(super) fn write_maps(pid: Pid, ids: Ids) -> Result<(), StartError> {
    match ids {
        Ids::Direct(ids) => {
            write(pid, "uid_map", &lines(ids.container_uid, ids.executor_uid))?;
            write(pid, "gid_map", &lines(ids.container_gid, ids.executor_gid))
        }
        Ids::Tools(ids) => {
            run_tool(NEWUIDMAP, SUBUID, pid, ids.container_uid, ids.executor_uid)?;
            run_tool(NEWGIDMAP, SUBGID, pid, ids.container_gid, ids.executor_gid)
        }
        Ids::Single { uid, gid } => {
            // Without this the kernel takes no group map from an ordinary user (user_namespaces(7)): dropping groups
            // could otherwise lift the denial of a file mode.
            write(pid, "setgroups", "deny")?;
            write(pid, "uid_map", &format!("{INNER_CONTAINER} {uid} 1\n"))?;
            write(pid, "gid_map", &format!("{INNER_CONTAINER} {gid} 1\n"))
        }
        Ids::Switched { .. } | Ids::Inherited => Ok(()),
    }
}

fn lines(container: u32, executor: u32) -> String {
    format!("{INNER_CONTAINER} {container} 1\n{INNER_EXECUTOR} {executor} 1\n")
}

fn write(pid: Pid, file: &'static str, content: &str) -> Result<(), StartError> {
    std::fs::write(format!("/proc/{}/{file}", pid.as_raw_pid()), content)
        .map_err(|source| StartError::IdMap { file, source })
}

fn run_tool(
    tool: &'static str,
    file: &'static str,
    pid: Pid,
    container: u32,
    executor: u32,
) -> Result<(), StartError> {
    let numbers =
        [pid.as_raw_pid().unsigned_abs(), INNER_CONTAINER, container, 1, INNER_EXECUTOR, executor, 1];
    let output = Command::new(tool)
        .args(numbers.map(|number| number.to_string()))
        .stdin(Stdio::null())
        .output()
        .map_err(|source| StartError::IdTool { tool, source })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().escape_debug().to_string();
    Err(StartError::IdToolFailed { tool, file, status: output.status, message })
}
