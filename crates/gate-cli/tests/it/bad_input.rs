//! What is no module, or none that is accepted: one line that says what is wrong, where, and what to do.

use std::fs::{self, File};

use gate_testkit::process::Finished;

use crate::guests::probe;
use crate::stage::{DEADLINE, Stage, check, check_line};

/// That a module is refused, with these words.
#[track_caller]
fn check_refused(bytes: impl AsRef<[u8]>, parts: &[&str]) -> Finished {
    let stage = Stage::new();
    let module = stage.file("module", bytes);
    let finished = stage.gate().arg(module).run(DEADLINE).unwrap();
    check_line(&finished, 126, parts);
    stage.assert_no_files_left();
    finished
}

#[test]
fn what_is_no_module() {
    let native = fs::read(std::env::current_exe().unwrap()).unwrap();
    for (bytes, part) in [
        (&b""[..], "the file is empty"),
        (b"\0asm", "the file ends within the header"),
        (b"\0asm\x01\0", "the file ends within the header"),
        (b"\0asm\x0d\0\x01\0", "it is a component"),
        (b"\0asm\x02\0\0\0", "it has version 2"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "it is gzip data, which must be unpacked first"),
        (b"PK\x03\x04", "it is zip data"),
        (&native[..1000], "it is a program for an operating system"),
        (b"\x01\x02\xbe\xef", "it starts with the bytes 01 02 be ef"),
    ] {
        check_refused(bytes, &["the module was refused", part]);
    }
}

#[test]
fn truncated_modules() {
    let whole = fs::read(probe()).unwrap();
    for length in [9, 10, 20, 100, 1000, whole.len() / 2, whole.len() - 1] {
        check_refused(&whole[..length], &["the module was refused", "at offset 0x"]);
    }
}

/// Whatever happens to its bytes, a module runs or does not, and the status tells.
#[test]
fn changed_modules() {
    let whole = fs::read(probe()).unwrap();
    let stage = Stage::new();
    let expected = [0, 1, 100, 126, 134, 152];
    for number in 0..24_usize {
        let mut changed = whole.clone();
        let place = number * 7919 % changed.len();
        changed[place] ^= 1 << (number % 8);
        let module = stage.file("module.wasm", changed);
        let finished = stage.gate().arg("--cpu-time=1s").arg(module).arg("nothing").run(DEADLINE).unwrap();
        assert!(expected.contains(&finished.status.code().unwrap()), "byte {place}: {finished}");
    }
}

#[test]
fn text_with_an_error() {
    let finished =
        check_refusal_of_text("(module\n  (func (export \"_start\")\n    i32.bogus))", &["unknown operator"]);
    assert!(finished.stderr_text().contains("3:5"), "{finished}");
}

#[track_caller]
fn check_refusal_of_text(wat: &str, parts: &[&str]) -> Finished {
    let finished = Stage::new().run(wat, &[]);
    assert_eq!(finished.status.code(), Some(126), "{finished}");
    for part in parts {
        assert!(finished.stderr_text().contains(part), "no {part:?} in {finished}");
    }
    finished
}

#[test]
fn features_that_are_not_supported() {
    for (fields, feature) in [
        ("(memory 1 1 shared)", "threads"),
        ("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))", "threads"),
        ("(memory i64 1)", "memory64"),
        ("(type (struct))", "garbage collection"),
        ("(memory 1 (pagesize 1))", "custom page sizes"),
        (
            "(func (param i64 i64) (drop (drop (i64.mul_wide_s (local.get 0) (local.get 1)))))",
            "wide arithmetic",
        ),
        ("(type $f (func)) (func (param (ref null $f)))", "typed function references"),
    ] {
        let finished =
            Stage::new().run(&format!("(module {fields} (func (export \"_start\")))"), &["--json"]);
        assert_eq!(finished.status.code(), Some(126), "{finished}");
        let document: serde_json::Value = serde_json::from_str(&finished.stderr_text()).unwrap();
        let message = document["message"].as_str().unwrap();
        assert!(message.contains(feature) && message.contains("at offset 0x"), "{feature}: {message}");
    }
}

