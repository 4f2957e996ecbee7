//! The services of `examples/services/python`, in a Python environment that is made for them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::binaries::workspace;
use crate::cache;
use crate::process::Program;

/// Packages are downloaded.
const INSTALL_DEADLINE: Duration = Duration::from_secs(300);

/// The path of a program that is `examples/services/python/echo.py` with all that it needs. It has services `py/echo`, `py/later` and
/// `py/counter`, and takes the arguments of [`echo_service`](crate::binaries::echo_service).
///
/// # Errors
/// There is no Python, or no way to have its packages.
pub fn echo() -> Result<PathBuf> {
    static PATH: OnceLock<Result<PathBuf>> = OnceLock::new();
    match PATH.get_or_init(install) {
        Ok(path) => Ok(path.clone()),
        Err(error) => bail!("{error:#}"),
    }
}

fn install() -> Result<PathBuf> {
    let examples = workspace().join("examples/services/python");
    let protocol = workspace().join("crates/gate-grpc/proto");
    let read =
        |path: PathBuf| fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
    let requirements = read(examples.join("requirements.txt"))?;
    let definition = read(protocol.join("gate/service.proto"))?;

    let store = cache::target_directory()?.join("services");
    fs::create_dir_all(&store).with_context(|| format!("cannot make {}", store.display()))?;
    let environment = cache::produce(&store, "python", "", &(requirements, definition), |directory| {
        let step = |command: Program| command.run(INSTALL_DEADLINE)?.success();
        step(Program::new("python3").args(["-m", "venv"]).arg(directory))?;
        let python = directory.join("bin/python");
        step(
            Program::new(&python)
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(examples.join("requirements.txt")),
        )?;
        let option = |name: &str| format!("--{name}={}", directory.display());
        let options = [option("python_out"), option("grpc_python_out"), "gate/service.proto".to_owned()];
        step(Program::new(&python).args(["-m", "grpc_tools.protoc", "-I"]).arg(&protocol).args(options))?;
        Ok(())
    })?;
    // It becomes Python: there is one process.
    let start = format!(
        "#!/bin/sh\nPYTHONPATH={0} exec {0}/bin/python {1} \"$@\"\n",
        environment.display(),
        examples.join("echo.py").display()
    );
    cache::produce(&store, "python-echo", "", &start, |product| {
        fs::write(product, &start)?;
        fs::set_permissions(product, Permissions::from_mode(0o755))?;
        Ok(())
    })
}
