//! Programs that are written down in the form of the existing system, and continued from that: `--format upstream`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{End, Moment, Subject, check_all, check_reasons, note_reasons};

impl Subject {
    /// Stopped at each pause, unless it does not fit there.
    fn check_upstream(&self) -> Result<()> {
        let known = &self.state.upstream;
        let mut found = vec![false; known.len()];
        let mut written = 0;
        let expected = self.end("cranelift")?;
        for moment in Moment::all(&self.state) {
            let before = self.stop("cranelift", &["--format=upstream"], &moment)?;
            if before.is_suspended() {
                check_version(&before.snapshot)?;
                written += 1;
                self.check_rest("cranelift", &before, &expected)?;
            } else if before.finished.status.code() == Some(self.state.status) {
                // It came to its end before it came to a place that fits.
                End::of(&self.state, &before.finished)
                    .expect(&expected)
                    .with_context(|| format!("not stopped at {}", before.moment))?;
            } else {
                note_reasons(&before.finished, known, &mut found).context(before.moment)?;
            }
        }
        ensure!(written > 0 || !known.is_empty(), "it was never written down, and nothing says why");
        check_reasons(known, &found)
    }
}

/// That a snapshot is of the version of the existing system.
fn check_version(path: &Path) -> Result<()> {
    const NAME: &[u8] = b"\x0dgate.snapshot";
    let file = fs::read(path)?;
    let at = file.windows(NAME.len()).position(|window| window == NAME).context("this is no snapshot")?;
    let version = file.get(at + NAME.len());
    ensure!(version == Some(&0), "version {version:?}");
    Ok(())
}

#[test]
fn continued_from_the_form_of_the_existing_system() {
    check_all(Subject::check_upstream);
}
