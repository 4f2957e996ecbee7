//! The C programs of `guests/diff`: whatever they print on this machine, they must print in WebAssembly.
//!
//! Each starts in an empty directory (its root, in WebAssembly), with the arguments, environment and input below, and
//! prints what it sees and does, at the end also the tree of files it has made. None prints what may differ: addresses, the sizes of
//! `long` and pointers, times, error texts, the order of a directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{clang, directory};
use crate::process::{Finished, Program};

/// The arguments after the program's name.
pub const DIFF_ARGUMENTS: &[&str] = &["alpha", "two words", "", "-n", "42", "käse \u{1f9c0}"];

/// The whole environment.
pub const DIFF_ENVIRONMENT: &[(&str, &str)] =
    &[("EMPTY", ""), ("GREETING", "hello = world"), ("TZ", "UTC"), ("WEIGHT", "12.5e3")];

/// The standard input: empty lines, a long line, numbers, and no newline at the end.
pub const DIFF_STDIN: &str = include_str!("../../guests/diff/stdin.txt");

/// A program of `guests/diff`.
#[derive(Clone, Debug)]
pub struct DiffProgram {
    name: String,
    source: PathBuf,
}

/// All programs of `guests/diff`, by name.
///
/// # Errors
/// The directory cannot be read.
pub fn diff_programs() -> Result<Vec<DiffProgram>> {
    let sources = super::c_files(&directory().join("diff"))?;
    ensure!(!sources.is_empty(), "{} has no C program", directory().join("diff").display());
    sources
        .into_iter()
        .map(|source| {
            let name = source.file_stem().context("a C file has a name")?.to_string_lossy().into_owned();
            Ok(DiffProgram { name, source })
        })
        .collect()
}

impl DiffProgram {
    /// The file name of its source without `.c`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of the program as WebAssembly.
    ///
    /// # Errors
    /// As for [`super::c`].
    pub fn wasm(&self) -> Result<PathBuf> {
        clang::compile_program(&self.source, &[])
    }

    /// Runs the program compiled for this machine in `directory`, which should be empty.
    ///
    /// # Errors
    /// It cannot be compiled or started, or does not end within `deadline`.
    pub fn run_native(&self, directory: &Path, deadline: Duration) -> Result<Finished> {
        let path = clang::compile_native(&self.source, &[])?;
        let mut program =
            Program::new(path).args(DIFF_ARGUMENTS).env_clear().directory(directory).stdin(DIFF_STDIN);
        for (name, value) in DIFF_ENVIRONMENT {
            program = program.env(name, value);
        }
        program.run(deadline)
    }
}
