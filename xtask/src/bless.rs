//! `cargo xtask bless`: what the tests got becomes what they expect.

use std::process::ExitCode;

use anyhow::Result;

use crate::command::{cargo, exit_code, program, status};

/// Runs the tests (of `package`, or of all) so that golden files and snapshots are written again, and then once more to
/// see whether they pass now. Files that differ are listed.
pub(crate) fn run(package: Option<&str>) -> Result<ExitCode> {
    let mut blessing = tests(package);
    blessing.arg("--no-fail-fast").envs([
        ("UPDATE_EXPECT", "1"),
        ("INSTA_UPDATE", "always"),
        ("INSTA_FORCE_PASS", "1"),
    ]);
    // The first run may fail: that of tests that fail as soon as they have written. The second one tells.
    status(&mut blessing)?;
    let result = status(&mut tests(package))?;
    eprintln!("\nfiles that differ from the last commit:");
    status(program("git").args(["--no-pager", "diff", "--stat", "HEAD"]))?;
    Ok(exit_code(result))
}

fn tests(package: Option<&str>) -> std::process::Command {
    let mut command = cargo();
    command.args(["test", "--release"]);
    match package {
        Some(package) => command.args(["--package", package]),
        None => command.arg("--workspace"),
    };
    command
}
