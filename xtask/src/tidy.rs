//! `cargo xtask tidy`: the rules of this workspace that no other tool knows.
//!
//! Each check is a function from text to a list of problems, so that it can be tested without a workspace.

mod abi;
mod architecture;
mod graph;
mod manifests;
mod sources;

use std::fs;
use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::command::{cargo, output, program, root};
use graph::Workspace;

/// Prints the problems there are, and fails if there is one.
pub(crate) fn run() -> Result<ExitCode> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let workspace = Workspace::parse(&metadata)?;
    let mut problems = graph::check(&workspace);

    manifests::check_root(&read("Cargo.toml")?, &mut problems);
    for package in &workspace.packages {
        let path = format!("{}/Cargo.toml", package.directory);
        manifests::check_member(&path, &read(&path)?, &mut problems);
    }
    for path in ["LICENSE-APACHE", "LICENSE-MIT"] {
        if !root().join(path).exists() {
            problems.push(format!("{path} is missing, but the manifests name this licence"));
        }
    }

    match fs::read_to_string(root().join("ARCHITECTURE.md")) {
        Ok(text) => architecture::check(&text, &workspace, &mut problems),
        Err(error) => problems.push(format!("cannot read ARCHITECTURE.md: {error}")),
    }

    let listed =
        output(program("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let mut files = 0;
    let mut abi = abi::Sources::default();
    for path in listed.split_terminator('\0') {
        match fs::read(root().join(path)) {
            Ok(bytes) => {
                // What is not text is data of a test.
                if let Ok(text) = String::from_utf8(bytes) {
                    files += 1;
                    sources::check(path, &text, &mut problems);
                    abi.add(path, &text);
                }
            }
            // Removed, but the removal is not committed yet; or a link to a directory.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        }
    }
    abi.check(&read(abi::DOCUMENT)?, &mut problems);
    sources::check_long(&mut problems, |path| fs::read_to_string(root().join(path)).ok());

    problems.sort_unstable();
    for problem in &problems {
        eprintln!("{problem}");
    }
    eprintln!("{} packages, {files} files, {} problems", workspace.packages.len(), problems.len());
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))
}
