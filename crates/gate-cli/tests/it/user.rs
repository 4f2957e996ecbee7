//! The main job as ordinary users do it, without any privilege.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use gate_testkit::binaries;
use gate_testkit::process::Program;

use crate::guests::{WAIT, broken, ready_then};
use crate::processes::Marked;
use crate::stage::{DEADLINE, Stage, check, check_line, is_root, names, skip};

/// An id without account has no entry in `/etc/subuid`.
const NOBODYS_ID: u32 = 54321;

/// A user to be, and a home for it with the programs in it.
struct User {
    id: u32,
    stage: Stage,
}

impl User {
    fn new(id: u32) -> Self {
        let stage = Stage::new();
        fs::set_permissions(stage.path(""), Permissions::from_mode(0o755)).unwrap();
        let bin = stage.path("bin");
        fs::create_dir(&bin).unwrap();
        for program in [binaries::gate().unwrap(), binaries::gate_runtime().unwrap()] {
            fs::copy(&program, bin.join(program.file_name().unwrap())).unwrap();
        }
        let home = stage.path("home");
        fs::create_dir(&home).unwrap();
        chown(&home, Some(id), Some(id)).unwrap();
        Self { id, stage }
    }

    fn gate(&self) -> Program {
        let id = self.id.to_string();
        Program::new("setpriv")
            .args(["--reuid", &id, "--regid", &id, "--clear-groups", "--inh-caps=-all", "--"])
            .arg(self.stage.path("bin/gate"))
            .arg("run")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.stage.path("home"))
    }

    fn module(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.stage.file(name, contents);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// That programs run, and nothing is left of them; and in what the container is.
    #[track_caller]
    fn check(&self, options: &[&str], uid_maps: usize) {
        let marked = Marked::at(self.stage.path("bin/gate-runtime"));
        let module = self.module("wait.wat", ready_then(WAIT).as_bytes());
        let mut running = self.gate().args(options).arg(module).start().unwrap();
        running.wait_for_stdout("ready\n", DEADLINE).unwrap();
        let processes = marked.processes(running.id());
        let own = fs::read_to_string("/proc/self/uid_map").unwrap();
        let map = fs::read_to_string(format!("/proc/{}/uid_map", processes.zygote.id())).unwrap();
        if uid_maps == 0 {
            assert_eq!(map, own, "the same namespace");
        } else {
            assert_eq!(map.lines().count(), uid_maps, "{map}");
            let ids: Vec<&str> = map.split_whitespace().collect();
            assert!(ids.chunks(3).all(|entry| entry[2] == "1" && entry[1] != "0"), "{map}");
        }
        rustix::process::kill_process(crate::signals::pid(running.id()), rustix::process::Signal::TERM)
            .unwrap();
        check(&running.finish(DEADLINE).unwrap(), 143, "ready\n", "gate: interrupted\n");
        processes.wait_for_their_end();
        marked.assert_nothing_left(&self.stage);

        // Once compiled, once from the cache at its usual place.
        let module = self.module("broken.wasm", &fs::read(broken()).unwrap());
        for _ in 0..2 {
            let gate = self.gate().args(options).arg("--engine=cranelift").arg(&module);
            let finished = gate.run(DEADLINE).unwrap();
            assert_eq!(finished.status.code(), Some(134), "{finished}");
            assert!(finished.stderr_text().starts_with("gate: trap: integer divide by zero\n"), "{finished}");
        }
        let artifacts = names(&self.stage.path("home/.cache/gate/artifacts"));
        assert_eq!(artifacts.len(), 2, "{artifacts:?}");
    }
}

/// Whether this process can become another user.
fn can_become_others(test: &str) -> bool {
    if !is_root() {
        skip(test, "only root can become another user");
        return false;
    }
    true
}

#[test]
fn without_delegated_ids() {
    if can_become_others("without_delegated_ids") {
        User::new(NOBODYS_ID).check(&[], 1);
    }
}

