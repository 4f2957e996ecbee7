//! Tests of which functions get stop points.

use crate::stop::{Call, Config, Poll, Program, Reason, SiteKind};

/// Checks the stop points of each function, by the first letters of their kinds.
#[track_caller]
fn check(functions: &str, expect: &[&str]) {
    let text = format!(
        r#"(module
            (import "host" "block" (func $block))
            (import "host" "none" (func $none))
            (type $void (func))
            (table 1 funcref)
            {functions})"#
    );
    let wasm = wat::parse_str(text).unwrap();
    let config = Config {
        poll: Poll::Atomic,
        control_pages: 1,
        may_block: &|_, field| field == "block",
        breakpoints: &[],
    };
    let program = Program::new(&wasm, &config).unwrap();
    let kinds = |function| -> String {
        let sites = program.sites(function).unwrap();
        sites
            .iter()
            .map(|site| match site.kind {
                SiteKind::Entry => 'e',
                SiteKind::Loop => 'l',
                SiteKind::Call => 'c',
                SiteKind::Import => 'i',
                SiteKind::Breakpoint => 'b',
            })
            .collect()
    };
    let found: Vec<_> = (0..program.functions()).map(kinds).collect();
    assert_eq!(found, expect);
}

#[test]
fn only_what_can_stop() {
    check("", &["i", ""]);
    check("(func $f (call $g)) (func $g (call $none))", &["i", "", "", ""]);
    check("(func $f (call $g)) (func $g (loop))", &["i", "", "c", "l"]);
    check("(func $f (call $g)) (func $g (call $block))", &["i", "", "c", "c"]);
    check("(func $f (call $g)) (func $g (return_call $block))", &["i", "", "c", ""]);
}

#[test]
fn no_cycle_without_a_stop() {
    check("(func $f (call $f))", &["i", "", "ec"]);
    check("(func $f (return_call $f))", &["i", "", "e"]);
    check("(func $f (call $g)) (func $g (call $h)) (func $h (call $f))", &["i", "", "ec", "c", "c"]);
    // A function that calls a cycle is not in it, and neither is one that a cycle calls.
    check("(func $f (call $g)) (func $g (call $g) (call $h)) (func $h)", &["i", "", "c", "ec", ""]);
    check(
        "(func $f (call $g) (call $h)) (func $g (call $h)) (func $h (call $f)) (func (call $h))",
        &["i", "", "ecc", "c", "c", "c"],
    );
}

#[test]
fn indirect_calls_go_where_they_can() {
    let f = "(func $f (call_indirect (type $void) (i32.const 0)))";
    check(f, &["i", "", ""]);
    check(&format!("(elem declare func $f) {f}"), &["i", "", "ec"]);
    check(&format!("(global funcref (ref.func $f)) {f}"), &["i", "", "ec"]);
    check(&format!("(elem declare func $none $block) {f}"), &["i", "", "c"]);
    check(&format!("(elem declare func $g) {f} (func $g (loop))"), &["i", "", "c", "l"]);
    check(&format!("(elem declare func $g) {f} (func $g (call $f))"), &["i", "", "ec", "c"]);
    // Functions of another type are not called.
    check(&format!("(elem declare func $g) {f} (func $g (param i32) (call $f))"), &["i", "", "", ""]);
    // Equal types are the same.
    check(
        "(elem declare func $f) (type $v (func)) (func $f (type $v) (call_indirect (type $void) (i32.const 0)))",
        &["i", "", "ec"],
    );
    check(
        "(elem declare func $f) (func $f (return_call_indirect (type $void) (i32.const 0)))",
        &["i", "", "e"],
    );
}

/// The loop polls before each call.
#[test]
fn not_at_the_entry_if_calls_are_in_loops() {
    check("(func $f (loop (call $f)))", &["i", "", "lc"]);
    check("(func $f (loop (block (if (i32.const 1) (then (call $f))))))", &["i", "", "lc"]);
    check("(func $f (loop) (call $f))", &["i", "", "elc"]);
    check("(func $f (loop (block)) (block (call $f)))", &["i", "", "elc"]);
    check("(func $f (call $g)) (func $g (loop (call $f)))", &["i", "", "c", "lc"]);
    check(
        "(elem declare func $f) (func $f (loop (call_indirect (type $void) (i32.const 0))))",
        &["i", "", "lc"],
    );
}

#[test]
fn not_what_is_never_reached() {
    check("(func $f (return) (loop) (call $f))", &["i", "", "e"]);
}

/// The search does not recurse.
#[test]
fn long_chains() {
    let length = 50_000;
    let mut functions: String =
        (1..length).map(|next| format!("(func $f{} (call $f{next}))", next - 1)).collect();
    functions.push_str(&format!("(func $f{} (call $f0))", length - 1));
    let wasm = wat::parse_str(format!("(module {functions})")).unwrap();
    let config = Config { poll: Poll::Atomic, control_pages: 1, may_block: &|_, _| false, breakpoints: &[] };
    let program = Program::new(&wasm, &config).unwrap();
    assert_eq!(program.sites(0).unwrap().len(), 2);
    assert_eq!(program.sites(length - 1).unwrap().len(), 1);
}

#[test]
fn reasons() {
    let wasm = wat::parse_str(
        r#"(module
            (type $void (func))
            (import "host" "block" (func $block))
            (import "host" "none" (func $none))
            (table funcref (elem $f))
            (func $f (call_indirect (type $void) (i32.const 0)) (loop (call $block)) (loop (call $block)) (call $none))
            (func $g (nop) (return_call $f))
            (func $h (call $none))
            (func $i (nop))
            (func $j (return_call_indirect (type $void) (i32.const 0))))"#,
    )
    .unwrap();
    let nop = wasmparser::Parser::new(0).parse_all(&wasm).filter_map(|payload| match payload.unwrap() {
        wasmparser::Payload::CodeSectionEntry(body) => Some(body.get_operators_reader().unwrap()),
        _ => None,
    });
    let offsets: Vec<_> = nop.map(|reader| u32::try_from(reader.original_position()).unwrap()).collect();
    let config = Config {
        poll: Poll::Atomic,
        control_pages: 1,
        may_block: &|_, field| field == "block",
        breakpoints: &[offsets[1], offsets[3]],
    };
    let program = Program::new(&wasm, &config).unwrap();
    let reasons: Vec<_> = (0..7).map(|function| program.reasons(function).unwrap()).collect();
    let expect = [
        vec![Reason::Blocks],
        vec![],
        vec![Reason::Cycle, Reason::Call(Call::Indirect(0)), Reason::Loop, Reason::Call(Call::Direct(0))],
        vec![Reason::Breakpoint, Reason::TailCall(Call::Direct(2))],
        vec![],
        vec![Reason::Breakpoint],
        vec![Reason::TailCall(Call::Indirect(0))],
    ];
    assert_eq!(reasons, expect);
    let can_stop = (0..7).map(|function| program.can_stop(function));
    assert!(can_stop.eq(expect.iter().map(|reasons| !reasons.is_empty())));
    assert!(!program.can_stop(7));
    assert_eq!(program.reasons(7).unwrap(), []);
}
