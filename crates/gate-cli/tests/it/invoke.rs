//! `--invoke`: functions instead of programs.

use crate::stage::{DEADLINE, Stage, check, check_line};

const MODULE: &str = r#"(module
    (global $initialized (mut i32) (i32.const 0))
    (func (export "_initialize") (global.set $initialized (i32.const 1)))
    (func (export "initialized") (result i32) (global.get $initialized))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "numbers") (param i64 f32 f64) (result f64 f32 i64) (local.get 2) (local.get 1) (local.get 0))
    (func (export "nothing"))
    (func (export "fail") unreachable)
    (func (export "vector") (param v128))
    (memory (export "memory") 1))"#;

fn invoke(name: &str, arguments: &[&str]) -> gate_testkit::process::Finished {
    let stage = Stage::new();
    let module = stage.file("module.wat", MODULE);
    stage.gate().args(["--invoke", name]).arg(module).args(arguments).run(DEADLINE).unwrap()
}

#[test]
fn results_are_printed() {
    check(&invoke("add", &["2", "3"]), 0, "5\n", "");
    check(&invoke("add", &["-2", "0x10"]), 0, "14\n", "");
    check(&invoke("add", &["4294967295", "1"]), 0, "0\n", "");
    check(
        &invoke("numbers", &["-9223372036854775808", "0.1", "-inf"]),
        0,
        "-inf\n0.1\n-9223372036854775808\n",
        "",
    );
    check(&invoke("nothing", &[]), 0, "", "");
    // A result is no status.
    check(&invoke("initialized", &[]), 0, "1\n", "");
}

#[test]
fn traps_are_traps() {
    let finished = invoke("fail", &[]);
    assert_eq!(finished.status.code(), Some(134), "{finished}");
    assert!(
        finished.stderr_text().starts_with("gate: trap: unreachable instruction executed\n"),
        "{finished}"
    );
}

#[test]
fn what_cannot_be_invoked() {
    check_line(&invoke("sub", &[]), 126, &["exports nothing named \"sub\"", "\"add\" (i32, i32) -> i32"]);
    check_line(
        &invoke("memory", &[]),
        126,
        &["export \"memory\" of the program is a memory and cannot be run"],
    );
    check_line(&invoke("vector", &["1"]), 126, &["function \"vector\"", "cannot be run"]);
    check_line(&invoke("add", &["2"]), 126, &["takes 2 arguments", "was given 1"]);
    check_line(&invoke("add", &["2", "x"]), 126, &["argument \"x\" is not of type i32"]);
    check_line(&invoke("add", &["2", "4294967296"]), 126, &["argument \"4294967296\" is not of type i32"]);
    check_line(&invoke("\u{1b}[2J", &[]), 126, &["exports nothing named"]);
}

#[test]
fn nothing_to_run() {
    let finished = Stage::new().run("(module (func (export \"add\") (param i32)))", &[]);
    check_line(&finished, 126, &["has no function _start", "add"]);
    // What a module does when it is instantiated is a program, too.
    let finished = Stage::new().run("(module (func $start) (start $start))", &[]);
    check(&finished, 0, "", "");
}

/// What `_start` returns tells success from failure.
#[test]
fn results_of_programs() {
    for (result, status) in [(0, 0), (1, 1), (7, 1)] {
        let wat = format!("(module (func (export \"_start\") (result i32) i32.const {result}))");
        check(&Stage::new().run(&wat, &[]), status, "", "");
    }
}

/// A result that nobody gets is a failure.
#[test]
fn results_that_cannot_be_written() {
    let stage = Stage::new();
    let module = stage.file("module.wat", MODULE);
    let gate = gate_testkit::binaries::gate().unwrap();
    let script =
        format!("exec {} run --no-cache --invoke add {} 2 3 > /dev/full", gate.display(), module.display());
    let finished = gate_testkit::process::Program::new("sh").args(["-c", &script]).run(DEADLINE).unwrap();
    check_line(&finished, 125, &["cannot write the results: No space left on device"]);
}
