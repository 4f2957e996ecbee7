//! The examples of the SDKs in `sdk/`, which use services.

use std::path::PathBuf;

use anyhow::Result;

use super::{BUILD_DEADLINE, clang, files, packages, read_all};
use crate::binaries::workspace;
use crate::cache;
use crate::process::Program;

/// The example `name` in C, a file of `sdk/c/examples` without its extension.
///
/// # Errors
/// There is no such example; or there is no clang for WebAssembly, or the program does not compile without warnings.
pub fn sdk_c(name: &str) -> Result<PathBuf> {
    let sdk = workspace().join("sdk/c");
    let source = sdk.join(format!("examples/{name}.c"));
    clang::Compilation::new(format!("sdk-c-{name}"))
        .own_sources([vec![source], files(&sdk.join("include"), "h")?].concat())
        .include(sdk.join("include"))
        .flags(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"])
        .run()
}

/// The example `name` in Go, a directory of `sdk/go/examples`.
///
/// # Errors
/// There is no such example; or there is no Go, or the program does not compile.
pub fn sdk_go(name: &str) -> Result<PathBuf> {
    let module = workspace().join("sdk/go");
    let version = packages::output(
        Program::new("go").arg("version").env("GOTOOLCHAIN", "local"),
        "Go 1.24 or newer: install it from go.dev",
    )?;
    let sources = [vec![module.join("go.mod")], files(&module, "go")?].concat();
    let ingredients = (version, &sources, read_all(&sources)?);
    let product = format!("sdk-go-{name}");
    cache::produce(&cache::guest_directory()?, &product, ".wasm", &ingredients, |product| {
        Program::new("go")
            .args(["build", "-trimpath", "-o"])
            .arg(product)
            .arg(format!("./examples/{name}"))
            .directory(&module)
            .env("GOOS", "wasip1")
            .env("GOARCH", "wasm")
            .env("GOTOOLCHAIN", "local")
            .run(BUILD_DEADLINE)?
            .success()?;
        Ok(())
    })
}
