//! Sources and programs from crates.io and npm, at fixed versions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::BUILD_DEADLINE;
use crate::cache;
use crate::process::Program;

/// A package that only exists to name the crates whose C sources we compile.
const MANIFEST: &str = r#"[package]
name = "guest-sources"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
libsqlite3-sys = { version = "=0.35.0", default-features = false, features = ["bundled"] }
lua-src = "=551.1.0"
rquickjs-sys = { version = "=0.14.0", default-features = false }
"#;

/// A directory with the sources of the crates above, each in a directory of its name.
///
/// # Errors
/// Cargo cannot fetch them.
pub(super) fn crate_sources() -> Result<PathBuf> {
    cache::produce(&cache::guest_directory()?, "crates", "", &MANIFEST, |product| {
        let project = product.with_extension("project");
        fs::create_dir_all(project.join("src"))?;
        fs::write(project.join("Cargo.toml"), MANIFEST)?;
        fs::write(project.join("src/lib.rs"), "")?;
        cargo_vendor(&project, &[], product)
    })
}

/// Puts the sources of the crates in the Cargo.lock of the package in `project` into a new directory, each in a directory of its name.
///
/// # Errors
/// Cargo cannot fetch them, or Cargo.lock does not fit Cargo.toml.
pub(super) fn vendor(project: &Path, directory: &Path) -> Result<()> {
    cargo_vendor(project, &["--locked"], directory)
}

fn cargo_vendor(project: &Path, options: &[&str], directory: &Path) -> Result<()> {
    Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["vendor", "--quiet"])
        .args(options)
        .arg(directory)
        .directory(project)
        .run(BUILD_DEADLINE)?
        .success()?;
    Ok(())
}

/// The directory of an npm package without its dependencies.
///
/// # Errors
/// There is no npm, or it cannot fetch the package.
pub(super) fn npm(package: &str, version: &str) -> Result<PathBuf> {
    let name = format!("npm-{}", package.trim_start_matches('@').replace('/', "-"));
    cache::produce(&cache::guest_directory()?, &name, "", &(package, version), |product| {
        let scratch = product.with_extension("download");
        fs::create_dir(&scratch)?;
        let pack = Program::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&scratch)
            .arg(format!("{package}@{version}"))
            .directory(&scratch);
        let archive = output(pack, "npm: Debian package npm")?;
        let archive = archive.trim_end().rsplit('\n').next().unwrap_or_default();
        Program::new("tar").arg("xzf").arg(archive).directory(&scratch).run(BUILD_DEADLINE)?.success()?;
        let unpacked = scratch.join("package");
        fs::rename(&unpacked, product)
            .with_context(|| format!("the archive {archive} has no directory {}", unpacked.display()))
    })
}

/// The standard output of a command that must succeed; `needs` says what it is and where to get it.
pub(super) fn output(program: Program, needs: &str) -> Result<String> {
    let finished = program.run(BUILD_DEADLINE).with_context(|| format!("this needs {needs}"))?.success()?;
    let text = finished.stdout_text();
    ensure!(!text.is_empty(), "no output\n{finished}");
    Ok(text)
}
