//! Finds the `gate-runtime` program.

use std::path::PathBuf;

use anyhow::{Context, bail};

/// The program that makes containers: what `GATE_RUNTIME` names, else the one beside this program, else the one that an
/// installation puts into `../libexec/gate`.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("GATE_RUNTIME") {
        return Ok(path.into());
    }
    let own = std::env::current_exe().context("cannot find the path of this program")?;
    let directory = own.parent().context("this program is in no directory")?;
    let candidates = [directory.join("gate-runtime"), directory.join("../libexec/gate/gate-runtime")];
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => bail!(
            "cannot find the program gate-runtime in {}; install it beside gate, or set GATE_RUNTIME to its path",
            directory.display()
        ),
    }
}
