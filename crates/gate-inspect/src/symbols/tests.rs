//! Names and lines of real modules.

//! What compilers made, compared with what their own tools say of it.

use proptest::prelude::*;

use super::{SourceLine, Symbols};

/// `tests/data/lines.c` with clang: `--target=wasm32 -nostdlib -O1 -gdwarf-4 -fdebug-prefix-map=$PWD=/build
/// -Wl,--no-entry`, and the same with `-gdwarf-5`.
const MODULES: [&[u8]; 2] =
    [include_bytes!("../../tests/data/lines4.wasm"), include_bytes!("../../tests/data/lines5.wasm")];

/// The offset in the module of an address that debug information has.
fn offset(wasm: &[u8], address: u32) -> u32 {
    u32::try_from(Symbols::read(wasm).module.code_start()).unwrap() + address
}

#[track_caller]
fn check_lines(address: u32, expect: &[(&str, u32, u32)]) {
    for wasm in MODULES {
        let symbols = Symbols::read(wasm);
        let line = |(function, line, column): &(&str, u32, u32)| SourceLine {
            function: Some((*function).to_owned()),
            file: "/build/lines.c".to_owned(),
            line: *line,
            column: *column,
        };
        let expect: Vec<_> = expect.iter().map(line).collect();
        assert_eq!(symbols.lines(offset(wasm, address)), expect);
    }
}

#[test]
fn instructions_have_lines() {
    check_lines(0x12, &[("sum_of_squares", 12, 20)]);
    check_lines(0x18, &[("sum_of_squares", 12, 20)]);
    check_lines(0xd5, &[("divide", 18, 2)]);
}

#[test]
fn inlined_functions_are_told() {
    check_lines(0x41, &[("square", 3, 16), ("add_square", 7, 15), ("sum_of_squares", 13, 9)]);
    check_lines(0x44, &[("add_square", 7, 13), ("sum_of_squares", 13, 9)]);
    check_lines(
        0xa0,
        &[("square", 3, 16), ("add_square", 7, 15), ("sum_of_squares", 13, 9), ("average", 22, 16)],
    );
}

#[test]
fn what_has_no_line_has_none() {
    // Line 0, then what is between functions, the number of functions, and what is not in the module.
    for address in [0x25, 0x58, 0x0, 0xd6, 0x0100_0000] {
        check_lines(address, &[]);
    }
    for wasm in MODULES {
        assert_eq!(Symbols::read(wasm).lines_of(&[0, 8, u32::MAX]), vec![Vec::new(); 3]);
    }
}

#[test]
fn many_are_found_at_once() {
    for wasm in MODULES {
        let symbols = Symbols::read(wasm);
        let all: Vec<u32> = (0..u32::try_from(wasm.len()).unwrap()).rev().collect();
        let lines = symbols.lines_of(&all);
        for (offset, found) in all.iter().zip(&lines) {
            assert_eq!(&symbols.lines(*offset), found, "{offset:#x}");
        }
        assert!(lines.iter().filter(|lines| !lines.is_empty()).count() > 150);
    }
}

#[test]
fn lines_have_code() {
    for wasm in MODULES {
        let symbols = Symbols::read(wasm);
        let check = |file: &str, line: u32, expect: Option<(u32, &[u32])>| {
            let found = symbols.line_code(file, line);
            let expect = expect.map(|(line, addresses)| {
                (line, addresses.iter().map(|address| offset(wasm, *address)).collect::<Vec<_>>())
            });
            assert_eq!(found.as_ref().map(|code| (code.line, code.offsets.clone())), expect, "{file}:{line}");
            assert!(found.is_none_or(|code| code.file == "/build/lines.c"));
        };
        // Inlined into two functions.
        check("lines.c", 3, Some((3, &[0x3f, 0x9e])));
        check("/build/lines.c", 7, Some((7, &[0x44, 0xa3])));
        check("build/lines.c", 18, Some((18, &[0xd0])));
        // The next that has code: it is where locals are declared, and so stands for the first instruction.
        check("lines.c", 8, Some((10, &[0x5])));
        check("lines.c", 23, None);
        check("other/lines.c", 3, None);
        check("ines.c", 3, None);
    }
}

