//! Every limit, and the program that goes for it.

use std::time::{Duration, Instant};

use gate_testkit::guests::Guest;

use crate::guests::{CALLS, SLEEP, SPIN, WAIT, probe, ready_then};
use crate::stage::{DEADLINE, Stage, check, check_line};

const CPU_TIME: &str = "gate: the program was ended at its limit of 200ms of processor time (--cpu-time)\n";
const WALL_TIME: &str = "gate: the program was ended at its limit of 200ms (--wall-time)\n";

#[test]
fn processor_time() {
    let stage = Stage::new();
    for (engine, then) in
        [("cranelift", SPIN), ("cranelift", CALLS), ("pulley", SPIN), ("pulley", CALLS), ("winch", SPIN)]
    {
        let started = Instant::now();
        let finished = stage.run(&ready_then(then), &["--cpu-time=200ms", "--engine", engine]);
        check(&finished, 152, "ready\n", CPU_TIME);
        assert!(started.elapsed() >= Duration::from_millis(200));
    }
}

/// One instruction that takes for ever is no way around the limit.
#[test]
fn processor_time_within_one_instruction() {
    let stage = Stage::new();
    let wat = "(module (memory 16384) (func (export \"_start\")
        (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x40000000)) br 0)))";
    check(&stage.run(wat, &["--cpu-time=200ms"]), 152, "", CPU_TIME);
}

/// What waits uses no processor time.
#[test]
fn wall_time() {
    let stage = Stage::new();
    for then in [SLEEP, WAIT, SPIN] {
        let module = stage.file("module.wat", ready_then(then));
        let started = Instant::now();
        let mut running =
            stage.gate().args(["--wall-time=200ms", "--cpu-time=1h"]).arg(module).start().unwrap();
        running.wait_for_stderr("gate: ", DEADLINE).unwrap();
        check(&running.finish(DEADLINE).unwrap(), 124, "ready\n", WALL_TIME);
        assert!(started.elapsed() >= Duration::from_millis(200));
    }
}

/// The limit is that of all memories together, and is reached exactly.
#[test]
fn memory_growth() {
    let stage = Stage::new();
    let wat = r#"(module (memory $a 1) (memory $b 0)
        (func (export "grow") (param i32 i32) (result i32 i32 i32)
            (memory.grow $a (local.get 0)) (memory.grow $b (local.get 1)) (memory.size $a)))"#;
    let module = stage.file("module.wat", wat);
    let grow = |a: &str, b: &str, stdout: &str| {
        let finished = stage
            .gate()
            .args(["--memory=1MiB", "--invoke=grow"])
            .arg(&module)
            .args([a, b])
            .run(DEADLINE)
            .unwrap();
        check(&finished, 0, stdout, "");
    };
    grow("15", "0", "1\n0\n16\n");
    grow("16", "0", "-1\n0\n1\n");
    grow("10", "5", "1\n0\n11\n");
    grow("10", "6", "1\n-1\n11\n");
    grow("-1", "-1", "-1\n-1\n1\n");
    grow("65536", "65535", "-1\n-1\n1\n");
}

/// A program that takes all it can get gets no more than that, and the host survives.
#[test]
fn memory_that_is_used() {
    let stage = Stage::new();
    let wat = r#"(module (memory 0) (func (export "_start") (local $p i32)
        (loop $more
            (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
            (i32.store (local.get $p) (i32.const 1))
            (local.set $p (i32.add (local.get $p) (i32.const 65536)))
            (br $more))))"#;
    let finished = stage.run(wat, &["--memory=100MiB", "--json"]);
    assert_eq!(finished.status.code(), Some(134), "{finished}");
    let document: serde_json::Value = serde_json::from_str(&finished.stderr_text()).unwrap();
    assert_eq!(document["memory_peak_bytes"], 100 << 20);
    assert!(document["resident_peak_bytes"].as_u64().unwrap() < 120 << 20, "{document}");
}

#[test]
fn memory_at_the_start() {
    let stage = Stage::new();
    let wat = "(module (memory 17) (func (export \"_start\")))";
    check(&stage.run(wat, &["--memory=1088KiB"]), 0, "", "");
    check_line(&stage.run(wat, &["--memory=1MiB"]), 126, &["over a limit", "17 pages", "--memory"]);
    let huge = "(module (memory 65536) (func (export \"_start\")))";
    check_line(&stage.run(huge, &[]), 126, &["over a limit"]);
}

