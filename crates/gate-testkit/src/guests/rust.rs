//! Programs in Rust, compiled for WASI with the compiler of Debian, which knows edition 2021 as of Rust 1.63.
//!
//! It is called without Cargo: Debian's is of another version than the compiler, and newer ones give the compiler options that
//! it does not know.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{BUILD_DEADLINE, directory, files, packages, read_all};
use crate::binaries::workspace;
use crate::cache;
use crate::process::Program;

/// Not the one on `PATH`, which is likely a newer one without this target.
const RUSTC: &str = "/usr/bin/rustc";

const NEEDS: &str = "a Rust compiler for WASI: Debian packages rustc and libstd-rust-dev-wasm32";

/// Compiles a program of one file.
///
/// # Errors
/// The Debian packages are missing, or the program does not compile.
pub fn rust(source: &Path) -> Result<PathBuf> {
    let name = source.file_stem().unwrap_or_default().to_string_lossy();
    let ingredients = (version()?, read_all(&[source.to_owned()])?);
    cache::produce(&cache::guest_directory()?, &name, ".wasm", &ingredients, |product| {
        run(compiler("guest", "bin", source, product))
    })
}

/// Compiles an example of the crate `gate-guest`: one of its directory `examples`, without extension.
///
/// # Errors
/// As for [`rust`]; or there is no such example.
pub fn sdk_example(name: &str) -> Result<PathBuf> {
    let package = workspace().join("crates/gate-guest");
    let sources = files(&package.join("src"), "rs")?;
    let ingredients = (version()?, read_all(&sources)?);
    let store = cache::guest_directory()?;
    let library = cache::produce(&store, "libgate_guest", ".rlib", &ingredients, |product| {
        run(compiler("gate_guest", "lib", &package.join("src/lib.rs"), product).arg("--cfg=feature=\"std\""))
    })?;
    let source = package.join("examples").join(format!("{name}.rs"));
    let ingredients = (ingredients, read_all(std::slice::from_ref(&source))?);
    cache::produce(&store, &format!("sdk-{name}"), ".wasm", &ingredients, |product| {
        let mut library_path = OsString::from("gate_guest=");
        library_path.push(&library);
        run(compiler(name, "bin", &source, product).arg("--extern").arg(library_path))
    })
}

/// Crates that the guests of `guests/gain` are made of, each after those it needs: name, edition, features, and the libraries
/// that it names.
const GAIN_CRATES: &[(&str, &str, &[&str], &[&str])] = &[
    ("lazy_static", "2015", &[], &[]),
    ("async-task", "2018", &[], &[]),
    ("futures-core", "2018", &["alloc", "std"], &[]),
    ("futures-channel", "2018", &["alloc", "std"], &["futures_core"]),
    ("gain", "2021", &[], &["async_task", "futures_channel", "lazy_static"]),
];

/// Compiles a program of `guests/gain`, which use the crate `gain` 0.5.0 as it is on crates.io: `catalog`, `echo`, `peers` or `random`.
///
/// # Errors
/// As for [`rust`]; or Cargo cannot fetch the crate; or there is no such program.
pub fn gain(name: &str) -> Result<PathBuf> {
    let package = directory().join("gain");
    let store = cache::guest_directory()?;
    let manifests = read_all(&[package.join("Cargo.toml"), package.join("Cargo.lock")])?;
    let libraries = cache::produce(&store, "gain", "", &(version()?, &manifests), |product| {
        let sources = product.with_extension("sources");
        packages::vendor(&package, &sources)?;
        fs::create_dir(product)?;
        for (name, edition, features, needs) in GAIN_CRATES {
            let crate_name = name.replace('-', "_");
            let library = product.join(format!("lib{crate_name}.rlib"));
            let mut program = Program::new(RUSTC)
                .args(["--target=wasm32-wasi", "-O", "--crate-type=lib", "--cap-lints=allow"])
                .args([format!("--edition={edition}"), format!("--crate-name={crate_name}")])
                .args(features.iter().map(|feature| format!("--cfg=feature=\"{feature}\"")))
                .arg("-L")
                .arg(product)
                .arg("-o")
                .arg(library)
                .arg(sources.join(name).join("src/lib.rs"));
            for needed in *needs {
                program = program.args(["--extern", needed]);
            }
            run(program)?;
        }
        Ok(())
    })?;
    let source = package.join("src/bin").join(format!("{name}.rs"));
    let ingredients = (version()?, manifests, read_all(std::slice::from_ref(&source))?);
    cache::produce(&store, &format!("gain-{name}"), ".wasm", &ingredients, |product| {
        let program = compiler(name, "bin", &source, product).arg("-L").arg(libraries);
        run(program.args(["--extern", "gain", "--extern", "futures_channel"]))
    })
}

/// The command that compiles a program (`bin`) or library (`lib`) of edition 2021.
fn compiler(name: &str, kind: &str, source: &Path, product: &Path) -> Program {
    Program::new(RUSTC)
        .args(["--edition=2021", "--target=wasm32-wasi", "-O"])
        .args([format!("--crate-name={name}"), format!("--crate-type={kind}")])
        .arg("-o")
        .arg(product)
        .arg(source)
}

fn run(program: Program) -> Result<()> {
    program.run(BUILD_DEADLINE)?.success().with_context(|| format!("this needs {NEEDS}"))?;
    Ok(())
}

fn version() -> Result<String> {
    packages::output(Program::new(RUSTC).arg("--version"), NEEDS)
}
