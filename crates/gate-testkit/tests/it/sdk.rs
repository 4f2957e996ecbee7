//! The SDKs in `sdk/` pass their own tests, natively, against hosts inside of them; and their examples compile.

use std::path::Path;

use anyhow::{Result, ensure};
use gate_testkit::binaries;
use gate_testkit::guests;
use gate_testkit::process::Program;

use crate::DEADLINE;

const EXAMPLES: [&str; 6] = ["catalog", "counter", "dice", "echo", "fetch", "peers"];

/// Builds a test of the C headers with a native compiler, and runs it.
fn check_headers(compiler: &str, flags: &[&str], test: &str) -> Result<()> {
    let directory = binaries::workspace().join("sdk/c");
    let products = tempfile::tempdir()?;
    let product = products.path().join("test");
    Program::new(compiler)
        .args(flags)
        .args(["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-I"])
        .arg(directory.join("include"))
        .args(["-x", if compiler == "cc" { "c" } else { "c++" }])
        .arg(directory.join(format!("tests/{test}.c")))
        .arg("-o")
        .arg(&product)
        .run(DEADLINE)?
        .success()?;
    let finished = Program::new(&product).run(DEADLINE)?.success()?;
    ensure!(finished.stdout_text() == "ok\n" && finished.stderr_text().is_empty(), "{finished}");
    Ok(())
}

#[test]
fn headers_as_c() -> Result<()> {
    for test in ["core", "builtin"] {
        check_headers("cc", &["-std=c99", "-pedantic"], test)?;
    }
    Ok(())
}

#[test]
fn headers_as_cpp() -> Result<()> {
    for test in ["core", "builtin"] {
        check_headers("c++", &["-std=c++17"], test)?;
    }
    Ok(())
}

#[test]
fn go_module() -> Result<()> {
    let directory = binaries::workspace().join("sdk/go");
    let go = |arguments: &[&str], system: &str| -> Result<()> {
        Program::new("go")
            .args(arguments)
            .directory(&directory)
            .env("GOTOOLCHAIN", "local")
            .env("GOOS", system)
            .env("GOARCH", if system == "wasip1" { "wasm" } else { "" })
            .run(DEADLINE)?
            .success()?;
        Ok(())
    };
    let unformatted = Program::new("gofmt").arg("-l").arg(&directory).run(DEADLINE)?.success()?;
    ensure!(unformatted.stdout_text().is_empty(), "not formatted: {}", unformatted.stdout_text());
    go(&["vet", "./..."], "wasip1")?;
    go(&["vet", "./..."], "linux")?;
    go(&["test", "-count=1", "./..."], "linux")
}

#[test]
fn examples_compile() -> Result<()> {
    for example in EXAMPLES {
        for path in [guests::sdk_c(example)?, guests::sdk_go(example)?] {
            ensure!(Path::new(&path).is_file(), "{}", path.display());
        }
    }
    Ok(())
}