#[test]
fn imports_that_do_not_exist() {
    for (import, parts) in [
        (r#"(import "wasi_snapshot_preview1" "fd_wriet" (func (param i32)))"#, &["fd_wriet"][..]),
        (r#"(import "env" "system" (func))"#, &["env", "system"]),
        (r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i64)))"#, &["proc_exit", "i64", "i32"]),
        (r#"(import "env" "memory" (memory 1))"#, &["only functions can be imported"]),
        (r#"(import "gate" "bogus" (func))"#, &["bogus"]),
        // What would trick a terminal.
        (r#"(import "\1b[31m" "\u{202e}x" (func))"#, &["\\u{1b}[31m", "\\u{202e}x"]),
    ] {
        let wat = format!("(module {import} (func (export \"_start\")))");
        check_line(&Stage::new().run(&wat, &[]), 126, &["import 0 of the module", "cannot be satisfied"]);
        check_line(&Stage::new().run(&wat, &[]), 126, parts);
    }
}

#[test]
fn what_cannot_be_read() {
    let stage = Stage::new();
    fs::create_dir(stage.path("directory")).unwrap();
    for (name, part) in [
        ("absent", "No such file or directory"),
        ("directory", "it is a directory"),
        ("absent/x", "No such file"),
    ] {
        let finished = stage.gate().arg(stage.path(name)).run(DEADLINE).unwrap();
        check_line(&finished, 127, &["cannot read module", part]);
    }
}

/// By its size alone.
#[test]
fn an_enormous_file() {
    let stage = Stage::new();
    let module = stage.path("module");
    File::create(&module).unwrap().set_len(3 << 30).unwrap();
    let finished = stage.gate().arg(&module).run(DEADLINE).unwrap();
    check_line(&finished, 126, &["is too large (limit: 256.00 MiB)"]);
    // What has no size is read no further than that.
    let finished = stage.gate().arg("/dev/zero").run(DEADLINE).unwrap();
    check_line(&finished, 126, &["is too large (limit: 256.00 MiB)"]);
}

/// A number as modules have it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f).to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(contents.len()), contents].concat()
}

/// A module whose function 0, of type `() -> ()`, has this body.
fn module_of(body: &[u8]) -> Vec<u8> {
    let code = [&leb(1)[..], &leb(body.len()), body].concat();
    let header = b"\0asm\x01\0\0\0".to_vec();
    [
        header,
        section(1, b"\x01\x60\0\0"),
        section(3, b"\x01\0"),
        section(7, b"\x01\x06_start\0\0"),
        section(10, &code),
    ]
    .concat()
}

#[test]
fn deep_nesting() {
    let nested = |levels: usize| {
        let body = [vec![0], [0x02, 0x40].repeat(levels), vec![0x0b; levels + 1]].concat();
        module_of(&body)
    };
    let stage = Stage::new();
    let module = stage.file("module", nested(1000));
    check(&stage.gate().arg(module).run(DEADLINE).unwrap(), 0, "", "");
    check_refused(nested(1_000_000), &["levels of nested blocks", "at most"]);
    // In the text format, the reader is what could overflow.
    let text = format!("(module {}{})", "(func ".repeat(100_000), ")".repeat(100_000));
    check_refusal_of_text(&text, &["the module was refused"]);
    let text = format!("(module (func {} {}))", "(block ".repeat(100_000), ")".repeat(100_000));
    check_refusal_of_text(&text, &["over a limit", "levels of nested blocks"]);
}

#[test]
fn a_million_locals() {
    let body = [&[1][..], &leb(1_000_000), &[0x7f, 0x0b]].concat();
    check_refused(module_of(&body), &["locals"]);
    let body = [&[2][..], &leb(0xffff_ffff), &[0x7f], &leb(0xffff_ffff), &[0x7f, 0x0b]].concat();
    check_refused(module_of(&body), &["locals"]);
}

#[test]
fn sizes_that_lie() {
    let header = b"\0asm\x01\0\0\0".to_vec();
    for id in 1..=13 {
        // The size, and then the count.
        for contents in [leb(0xffff_ffff), [leb(5), leb(0xffff_ffff)].concat(), [leb(1), leb(100)].concat()] {
            let module = [&header[..], &[id], &contents].concat();
            check_refused(module, &["the module was refused", "at offset 0x"]);
        }
    }
    check_refused([&header[..], &section(77, b"x")].concat(), &["at offset 0x"]);
}
