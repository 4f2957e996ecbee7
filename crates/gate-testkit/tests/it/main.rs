//! The guest programs exist, and do what the scenarios say on another engine.

mod sdk;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use gate_testkit::elsewhere::{self, Elsewhere};
use gate_testkit::guests::{self, DIFF_ARGUMENTS, DIFF_ENVIRONMENT, DIFF_STDIN, Guest};
use gate_testkit::process::{Finished, Program};
use gate_testkit::scenarios::SCENARIOS;

const DEADLINE: Duration = Duration::from_secs(300);

/// The program `wasmtime`.
fn reference_engine(test: &str) -> Option<Elsewhere> {
    match elsewhere::wasmtime().expect("what there is can be looked at") {
        Some(path) => Some(Elsewhere::Wasmtime(path)),
        None => {
            let why = format!("there is no wasmtime; set {}", elsewhere::VARIABLE);
            gate_testkit::skip("gate-testkit", test, &why);
            None
        }
    }
}

/// Runs a program on the reference engine, with `root` as its directory `/`.
fn run(
    engine: &Elsewhere,
    wasm: &Path,
    root: &Path,
    environment: &[(&str, &str)],
    arguments: &[&str],
    stdin: &str,
) -> Result<Finished> {
    let environment = environment.iter().map(|(name, value)| format!("{name}={value}"));
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    engine.run(wasm, Some(root), environment, arguments).stdin(stdin).run(DEADLINE)
}

/// The names of the functions and memories a module exports, from its export section.
fn exports(wasm: &[u8]) -> Vec<String> {
    fn number(bytes: &mut &[u8]) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    assert_eq!(wasm[..8], *b"\0asm\x01\0\0\0");
    let mut rest = &wasm[8..];
    while !rest.is_empty() {
        let id = rest[0];
        rest = &rest[1..];
        let size = number(&mut rest);
        let (mut section, after) = rest.split_at(size);
        rest = after;
        if id == 7 {
            return (0..number(&mut section))
                .map(|_| {
                    let length = number(&mut section);
                    let (name, after) = section.split_at(length);
                    section = &after[1..];
                    number(&mut section);
                    String::from_utf8_lossy(name).into_owned()
                })
                .collect();
        }
    }
    Vec::new()
}

#[test]
fn guests_are_commands() {
    for guest in Guest::ALL {
        let path = guest.path().unwrap();
        if path.extension().is_some_and(|extension| extension == "wat") {
            continue;
        }
        let exports = exports(&fs::read(&path).unwrap());
        for name in ["_start", "memory"] {
            assert!(exports.iter().any(|export| export == name), "{guest:?} exports {exports:?}");
        }
        assert_eq!(guest.path().unwrap(), path, "built once");
    }
}

#[test]
fn programs_that_use_services_are_commands() {
    let sdk = ["catalog", "counter", "dice", "echo", "fetch", "peers"]
        .map(|name| guests::sdk_example(name).unwrap());
    let gain = ["catalog", "echo", "peers", "random"].map(|name| guests::gain(name).unwrap());
    for path in sdk.iter().chain(&gain) {
        let exports = exports(&fs::read(path).unwrap());
        for name in ["_start", "memory"] {
            assert!(exports.iter().any(|export| export == name), "{} exports {exports:?}", path.display());
        }
    }
}

#[test]
fn scenarios_on_the_reference_engine() {
    let Some(engine) = reference_engine("scenarios_on_the_reference_engine") else { return };
    for scenario in SCENARIOS {
        let root = tempfile::tempdir().unwrap();
        scenario.write_files(root.path()).unwrap();
        let wasm = scenario.guest.path().unwrap();
        let finished =
            run(&engine, &wasm, root.path(), scenario.environment, scenario.arguments, scenario.stdin)
                .unwrap();
        if std::env::var_os("GATE_BLESS").is_some() {
            let directory = guests::directory().join("scenarios").join(scenario.name);
            fs::write(directory.join("expected.txt"), &finished.stdout).unwrap();
            assert_eq!(finished.status.code(), Some(i32::from(scenario.status)), "{finished}");
        } else if let Err(error) = scenario.check(finished.status.code(), &finished.stdout_text()) {
            panic!("{error:#}\n{finished}");
        }
    }
}

#[test]
fn diff_programs_agree_with_the_reference_engine() {
    let engine = reference_engine("diff_programs_agree_with_the_reference_engine");
    let programs = guests::diff_programs().unwrap();
    assert!(programs.len() >= 12);
    for program in programs {
        let root = tempfile::tempdir().unwrap();
        let native = program.run_native(root.path(), DEADLINE).unwrap();
        assert!(!native.stdout.is_empty(), "{native}");
        let wasm = program.wasm().unwrap();
        let Some(engine) = &engine else { continue };
        let root = tempfile::tempdir().unwrap();
        let finished = run(engine, &wasm, root.path(), DIFF_ENVIRONMENT, DIFF_ARGUMENTS, DIFF_STDIN).unwrap();
        assert_eq!(finished.stdout_text(), native.stdout_text(), "{}", program.name());
        assert_eq!(finished.stderr_text(), native.stderr_text(), "{}", program.name());
        assert_eq!(finished.status.code(), native.status.code(), "{}", program.name());
    }
}

#[test]
fn kernels_agree_with_the_reference_engine() {
    let engine = reference_engine("kernels_agree_with_the_reference_engine");
    let sizes = [
        ("ackermann", "5"),
        ("base64", "3"),
        ("bfs", "2000"),
        ("binary_trees", "8"),
        ("checksums", "2"),
        ("curve", "2"),
        ("dispatch", "20"),
        ("distance", "100"),
        ("fannkuch", "7"),
        ("fft", "1"),
        ("fib", "20"),
        ("json", "100"),
        ("life", "5"),
        ("lz", "1"),
        ("machine", "500"),
        ("mandelbrot", "50"),
        ("matrix", "30"),
        ("nbody", "1000"),
        ("pagerank", "500"),
        ("queens", "8"),
        ("regex", "200"),
        ("search", "20"),
        ("sha256", "20"),
        ("sieve", "10000"),
        ("sort", "2000"),
        ("table", "20000"),
        ("tape", "50"),
        ("writer", "200001"),
    ];
    for (name, size) in sizes {
        let source = guests::directory().join("kernels").join(format!("{name}.c"));
        let native = Program::new(guests::native(&source, &[]).unwrap()).arg(size).run(DEADLINE).unwrap();
        let native = native.success().unwrap();
        let wasm = guests::kernel(name).unwrap();
        let Some(engine) = &engine else { continue };
        let root = tempfile::tempdir().unwrap();
        let finished = run(engine, &wasm, root.path(), &[], &[size], "").unwrap();
        assert_eq!(finished.success().unwrap().stdout, native.stdout, "{name}");
    }
    let Some(engine) = &engine else { return };
    for name in ["empty", "idle"] {
        let run = engine.run(&guests::small_kernel(name), None, [], []).stdin("input").run(DEADLINE);
        assert_eq!(run.unwrap().success().unwrap().stdout, b"", "{name}");
    }
}