#[test]
fn tables() {
    let stage = Stage::new();
    let wat = r#"(module (table 0 funcref)
        (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#;
    let module = stage.file("module.wat", wat);
    for (elements, result) in [("10000000", "0\n"), ("10000001", "-1\n"), ("-1", "-1\n")] {
        let finished = stage.gate().arg("--invoke=grow").arg(&module).arg(elements).run(DEADLINE).unwrap();
        check(&finished, 0, result, "");
    }
    // Many tables together.
    let tables: String = "(table 9000000 funcref)".repeat(50);
    check_line(
        &stage.run(&format!("(module {tables} (func (export \"_start\")))"), &[]),
        126,
        &["initial elements of tables", "10000000"],
    );
}

#[test]
fn stack() {
    let stage = Stage::new();
    let run = |engine: &str, stack: &str, depth: &str| {
        stage
            .gate()
            .args(["--engine", engine, "--stack", stack])
            .arg(probe())
            .args(["recurse", depth])
            .run(DEADLINE)
            .unwrap()
    };
    // The frames in linear memory are 80 bytes, and clang gives 64 KiB for all; those of the engine are more.
    for engine in ["cranelift", "winch", "pulley"] {
        check(&run(engine, "2MiB", "400"), 0, "400\n", "");
    }
    let wat = r#"(module (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0)))))"#;
    let module = stage.file("module.wat", wat);
    for engine in ["cranelift", "winch", "pulley"] {
        let deep = |stack: &str| {
            stage
                .gate()
                .args(["--invoke=deep", "--engine", engine, "--stack", stack])
                .args([module.as_os_str(), "100000".as_ref()])
                .run(DEADLINE)
                .unwrap()
        };
        let finished = deep("64KiB");
        assert_eq!(finished.status.code(), Some(134), "{finished}");
        assert!(
            finished.stderr_text().starts_with("gate: trap: call stack exhausted\n   0: deep"),
            "{finished}"
        );
        check(&deep("64MiB"), 0, "100000\n", "");
    }
}

#[test]
fn output() {
    let stage = Stage::new();
    let run = |limit: &str, bytes: &str| {
        stage
            .gate()
            .args(["--output-limit", limit])
            .arg(probe())
            .args(["output", bytes])
            .run(DEADLINE)
            .unwrap()
    };
    let expected = "1234567".repeat(200);
    check(&run("1000", "1000"), 0, &expected[..1000], "");
    let finished = run("1000", "1001");
    let message = "gate: the program was ended at its output limit of 1000 B (--output-limit)\n";
    check(&finished, 153, &expected[..1000], message);
    check(
        &run("0", "1"),
        153,
        "",
        "gate: the program was ended at its output limit of 0 B (--output-limit)\n",
    );
    let finished = run("1MiB", "100000000");
    assert_eq!((finished.status.code(), finished.stdout.len()), (Some(153), 1 << 20));
}

#[test]
fn compiling_takes_no_longer_than_it_may() {
    let stage = Stage::new();
    let finished = stage
        .gate()
        .args(["--engine=cranelift", "--compile-time=100ms"])
        .arg(Guest::Sqlite.path().unwrap())
        .run(DEADLINE)
        .unwrap();
    check_line(&finished, 126, &["compiling module", "takes more than 100ms (--compile-time)"]);
    stage.assert_no_files_left();
}

#[test]
fn compiling_takes_no_more_memory_than_it_may() {
    let stage = Stage::new();
    let finished = stage
        .gate()
        .args(["--engine=cranelift", "--compile-memory=24MiB"])
        .arg(Guest::Sqlite.path().unwrap())
        .run(DEADLINE)
        .unwrap();
    check_line(
        &finished,
        126,
        &["compiling module", "takes more than 24.00 MiB of memory (--compile-memory)"],
    );
}

/// A module of a few bytes per function that asks the compiler for as much work as the limits of modules allow.
#[test]
fn a_compile_bomb_is_ended() {
    let stage = Stage::new();
    let body = "(block (br_table 0 0 0 0 (i32.const 0)))".repeat(20_000);
    let wat = format!(
        "(module (func $f {body}) {} (func (export \"_start\")))",
        format!("(func {body})").repeat(9)
    );
    let finished = stage.run(&wat, &["--compile-time=1s"]);
    // Fast machines may be done before; that it ends at all is what counts.
    assert!([Some(0), Some(126)].contains(&finished.status.code()), "{finished}");
}

#[test]
fn limits_out_of_range_are_wrong_usage() {
    let stage = Stage::new();
    for (option, part) in [
        ("--stack=1GiB", "64KiB to 64MiB"),
        ("--cpu-time=0s", "no time at all"),
        ("--memory=lots", "write it like 64MiB"),
        ("--wall-time=5", "write it like 500ms"),
    ] {
        let finished = stage.run("(module)", &[option]);
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        assert!(finished.stderr_text().contains(part), "{finished}");
    }
}
