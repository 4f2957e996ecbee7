//! The tests of containers once more, as ordinary users.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::containers::EXPECTED_IDS;
use crate::{Outcome, Test};

pub(crate) const TESTS: &[Test] =
    &[("users::without_account", without_account), ("users::with_delegated_ids", with_delegated_ids)];

/// An id without account has no entry in `/etc/subuid`, so that containers get a single id.
const NOBODYS_ID: &str = "54321";

fn without_account() -> Outcome {
    run_as(NOBODYS_ID, "single")
}

/// A user with an entry in `/etc/subuid` gets two ids through `newuidmap`.
fn with_delegated_ids() -> Outcome {
    let text = fs::read_to_string("/etc/subuid").unwrap_or_default();
    let Some(user) = text.lines().filter_map(|line| line.split(':').next()).find(|user| *user != "root")
    else {
        return Outcome::Skipped("no user in /etc/subuid (make one: useradd gate-test)".into());
    };
    if !Path::new("/usr/bin/newuidmap").exists() {
        return Outcome::Skipped("newuidmap is not installed (package uidmap)".into());
    }
    run_as(user, "tools")
}

fn run_as(user: &str, ids: &str) -> Outcome {
    if !rustix::process::geteuid().is_root() {
        return Outcome::Skipped("only root can become another user".into());
    }
    let copy = Copy::new();
    let output = Command::new("setpriv")
        .args(["--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all", "--"])
        .arg(copy.0.join("it"))
        .args(["container::", "worker::", "stop::"])
        .env(EXPECTED_IDS, ids)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return Outcome::Skipped(format!("setpriv (package util-linux): {error}")),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("0 skipped"), "{text}");
    Outcome::Passed
}

/// A copy of this program where every user can execute it.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Copy {
        let directory = std::env::temp_dir().join(format!("gate-sandbox-it-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let copy = Copy(directory);
        fs::set_permissions(&copy.0, PermissionsExt::from_mode(0o755)).unwrap();
        fs::copy("/proc/self/exe", copy.0.join("it")).unwrap();
        fs::set_permissions(copy.0.join("it"), PermissionsExt::from_mode(0o755)).unwrap();
        copy
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
