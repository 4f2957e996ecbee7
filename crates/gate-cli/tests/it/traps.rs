//! A hostile program per trap.

use crate::guests::broken;
use crate::stage::{DEADLINE, Stage, check};

/// Runs `body` as `_start`, called by nothing, in a module that also has `fields`; the trap must have that name and text.
fn check_trap(fields: &str, body: &str, name: &str, text: &str) {
    let stage = Stage::new();
    let module =
        stage.file("module.wat", format!("(module {fields} (func $hostile (export \"_start\") {body}))"));
    for engine in ["cranelift", "pulley"] {
        let gate = || stage.gate().args(["--engine", engine]);
        let finished = gate().arg(&module).run(DEADLINE).unwrap();
        let stderr = finished.stderr_text();
        assert_eq!(finished.status.code(), Some(134), "{finished}");
        assert!(stderr.starts_with(&format!("gate: trap: {text}\n")), "{engine}, {text}: {finished}");
        assert!(stderr.contains("\n   0: hostile"), "{engine}: {finished}");

        let finished = gate().arg("--json").arg(&module).run(DEADLINE).unwrap();
        let document: serde_json::Value = serde_json::from_str(&finished.stderr_text()).unwrap();
        assert_eq!(document["state"], "killed", "{document}");
        assert_eq!(document["cause"], name, "{engine}: {document}");
        assert_eq!(document["exit_status"], 134, "{document}");
    }
}

#[test]
fn unreachable() {
    check_trap("", "unreachable", "UNREACHABLE", "unreachable instruction executed");
}

#[test]
fn memory_access() {
    for body in [
        "(drop (i32.load (i32.const 65533)))",
        "(i32.store (i32.const -1) (i32.const 1))",
        "(drop (i64.load offset=4294967295 (i32.const -1)))",
        "(i32.store8 offset=65536 (i32.const 0) (i32.const 1))",
        "(memory.fill (i32.const 65000) (i32.const 0) (i32.const 1000))",
        "(memory.copy (i32.const 0) (i32.const 1) (i32.const 65536))",
        "(memory.init $data (i32.const 0) (i32.const 2) (i32.const 9))",
        "(drop (v128.load (i32.const 65521)))",
    ] {
        let fields = "(memory 1) (data $data \"0123456789\")";
        check_trap(fields, body, "MEMORY_ACCESS_OUT_OF_BOUNDS", "memory access out of bounds");
    }
}

#[test]
fn table_access() {
    for body in [
        "(call_indirect (i32.const 2))",
        "(call_indirect (i32.const -1))",
        "(drop (table.get (i32.const 2)))",
        "(table.set (i32.const 2) (ref.null func))",
        "(table.copy (i32.const 1) (i32.const 0) (i32.const 2))",
    ] {
        check_trap(
            "(table 2 funcref)",
            body,
            "INDIRECT_CALL_INDEX_OUT_OF_BOUNDS",
            "table index out of bounds",
        );
    }
}

#[test]
fn calls_of_the_wrong_type() {
    let fields = "(table 2 funcref) (elem (i32.const 1) $other) (func $other (param i32))";
    let text = "indirect call signature mismatch";
    check_trap(fields, "(call_indirect (i32.const 1))", "INDIRECT_CALL_SIGNATURE_MISMATCH", text);
    let text = "indirect call signature mismatch: the table element is null";
    check_trap(fields, "(call_indirect (i32.const 0))", "INDIRECT_CALL_SIGNATURE_MISMATCH", text);
}

#[test]
fn arithmetic() {
    for body in ["(i32.div_s (i32.const 1) (i32.const 0))", "(i32.rem_u (i32.const 1) (i32.const 0))"] {
        let body = format!("(drop {body})");
        check_trap("", &body, "INTEGER_DIVIDE_BY_ZERO", "integer divide by zero");
    }
    let body = "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))";
    check_trap("", body, "INTEGER_OVERFLOW", "integer overflow");
    for body in ["(i32.trunc_f32_s (f32.const 3e9))", "(i64.trunc_f64_u (f64.const -1))"] {
        check_trap("", &format!("(drop {body})"), "INTEGER_OVERFLOW", "integer overflow");
    }
    // The existing system does not tell these from overflow.
    let text = "integer overflow: invalid conversion to integer";
    check_trap("", "(drop (i32.trunc_f64_u (f64.const nan)))", "INTEGER_OVERFLOW", text);
}

#[test]
fn endless_recursion() {
    let text = "call stack exhausted";
    check_trap("", "(call $hostile)", "CALL_STACK_EXHAUSTED", text);
    let fields = "(table 1 funcref) (elem (i32.const 0) $hostile)";
    check_trap(fields, "(call_indirect (i32.const 0))", "CALL_STACK_EXHAUSTED", text);
}

