//! `gate inspect`: what files are.

use gate_testkit::process::Finished;

use crate::guests::broken;
use crate::stage::{DEADLINE, Stage, check_line};

/// Inspects a file with this content, with these options.
fn inspect(stage: &Stage, name: &str, content: impl AsRef<[u8]>, options: &[&str]) -> Finished {
    let file = stage.file(name, content);
    stage.command("inspect").args(options).arg(file).run(DEADLINE).unwrap()
}

/// That it went well, and what it said.
#[track_caller]
fn said(finished: &Finished) -> String {
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    assert_eq!(finished.stderr_text(), "", "{finished}");
    finished.stdout_text()
}

#[track_caller]
fn json(finished: &Finished) -> serde_json::Value {
    serde_json::from_str(&said(finished)).unwrap()
}

#[test]
fn modules_are_described() {
    let stage = Stage::new();
    let finished = stage.command("inspect").arg(broken()).run(DEADLINE).unwrap();
    let text = said(&finished);
    for part in
        ["  Kind     WebAssembly module\n", "names and source lines", "proc_exit", "custom \".debug_info\""]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    stage.assert_no_files_left();
}

#[test]
fn json_tells_everything() {
    let stage = Stage::new();
    let document =
        json(&inspect(&stage, "m.wat", "(module (memory 1) (func (export \"_start\")))", &["--json"]));
    assert_eq!(document["kind"], "module");
    assert_eq!(document["problem"], serde_json::Value::Null);
    assert_eq!(document["program"]["exports"][0]["name"], "_start");
    assert_eq!(document["program"]["memories"][0]["initial_pages"], 1);
}

#[test]
fn what_would_be_refused_says_why() {
    let stage = Stage::new();
    let text = said(&inspect(&stage, "m.wat", "(module (import \"env\" \"boom\" (func)))", &[]));
    assert!(text.contains("  Problem  import 0 of the module"), "{text}");
    let text = said(&inspect(&stage, "notes.txt", "Hello!\n", &[]));
    assert!(text.starts_with("  Kind     unknown\n") && text.contains("some text file"), "{text}");
    let text = said(&inspect(&stage, "empty", "", &[]));
    assert!(text.contains("the file is empty"), "{text}");
}

/// Names are chosen by a stranger, and a terminal would obey them.
#[test]
fn names_cannot_reach_the_terminal_as_they_are() {
    let stage = Stage::new();
    let wat =
        r#"(module (func (export "\1b]0;owned\07\u{202e}") unreachable) (func (export "") unreachable))"#;
    for options in [&[][..], &["--json"]] {
        let text = said(&inspect(&stage, "m.wat", wat, options));
        assert!(!text.chars().any(|c| c != '\n' && c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(text.contains("owned"), "{text}");
    }
}

#[test]
fn standard_input_is_a_file() {
    let stage = Stage::new();
    let program = stage.command("inspect").arg("-").stdin("(module)");
    assert!(said(&program.run(DEADLINE).unwrap()).contains("0 functions"));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let stage = Stage::new();
    let finished = stage.command("inspect").arg(stage.path("missing.wasm")).run(DEADLINE).unwrap();
    check_line(&finished, 127, &["cannot read module", "missing.wasm", "No such file"]);
    let finished = stage.command("inspect").arg(stage.path("tmp")).run(DEADLINE).unwrap();
    check_line(&finished, 127, &["it is a directory"]);
}

/// A program that counts, and writes a file before.
const COUNTING: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (global $calls (mut i64) (i64.const 41))
    (data (i32.const 16) "started\0a")
    (func $count (param $from i32) (result i32)
        (loop $again
            (br_if $again (local.tee $from (i32.add (local.get $from) (i32.const 1)))))
        (local.get $from))
    (func $main (export "_start")
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 8))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (global.set $calls (i64.const 42))
        (loop $forever (drop (call $count (i32.const 7))) (br $forever))))"#;

#[test]
fn snapshots_are_described() {
    let stage = Stage::new();
    let (module, snapshot) = (stage.file("counting.wat", COUNTING), stage.path("counting.snapshot.wasm"));
    let finished = stage
        .gate()
        .args(["--suspend-after=300ms", "--env", "SECRET=hidden", "--snapshot"])
        .args([&snapshot, &module])
        .arg("argument")
        .run(DEADLINE)
        .unwrap();
    assert_eq!(finished.status.code(), Some(131), "{finished}");
    assert_eq!(finished.stdout_text(), "started\n", "{finished}");
    let finished = stage.command("inspect").arg("--json").arg(&snapshot).run(DEADLINE).unwrap();
    let document = json(&finished);
    assert_eq!(
        (&document["kind"], &document["snapshot_version"]),
        (&"snapshot".into(), &1.into()),
        "{document}"
    );
    let state = &document["state"];
    assert_eq!(state["phase"], "main");
    assert_eq!(state["globals"][0]["value"], "42");
    assert_eq!(state["globals"][0]["name"], "calls");
    assert_eq!(state["memories"][0]["pages"], 2);
    let frames = state["frames"].as_array().unwrap();
    assert_eq!(frames.last().unwrap()["function"]["name"], "main", "{document}");
    let arguments = state["host"]["wasi"]["arguments"].as_array().unwrap();
    assert_eq!((arguments.len(), &arguments[1]), (2, &"argument".into()), "{document}");
    assert_eq!(state["host"]["wasi"]["environment"], serde_json::json!(["SECRET"]));
    assert_eq!(state["host"]["wasi"]["descriptors"][1]["kind"], "stdout");
    let finished = stage.command("inspect").arg(&snapshot).run(DEADLINE).unwrap();
    let text = said(&finished);
    for part in
        ["  Kind     snapshot, version 1\n", "\nCalls, innermost first\n", "main (function 2)", "calls"]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(!text.contains("hidden"), "{text}");
}
