//! The examples of the SDKs in `sdk/`, in C and in Go, with the services of `gate run`.

use std::path::PathBuf;

use gate_testkit::guests::{sdk_c, sdk_go};
use gate_testkit::process::{Finished, Program};
use rustix::process::{Signal, kill_process};

use crate::signals::pid;
use crate::stage::{DEADLINE, Stage};

/// The status of a program that was suspended.
const SUSPENDED: i32 = 131;

/// At every how many stop points programs in C and in Go are stopped. Those in Go come to very many more of them.
const STOPS: [u32; 2] = [13, 5003];

/// An example in both languages.
fn both(example: &str) -> [(&'static str, PathBuf); 2] {
    [("C", sdk_c(example).unwrap()), ("Go", sdk_go(example).unwrap())]
}

/// Runs the example in both languages, as it is and stopped again and again.
#[track_caller]
fn check(example: &str, options: &[&str], stdin: &[u8], expect: impl Fn(&str, &Finished)) {
    let stage = Stage::new();
    for ((language, module), every) in both(example).into_iter().zip(STOPS) {
        let run = |more: &[&str]| -> Program {
            stage.gate_sharing().args(options).args(more).arg(&module).stdin(stdin)
        };
        expect(language, &run(&[]).run(DEADLINE).unwrap().success().unwrap());
        let finished = run(&["--json", &format!("--suspend-every={every}")]).run(DEADLINE).unwrap();
        let finished = finished.success().unwrap();
        let verdict: serde_json::Value = serde_json::from_slice(&finished.stderr).unwrap();
        assert!(verdict["processes"].as_u64().unwrap() > 2, "{language}: hardly stopped: {finished}");
        expect(language, &finished);
    }
}

#[test]
fn echo() {
    // More than the credit of any stream.
    let input: Vec<u8> = (0..15_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    check("echo", &[], &input, |language, finished| {
        assert!(finished.stdout == input, "{language}: {} of {} bytes", finished.stdout.len(), input.len());
    });
}

#[test]
fn echo_goes_on_from_a_file() {
    let stage = Stage::new();
    for (language, module) in both("echo") {
        let mut current = module;
        for life in 0..3 {
            let snapshot = stage.path(format!("{language}-{life}.wasm"));
            let line = format!("life {life}\n");
            let mut running = stage
                .gate_sharing()
                .arg(format!("--snapshot={}", snapshot.display()))
                .arg(&current)
                .start()
                .unwrap();
            running.write(line.as_bytes()).unwrap();
            running.wait_for_stdout(&line, DEADLINE).unwrap();
            kill_process(pid(running.id()), Signal::QUIT).unwrap();
            // Not later, or it could see the end of its input.
            running.wait_for_end(DEADLINE).unwrap();
            let finished = running.finish(DEADLINE).unwrap();
            assert_eq!(finished.status.code(), Some(SUSPENDED), "{language}: {finished}");
            current = snapshot;
        }
        let finished = stage.gate_sharing().arg(&current).stdin("last\n").run(DEADLINE).unwrap();
        assert_eq!(finished.success().unwrap().stdout_text(), "last\n", "{language}");
    }
}

#[test]
fn catalog() {
    check("catalog", &[], b"", |language, finished| {
        let text = finished.stdout_text();
        for name in ["catalog", "identity", "origin", "random", "scope"] {
            assert!(text.contains(name), "{language}: no {name} in {finished}");
        }
    });
}

#[test]
fn dice() {
    check("dice", &["--service", "random.bitsperminute=1000000"], b"", |language, finished| {
        let text = finished.stdout_text();
        let dice: Vec<u8> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert!(dice.len() == 2 && dice.iter().all(|die| (1..=6).contains(die)), "{language}: {finished}");
    });
}

#[test]
fn counter() {
    let stage = Stage::new();
    let file = format!("kv.file={}", stage.path("kv").display());
    let mut visits = 0;
    // Both languages count in the same way, in the same place.
    for ((language, module), every) in both("counter").into_iter().zip(STOPS) {
        for stops in [None, Some(format!("--suspend-every={every}"))] {
            visits += 1;
            let gate = stage.gate_sharing().args(["--service", &file]).args(stops).arg(&module);
            let finished = gate.run(DEADLINE).unwrap().success().unwrap();
            assert_eq!(finished.stdout_text(), format!("visit {visits}\n"), "{language}: {finished}");
        }
    }
}

#[test]
fn what_is_not_there() {
    let stage = Stage::new();
    for (language, module) in both("counter") {
        let finished = stage.gate_sharing().arg(&module).run(DEADLINE).unwrap();
        assert_eq!(finished.status.code(), Some(1), "{language}: {finished}");
        assert_eq!(finished.stdout_text(), "", "{language}");
    }
}
