//! Places that people name.

//! Places that people may mean.

use super::locate;
use crate::symbols::Symbols;

const LINES: &[u8] = include_bytes!("../../tests/data/lines5.wasm");

#[track_caller]
fn check(wasm: &[u8], place: &str, expect: Result<&[u32], &str>) {
    let found = locate(&Symbols::read(wasm), place).map_err(|error| error.to_string());
    match expect {
        Ok(offsets) => assert_eq!(found.as_deref(), Ok(offsets), "{place}"),
        Err(part) => assert!(found.as_ref().is_err_and(|error| error.contains(part)), "{place}: {found:?}"),
    }
}

#[test]
fn what_is_meant_is_found() {
    let symbols = Symbols::read(LINES);
    let divide = symbols.first_instruction(2).unwrap();
    check(LINES, "divide", Ok(&[divide]));
    check(LINES, &divide.to_string(), Ok(&[divide]));
    check(LINES, &format!("{divide:#x}"), Ok(&[divide]));
    check(LINES, "lines.c:18", Ok(&symbols.line_code("lines.c", 18).unwrap().offsets));
    assert_eq!(locate(&symbols, "lines.c:3").unwrap().len(), 2);
}

#[test]
fn what_is_not_there_says_so() {
    check(LINES, "0x1", Err("no function at offset 0x1"));
    check(LINES, "multiply", Err("no function of that name"));
    check(LINES, "", Err("no function of that name"));
    check(LINES, "lines.c:99", Err("line 99"));
    check(LINES, "other.c:1", Err("line 1"));
    let wasm = wat::parse_str("(module (import \"env\" \"ext\" (func)) (func $own))").unwrap();
    check(&wasm, "ext", Err("function 0 is imported"));
    check(&wasm, "main.c:1", Err("no debug information"));
}