#[test]
fn functions_are_found_by_offset_and_name() {
    for wasm in MODULES {
        let symbols = Symbols::read(wasm);
        for (function, name, start, end) in
            [(0, "sum_of_squares", 0x2, 0x58), (1, "average", 0x5a, 0xce), (2, "divide", 0xcf, 0xd6)]
        {
            assert_eq!(symbols.function_name(function).as_deref(), Some(name));
            assert_eq!(symbols.functions_named(name), [function]);
            for address in [start, start + 3, end - 1] {
                assert_eq!(symbols.function_at(offset(wasm, address)), Some(function), "{address:#x}");
            }
            let first = symbols.first_instruction(function).unwrap();
            assert!(first > offset(wasm, start) && first < offset(wasm, end));
        }
        assert_eq!(symbols.function_at(0), None);
        assert_eq!(symbols.function_at(offset(wasm, 0xd6)), None);
        assert_eq!(symbols.function_name(3), None);
        assert_eq!(symbols.first_instruction(3), None);
        assert!(symbols.functions_named("main").is_empty());
        assert!(symbols.has_lines());
    }
}

#[test]
fn names_come_from_where_there_are_some() {
    let wasm = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
            (global $counter (mut i32) (i32.const 0))
            (global (export "limit") i32 (i32.const 0))
            (func $_ZN4core3fmt5write17h0123456789abcdefE (param $self i32) (param i32) (local $rest i64))
            (func $plain (export "also"))
            (func))"#,
    )
    .unwrap();
    let symbols = Symbols::read(&wasm);
    let names: Vec<_> = (0..5).map(|function| symbols.function_name(function)).collect();
    let names: Vec<_> = names.iter().map(Option::as_deref).collect();
    assert_eq!(names, [Some("fd_write"), Some("core::fmt::write"), Some("plain"), None, None]);
    assert_eq!(symbols.functions_named("core::fmt::write"), [1]);
    assert_eq!(symbols.functions_named("also"), [2]);
    assert_eq!(symbols.local_names(1).into_iter().collect::<Vec<_>>(), [(0, "self"), (2, "rest")]);
    assert!(symbols.local_names(2).is_empty());
    assert_eq!(symbols.global_name(0), Some("counter"));
    assert_eq!(symbols.global_name(1), Some("limit"));
    assert_eq!(symbols.global_name(2), None);
    assert!(!symbols.has_lines());
    assert_eq!(symbols.lines_of(&[1, 2]), vec![Vec::new(); 2]);
    assert_eq!(symbols.line_code("main.c", 1), None);
    assert_eq!(symbols.first_instruction(0), None);
}

#[test]
fn no_module_has_no_names() {
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x0a", b"#!/bin/sh"] {
        let symbols = Symbols::read(bytes);
        assert_eq!(symbols.function_name(0), None);
        assert_eq!(symbols.function_at(0), None);
        assert_eq!(symbols.lines_of(&[0]), [Vec::new()]);
    }
}

/// Asks everything.
fn exercise(wasm: &[u8]) {
    let symbols = Symbols::read(wasm);
    let all: Vec<u32> = (0..u32::try_from(wasm.len()).unwrap()).step_by(7).collect();
    let lines = symbols.lines_of(&all);
    assert_eq!(lines.len(), all.len());
    for file in ["lines.c", "c", ""] {
        let code = symbols.line_code(file, 3);
        assert!(
            code.is_none_or(|code| code.offsets.iter().all(|offset| symbols.function_at(*offset).is_some()))
        );
    }
    for function in 0..5 {
        symbols.function_name(function);
        symbols.local_names(function);
        symbols.first_instruction(function);
    }
    symbols.functions_named("divide");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn changed_modules_do_no_harm(
        which in 0..2usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut wasm = MODULES[which].to_vec();
        for (at, byte) in changes {
            let at = at.index(wasm.len());
            wasm[at] = byte;
        }
        if let Some(cut) = cut {
            wasm.truncate(cut.index(wasm.len()));
        }
        exercise(&wasm);
    }
}
