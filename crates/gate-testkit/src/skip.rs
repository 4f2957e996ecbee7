//! Tests that cannot be run on a host.

use std::fs::OpenOptions;
use std::io::Write;

/// Says that `test` of `package` was not run, to people and to `cargo xtask ci`, which counts such tests and fails on those
/// that it does not expect.
///
/// # Panics
/// When the file that `GATE_SKIP_LOG` names cannot be written: a test must not go missing.
pub fn skip(package: &str, test: &str, why: &str) {
    let line = format!("{package} {test}: {why}\n");
    eprint!("skipped: {line}");
    if let Some(log) = std::env::var_os("GATE_SKIP_LOG") {
        let mut log = OpenOptions::new().append(true).open(log).expect("GATE_SKIP_LOG names a file");
        log.write_all(line.as_bytes()).expect("GATE_SKIP_LOG can be written");
    }
}
