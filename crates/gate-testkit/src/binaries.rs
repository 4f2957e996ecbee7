//! The programs `gate` and `gate-runtime`, as they are in the target directory of the running test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::process::Program;

/// A build that includes the engine takes minutes.
const BUILD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// The path of the command-line program `gate`.
///
/// # Errors
/// It is missing or older than a source file, and cannot be built.
pub fn gate() -> Result<PathBuf> {
    Ok(directory()?.join("gate"))
}

/// The path of the program `gate-runtime`, which `gate` starts from its own directory.
///
/// # Errors
/// As for [`gate`].
pub fn gate_runtime() -> Result<PathBuf> {
    Ok(directory()?.join("gate-runtime"))
}

/// The path of `examples/services/rust`, a program with services that talks gRPC.
///
/// # Errors
/// As for [`gate`].
pub fn echo_service() -> Result<PathBuf> {
    static PATH: OnceLock<Result<PathBuf>> = OnceLock::new();
    match PATH.get_or_init(build_echo_service) {
        Ok(path) => Ok(path.clone()),
        Err(error) => bail!("{error:#}"),
    }
}

fn build_echo_service() -> Result<PathBuf> {
    let target = cache::target_directory()?;
    let path = target.join("release/examples/echo_service");
    // What it is made of besides has little to do with what it does.
    let parts = ["examples/services/rust", "crates/gate-grpc/src", "crates/gate-grpc/proto"];
    let newest = newest_file(parts.map(|part| workspace().join(part)).to_vec(), SystemTime::UNIX_EPOCH)?;
    let built = fs::metadata(&path).and_then(|metadata| metadata.modified());
    if !built.is_ok_and(|time| time >= newest) {
        // As in the tests of the workspace, so that nothing is built twice.
        build(&["--workspace", "--example", "echo_service"], &target).context("cannot build the services")?;
    }
    Ok(path)
}

/// The directory of both programs, built at most once per process.
fn directory() -> Result<&'static Path> {
    static DIRECTORY: OnceLock<Result<PathBuf>> = OnceLock::new();
    match DIRECTORY.get_or_init(build_if_needed) {
        Ok(directory) => Ok(directory),
        Err(error) => bail!("{error:#}"),
    }
}

fn build_if_needed() -> Result<PathBuf> {
    let target = cache::target_directory()?;
    let directory = target.join("release");
    let newest = newest_source(&workspace())?;
    let fresh = ["gate", "gate-runtime"].iter().all(|name| {
        let built = fs::metadata(directory.join(name)).and_then(|metadata| metadata.modified());
        built.is_ok_and(|time| time >= newest)
    });
    if !fresh {
        // Cargo decides what there is to do: an executable may well be older than a source it does not contain.
        build(&["--workspace", "--bins"], &target).context("cannot build gate and gate-runtime")?;
    }
    Ok(directory)
}

fn build(what: &[&str], target: &Path) -> Result<()> {
    Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet"])
        .args(what)
        .arg("--target-dir")
        .arg(target)
        .directory(workspace())
        .run(BUILD_DEADLINE)?
        .success()?;
    Ok(())
}

/// The root of the workspace this crate was compiled in.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// When the lock file or a file of the crates' `src` directories was last changed; this crate's do not count.
fn newest_source(workspace: &Path) -> Result<SystemTime> {
    let lock = workspace.join("Cargo.lock");
    let newest = fs::metadata(&lock)
        .and_then(|metadata| metadata.modified())
        .with_context(|| format!("cannot look at {}", lock.display()))?;
    let crates = workspace.join("crates");
    let directories: Vec<PathBuf> = entries(&crates)?
        .into_iter()
        .filter(|path| !path.ends_with("gate-testkit"))
        .map(|path| path.join("src"))
        .collect();
    newest_file(directories, newest)
}

/// When a file in these directories was last changed, if that was after `newest`.
fn newest_file(mut directories: Vec<PathBuf>, mut newest: SystemTime) -> Result<SystemTime> {
    while let Some(directory) = directories.pop() {
        for path in entries(&directory)? {
            let metadata =
                fs::metadata(&path).with_context(|| format!("cannot look at {}", path.display()))?;
            if metadata.is_dir() {
                directories.push(path);
            } else {
                newest = newest.max(metadata.modified()?);
            }
        }
    }
    Ok(newest)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let list = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>();
    list().with_context(|| format!("cannot list {}", directory.display()))
}

#[cfg(test)]
mod tests;