#[test]
fn uncaught_exceptions() {
    let text = "uncaught exception";
    check_trap("(tag $oops (param i32))", "(throw $oops (i32.const 1))", "UNCAUGHT_EXCEPTION", text);
}

/// Exceptions that are kept take memory of the engine, which has its limit, too.
#[test]
fn too_many_exceptions() {
    let fields = "(tag $oops (param i64 i64)) (table $kept 10000000 exnref)";
    let body = "(local $number i32) (local $exception exnref)
        (loop $more
            (block $caught (result i64 i64 exnref)
                (try_table (catch_ref $oops $caught) (throw $oops (i64.const 1) (i64.const 2)))
                unreachable)
            (local.set $exception) drop drop
            (table.set $kept (local.get $number) (local.get $exception))
            (local.set $number (i32.add (local.get $number) (i32.const 1)))
            (br $more))";
    let text = "out of memory: there is no room for more exceptions";
    check_trap(fields, body, "OUT_OF_MEMORY", text);
    // Exceptions that nobody keeps any more make room for others.
    let body = body
        .replace("(table.set $kept (local.get $number) (local.get $exception))", "")
        .replace("(br $more)", "(br_if $more (i32.lt_u (local.get $number) (i32.const 3000000)))");
    let wat = format!("(module {fields} (func (export \"_start\") {body}))");
    check(&Stage::new().run(&wat, &[]), 0, "", "");
}

#[test]
fn null_references() {
    check_trap("", "(throw_ref (ref.null exn))", "NULL_REFERENCE", "null reference");
}

/// Programs that trap before their first function is called.
#[test]
fn at_the_start() {
    let stage = Stage::new();
    for (fields, text) in [
        ("(memory 1) (data (i32.const 65536) \"x\")", "memory access out of bounds"),
        ("(table 1 funcref) (elem (i32.const 1) $f)", "table index out of bounds"),
        ("(start $f)", "unreachable instruction executed"),
    ] {
        let wat = format!("(module {fields} (func $f unreachable) (func (export \"_start\")))");
        let finished = stage.run(&wat, &[]);
        assert_eq!(finished.status.code(), Some(134), "{finished}");
        assert!(finished.stderr_text().starts_with(&format!("gate: trap: {text}\n")), "{finished}");
    }
}

#[test]
fn the_backtrace_names_functions_and_lines() {
    let stage = Stage::new();
    let finished = stage.gate().arg(broken()).run(DEADLINE).unwrap();
    assert_eq!(finished.status.code(), Some(134), "{finished}");
    let stderr = finished.stderr_text();
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines[0], "gate: trap: integer divide by zero", "{finished}");
    for (number, (function, line)) in
        [("divide", "broken.c:6:18"), ("average", "broken.c:10:9"), ("main", "broken.c:15:9")]
            .iter()
            .enumerate()
    {
        let frame = lines[1 + number * 2];
        assert!(
            frame.starts_with(&format!("   {number}: ")) && frame.contains(function),
            "{frame}\n{finished}"
        );
        let place = lines[2 + number * 2];
        assert!(
            place.starts_with("        ") && place.contains("at ") && place.ends_with(line),
            "{place}\n{finished}"
        );
    }
}

/// A stack of a million calls is not printed whole.
#[test]
fn backtraces_are_short() {
    let stage = Stage::new();
    let finished = stage.run("(module (func $f (export \"_start\") (call $f)))", &["--stack=64MiB"]);
    assert_eq!(finished.status.code(), Some(134), "{finished}");
    assert!(finished.stderr_text().lines().count() < 200, "{finished}");
}

/// Names are chosen by a stranger, and a terminal would obey them.
#[test]
fn names_cannot_reach_the_terminal_as_they_are() {
    let stage = Stage::new();
    let wat = r#"(module
        (func $"\1b]0;owned\07\1b[2J\u{202e}evil\0aline" (export "_start") unreachable))"#;
    let finished = stage.run(wat, &[]);
    check(
        &finished,
        134,
        "",
        "gate: trap: unreachable instruction executed\n   0: \
         \\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{202e}evil\\nline (offset 0x23)\n",
    );
    // In JSON likewise.
    let finished = stage.run(wat, &["--json"]);
    assert!(finished.stderr.iter().all(|byte| (b' '..0x7f).contains(byte) || *byte == b'\n'), "{finished}");
    let document: serde_json::Value = serde_json::from_str(&finished.stderr_text()).unwrap();
    assert_eq!(document["backtrace"][0]["function"], "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}evil\nline");
}
