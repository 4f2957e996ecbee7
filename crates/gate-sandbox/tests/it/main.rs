//! Tests with real processes. They run one after the other in one thread, because only a process with one thread can
//! be forked; after each, nothing may be left behind.
//!
//! Arguments: `--list`, or parts of test names. A skipped test says why and is counted.
#![expect(clippy::print_stdout, reason = "this is a test harness")]
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

mod channels;
mod containers;
mod layers;
mod processes;
mod raw;
mod stops;
mod syscalls;
mod users;
mod workers;

/// How a test ended that did not fail.
enum Outcome {
    Passed,
    /// What the host lacks.
    Skipped(String),
}

type Test = (&'static str, fn() -> Outcome);

fn main() {
    let tests: Vec<Test> = [
        processes::TESTS,
        channels::TESTS,
        layers::TESTS,
        containers::TESTS,
        workers::TESTS,
        stops::TESTS,
        syscalls::TESTS,
        users::TESTS,
    ]
    .concat();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), Vec::new());
    for (name, test) in tests {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        let before = Belongings::now();
        let outcome = catch_unwind(AssertUnwindSafe(test));
        let left = before.compare(&Belongings::now());
        match (outcome, left) {
            (Ok(Outcome::Passed), None) => {
                passed += 1;
                println!("test {name} ... ok");
            }
            (Ok(Outcome::Skipped(why)), None) => {
                println!("test {name} ... skipped: {why}");
                gate_testkit::skip("gate-sandbox", name, &why);
                skipped.push(name);
            }
            (outcome, left) => {
                println!("test {name} ... FAILED{}", left.unwrap_or_default());
                drop(outcome);
                failed.push(name);
            }
        }
    }
    println!("\n{passed} passed; {} failed {failed:?}; {} skipped {skipped:?}", failed.len(), skipped.len());
    assert!(failed.is_empty());
}

/// What a test must not leave behind.
struct Belongings {
    children: bool,
    descriptors: usize,
    mounts: usize,
}

impl Belongings {
    fn now() -> Belongings {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        Belongings {
            children: raw::has_children(),
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            mounts: mounts.lines().filter(|line| line.contains(" - tmpfs gate ")).count(),
        }
    }

    fn compare(&self, later: &Belongings) -> Option<String> {
        let left = |what: &str| Some(format!(" (it left {what} behind)"));
        if later.children {
            left("processes")
        } else if later.descriptors != self.descriptors {
            left("descriptors")
        } else if later.mounts != self.mounts {
            left("mounts")
        } else {
            None
        }
    }
}
