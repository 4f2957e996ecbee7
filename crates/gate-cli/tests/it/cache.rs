//! Compiled modules are kept; whatever is wrong with the place where they are, programs run.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use gate_testkit::guests::Guest;
use gate_testkit::process::{Finished, Program};

use crate::guests::probe;
use crate::stage::{DEADLINE, Stage, check, is_root, names, skip};

/// Runs a program that says so.
fn run(stage: &Stage, options: &[&str]) -> Finished {
    let options = ["--engine=cranelift"].iter().chain(options);
    stage.gate().args(options).arg(probe()).args(["arguments", "ran"]).run(DEADLINE).unwrap()
}

/// That it ran in spite of a problem, which there was one line about.
#[track_caller]
fn check_warning(finished: &Finished, parts: &[&str]) {
    let stderr = finished.stderr_text();
    assert_eq!((finished.status.code(), finished.stdout_text().as_str()), (Some(0), "ran\n"), "{finished}");
    assert!(stderr.starts_with("gate: warning: ") && stderr.lines().count() == 1, "{finished}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in {finished}");
    }
}

fn was_cached(stage: &Stage, options: &[&str]) -> bool {
    let engine = if options.iter().any(|option| option.starts_with("--engine")) {
        &[][..]
    } else {
        &["--engine=cranelift"]
    };
    let finished = stage
        .gate()
        .args(engine)
        .args(options)
        .arg("--json")
        .arg(probe())
        .arg("arguments")
        .run(DEADLINE)
        .unwrap();
    let document: serde_json::Value = serde_json::from_str(&finished.stderr_text()).unwrap();
    assert_eq!(document["exit_status"], 0, "{finished}");
    document["cached"].as_bool().unwrap()
}

#[test]
fn a_module_is_compiled_once() {
    let stage = Stage::new();
    assert!(!was_cached(&stage, &[]));
    assert!(was_cached(&stage, &[]));
    assert!(!was_cached(&stage, &["--no-cache"]));
    // Every engine has code of its own.
    assert!(!was_cached(&stage, &["--engine=pulley"]));
    assert!(was_cached(&stage, &["--engine=pulley"]));
    assert!(was_cached(&stage, &[]));
    assert_eq!(names(&stage.cache()).len(), 2);
    let mode = fs::metadata(stage.cache()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    stage.assert_no_files_left();
}

#[test]
fn damaged_code_is_compiled_again() {
    let stage = Stage::new();
    check(&run(&stage, &[]), 0, "ran\n", "");
    let [name] = &names(&stage.cache())[..] else { panic!("there is one artifact") };
    let path = stage.cache().join(name);
    let good = fs::read(&path).unwrap();
    let changed = |place: usize, bit: u8| {
        let mut bytes = good.clone();
        bytes[place] ^= bit;
        bytes
    };
    let half = good.len() / 2;
    for damaged in [
        changed(100, 1),
        changed(half, 0x80),
        changed(good.len() - 1, 0x10),
        good[..half].to_vec(),
        [&good[..], b"x"].concat(),
        Vec::new(),
    ] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, damaged).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        // Without a word, except to those who want to know everything.
        check(&run(&stage, &[]), 0, "ran\n", "");
        assert!(was_cached(&stage, &[]), "it is good again");
    }
    fs::remove_file(&path).unwrap();
    symlink("/etc/passwd", &path).unwrap();
    assert!(run(&stage, &["-v"]).stderr_text().contains("gate: compiling again: unusable artifact"));
    assert!(was_cached(&stage, &[]));
    stage.assert_no_files_left();
}

/// Several at once compile for themselves, or for each other, and do not disturb each other.
#[test]
fn a_cold_cache_can_be_shared() {
    let stage = Stage::new();
    let module = Guest::CsvToJson.path().unwrap();
    let start = || stage.gate().arg("--engine=cranelift").arg(&module).start().unwrap();
    let all = [start(), start(), start()];
    for mut running in all {
        running.write(b"name,size\nx,1\n").unwrap();
        let finished = running.finish(DEADLINE).unwrap();
        assert_eq!((finished.status.code(), finished.stderr_text().as_str()), (Some(0), ""), "{finished}");
    }
    assert_eq!(names(&stage.cache()).len(), 1);
    stage.assert_no_files_left();
}

#[test]
fn a_cache_that_cannot_be_used() {
    let stage = Stage::new();
    let open = "compiled modules are not kept";
    fs::write(stage.cache(), "").unwrap();
    check_warning(&run(&stage, &[]), &[open, "is not a directory"]);
    fs::remove_file(stage.cache()).unwrap();

    fs::create_dir(stage.cache()).unwrap();
    fs::set_permissions(stage.cache(), Permissions::from_mode(0o777)).unwrap();
    check_warning(&run(&stage, &[]), &[open, "can be written by others (mode 0777)"]);

    fs::remove_dir(stage.cache()).unwrap();
    symlink(stage.path("tmp"), stage.cache()).unwrap();
    check_warning(&run(&stage, &[]), &[open, "is a symbolic link"]);
    assert_eq!(names(&stage.path("tmp")), [""; 0]);
}

#[test]
fn a_cache_that_is_too_small() {
    let stage = Stage::new();
    let finished = run(&stage, &["--cache-size=1KiB"]);
    check_warning(&finished, &["the compiled module is not kept", "larger than the whole cache"]);
    assert_eq!(names(&stage.cache()), [""; 0]);
}

#[test]
fn a_cache_of_somebody_else() {
    let stage = Stage::new();
    if !is_root() {
        skip("a_cache_of_somebody_else", "only root can give directories away");
        return;
    }
    fs::create_dir(stage.cache()).unwrap();
    chown(stage.cache(), Some(54321), Some(54321)).unwrap();
    check_warning(
        &run(&stage, &[]),
        &["compiled modules are not kept", "belongs to user 54321, not to user 0"],
    );
}

#[test]
fn no_place_for_a_cache() {
    let finished = Program::new(gate_testkit::binaries::gate().unwrap())
        .arg("run")
        .arg(probe())
        .args(["arguments", "ran"])
        .env_clear()
        .run(DEADLINE)
        .unwrap();
    check_warning(&finished, &["compiled modules are not kept: neither XDG_CACHE_HOME nor HOME is set"]);
}

#[test]
fn a_full_disk() {
    let stage = Stage::new();
    let cache = stage.cache();
    let Some(_mount) = Mount::new(&cache) else {
        skip("a_full_disk", "only root may mount a small file system");
        return;
    };
    let finished = run(&stage, &[]);
    check_warning(&finished, &["the compiled module is not kept", "no space left for artifacts"]);
    stage.assert_no_files_left();
    assert_eq!(names(&stage.cache()), [""; 0]);
}

#[test]
fn a_read_only_disk() {
    let stage = Stage::new();
    let cache = stage.cache();
    let Some(mount) = Mount::new(&cache) else {
        skip("a_read_only_disk", "only root may mount a small file system");
        return;
    };
    mount.remount("remount,ro");
    check_warning(&run(&stage, &[]), &["the compiled module is not kept", "Read-only file system"]);
}

/// A file system of 16 KiB that is gone when this is dropped.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn new(path: &'a Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mounted = Program::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16k,mode=700", "gate-e2e"])
            .arg(path)
            .run(DEADLINE)
            .is_ok_and(|finished| finished.status.success());
        mounted.then(|| Self(path))
    }

    fn remount(&self, options: &str) {
        Program::new("mount").args(["-o", options]).arg(self.0).run(DEADLINE).unwrap().success().unwrap();
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        Program::new("umount").arg(self.0).run(DEADLINE).unwrap().success().unwrap();
    }
}