#[test]
fn with_delegated_ids() {
    let test = "with_delegated_ids";
    if !can_become_others(test) {
        return;
    }
    let subuid = fs::read_to_string("/etc/subuid").unwrap_or_default();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let delegated = |name: &str| subuid.lines().any(|line| line.split(':').next() == Some(name));
    let user = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (name != "root" && delegated(name)).then(|| id.parse().ok())?
    });
    let Some(user) = user else {
        skip(test, "no user in /etc/subuid (make one: useradd gate-test)");
        return;
    };
    if !Path::new("/usr/bin/newuidmap").exists() {
        skip(test, "newuidmap is not installed (package uidmap)");
        return;
    }
    User::new(user).check(&[], 2);
    User::new(user).check(&["--single-id"], 1);
}

#[test]
fn without_namespaces() {
    if can_become_others("without_namespaces") {
        User::new(NOBODYS_ID).check(&["--no-namespaces"], 0);
    }
}

#[test]
fn without_permission() {
    if !can_become_others("without_permission") {
        return;
    }
    let user = User::new(NOBODYS_ID);
    let secret = user.module("secret.wat", b"(module (func (export \"_start\")))");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let finished = user.gate().arg(&secret).run(DEADLINE).unwrap();
    check_line(&finished, 127, &["cannot read module", "Permission denied"]);
    let private = user.stage.path("tmp");
    fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    let argument = format!("--dir={}", private.display());
    let finished = user.gate().arg(argument).arg("-").stdin("(module)").run(DEADLINE).unwrap();
    check_line(&finished, 127, &["cannot copy directory", "cannot read directory", "Permission denied"]);

    // A cache that the user owns and has made read-only.
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    let cache = user.stage.path("home/cache");
    fs::create_dir(&cache).unwrap();
    chown(&cache, Some(NOBODYS_ID), Some(NOBODYS_ID)).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(0o500)).unwrap();
    let finished = user.gate().arg("--cache-dir").arg(&cache).arg(&secret).run(DEADLINE).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    let warning = "gate: warning: the compiled module is not kept: cannot write artifact in ";
    assert!(finished.stderr_text().starts_with(warning), "{finished}");
}

/// Without namespaces nothing runs, unless the user says so.
#[test]
fn on_a_host_that_refuses_namespaces() {
    let stage = Stage::new();
    let module = stage.file("module.wat", ready_then(""));
    let run = |options: &str| {
        let gate = binaries::gate().unwrap();
        let script = format!(
            "echo 0 > /proc/sys/user/max_user_namespaces || exit 99; exec {} run --no-cache {options} {}",
            gate.display(),
            module.display()
        );
        Program::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c", &script])
            .run(DEADLINE)
            .unwrap()
    };
    let refused = run("");
    if !refused.stderr_text().starts_with("gate: ") {
        skip(
            "on_a_host_that_refuses_namespaces",
            &format!("no host within this one: {}", refused.stderr_text().trim()),
        );
        return;
    }
    let parts =
        ["cannot create namespaces", "sysctl -w user.max_user_namespaces=", "--no-namespaces would run it"];
    check_line(&refused, 125, &parts);
    check(&run("--no-namespaces"), 0, "ready\n", "");
}

/// The layers in force are told, so that nobody has less than they think.
#[test]
fn layers_are_told() {
    let stage = Stage::new();
    let namespaces = "namespaces (user, pid, net, mount, ipc, uts, cgroup)";
    let wat = "(module (func (export \"_start\")))";
    let text = stage.run(wat, &["-v"]).stderr_text();
    for layer in [namespaces, "seccomp", "no capabilities", "resource limits"] {
        assert!(text.contains(&format!("gate: isolated by {layer}")), "{text}");
    }
    let text = stage.run(wat, &["-v", "--no-namespaces"]).stderr_text();
    assert!(text.contains("gate: not isolated by namespaces"), "{text}");
    assert!(text.contains("gate: isolated by seccomp"), "{text}");
}
