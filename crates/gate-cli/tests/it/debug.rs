//! `gate debug`: programs that are stopped, looked into, and continued.

use gate_testkit::process::Finished;

use crate::guests::broken;
use crate::stage::{DEADLINE, Stage, check, check_line};

/// A program that adds numbers up, and prints a character for each.
const ADDING: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $sum (mut i64) (i64.const 100))
    (data (i32.const 16) "Hello!\1b")
    (func $add (param $number i64)
        (global.set $sum (i64.add (global.get $sum) (local.get $number)))
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 1))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12))))
    (func $main (export "_start") (local $next i64)
        (local.set $next (i64.const 1))
        (loop $again
            (call $add (local.get $next))
            (local.set $next (i64.add (local.get $next) (i64.const 1)))
            (br_if $again (i64.le_u (local.get $next) (i64.const 3))))))"#;

/// Debugs that program, with these commands.
fn debug(stage: &Stage, commands: &str) -> Finished {
    let module = stage.file("adding.wat", ADDING);
    stage.command("debug").arg(module).stdin(commands).run(DEADLINE).unwrap()
}

/// That all went well, and what was said.
#[track_caller]
fn said(finished: &Finished) -> String {
    assert_eq!(finished.stderr_text(), "", "{finished}");
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    finished.stdout_text()
}

#[test]
fn a_program_stops_at_breakpoints_and_goes_on() {
    let stage = Stage::new();
    let text = said(&debug(
        &stage,
        "break add\nc\nglobal sum\nlocals\nbt\nc\ng 0\nlocals\ndelete\nc\n# the end\nquit\nfrobnicate\n",
    ));
    let expect = "breakpoint 1: add
      add at {ADD}
stopped at breakpoint 1:
   0: add, at a breakpoint at {ADD}
  0 sum: i64 100
  0 number: i64 1
   0: add, at a breakpoint at {ADD}
   1: main, in a call at {CALL}
Hstopped at breakpoint 1:
   0: add, at a breakpoint at {ADD}
  0 sum: i64 101
  0 number: i64 2
HHthe program has ended with status 0
";
    let offset = |part: &str| {
        let rest = text.split(part).nth(1).unwrap_or_else(|| panic!("no {part:?} in {text}"));
        rest.lines().next().unwrap().to_owned()
    };
    let expect = expect.replace("{ADD}", &offset("add at ")).replace("{CALL}", &offset("in a call at "));
    assert_eq!(text, expect);
    stage.assert_no_files_left();
}

#[test]
fn memory_is_shown() {
    let stage = Stage::new();
    let text = said(&debug(&stage, "b add\nc\nmemory 0x10 8\nm 65532\n"));
    assert!(
        text.contains("\n  00000010  48 65 6c 6c 6f 21 1b 00                          Hello!..\n"),
        "{text}"
    );
    assert!(text.contains("\n  0000fffc  00 00 00 00 "), "{text}");
}

#[test]
fn steps_go_from_stop_point_to_stop_point() {
    let stage = Stage::new();
    let text = said(&debug(&stage, "step\nlocals\nstep 100\n"));
    assert!(text.starts_with("stopped:\n   0: main, at the head of a loop at 0x"), "{text}");
    assert!(text.contains("\n  0 next: i64 1\n"), "{text}");
    assert!(text.ends_with("HHHthe program has ended with status 0\n"), "{text}");
}

/// What is written down can be run, and debugged.
#[test]
fn a_stopped_program_can_be_written_down() {
    let stage = Stage::new();
    let half = stage.path("half.wasm");
    said(&debug(&stage, &format!("break add\nc\nc\nsnapshot {}\n", half.display())));
    check(&stage.gate().arg(&half).run(DEADLINE).unwrap(), 0, "HH", "");
    let again =
        stage.command("debug").arg(&half).stdin("global\nbreak add\ncontinue\nglobal\n").run(DEADLINE);
    let text = said(&again.unwrap());
    assert!(text.starts_with("  0 sum: i64 101\n") && text.ends_with("  0 sum: i64 103\n"), "{text}");
}

#[test]
fn lines_of_source_code_are_places() {
    let stage = Stage::new();
    let commands = "break broken.c:6\ncontinue\nbacktrace\ncontinue\n";
    let finished = stage.command("debug").arg(broken()).stdin(commands).run(DEADLINE).unwrap();
    let text = said(&finished);
    assert!(text.contains("stopped at breakpoint 1:\n   0: divide, at a breakpoint at 0x"), "{text}");
    for place in ["broken.c:6:", "broken.c:10:", "broken.c:15:"] {
        assert!(text.contains(place), "no {place} in {text}");
    }
    assert!(text.contains("trap: integer divide by zero\n   0: divide"), "{text}");
}

#[test]
fn what_cannot_be_done_says_why() {
    let stage = Stage::new();
    let commands = "bt\nbreak nothing\nbreak 1\nbreak write\ndelete 1\nlocals 7\nfrobnicate\nstep\nlocals 7\nglobal none\nm 0x10000\n";
    let finished = debug(&stage, commands);
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    let stderr = finished.stderr_text();
    let expect = [
        "the program has not run yet",
        "no function of that name",
        "no function at offset 0x1",
        "function 0 is imported",
        "no breakpoint 1",
        "the program has not run yet",
        "no command frobnicate",
        "no call 7",
        "no global none",
        "memory has 0x10000 bytes",
    ];
    assert_eq!(stderr.lines().count(), expect.len(), "{finished}");
    for (line, part) in stderr.lines().zip(expect) {
        assert!(line.starts_with("gate: ") && line.contains(part), "no {part:?} in {line:?}");
    }
}

#[test]
fn an_offset_must_be_of_an_instruction() {
    let stage = Stage::new();
    let text = said(&debug(&stage, "break add\n"));
    let offset = text.lines().nth(1).and_then(|line| line.split("at 0x").nth(1)).unwrap();
    let inside = u32::from_str_radix(offset.trim(), 16).unwrap() + 1;
    let finished = debug(&stage, &format!("break {inside:#x}\nbreakpoints\n"));
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    assert_eq!(finished.stdout_text(), "", "{finished}");
    assert!(finished.stderr_text().contains("no instruction"), "{finished}");
}

#[test]
fn what_is_no_program_is_refused() {
    let stage = Stage::new();
    let module =
        stage.file("refused.wat", "(module (import \"env\" \"boom\" (func)) (func (export \"_start\")))");
    let finished = stage.command("debug").arg(module).stdin("continue\n").run(DEADLINE).unwrap();
    check_line(&finished, 1, &["the module was refused"]);
    let finished = stage.command("debug").arg(stage.path("missing.wasm")).stdin("").run(DEADLINE).unwrap();
    check_line(&finished, 127, &["cannot read module"]);
}
