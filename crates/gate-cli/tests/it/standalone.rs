//! `gate standalone`: programs that go on without anything of Gate's.

use std::path::PathBuf;

use crate::stage::{DEADLINE, Stage, check, check_line};

/// A program that prints, counts for a while, and prints what it counted to.
const COUNTING: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "started\0aended 0\0a")
    (func $print (param $at i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $length))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12))))
    (func $count (param $from i64) (result i32) (local $rounds i32)
        (loop $again
            (if (i64.eqz (i64.and (local.get $from) (i64.const 0x0fff_ffff)))
                (then (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))))
            (br_if $again (i64.ne (local.tee $from (i64.sub (local.get $from) (i64.const 1))) (i64.const 0))))
        (local.get $rounds))
    (func (export "_start")
        (call $print (i32.const 16) (i32.const 8))
        {BEFORE}
        (i32.store8 (i32.const 30) (i32.add (i32.const 48) (call $count (i64.const {STEPS}))))
        (call $print (i32.const 24) (i32.const 8))))"#;

/// The snapshot of a program that was stopped in the middle of counting.
fn snapshot(stage: &Stage, before: &str, steps: u64) -> PathBuf {
    let wat = COUNTING.replace("{BEFORE}", before).replace("{STEPS}", &steps.to_string());
    let (module, snapshot) = (stage.file("counting.wat", wat), stage.path("half.wasm"));
    let gate = stage.gate().args(["--suspend-after=200ms", "--engine=cranelift", "--snapshot"]);
    let finished = gate.args([&snapshot, &module]).run(DEADLINE).unwrap();
    assert_eq!(finished.status.code(), Some(131), "{finished}");
    assert_eq!(finished.stdout_text(), "started\n", "{finished}");
    snapshot
}

#[test]
fn a_program_goes_on_as_an_ordinary_module() {
    let stage = Stage::new();
    // Some seconds: it is still counting when it is stopped.
    let (snapshot, rest) = (snapshot(&stage, "", 0x8000_0000), stage.path("rest.wasm"));
    let finished = stage.command("standalone").arg(&snapshot).arg("-o").arg(&rest).run(DEADLINE).unwrap();
    check(&finished, 0, "", "");
    // It is none of ours any more, and does what was left to do, as often as one likes.
    let finished = stage.command("inspect").arg("--json").arg(&rest).run(DEADLINE).unwrap();
    let document: serde_json::Value = serde_json::from_str(&finished.stdout_text()).unwrap();
    assert_eq!((&document["kind"], &document["problem"]), (&"module".into(), &serde_json::Value::Null));
    for _ in 0..2 {
        check(&stage.gate().arg(&rest).run(DEADLINE).unwrap(), 0, "ended 8\n", "");
    }
    stage.assert_no_files_left();
}

#[test]
fn what_cannot_go_along_is_named() {
    let stage = Stage::new();
    let snapshot = snapshot(&stage, "(drop (call $close (i32.const 0)))", u64::MAX);
    let rest = stage.path("rest.wasm");
    let finished = stage.command("standalone").arg(&snapshot).arg("-o").arg(&rest).run(DEADLINE).unwrap();
    check_line(&finished, 126, &["the program cannot leave this host", "descriptor 0"]);
    assert!(!rest.exists());
}

#[test]
fn only_snapshots_are_taken() {
    let stage = Stage::new();
    let module = stage.file("module.wat", "(module (func (export \"_start\")))");
    let rest = stage.path("rest.wasm");
    let finished = stage.command("standalone").arg(&module).arg("-o").arg(&rest).run(DEADLINE).unwrap();
    check_line(&finished, 126, &["snapshot"]);
    assert!(!rest.exists());
    let finished = stage.command("standalone").arg(&module).arg("-o").arg("/nowhere/rest.wasm").run(DEADLINE);
    assert_eq!(finished.unwrap().status.code(), Some(126));
}
