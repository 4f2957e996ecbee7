//! What each test runs on: a directory of its own, a cache of its own, and a way to start `gate run`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_testkit::binaries;
use gate_testkit::process::{Finished, Program};
use tempfile::TempDir;

/// How long anything may take: far more than it does on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// A test's directory.
pub(crate) struct Stage {
    directory: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("gate-e2e-").tempdir().unwrap();
        fs::create_dir(directory.path().join("tmp")).unwrap();
        Self { directory }
    }

    /// The path of something in the directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where compiled modules are kept.
    pub(crate) fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// `gate run` with the cache of this test.
    pub(crate) fn gate(&self) -> Program {
        self.gate_with_cache(&self.cache())
    }

    /// `gate run` with the cache that all tests share, for modules that take long to compile.
    pub(crate) fn gate_sharing(&self) -> Program {
        let cache = gate_testkit::cache::guest_directory().unwrap().join("artifacts");
        self.gate_with_cache(&cache)
    }

    /// Another command of gate.
    pub(crate) fn command(&self, name: &str) -> Program {
        Program::new(binaries::gate().unwrap()).args([name]).env("TMPDIR", self.path("tmp"))
    }

    fn gate_with_cache(&self, cache: &Path) -> Program {
        Program::new(binaries::gate().unwrap())
            .args([OsStr::new("run"), "--cache-dir".as_ref(), cache.as_ref()])
            .env("TMPDIR", self.path("tmp"))
    }

    /// Runs a program in the text format, with these options of gate.
    pub(crate) fn run(&self, wat: &str, options: &[&str]) -> Finished {
        let module = self.file("module.wat", wat);
        self.gate().args(options).arg(module).run(DEADLINE).unwrap()
    }

    /// That there is nothing but what the test itself made: no temporary file anywhere, nothing half-written in the cache.
    #[track_caller]
    pub(crate) fn assert_no_files_left(&self) {
        assert_eq!(names(&self.path("tmp")), [""; 0], "temporary files");
        let cache = self.cache();
        let unfinished: Vec<_> = names(&cache).into_iter().filter(|name| name.starts_with("tmp-")).collect();
        assert_eq!(unfinished, [""; 0], "in {}", cache.display());
    }
}

/// The names in a directory; none if there is no directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Compares all that a run gave.
#[track_caller]
pub(crate) fn check(finished: &Finished, status: i32, stdout: &str, stderr: &str) {
    assert_eq!(finished.stdout_text(), stdout, "standard output of {finished}");
    assert_eq!(finished.stderr_text(), stderr, "standard error of {finished}");
    assert_eq!(finished.status.code(), Some(status), "{finished}");
}

/// That a run ended with `status`, no output, and one line that starts with `gate: ` and contains `parts`.
#[track_caller]
pub(crate) fn check_line(finished: &Finished, status: i32, parts: &[&str]) {
    let stderr = finished.stderr_text();
    assert_eq!(finished.status.code(), Some(status), "{finished}");
    assert_eq!(finished.stdout_text(), "", "{finished}");
    assert!(stderr.starts_with("gate: ") && stderr.ends_with('\n'), "{finished}");
    assert_eq!(stderr.lines().count(), 1, "{finished}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in the message of {finished}");
    }
}

/// Says that a test was not run, to people and to `cargo xtask ci`, which counts them.
pub(crate) fn skip(test: &str, why: &str) {
    gate_testkit::skip(env!("CARGO_PKG_NAME"), test, why);
}

/// Whether this process may do what only root may.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
