//! The programs that end-to-end tests run, and the Debian packages that have them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::command::{display, output, program, status};

/// A program, what it is good for, and the package that has it.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("clang", "compiles guests written in C", "clang"),
    ("wasm-ld", "links guests written in C", "lld"),
    ("node", "runs guests elsewhere for comparison", "nodejs"),
    ("npm", "installs guests compiled by others", "npm"),
    ("newuidmap", "lets containers have more than one user id", "uidmap"),
];

/// The C library of guests.
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi/libc.a";

/// The Rust compiler of guests, which is not the one on the search path, and its standard library for them.
const RUST: &[(&str, &str)] =
    &[("/usr/bin/rustc", "rustc"), ("/usr/lib/rustlib/wasm32-wasi", "libstd-rust-dev-wasm32")];

/// Makes sure that all tools are there: installs them if we may, or says what to install.
pub(crate) fn ensure() -> Result<()> {
    let absent = missing();
    if absent.is_empty() {
        eprintln!("all there");
        return Ok(());
    }
    let packages: Vec<&str> = absent.iter().map(|(package, _)| package.as_str()).collect();
    for (package, why) in &absent {
        eprintln!("missing: {package} ({why})");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("the tests need tools that are missing; run\n  apt-get install {}", packages.join(" "));
    }
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends"]] {
        let mut command = program("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet").args(arguments);
        if arguments[0] == "install" {
            command.args(&packages);
        }
        eprintln!("{}", display(&command));
        let result = status(&mut command)?;
        if !result.success() {
            bail!("{} failed ({result})", display(&command));
        }
    }
    let absent = missing();
    if let Some((package, why)) = absent.first() {
        bail!("package {package} was installed, but what it is for is still missing: {why}");
    }
    Ok(())
}

/// The packages to install, and why.
fn missing() -> Vec<(String, String)> {
    let mut missing: Vec<(String, String)> = PROGRAMS
        .iter()
        .filter(|(name, _, _)| !on_path(name))
        .map(|(name, why, package)| ((*package).to_owned(), format!("{name} {why}")))
        .collect();
    if !Path::new(WASI_LIBC).exists() {
        missing.push(("wasi-libc".to_owned(), format!("{WASI_LIBC} is the C library of guests")));
    }
    for (path, package) in RUST.iter().filter(|(path, _)| !Path::new(path).exists()) {
        missing.push(((*package).to_owned(), format!("{path} compiles guests written in Rust")));
    }
    if let Some(package) = builtins_package() {
        missing.push((package, "the parts of guests that the compiler supplies".to_owned()));
    }
    missing
}

/// The package with clang's run-time library for WebAssembly, unless it is there. It must be of clang's own version.
fn builtins_package() -> Option<String> {
    let ask = |question: &str| output(program("clang").args(["--target=wasm32-wasi", question])).ok();
    let Some(version) = ask("-dumpversion") else {
        // Goes with the package clang, which is going to be installed.
        return Some("libclang-rt-dev-wasm32".to_owned());
    };
    if ask("-print-libgcc-file-name").is_some_and(|path| Path::new(path.trim()).exists()) {
        return None;
    }
    let major = version.split('.').next().unwrap_or_default().trim();
    Some(format!("libclang-rt-{major}-dev-wasm32"))
}

/// Whether there is a file called `name` on the search path, or where programs of the administrator are.
fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .any(|directory| directory.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::on_path;

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
